"""Relatives of Adam whose mean square is another: AdaBelief and Yogi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.adam import corrected
from pullback.optim.base import Optimizer


@register
class AdaBelief(Optimizer):
    r"""Adam that divides by how far gradients were from their mean: long steps where it is sure.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):
    $m \leftarrow \beta_1 m + (1 - \beta_1) g$,
    $v \leftarrow \beta_2 v + (1 - \beta_2) (g - m)^2 + \epsilon$,
    $w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$, corrected as in `Adam`.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, inside and outside the root.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        J. Zhuang et al., 2020, "AdaBelief optimizer: adapting stepsizes by the belief in observed
        gradients".

    Example:
        >>> import pullback as pb
        >>> pb.optim.AdaBelief().slots((2,), "float32")
        {'mean': 0.0, 'square': 0.0}
    """

    name: ClassVar[str] = "adabelief"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-16

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running means of the gradient and of its squared distance from that mean."""
        return {"mean": 0.0, "square": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The corrected mean over the corrected root of the mean squared surprise."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        surprise = ops.square(gradient - mean)
        square = self.beta2 * slots["square"] + (1 - self.beta2) * surprise + self.epsilon
        size = ops.sqrt(corrected(square, self.beta2, step)) + self.epsilon
        mean_hat = corrected(mean, self.beta1, step)
        return mean_hat / size, {"mean": mean, "square": square}


@register
class Yogi(Optimizer):
    r"""Adam whose mean square grows and falls by steps of its own, so that rates change slowly.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):
    $m \leftarrow \beta_1 m + (1 - \beta_1) g$,
    $v \leftarrow v - (1 - \beta_2) \operatorname{sign}(v - g^2)\, g^2$,
    $w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$, corrected as in `Adam`.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How slowly the mean square changes, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        initial_square: Where v starts; at least 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        M. Zaheer, S. Reddi, D. Sachan, S. Kale and S. Kumar, 2018, "Adaptive methods for nonconvex
        optimization".

    Example:
        >>> import pullback as pb
        >>> pb.optim.Yogi().slots((2,), "float32")
        {'mean': 0.0, 'square': 1e-06}
    """

    name: ClassVar[str] = "yogi"
    learning_rate: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-3
    initial_square: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)
        self.check_number("initial_square", least=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running mean of the gradient, and the additive mean of its square."""
        return {"mean": 0.0, "square": self.initial_square}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The corrected mean over the corrected root of the additive mean square."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        new = ops.square(gradient)
        square = slots["square"] - (1 - self.beta2) * ops.sign(slots["square"] - new) * new
        size = ops.sqrt(corrected(square, self.beta2, step)) + self.epsilon
        mean_hat = corrected(mean, self.beta1, step)
        return mean_hat / size, {"mean": mean, "square": square}
