"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from pullback.graph.dtypes import Array
from pullback.graph.node import Node, function
from pullback.graph.op import register
from pullback.ops.arithmetic import hypot, reciprocal, scale, square
from pullback.ops.comparison import equal, where
from pullback.ops.exponential import sqrt
from pullback.ops.families import Elementwise

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


@register
class Sin(Elementwise):
    r"""Sine: $\bar x = \bar y \cos x$."""

    name = "sin"
    latex = r"\sin {0}"

    def forward(self, x: Array) -> Array:
        return np.sin(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, cos(x)),)


@register
class Cos(Elementwise):
    r"""Cosine: $\bar x = -\bar y \sin x$."""

    name = "cos"
    latex = r"\cos {0}"

    def forward(self, x: Array) -> Array:
        return np.cos(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (-scale(y_bar, sin(x)),)


@register
class Tan(Elementwise):
    r"""Tangent: $\bar x = \bar y\, (1 + y^2)$."""

    name = "tan"
    latex = r"\tan {0}"
    domain = ((-1.2, 1.2),)

    def forward(self, x: Array) -> Array:
        return np.tan(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, 1 + square(y)),)


@register
class Asin(Elementwise):
    r"""Inverse sine: $\bar x = \bar y / \sqrt{1 - x^2}$."""

    name = "asin"
    latex = r"\arcsin {0}"
    domain = ((-0.8, 0.8),)
    hard_points = (0.0, 1.0, -1.0)
    defined = "from -1 to 1"
    mend = "Keep the input within that range, a little off its ends, with pb.clip."

    def forward(self, x: Array) -> Array:
        return np.arcsin(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(sqrt(1 - square(x)))),)


@register
class Acos(Elementwise):
    r"""Inverse cosine: $\bar x = -\bar y / \sqrt{1 - x^2}$."""

    name = "acos"
    latex = r"\arccos {0}"
    domain = ((-0.8, 0.8),)
    hard_points = (0.0, 1.0, -1.0)
    defined = "from -1 to 1"
    mend = "Keep the input within that range, a little off its ends, with pb.clip."

    def forward(self, x: Array) -> Array:
        return np.arccos(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (-scale(y_bar, reciprocal(sqrt(1 - square(x)))),)


@register
class Atan(Elementwise):
    r"""Inverse tangent: $\bar x = \bar y / (1 + x^2)$."""

    name = "atan"
    latex = r"\arctan {0}"
    hard_points = (0.0, 1e30, -1e30)

    def forward(self, x: Array) -> Array:
        return np.arctan(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(1 + square(x))),)


@register
class Atan2(Elementwise):
    r"""Angle of the point (b, a), in radians.

    $\bar a = \bar y\, b / r^2$ and $\bar b = -\bar y\, a / r^2$ with $r^2 = a^2 + b^2$; both are 0
    at the origin.
    """

    name = "atan2"
    arity = 2
    text = "atan2({0}, {1})"
    latex = r"\operatorname{{atan2}}({0}, {1})"
    domain = ((-2.0, 2.0), (0.5, 2.0))
    hard_points = (0.0, 1e-30, 1e30)

    def forward(self, a: Array, b: Array) -> Array:
        return np.arctan2(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        r = hypot(a, b)
        r = where(equal(r, 0), 1, r)  # divided by twice: its square may underflow
        return scale(y_bar, b / r / r), -scale(y_bar, a / r / r)


@register
class Sinh(Elementwise):
    r"""Hyperbolic sine: $\bar x = \bar y \cosh x$."""

    name = "sinh"
    latex = r"\sinh {0}"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.sinh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, cosh(x)),)


@register
class Cosh(Elementwise):
    r"""Hyperbolic cosine: $\bar x = \bar y \sinh x$."""

    name = "cosh"
    latex = r"\cosh {0}"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.cosh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, sinh(x)),)


@register
class Tanh(Elementwise):
    r"""Hyperbolic tangent: $y = \tanh x$, so $\bar x = \bar y\, (1 - y^2)$.

    The derivative needs only the output.
    """

    name = "tanh"
    latex = r"\tanh {0}"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, 1 - square(y)),)


@register
class Asinh(Elementwise):
    r"""Inverse hyperbolic sine: $\bar x = \bar y / \sqrt{x^2 + 1}$."""

    name = "asinh"
    latex = r"\operatorname{{arsinh}} {0}"
    hard_points = (0.0, 1e30)

    def forward(self, x: Array) -> Array:
        return np.arcsinh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(hypot(x, 1))),)


@register
class Acosh(Elementwise):
    r"""Inverse hyperbolic cosine: $\bar x = \bar y / \sqrt{x^2 - 1}$, infinite at 1."""

    name = "acosh"
    latex = r"\operatorname{{arcosh}} {0}"
    domain = ((1.5, 4.0),)
    hard_points = (1.0, 1e30)
    defined = "from 1 on"
    mend = "Keep the input within that range, a little off its ends, with pb.clip."

    def forward(self, x: Array) -> Array:
        return np.arccosh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal(sqrt(x - 1) * sqrt(x + 1))),)


@register
class Atanh(Elementwise):
    r"""Inverse hyperbolic tangent: $\bar x = \bar y / (1 - x^2)$, infinite at -1 and 1."""

    name = "atanh"
    latex = r"\operatorname{{artanh}} {0}"
    domain = ((-0.8, 0.8),)
    hard_points = (0.0, 1.0, -1.0)
    defined = "between -1 and 1"
    mend = "Keep the input within that range, a little off its ends, with pb.clip."

    def forward(self, x: Array) -> Array:
        return np.arctanh(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, reciprocal((1 - x) * (1 + x))),)


sin = function(Sin())
cos = function(Cos())
tan = function(Tan())
asin = function(Asin())
acos = function(Acos())
atan = function(Atan())
atan2 = function(Atan2())
sinh = function(Sinh())
cosh = function(Cosh())
tanh = function(Tanh())
asinh = function(Asinh())
acosh = function(Acosh())
atanh = function(Atanh())
