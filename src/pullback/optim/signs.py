"""Steps whose size does not depend on that of the gradient: Lion and Rprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer


@register
class Lion(Optimizer):
    r"""Steps of one size for every weight, against the sign of a mean of gradients.

    With the gradient g: $w \leftarrow (1 - \eta \lambda)\, w
    - \eta \operatorname{sign}(\beta_1 m + (1 - \beta_1) g)$, then
    $m \leftarrow \beta_2 m + (1 - \beta_2) g$. Rates are 3 to 10 times smaller than Adam's, the
    decay as much larger.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much the mean counts in the step, from 0 to below 1.
        beta2: How much of the mean is kept, from 0 to below 1.
        weight_decay: $\lambda$, at least 0, apart from the gradient.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        X. Chen et al., 2023, "Symbolic discovery of optimization algorithms".

    Example:
        >>> import pullback as pb
        >>> w, g, zero = pb.tensor([1.0]), pb.tensor([0.5]), pb.tensor([0.0])
        >>> pb.optim.Lion(0.1).update(w, g, {"mean": zero}, pb.tensor(0.1), pb.tensor(1))[0]
        tensor([0.9])
    """

    name: ClassVar[str] = "lion"
    decoupled: ClassVar[bool] = True
    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running mean of the gradient."""
        return {"mean": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The sign of the mean, in which the newest gradient counts more than in what is kept."""
        towards = ops.sign(self.beta1 * slots["mean"] + (1 - self.beta1) * gradient)
        return towards, {"mean": self.beta2 * slots["mean"] + (1 - self.beta2) * gradient}


@register
class Rprop(Optimizer):
    r"""Resilient backpropagation: a step size for every weight, by the signs of its gradients.

    Where the gradient g keeps its sign, the size $\delta$ of the weight's step becomes
    $\min(\eta^+ \delta, \delta_{\max})$, and where the sign changes
    $\max(\eta^- \delta, \delta_{\min})$, and the weight rests for one step; then
    $w \leftarrow w - \delta \operatorname{sign} g$. For full batches: the noise of small ones
    changes signs.

    Args:
        learning_rate: The first $\delta$ of every weight, above 0; a schedule scales all sizes.
        shrink: $\eta^-$, above 0 and below 1.
        grow: $\eta^+$, above 1.
        least: $\delta_{\min}$, above 0.
        most: $\delta_{\max}$, at least `least`.
        weight_decay: $\lambda$, at least 0; it adds $\lambda w$ to the gradient.
        schedule: How the sizes change in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        M. Riedmiller and H. Braun, 1993, "A direct adaptive method for faster backpropagation
        learning: the RPROP algorithm" (without the step back: iRprop-).

    Example:
        >>> import pullback as pb
        >>> pb.optim.Rprop().slots((2,), "float32")
        {'gradient': 0.0, 'size': 1.0}
    """

    name: ClassVar[str] = "rprop"
    learning_rate: float = 1e-2
    shrink: float = 0.5
    grow: float = 1.2
    least: float = 1e-6
    most: float = 50.0

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("shrink", above=0, below=1)
        self.check_number("grow", above=1)
        self.check_number("least", above=0)
        self.check_number("most", above=0)
        if self.most < self.least:
            raise ConfigError(
                "the largest step of rprop must not be below the smallest",
                f"least={self.least:g}, most={self.most:g}",
                "Give for instance least=1e-6, most=50.",
            )

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The last gradient, and the size of the step in units of the learning rate."""
        return {"gradient": 0.0, "size": 1.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The sign of the gradient times the weight's own size."""
        # Signs are multiplied, not gradients: the product of two small ones would be 0.
        turned = ops.sign(gradient) * ops.sign(slots["gradient"])
        one = ops.ones_like(gradient)
        less = ops.where(turned < 0, self.shrink * one, one)
        factor = ops.where(turned > 0, self.grow * one, less)
        unit = self.learning_rate or 1.0  # a layer's rate may be 0
        size = ops.clip(slots["size"] * factor, self.least / unit, self.most / unit)
        kept = ops.where(turned < 0, 0.0, gradient)
        return ops.sign(kept) * size, {"gradient": kept, "size": size}
