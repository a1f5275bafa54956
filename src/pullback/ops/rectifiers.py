"""Piecewise functions with a kink at 0, whose derivative there is stated."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import Op, register
from pullback.ops.arithmetic import scale
from pullback.ops.comparison import less, where
from pullback.ops.exponential import exp
from pullback.ops.families import Elementwise

__all__ = ["elu", "leaky_relu", "prelu", "relu"]


@register
class Relu(Elementwise):
    r"""Rectified linear unit: $y = \max(x, 0)$, so $\bar x = \bar y$ where $x > 0$, else 0.

    At the kink, relu'(0) = 0. NaN stays NaN.
    """

    name = "relu"
    takes = "number"
    latex = r"\operatorname{{relu}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (where(less(0, x), y_bar, 0),)


@register
class LeakyRelu(Elementwise):
    r"""Leaky rectifier: $y = x$ where $x > 0$, else $s x$; at the kink the derivative is s."""

    name = "leaky_relu"
    latex = r"\operatorname{{leaky\_relu}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)
    slope: float = 0.01

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, x.dtype.type(self.slope) * x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (where(less(0, x), y_bar, self.slope * y_bar),)

    @classmethod
    def instances(cls) -> Iterable[Op]:
        return (cls(), cls(0.3))


@register
class Prelu(Elementwise):
    r"""Leaky rectifier whose slope is learned: $y = x$ where $x > 0$, else $s x$.

    Below 0, $\bar x = s\,\bar y$ and $\bar s = x\,\bar y$; at the kink the derivative is s.
    """

    name = "prelu"
    arity = 2
    latex = r"\operatorname{{prelu}}({0}, {1})"

    def forward(self, x: Array, slope: Array) -> Array:
        return np.where(x > 0, x, slope * x)

    def vjp(self, y_bar: Node, y: Node, x: Node, slope: Node) -> tuple[Node, Node]:
        above = less(0, x)
        return where(above, y_bar, scale(y_bar, slope)), where(above, 0, scale(y_bar, x))


@register
class Elu(Elementwise):
    r"""Exponential linear unit: $y = x$ where $x > 0$, else $a (e^x - 1)$.

    The derivative is 1 above 0 and $a e^x$ elsewhere; so at 0, a kink unless $a = 1$, it is a.
    """

    name = "elu"
    latex = r"\operatorname{{elu}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)
    alpha: float = 1.0

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, x.dtype.type(self.alpha) * np.expm1(np.minimum(x, 0)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        below = self.alpha * exp(where(less(0, x), 0, x))
        return (where(less(0, x), y_bar, scale(y_bar, below)),)

    @classmethod
    def instances(cls) -> Iterable[Op]:
        return (cls(), cls(0.5))


relu = function(Relu())
prelu = function(Prelu())


@function
def leaky_relu(x: Operand, slope: float = 0.01) -> Node:
    """`x` where it is positive, `slope` times `x` elsewhere."""
    return LeakyRelu(slope)(x)


@function
def elu(x: Operand, alpha: float = 1.0) -> Node:
    """`x` where it is positive, `alpha * (exp(x) - 1)` elsewhere."""
    return Elu(alpha)(x)
