"""Gradient descent, with momentum."""

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
class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if asked for.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it), rate $\eta$, momentum
    $\mu$ and dampening $\tau$:

    $b \leftarrow \mu b + (1 - \tau) g$ (at the first step $b = g$), then
    $w \leftarrow w - \eta\, b$, or with Nesterov's variant $w \leftarrow w - \eta\,(g + \mu b)$.

    Args:
        learning_rate: $\eta$, above 0.
        momentum: $\mu$, from 0 to below 1; 0 remembers nothing.
        dampening: $\tau$, from 0 to 1.
        nesterov: Whether to look ahead; needs momentum and no dampening.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range, or Nesterov without momentum.

    References:
        H. Robbins and S. Monro, 1951, "A stochastic approximation method".
        B. T. Polyak, 1964, "Some methods of speeding up the convergence of iteration methods".
        I. Sutskever et al., 2013, "On the importance of initialization and momentum in deep
        learning", with the rate outside the momentum, as PyTorch has it.

    Example:
        >>> import pullback as pb
        >>> w, g = pb.tensor([1.0]), pb.tensor([0.5])
        >>> new, _ = pb.optim.SGD(0.1).update(w, g, {}, pb.tensor(0.1), pb.tensor(1))
        >>> new
        tensor([0.95])
    """

    name: ClassVar[str] = "sgd"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_descent",)
    learning_rate: float = 1e-2
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("momentum", least=0, below=1)
        self.check_number("dampening", least=0, most=1)
        self.check_flag("nesterov")
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ConfigError(
                "nesterov needs momentum above 0 and no dampening",
                f"momentum={self.momentum:g}, dampening={self.dampening:g}",
                "Give momentum=0.9, or leave nesterov out.",
            )

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The momentum, if there is any."""
        return {"momentum": 0.0} if self.momentum else {}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient, or the momentum."""
        if not self.momentum:
            return gradient, {}
        new = gradient
        if self.dampening:
            new = ops.where(ops.equal(step, 1), gradient, (1 - self.dampening) * gradient)
        momentum = self.momentum * slots["momentum"] + new
        ahead = gradient + self.momentum * momentum if self.nesterov else momentum
        return ahead, {"momentum": momentum}
