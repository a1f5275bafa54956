"""Exponentials, logarithms and roots, and the saturating functions made of them."""

from __future__ import annotations

import numpy as np

from pullback.graph.cause import Cause, Place, figure
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, function
from pullback.graph.op import register
from pullback.ops.arithmetic import reciprocal, scale
from pullback.ops.families import Elementwise

__all__ = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "log_sigmoid",
    "sigmoid",
    "softplus",
    "sqrt",
]


@register
class Exp(Elementwise):
    r"""Exponential: $y = e^x$, so $\bar x = \bar y\, y$: the derivative is the output."""

    name = "exp"
    latex = "e^{{{0}}}"
    hard_points = (0.0, 1000.0, -1000.0)
    mend = "Keep the input of exp small: subtract the largest first, or pb.minimum(x, 80)."

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, y),)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """An input above 88.7, from which on the exponential is too large for float32."""
        cause = super().why(at, y, *inputs)
        if not np.isinf(y[at]) or np.isinf(inputs[0][at]):
            return cause
        most = figure(np.floor(10 * np.log(np.finfo(y.dtype).max)) / 10)
        words = f"{self.said(inputs[0][at])}, which overflows {y.dtype} above {most}"
        return Cause(words, cause.inputs)


@register
class Expm1(Elementwise):
    r"""exp(x) - 1, exact near 0: $y = e^x - 1$, so $\bar x = \bar y\,(y + 1)$."""

    name = "expm1"
    latex = "(e^{{{0}}} - 1)"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.expm1(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, y + 1),)


@register
class Log(Elementwise):
    r"""Natural logarithm: $y = \ln x$, so $\bar x = \bar y / x$."""

    name = "log"
    latex = r"\ln {0}"
    domain = ((0.2, 3.0),)
    defined = "above 0"
    mend = "Keep the input of log above 0: add 1e-7, or use a loss of logits (cross_entropy)."

    def forward(self, x: Array) -> Array:
        return np.log(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(x)),)


@register
class Log1p(Elementwise):
    r"""Logarithm of 1 + x, exact near 0: $y = \ln(1 + x)$, so $\bar x = \bar y / (1 + x)$."""

    name = "log1p"
    latex = r"\ln(1 + {0})"
    domain = ((-0.5, 3.0),)
    hard_points = (0.0, -1.0)
    defined = "above -1"
    mend = "Keep the input of log1p above -1."

    def forward(self, x: Array) -> Array:
        return np.log1p(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(1 + x)),)


@register
class Sqrt(Elementwise):
    r"""Square root: $y = \sqrt x$, so $\bar x = \bar y / (2 y)$.

    At 0 the derivative is infinite, unless $\bar y = 0$.
    """

    name = "sqrt"
    latex = r"\sqrt{{{0}}}"
    domain = ((0.2, 3.0),)
    defined = "from 0 on"
    mend = "Keep the input of sqrt above 0: add 1e-12, for at 0 its derivative is infinite."

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(2 * y)),)


@register
class Sigmoid(Elementwise):
    r"""Logistic function: $y = 1 / (1 + e^{-x})$, so $\bar x = \bar y\, y\, (1 - y)$."""

    name = "sigmoid"
    latex = r"\sigma({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        y = np.asarray(np.negative(x))
        np.exp(y, out=y)
        y += 1
        np.reciprocal(y, out=y)
        if not y.all():  # where exp(-x) is infinite, the value is exp(x) to the last digit
            y = np.where(y == 0, np.exp(x), y)
        return y

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, y * (1 - y)),)


@register
class Softplus(Elementwise):
    r"""Smooth ramp: $y = \ln(1 + e^x)$, so $\bar x = \bar y\, \sigma(x)$."""

    name = "softplus"
    latex = r"\ln(1 + e^{{{0}}})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, sigmoid(x)),)


@register
class LogSigmoid(Elementwise):
    r"""Logarithm of the logistic function: $\bar x = \bar y\, \sigma(-x)$.

    $y = \ln \sigma(x) = -\ln(1 + e^{-x})$.
    """

    name = "log_sigmoid"
    latex = r"\ln \sigma({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.minimum(x, 0) - np.log1p(np.exp(-np.absolute(x)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, sigmoid(-x)),)


exp = function(Exp())
expm1 = function(Expm1())
log = function(Log())
log1p = function(Log1p())
sqrt = function(Sqrt())
sigmoid = function(Sigmoid())
softplus = function(Softplus())
log_sigmoid = function(LogSigmoid())
