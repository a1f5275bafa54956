"""Logarithms to other bases, and logarithms joined with a sum or a product."""

from __future__ import annotations

import math

import numpy as np

from pullback.graph.cause import Cause, Place
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, function
from pullback.graph.op import register
from pullback.ops.arithmetic import reciprocal, scale
from pullback.ops.comparison import equal, where
from pullback.ops.exponential import Log, log, sigmoid
from pullback.ops.families import Elementwise

__all__ = ["log2", "log10", "logaddexp", "xlogy"]


@register
class Log2(Elementwise):
    r"""Logarithm to base 2: $y = \log_2 x$, so $\bar x = \bar y / (x \ln 2)$."""

    name = "log2"
    latex = r"\log_2 {0}"
    domain = ((0.2, 3.0),)
    defined = "above 0"
    mend = Log.mend

    def forward(self, x: Array) -> Array:
        return np.log2(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(math.log(2) * x)),)


@register
class Log10(Elementwise):
    r"""Logarithm to base 10: $y = \log_{10} x$, so $\bar x = \bar y / (x \ln 10)$."""

    name = "log10"
    latex = r"\log_{{10}} {0}"
    domain = ((0.2, 3.0),)
    defined = "above 0"
    mend = Log.mend

    def forward(self, x: Array) -> Array:
        return np.log10(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(math.log(10) * x)),)


@register
class LogAddExp(Elementwise):
    r"""Logarithm of exp(a) + exp(b), without overflow.

    $y = \ln(e^a + e^b)$, so $\bar a = \bar y\, \sigma(a - b)$.

    Where both are -inf, or both +inf, each gets half.
    """

    name = "logaddexp"
    arity = 2
    latex = r"\ln(e^{{{0}}} + e^{{{1}}})"
    hard_points = (0.0, 1000.0)

    def forward(self, a: Array, b: Array) -> Array:
        return np.logaddexp(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        apart = where(equal(a, b), 0, a - b)
        return scale(y_bar, sigmoid(apart)), scale(y_bar, sigmoid(-apart))


@register
class XLogY(Elementwise):
    r"""a times the logarithm of b, and 0 where a = 0.

    $y = a \ln b$, so $\bar a = \bar y \ln b$ and $\bar b = \bar y a / b$.

    At $a = b = 0$ both derivatives are taken as 0.
    """

    name = "xlogy"
    arity = 2
    text = "{0} * log({1})"
    latex = r"{0} \ln {1}"
    binding = 4
    domain = ((-2.0, 2.0), (0.2, 3.0))
    hard_points = (0.0, 1.0)
    defined = "for a logarithm of numbers above 0"
    mend = Log.mend

    def forward(self, a: Array, b: Array) -> Array:
        return np.asarray(np.where(a == 0, a.dtype.type(0), a * np.log(b)))

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        nothing = equal(a, 0) & equal(b, 0)
        safe = where(nothing, 1, b)
        return scale(y_bar, where(nothing, 0, log(safe))), scale(y_bar, scale(a, 1 / safe))

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The logarithm is to blame."""
        return Cause(super().why(at, y, *inputs).words, ((1, at), (0, at)))


log2 = function(Log2())
log10 = function(Log10())
logaddexp = function(LogAddExp())
xlogy = function(XLogY())
