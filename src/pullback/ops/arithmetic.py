"""Arithmetic: sums, products, powers, signs, the larger and the smaller."""

from __future__ import annotations

import math

import numpy as np

from pullback.graph.cause import Cause, Place
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, function, functions
from pullback.graph.op import register
from pullback.ops.comparison import equal, less, where
from pullback.ops.families import Elementwise

__all__ = [
    "abs",
    "add",
    "ceil",
    "clip",
    "div",
    "floor",
    "hypot",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "power",
    "reciprocal",
    "round",
    "scale",
    "sign",
    "square",
    "sub",
]


@register
class Add(Elementwise):
    """Sum: $y = a + b$."""

    name = "add"
    takes = "number"
    arity = 2
    text = "{0} + {1}"
    latex = "{0} + {1}"
    binding = 5

    def forward(self, a: Array, b: Array) -> Array:
        return np.add(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return y_bar, y_bar


@register
class Sub(Elementwise):
    """Difference: $y = a - b$."""

    name = "sub"
    takes = "number"
    arity = 2
    text = "{0} - {1}"
    latex = "{0} - {1}"
    binding = 5

    def forward(self, a: Array, b: Array) -> Array:
        return np.subtract(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return y_bar, -y_bar


@register
class Mul(Elementwise):
    r"""Product: $y = a b$, so $\bar a = \bar y\, b$ and $\bar b = \bar y\, a$.

    The products in the pullback are safe (see `Scale`): a zero cotangent gives zero, also where
    the other factor is infinite.
    """

    name = "mul"
    takes = "number"
    arity = 2
    text = "{0} * {1}"
    latex = r"{0} \odot {1}"
    binding = 4

    def forward(self, a: Array, b: Array) -> Array:
        return np.multiply(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return scale(y_bar, b), scale(y_bar, a)


@register
class Scale(Elementwise):
    r"""The safe product: 0 where a = 0, else a b.

    Derivative rules use it to multiply a cotangent $a$ by a local derivative $b$ that may be
    infinite or, where the input is NaN, NaN: once a rule, `scale(y_bar, everything else)`. It is a
    primitive with the product's own derivative: built from `where`, the second derivative would
    be wrong wherever a cotangent is zero.
    """

    name = "scale"
    arity = 2
    text = "{0} * {1}"
    latex = r"{0} \odot {1}"
    binding = 4

    def forward(self, a: Array, b: Array) -> Array:
        y = np.asarray(np.multiply(a, b))
        numbers = y.ravel("K")
        # Where all products are finite, those with 0 are 0 already; to look for the zeros among
        # cotangents that are half zeros takes thirty times as long.
        if not math.isfinite(np.dot(numbers, numbers)):
            np.copyto(y, 0, where=np.equal(a, 0))
        return y

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return scale(y_bar, b), scale(y_bar, a)


@register
class Div(Elementwise):
    r"""Quotient: $y = a / b$, so $\bar a = \bar y / b$ and $\bar b = -\bar y\, y / b$."""

    name = "div"
    arity = 2
    text = "{0} / {1}"
    latex = r"\frac{{{0}}}{{{1}}}"
    binding = 4
    domain = ((-2.0, 2.0), (0.5, 2.0))
    mend = "Keep the divisor away from 0: x / (y + 1e-7), or pb.where for both x and y."

    def forward(self, a: Array, b: Array) -> Array:
        return np.divide(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        inverse = reciprocal(b)
        return scale(y_bar, inverse), -scale(y_bar, y * inverse)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """A division by 0, or by what is nearly 0."""
        a, b = (x[at] for x in inputs)
        if b == 0:
            return Cause(f"{self.said(a, b)}, a division by 0", ((1, at), (0, at)))
        order = ((1, at), (0, at)) if np.absolute(b) < 1 and y[at] != 0 else ((0, at), (1, at))
        return Cause(super().why(at, y, *inputs).words, order)


@register
class Reciprocal(Elementwise):
    r"""Reciprocal: $y = 1 / x$, so $\bar x = -\bar y\, y^2$."""

    name = "reciprocal"
    text = "1 / {0}"
    latex = r"\frac{{1}}{{{0}}}"
    binding = 4
    domain = ((0.5, 2.0),)
    mend = "Keep the divisor away from 0: add 1e-7 to it, or choose with pb.where before dividing."

    def forward(self, x: Array) -> Array:
        return np.divide(1, x, dtype=x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (-scale(y_bar, square(y)),)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """A division by 0, or by what is nearly 0."""
        if inputs[0][at] == 0:
            return Cause("1 / 0, a division by 0", ((0, at),))
        return super().why(at, y, *inputs)


@register
class Neg(Elementwise):
    """Negative: $y = -x$."""

    name = "neg"
    takes = "number"
    text = "-{0}"
    latex = "-{0}"
    binding = 3

    def forward(self, x: Array) -> Array:
        return np.negative(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (-y_bar,)


@register
class Square(Elementwise):
    r"""Square: $y = x^2$, so $\bar x = 2 x \bar y$."""

    name = "square"
    takes = "number"
    text = "{0}^2"
    latex = "{0}^2"
    binding = 2

    def forward(self, x: Array) -> Array:
        return np.multiply(x, x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, 2 * x),)


@register
class Power(Elementwise):
    r"""Power: $y = a^b$, so $\bar a = \bar y\, b\, a^{b-1}$ and $\bar b = \bar y\, y \ln a$.

    With $b = 0$ the derivative with respect to $a$ is 0, also at $a = 0$. With $a = 0$ the
    derivative with respect to $b$ is taken as 0.
    """

    name = "power"
    arity = 2
    text = "{0}^{1}"
    latex = "{{{0}}}^{{{1}}}"
    binding = 2
    domain = ((0.5, 2.0), (-2.0, 2.0))
    hard_points = (0.0, 0.5, 1.0, 4.0)
    mend = "Keep the base above 0, and small: pb.clip(x, 1e-7, 1e3) for instance."

    def forward(self, a: Array, b: Array) -> Array:
        return np.power(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        log = functions()["log"]
        slope = scale(b, power(a, b - 1))
        at_zero = equal(a, 0)
        logarithm = where(at_zero, 0, log(where(at_zero, 1, a)))
        return scale(y_bar, slope), scale(y_bar, scale(logarithm, y))

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """A negative power of 0, a fractional power of a negative number, or an overflow."""
        a, b = (x[at] for x in inputs)
        if a == 0 and b < 0:
            return Cause(f"{self.said(a, b)}, a division by 0", ((0, at), (1, at)))
        if a < 0 and np.isnan(y[at]):
            words = f"{self.said(a, b)}, a fractional power of a negative number"
            return Cause(words, ((0, at), (1, at)))
        return Cause(super().why(at, y, *inputs).words, ((0, at), (1, at)))


@register
class Abs(Elementwise):
    r"""Absolute value: $y = |x|$, so $\bar x = \bar y \operatorname{sign} x$; 0 at the kink."""

    name = "abs"
    takes = "number"
    text = "|{0}|"
    latex = r"\left|{0}\right|"

    def forward(self, x: Array) -> Array:
        return np.absolute(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, sign(x)),)


@register
class Sign(Elementwise):
    """Sign: -1, 0 or 1. Flat between its jumps: the derivative is zero."""

    name = "sign"
    takes = "number"
    latex = r"\operatorname{{sign}}({0})"

    def forward(self, x: Array) -> Array:
        return np.sign(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (zeros_like(x),)


@register
class Floor(Elementwise):
    """The largest integer not above x. Flat between its jumps: the derivative is zero."""

    name = "floor"
    latex = r"\lfloor {0} \rfloor"

    def forward(self, x: Array) -> Array:
        return np.floor(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (zeros_like(x),)


@register
class Ceil(Elementwise):
    """The smallest integer not below x. Flat between its jumps: the derivative is zero."""

    name = "ceil"
    latex = r"\lceil {0} \rceil"

    def forward(self, x: Array) -> Array:
        return np.ceil(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (zeros_like(x),)


@register
class Round(Elementwise):
    """The nearest integer, halves to even. Flat between its jumps: the derivative is zero."""

    name = "round"

    def forward(self, x: Array) -> Array:
        return np.rint(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (zeros_like(x),)


@register
class Maximum(Elementwise):
    """The larger of two: the cotangent goes to it; a tie shares it equally."""

    name = "maximum"
    takes = "number"
    arity = 2
    text = "max({0}, {1})"
    latex = r"\max({0}, {1})"

    def forward(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return _shared(y_bar, a, less(b, a), equal(a, b)), _shared(
            y_bar, b, less(a, b), equal(a, b)
        )


@register
class Minimum(Elementwise):
    """The smaller of two: the cotangent goes to it; a tie shares it equally."""

    name = "minimum"
    takes = "number"
    arity = 2
    text = "min({0}, {1})"
    latex = r"\min({0}, {1})"

    def forward(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return _shared(y_bar, a, less(a, b), equal(a, b)), _shared(
            y_bar, b, less(b, a), equal(a, b)
        )


def _shared(y_bar: Node, like: Node, chosen: Node, tied: Node) -> Node:
    return y_bar * (chosen.astype(like.dtype) + 0.5 * tied.astype(like.dtype))


@register
class Clip(Elementwise):
    """x, cut to [low, high]: the derivative is 1 strictly inside, 0 elsewhere; NaN stays NaN."""

    name = "clip"
    text = "clip({0}, {low}, {high})"
    hard_points = (0.0, 1.0, float("inf"), float("nan"))
    low: float = 0.0
    high: float = 1.0

    def forward(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        inside = less(self.low, x) & less(x, self.high)
        return (where(inside, y_bar, 0),)

    @classmethod
    def instances(cls) -> tuple[Clip, ...]:
        return (cls(-1.0, 1.5), cls(0.0, float("inf")))


@register
class Hypot(Elementwise):
    r"""Length of (a, b): $y = \sqrt{a^2 + b^2}$, so $\bar a = \bar y\, a / y$; (0, 0) at 0."""

    name = "hypot"
    arity = 2
    text = "hypot({0}, {1})"
    latex = r"\sqrt{{{0}^2 + {1}^2}}"
    domain = ((0.5, 2.0), (-2.0, 2.0))
    hard_points = (0.0, 1e-30, 1e30)

    def forward(self, a: Array, b: Array) -> Array:
        return np.hypot(a, b)

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return scale(y_bar, quotient(a, y)), scale(y_bar, quotient(b, y))


def quotient(a: Node, b: Node) -> Node:
    """a / b, and 0 where b is 0, with derivatives of 0 there in every order.

    The division by 1 alone would not do: the derivative of a / 1 is 1.
    """
    zero = equal(b, 0)
    return where(zero, 0, a / where(zero, 1, b))


def zeros_like(x: Node) -> Node:
    """A node of zeros: the derivative is zero, which is not the same as having none."""
    return functions()["full"](x.shape, 0, x.dtype)


add = function(Add())
sub = function(Sub())
mul = function(Mul())
scale = function(Scale())
div = function(Div())
reciprocal = function(Reciprocal())
neg = function(Neg())
square = function(Square())
power = function(Power())
abs = function(Abs())
sign = function(Sign())
floor = function(Floor())
ceil = function(Ceil())
round = function(Round())
maximum = function(Maximum())
minimum = function(Minimum())
hypot = function(Hypot())


@function
def clip(x: Node, low: float | None = None, high: float | None = None) -> Node:
    """`x` cut to [low, high]; None is no bound.

    Example:
        >>> import pullback as pb
        >>> pb.clip(pb.tensor([-1.0, 0.5, 9.0]), 0.0, 1.0)
        tensor([0. , 0.5, 1. ])
    """
    infinity = float("inf")
    return Clip(
        -infinity if low is None else float(low), infinity if high is None else float(high)
    )(x)
