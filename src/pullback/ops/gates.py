"""Smooth functions between a ramp and a gate, and those that let one input through another."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pullback.errors import ConfigError, ShapeError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import Op, register
from pullback.ops.arithmetic import abs as magnitude
from pullback.ops.arithmetic import hypot, reciprocal, scale, square
from pullback.ops.exponential import sigmoid, softplus
from pullback.ops.families import Elementwise
from pullback.ops.reductions import _floating
from pullback.ops.trigonometric import tanh

__all__ = ["glu", "mish", "silu", "softsign", "squareplus", "tanh_shrink"]


@register
class Silu(Elementwise):
    r"""Sigmoid-weighted linear unit: $y = x\,\sigma(x)$.

    So $\bar x = \bar y\,(s + y\,(1 - s))$ with $s = \sigma(x)$.
    """

    name = "silu"
    latex = r"\operatorname{{silu}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        small = np.exp(-np.absolute(x))
        return np.asarray(np.where(x >= 0, x, x * small) / (1 + small), x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        s = sigmoid(x)
        return (scale(y_bar, s + y * (1 - s)),)


@register
class Mish(Elementwise):
    r"""x times tanh of the smooth ramp: $y = x \tanh(\ln(1 + e^x))$.

    So $\bar x = \bar y\,(t + x\,(1 - t^2)\,\sigma(x))$ with $t = \tanh \ln(1 + e^x)$.
    """

    name = "mish"
    latex = r"\operatorname{{mish}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        # with n = e^x, t = (n^2 + 2n) / (n^2 + 2n + 2); divided by n^2 where n would overflow
        n = np.exp(-np.absolute(x))
        above, below = 1 + 2 * n, n * (n + 2)
        t = np.where(x >= 0, above / (above + 2 * n * n), below / (below + 2))
        return np.asarray(x * t, x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        t = tanh(softplus(x))
        return (scale(y_bar, t + x * (1 - square(t)) * sigmoid(x)),)


@register
class Softsign(Elementwise):
    r"""A slow sigmoid, smooth at 0: $y = x / (1 + |x|)$, so $\bar x = \bar y / (1 + |x|)^2$."""

    name = "softsign"
    latex = r"\operatorname{{softsign}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.asarray(x / (1 + np.absolute(x)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, square(reciprocal(1 + magnitude(x)))),)


@register
class Squareplus(Elementwise):
    r"""A smooth ramp without exponentials: $y = \tfrac12 (x + h)$ with $h = \sqrt{x^2 + b}$.

    So $\bar x = \bar y\, y / h$. Below 0 it is computed as $\tfrac12 b / (h - x)$, which keeps its
    digits.
    """

    name = "squareplus"
    latex = r"\operatorname{{squareplus}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)
    b: float = 4.0

    def forward(self, x: Array) -> Array:
        h = np.hypot(x, x.dtype.type(math.sqrt(self.b)))
        twice = np.where(x >= 0, x + h, x.dtype.type(self.b) / (h + np.absolute(x)))
        return np.asarray(twice / 2)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, y * reciprocal(hypot(x, math.sqrt(self.b)))),)

    @classmethod
    def instances(cls) -> Iterable[Op]:
        return (cls(), cls(0.5))


silu = function(Silu())
mish = function(Mish())
softsign = function(Softsign())


@function
def squareplus(x: Operand, b: float = 4.0) -> Node:
    r"""$\tfrac12 (x + \sqrt{x^2 + b})$, elementwise.

    Raises:
        ConfigError: b is not above 0.
    """
    if not (math.isfinite(b) and b > 0):
        raise ConfigError("the b of squareplus must be a number above 0", repr(b), "Use 4.")
    return Squareplus(b)(x)


@function
def tanh_shrink(x: Operand) -> Node:
    r"""$x - \tanh x$, elementwise."""
    node = _floating(x)
    return node - tanh(node)


@function
def glu(x: Operand, axis: int = -1) -> Node:
    r"""Gated linear unit: the first half of `axis` times the logistic function of the second.

    Raises:
        ShapeError: The axis cannot be halved.

    Example:
        >>> import pullback as pb
        >>> pb.glu(pb.tensor([[2.0, 3.0, 0.0, 0.0]]))
        tensor([[1. , 1.5]])
    """
    node = _floating(x)
    if not -node.ndim <= axis < node.ndim or node.shape[axis] % 2:
        raise ShapeError(
            "glu halves an axis of even length",
            f"axis {axis} of shape {node.shape} from {node.origin}",
            "Give it twice as many features as shall come out.",
        )
    before = (slice(None),) * (axis % node.ndim)
    half = node.shape[axis] // 2
    return node[(*before, slice(None, half))] * sigmoid(node[(*before, slice(half, None))])
