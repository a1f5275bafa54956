"""Steps relative to the size of past gradients: Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer


@register
class Adagrad(Optimizer):
    r"""Adagrad: the rate of each weight falls with the sum of its squared gradients.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):
    $v \leftarrow v + g^2$, $w \leftarrow w - \eta\, g / (\sqrt v + \epsilon)$.

    Args:
        learning_rate: $\eta$, above 0.
        epsilon: Keeps the division finite; above 0, outside the root.
        initial_sum: Where the sum v starts; at least 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        J. Duchi, E. Hazan and Y. Singer, 2011, "Adaptive subgradient methods for online learning
        and stochastic optimization".

    Example:
        >>> import pullback as pb
        >>> w, g, zero = pb.tensor([1.0]), pb.tensor([0.5]), pb.tensor([0.0])
        >>> pb.optim.Adagrad(0.1).update(w, g, {"sum": zero}, pb.tensor(0.1), pb.tensor(1))[0]
        tensor([0.9])
    """

    name: ClassVar[str] = "adagrad"
    learning_rate: float = 1e-2
    epsilon: float = 1e-10
    initial_sum: float = 0.0

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("epsilon", above=0)
        self.check_number("initial_sum", least=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The sum of squared gradients."""
        return {"sum": self.initial_sum}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient over the root of the sum of squares."""
        total = slots["sum"] + ops.square(gradient)
        return gradient / (ops.sqrt(total) + self.epsilon), {"sum": total}


@register
class Adadelta(Optimizer):
    r"""Adadelta: steps in the units of past steps, so that it needs no rate of its own.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):
    $v \leftarrow \rho v + (1 - \rho) g^2$, $d = g \sqrt{u + \epsilon} / \sqrt{v + \epsilon}$,
    $u \leftarrow \rho u + (1 - \rho) d^2$, $w \leftarrow w - \eta\, d$.

    Args:
        learning_rate: $\eta$, above 0; 1 in the paper.
        rho: How much of the running means is kept, from 0 to below 1.
        epsilon: Sets off the first steps; above 0, inside the roots.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        M. D. Zeiler, 2012, "ADADELTA: an adaptive learning rate method".

    Example:
        >>> import pullback as pb
        >>> pb.optim.Adadelta().slots((2,), "float32")
        {'square': 0.0, 'change': 0.0}
    """

    name: ClassVar[str] = "adadelta"
    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("rho", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running mean squares of the gradient and of the step."""
        return {"square": 0.0, "change": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient, scaled by the root mean square of past steps over its own."""
        square = self.rho * slots["square"] + (1 - self.rho) * ops.square(gradient)
        size = ops.sqrt(slots["change"] + self.epsilon) / ops.sqrt(square + self.epsilon)
        towards = gradient * size
        changes = self.rho * slots["change"] + (1 - self.rho) * ops.square(towards)
        return towards, {"square": square, "change": changes}
