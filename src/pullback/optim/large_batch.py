"""Layer-wise rates for large batches: LARS and LAMB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node, Operand
from pullback.named import register
from pullback.optim.adam import corrected
from pullback.optim.base import Optimizer


@register
class LARS(Optimizer):
    r"""Momentum whose steps are in proportion to the length of each layer's weights.

    With the gradient g, momentum $\mu$, trust t and decay $\lambda$:
    $b \leftarrow \mu b + t
    \frac{\lVert w \rVert}{\lVert g \rVert + \lambda \lVert w \rVert + \epsilon} (g + \lambda w)$,
    $w \leftarrow w - \eta\, b$. The fraction is 1 where w or g is 0; vectors, such as biases, move
    by plain momentum.

    Args:
        learning_rate: $\eta$, above 0.
        momentum: $\mu$, from 0 to below 1.
        trust: t, how far one step goes relative to the weights; above 0.
        epsilon: Keeps the division finite; at least 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        Y. You, I. Gitman and B. Ginsburg, 2017, "Large batch training of convolutional networks",
        with the rate outside the momentum, as in `SGD`.

    Example:
        >>> import pullback as pb
        >>> pb.optim.LARS().slots((2, 3), "float32")
        {'momentum': 0.0}
    """

    name: ClassVar[str] = "lars"
    learning_rate: float = 1.0
    momentum: float = 0.9
    trust: float = 1e-3
    epsilon: float = 1e-8

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("momentum", least=0, below=1)
        self.check_number("trust", above=0)
        self.check_number("epsilon", least=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The momentum."""
        return {"momentum": 0.0}

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """The step along the momentum of gradients scaled to the weights."""
        towards = gradient + strength * parameter if strength else gradient
        if parameter.ndim > 1:
            own, other = ops.norm(parameter), ops.norm(gradient)
            size = other + strength * own + self.epsilon
            towards = self.trust * _ratio(own, size, own * other) * towards
        momentum = self.momentum * slots["momentum"] + towards
        return parameter - rate * momentum, {"momentum": momentum}


@register
class LAMB(Optimizer):
    r"""Adam whose steps are in proportion to the length of each layer's weights.

    With $\hat m$ and $\hat v$ as in `Adam`,
    $r = \hat m / (\sqrt{\hat v} + \epsilon) + \lambda w$ and
    $w \leftarrow w - \eta \frac{\lVert w \rVert}{\lVert r \rVert}\, r$. The fraction is 1 where w
    or r is 0, and for vectors, such as biases.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        Y. You et al., 2020, "Large batch optimization for deep learning: training BERT in 76
        minutes".

    Example:
        >>> import pullback as pb
        >>> pb.optim.LAMB().slots((2, 3), "float32")
        {'mean': 0.0, 'square': 0.0}
    """

    name: ClassVar[str] = "lamb"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running means of the gradient and of its square."""
        return {"mean": 0.0, "square": 0.0}

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """A step of Adam with decay, scaled to the length of the weights."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * slots["square"] + (1 - self.beta2) * ops.square(gradient)
        size = ops.sqrt(corrected(square, self.beta2, step)) + self.epsilon
        towards = corrected(mean, self.beta1, step) / size
        if strength:
            towards = towards + strength * parameter
        if parameter.ndim > 1:
            own, other = ops.norm(parameter), ops.norm(towards)
            towards = _ratio(own, other, own * other) * towards
        return parameter - rate * towards, {"mean": mean, "square": square}


def _ratio(above: Node, below: Node, known: Operand) -> Node:
    """`above / below`, and 1 where `known` is 0."""
    none = ops.equal(known, 0)
    return ops.where(none, 1.0, above / ops.where(none, 1.0, below))
