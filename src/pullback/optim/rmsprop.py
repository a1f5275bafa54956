"""RMSprop: gradients relative to their root mean square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer


@register
class RMSprop(Optimizer):
    r"""RMSprop: steps of the gradient, relative to its running root mean square.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):

    $v \leftarrow \alpha v + (1 - \alpha) g^2$ and $d = g / (\sqrt v + \epsilon)$; centred, also
    $m \leftarrow \alpha m + (1 - \alpha) g$, and v - m² stands for v under the root.
    With momentum, $b \leftarrow \mu b + d$ and $w \leftarrow w - \eta\, b$, else
    $w \leftarrow w - \eta\, d$.

    Args:
        learning_rate: $\eta$, above 0.
        alpha: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        momentum: $\mu$, from 0 to below 1.
        centered: Whether to divide by the deviation instead. A variance that rounding made
            negative counts as 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        T. Tieleman and G. Hinton, 2012, "Lecture 6.5, RMSprop".
        A. Graves, 2013, "Generating sequences with recurrent neural networks" (centred).

    Example:
        >>> import pullback as pb
        >>> pb.optim.RMSprop(momentum=0.9).slots((3,), "float32")
        {'square': 0.0, 'momentum': 0.0}
    """

    name: ClassVar[str] = "rmsprop"
    learning_rate: float = 1e-2
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("alpha", least=0, below=1)
        self.check_number("epsilon", above=0)
        self.check_number("momentum", least=0, below=1)
        self.check_flag("centered")

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running mean square; the mean and the momentum, where they are used."""
        mean = {"mean": 0.0} if self.centered else {}
        return {"square": 0.0, **mean, **({"momentum": 0.0} if self.momentum else {})}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient over its root mean square, or the momentum of that."""
        square = self.alpha * slots["square"] + (1 - self.alpha) * ops.square(gradient)
        new, variance = {"square": square}, square
        if self.centered:
            new["mean"] = self.alpha * slots["mean"] + (1 - self.alpha) * gradient
            variance = ops.maximum(square - ops.square(new["mean"]), 0)
        towards = gradient / (ops.sqrt(variance) + self.epsilon)
        if self.momentum:
            towards = new["momentum"] = self.momentum * slots["momentum"] + towards
        return towards, new
