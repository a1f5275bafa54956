"""Many numbers into one: sums, means, extremes, products, spreads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.cause import Cause, Place, along, figure, largest, outcome
from pullback.graph.dtypes import BOOL, DEFAULT_FLOAT, INT64, Array, Dtype, Shape, is_float
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.arithmetic import quotient, scale
from pullback.ops.comparison import equal
from pullback.ops.families import Axiswise, normal_axes
from pullback.ops.joining import concatenate
from pullback.ops.samples import Flags, Real, Sample
from pullback.ops.shaping import full

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "std",
    "sum",
    "variance",
]

Axis = int | Sequence[int] | None


@dataclass(frozen=True)
class Reduction(Axiswise):
    """Numbers along `axes` become one; the axes vanish or stay with length 1."""

    family = "REDUCTION"
    keepdims: bool = False

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        shape = inputs[0].shape
        if self.keepdims:
            return tuple(1 if i in self.axes else n for i, n in enumerate(shape)), inputs[0].dtype
        return tuple(n for i, n in enumerate(shape) if i not in self.axes), inputs[0].dtype

    def kept(self, shape: Shape) -> Shape:
        """The shape of the result if the reduced axes stayed with length 1."""
        return tuple(1 if i in self.axes else n for i, n in enumerate(shape))

    def back(self, reduced: Node, x: Node) -> Node:
        """A reduced value, repeated to the shape of the input."""
        return reduced.reshape(self.kept(x.shape)).broadcast_to(x.shape)

    def count(self, x: Node) -> int:
        """How many numbers become one."""
        return int(np.prod([x.shape[a] for a in self.axes], dtype=np.int64))

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The largest of the numbers that became one."""
        (x,) = inputs
        part = along(self.axes, at, x.ndim)
        count = x[tuple(part)].size
        if not count:
            return Cause(f"{self.name} of no numbers" + outcome(y, at, inputs))
        top, place = largest(x, part)
        of = f"{count} numbers, the largest {figure(top)}" if count > 1 else figure(top)
        return Cause(f"{self.name} of {of}{outcome(y, at, [x[tuple(part)]])}", ((0, place),))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes, keep in REDUCTION_SAMPLES:
            if np.prod([shape[a] for a in axes]) >= cls.least():
                yield Sample(cls(axes, keep), (Real(shape),))

    @classmethod
    def least(cls) -> int:
        """The smallest number of numbers that can be reduced."""
        return 0


REDUCTION_SAMPLES: tuple[tuple[Shape, tuple[int, ...], bool], ...] = (
    ((), (), False),
    ((4,), (0,), False),
    ((1,), (0,), True),
    ((0,), (0,), False),
    ((3, 0), (0,), False),
    ((2, 3), (0,), False),
    ((2, 3), (1,), True),
    ((2, 3, 2), (0, 2), False),
    ((2, 3, 2), (0, 1, 2), False),
)


_MANY = 1 << 14  # numbers from which on a sum of rows is worth an arrangement
_LINE = 512  # numbers that NumPy adds at full speed in one go


def sum_of_rows(rows: Array) -> Array:
    """The sum of the rows of a matrix, several side by side where they are short.

    The gradient of a bias: NumPy adds row by row, which for six channels of 50,000 places takes 20
    times as long; and sums of sums are more accurate than one long chain.
    """
    columns = rows.shape[1]
    beside = _LINE // columns or 1
    whole = len(rows) // beside * beside
    total: Array = np.add.reduce(rows[:whole].reshape(-1, beside * columns), axis=0)
    total = np.add.reduce(total.reshape(beside, columns), axis=0)
    return total + np.add.reduce(rows[whole:], axis=0) if whole < len(rows) else total


@register
class Sum(Reduction):
    r"""Sum: every number gets the whole cotangent."""

    name = "sum"
    text = "sum({0}, axes={axes})"
    latex = r"\sum {0}"

    def forward(self, x: Array) -> Array:
        lead = len(self.axes)
        leading = self.axes == tuple(range(lead)) and 0 < lead < x.ndim
        if leading and x.size >= _MANY and x.flags.c_contiguous:
            total = sum_of_rows(x.reshape(-1, math.prod(x.shape[lead:])))
            return total.reshape((*[1] * (lead * self.keepdims), *x.shape[lead:]))
        # Twice as fast on small arrays as np.sum, which is this.
        reduce: Callable[..., Array] = np.add.reduce
        return np.asarray(reduce(x, axis=self.axes, dtype=x.dtype, keepdims=self.keepdims))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (self.back(y_bar, x),)


@register
class Mean(Reduction):
    r"""Mean of n numbers: $y = \frac1n \sum_i x_i$, so $\bar x_i = \bar y / n$; NaN of nothing."""

    name = "mean"
    text = "mean({0}, axes={axes})"
    latex = r"\operatorname{{mean}} {0}"

    def forward(self, x: Array) -> Array:
        total = np.sum(x, axis=self.axes, keepdims=self.keepdims, dtype=x.dtype)
        count = np.prod([x.shape[a] for a in self.axes], dtype=np.int64)
        return np.asarray(np.divide(total, x.dtype.type(count)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        count = self.count(x)
        return (self.back(y_bar * (1.0 / count) if count else y_bar, x),)


class Extreme(Reduction):
    """The largest or smallest number; ties share the cotangent equally."""

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        if self.count(inputs[0]) == 0:
            raise ShapeError(
                f"{self.name} needs at least one number",
                f"shape {inputs[0].shape} along axes {self.axes}",
                "Check for emptiness first; nothing has no extreme.",
            )
        return super().infer(*inputs)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        chosen = equal(x, self.back(y, x)).astype(x.dtype)
        number = sum(chosen, self.axes, keepdims=True).broadcast_to(x.shape)
        return (scale(self.back(y_bar, x), chosen / number),)

    @classmethod
    def least(cls) -> int:
        return 1


@register
class Max(Extreme):
    """The largest number; ties share the cotangent equally."""

    name = "max"
    text = "max({0}, axes={axes})"
    latex = r"\max {0}"

    def forward(self, x: Array) -> Array:
        return np.asarray(np.max(x, axis=self.axes, keepdims=self.keepdims))


@register
class Min(Extreme):
    """The smallest number; ties share the cotangent equally."""

    name = "min"
    text = "min({0}, axes={axes})"
    latex = r"\min {0}"

    def forward(self, x: Array) -> Array:
        return np.asarray(np.min(x, axis=self.axes, keepdims=self.keepdims))


@register
class Prod(Reduction):
    """Product.

    Differentiated through its definition as a tree of products of two, so that zeros among the
    factors and higher orders come out right.
    """

    name = "prod"
    text = "prod({0}, axes={axes})"
    latex = r"\prod {0}"

    def forward(self, x: Array) -> Array:
        return np.asarray(np.prod(x, axis=self.axes, keepdims=self.keepdims, dtype=x.dtype))

    def decompose(self, x: Node) -> Node:
        rest = [i for i in range(x.ndim) if i not in self.axes]
        if self.count(x) == 0:
            return full(self.infer(x)[0], 1.0, x.dtype)
        rows = x.transpose(*self.axes, *rest).reshape((self.count(x), *(x.shape[i] for i in rest)))
        while rows.shape[0] > 1:
            half = rows.shape[0] // 2
            pairs = rows[:half] * rows[half : 2 * half]
            if rows.shape[0] % 2:
                pairs = concatenate([pairs, rows[2 * half :]])
            rows = pairs
        return rows.reshape(self.infer(x)[0])


@register
class LogSumExp(Reduction):
    r"""Logarithm of a sum of exponentials.

    $y = \ln \sum_i e^{x_i}$, so $\bar x = \bar y \operatorname{softmax} x$.

    Rows of -inf give -inf with a zero derivative; a row with +inf gives +inf, and the derivative
    goes to the infinite places.
    """

    name = "logsumexp"
    text = "logsumexp({0}, axes={axes})"
    latex = r"\ln \sum e^{{{0}}}"

    def forward(self, x: Array) -> Array:
        top = np.max(x, axis=self.axes, keepdims=True, initial=-np.inf)
        shift = np.where(np.isfinite(top), top, 0)
        total = np.sum(np.exp(x - shift), axis=self.axes, keepdims=True, dtype=x.dtype)
        y = np.log(total) + shift
        return np.asarray(y if self.keepdims else np.squeeze(y, axis=self.axes), x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        from pullback.ops.fused import Softmax

        return (scale(self.back(y_bar, x), apply(Softmax(self.axes), x)),)


@register
class Variance(Reduction):
    r"""Variance: $y = \frac{1}{n - c} \sum_i (x_i - \text{mean})^2$ with the correction c.

    So $\bar x_i = \bar y\, \frac{2}{n - c} (x_i - \text{mean})$; NaN where $n = c$.
    """

    name = "variance"
    text = "variance({0}, axes={axes})"
    latex = r"\operatorname{{var}} {0}"
    correction: int = 0

    def forward(self, x: Array) -> Array:
        return _spread(x, self.axes, self.keepdims, self.correction)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        n = self.count(x) - self.correction
        centred = x - mean(x, self.axes, keepdims=True)
        factor = 2.0 / n if n > 0 else float("nan")
        return (scale(self.back(y_bar, x), centred * factor),)

    @classmethod
    def least(cls) -> int:
        return 1


def _spread(x: Array, axes: tuple[int, ...], keepdims: bool, correction: int) -> Array:
    """The variance, counted from the first number, so that it is exactly 0 for equal numbers."""
    count = np.prod([x.shape[a] for a in axes], dtype=np.int64)
    first = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
    shifted = x - first
    total = np.sum(shifted, axis=axes, keepdims=True, dtype=x.dtype)
    centred = shifted - np.divide(total, x.dtype.type(count))
    squares = np.sum(np.square(centred), axis=axes, keepdims=keepdims, dtype=x.dtype)
    return np.asarray(np.divide(squares, x.dtype.type(np.maximum(count - correction, 0))))


@register
class StandardDeviation(Reduction):
    r"""Standard deviation: $y = \sqrt{\operatorname{var} x}$.

    So $\bar x_i = \bar y\, \frac{x_i - \text{mean}}{(n - c)\, y}$; 0 where all numbers are equal.
    """

    name = "std"
    text = "std({0}, axes={axes})"
    latex = r"\operatorname{{std}} {0}"
    correction: int = 0

    def forward(self, x: Array) -> Array:
        return np.sqrt(_spread(x, self.axes, self.keepdims, self.correction))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        n = self.count(x) - self.correction
        centred = x - mean(x, self.axes, keepdims=True)
        factor = 1.0 / n if n > 0 else float("nan")
        slope = quotient(centred, self.back(y, x)) * factor
        return (scale(self.back(y_bar, x), slope),)

    @classmethod
    def least(cls) -> int:
        return 2


@register
class Norm(Reduction):
    r"""Euclidean length: $y = \sqrt{\sum_i x_i^2}$, so $\bar x_i = \bar y\, x_i / y$; 0 at 0."""

    name = "norm"
    text = "norm({0}, axes={axes})"
    latex = r"\left\lVert {0} \right\rVert"

    def forward(self, x: Array) -> Array:
        top = np.max(np.absolute(x), axis=self.axes, keepdims=True, initial=0)
        safe = np.where((top == 0) | ~np.isfinite(top), 1, top)
        total = np.sum(np.square(x / safe), axis=self.axes, keepdims=True, dtype=x.dtype)
        y = np.sqrt(total) * safe
        return np.asarray(y if self.keepdims else np.squeeze(y, axis=self.axes), x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(self.back(y_bar, x), quotient(x, self.back(y, x))),)


class Question(Reduction):
    """A question about many booleans."""

    differentiable = False

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes, keep in REDUCTION_SAMPLES:
            yield Sample(cls(axes, keep), (Flags(shape),))


@register
class All(Question):
    """Whether all hold; true for none."""

    name = "all"

    def forward(self, x: Array) -> Array:
        return np.asarray(np.all(x, axis=self.axes, keepdims=self.keepdims))


@register
class Any(Question):
    """Whether any holds; false for none."""

    name = "any"

    def forward(self, x: Array) -> Array:
        return np.asarray(np.any(x, axis=self.axes, keepdims=self.keepdims))


@register
class Argmax(Op):
    """The index of the largest number along an axis; the first of several."""

    name = "argmax"
    family = "REDUCTION"
    text = "argmax({0}, axis={axis})"
    latex = r"\operatorname{{argmax}} {0}"
    differentiable = False
    axis: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        shape = inputs[0].shape
        if shape[self.axis] == 0:
            raise ShapeError("argmax needs at least one number", str(shape), "Check the size.")
        return shape[: self.axis] + shape[self.axis + 1 :], INT64

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same axis, one further on."""
        return apply(Argmax(self.axis + 1), *inputs)

    def forward(self, x: Array) -> Array:
        return np.asarray(np.argmax(x, axis=self.axis))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis in (((4,), 0), ((2, 3), 0), ((2, 3), 1)):
            yield Sample(cls(axis), (Real(shape),))


def _reduce(kind: type[Reduction], x: Operand, axis: Axis, keepdims: bool) -> Node:
    node = as_node(x)
    return apply(kind(normal_axes(kind.name, axis, node.ndim), keepdims), node)


def _floating(x: Operand) -> Node:
    node = as_node(x)
    return node if is_float(node.dtype) else node.astype(DEFAULT_FLOAT)


def _wide(x: Operand) -> Node:
    node = as_node(x)
    return node if is_float(node.dtype) else node.astype(INT64)


@function
def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The sum over `axis` (all axes when None); booleans are counted, integers become int64.

    Example:
        >>> import pullback as pb
        >>> pb.sum(pb.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
        tensor([4., 6.])
    """
    return _reduce(Sum, _wide(x), axis, keepdims)


@function
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The mean over `axis`; NaN for nothing."""
    return _reduce(Mean, _floating(x), axis, keepdims)


@function
def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The largest number over `axis`; ties share the derivative."""
    return _reduce(Max, x, axis, keepdims)


@function
def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The smallest number over `axis`; ties share the derivative."""
    return _reduce(Min, x, axis, keepdims)


@function
def prod(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The product over `axis`; 1 for nothing. Integers become int64."""
    return _reduce(Prod, _wide(x), axis, keepdims)


@function
def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The logarithm of the sum of exponentials over `axis`, without overflow."""
    return _reduce(LogSumExp, _floating(x), axis, keepdims)


@function
def norm(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """The Euclidean length over `axis`; its derivative at 0 is 0."""
    return _reduce(Norm, _floating(x), axis, keepdims)


@function
def variance(x: Operand, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> Node:
    """The variance over `axis`, with n - `correction` in the denominator."""
    node = _floating(x)
    return apply(Variance(normal_axes("variance", axis, node.ndim), keepdims, correction), node)


@function
def std(x: Operand, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> Node:
    """The standard deviation over `axis`; its derivative at 0 is 0."""
    node = _floating(x)
    return apply(StandardDeviation(normal_axes("std", axis, node.ndim), keepdims, correction), node)


@function
def all(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Whether all booleans over `axis` hold."""
    return _reduce(All, as_node(x).astype(BOOL), axis, keepdims)


@function
def any(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Whether any boolean over `axis` holds."""
    return _reduce(Any, as_node(x).astype(BOOL), axis, keepdims)


@function
def argmax(x: Operand, axis: int = -1) -> Node:
    """The index of the largest number along `axis`."""
    node = as_node(x)
    return apply(Argmax(normal_axes("argmax", axis, node.ndim)[0]), node)


@function
def argmin(x: Operand, axis: int = -1) -> Node:
    """The index of the smallest number along `axis`; the first of several.

    Example:
        >>> import pullback as pb
        >>> pb.argmin([3.0, 1.0, 1.0])
        tensor(1, dtype=int64)
    """
    node = as_node(x)
    # -1 - x turns the order of whole numbers around and, unlike -x, never overflows.
    return argmax(-node if is_float(node.dtype) else -1 - node.astype(INT64), axis)
