"""Normalisation: numbers along some axes brought to mean 0 and variance 1, or to mean square 1."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.cause import Cause, Place, along, figure, largest, outcome
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.arithmetic import square
from pullback.ops.chunked import products, sums
from pullback.ops.exponential import sqrt
from pullback.ops.families import Axiswise, normal_axes
from pullback.ops.joining import stack
from pullback.ops.reductions import Axis, _floating, mean, variance
from pullback.ops.samples import Real, Sample

__all__ = [
    "moments",
    "rms_normalise",
    "rms_normalise_pullback",
    "standardise",
    "standardise_pullback",
]

SAMPLES: tuple[tuple[Shape, tuple[int, ...]], ...] = (
    ((4,), (0,)), ((1,), (0,)), ((3, 2), (0,)), ((2, 3), (1,)), ((0, 3), (1,)), ((2, 2, 3), (0, 1)),
    ((2, 3, 2), (1,)), ((2, 2, 2, 2), (1, 3)),
)  # fmt: skip
EPSILON = 0.1  # of the samples: finite differences see little of a sharp bend


def count(x: Array | Node, axes: tuple[int, ...]) -> int:
    """How many numbers are normalised together."""
    return math.prod(x.shape[axis] for axis in axes)


def centred(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """The numbers less their mean, the mean, and the variance.

    Counted from the first number, so that equal numbers, however large, are exactly 0.
    """
    first = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
    rest = np.asarray(x - first)
    n = x.dtype.type(count(x, axes))
    shift = sums(rest, axes) / n
    rest -= shift
    return rest, first + shift if first.size else shift, products(rest, rest, axes) / n


@dataclass(frozen=True)
class Normalising(Axiswise):
    """An operation that treats all numbers along some axes together."""

    family = "FUSED"
    mend = "Use an epsilon of 1e-5 or so, and inputs whose squares do not overflow."

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def kept(self, shape: Shape) -> Shape:
        """The shape of one number for those that are treated together."""
        return tuple(1 if i in self.axes else n for i, n in enumerate(shape))

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The largest of the numbers that are treated together, or that they do not differ."""
        x = inputs[0]
        part = along(self.axes, at[: x.ndim], x.ndim)
        numbers = x[tuple(part)]
        top, place = largest(x, part)
        epsilon = getattr(self, "epsilon", 1.0)
        if np.isfinite(top) and numbers.dtype.type(epsilon) == 0 and (numbers == top).all():
            words = f"{self.name} of {numbers.size} equal numbers, each {figure(top)}, "
            words += f"with an epsilon of {epsilon:g}, which is 0 in {x.dtype}"
            return Cause(words, ((0, place),))
        words = f"{self.name} of {numbers.size} numbers, the largest {figure(top)}"
        return Cause(words + outcome(y, at, [numbers]), ((0, place),))


@register
class Moments(Normalising):
    r"""Mean and variance of n numbers: $m = \frac1n \sum_i x_i$, $v = \frac1n \sum_i (x_i - m)^2$.

    So $\bar x_i = \frac1n (\bar m + 2 (x_i - m) \bar v)$. Of nothing both are NaN.

    Shape:
        x: any
        y: (..., 2), the mean and the variance; the axes stay with length 1
    """

    name = "moments"
    text = "moments({0}, axes={axes})"
    latex = r"\operatorname{{moments}} {0}"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return (*self.kept(inputs[0].shape), 2), inputs[0].dtype

    def forward(self, x: Array) -> Array:
        _, m, v = centred(x, self.axes)
        return np.stack([m, v], axis=-1)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        share = 1 / max(count(x, self.axes), 1)
        return ((y_bar[..., 0] + (x - y[..., 0]) * (2 * y_bar[..., 1])) * share,)

    def decompose(self, x: Node) -> Node:
        return stack([f(x, self.axes, keepdims=True) for f in (mean, variance)], axis=-1)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SAMPLES:
            yield Sample(cls(axes), (Real(shape),))


@register
class Standardise(Normalising):
    r"""Mean 0 and variance 1: $y = (x - m) / \sqrt{v + \epsilon}$, with $m, v$ the moments of x.

    So $\bar x = (\bar y - \operatorname{mean} \bar y - y \operatorname{mean}(\bar y y)) /
    \sqrt{v + \epsilon}$. Equal numbers give exactly 0.
    """

    name = "standardise"
    text = "standardise({0}, axes={axes})"
    latex = r"\operatorname{{standardise}} {0}"
    epsilon: float = 1e-5

    def forward(self, x: Array) -> Array:
        y, _, v = centred(x, self.axes)
        y *= 1 / np.sqrt(v + self.epsilon)
        return y

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        m = apply(Moments(self.axes), x)
        return (apply(StandardisePullback(self.axes, self.epsilon), y_bar, y, m),)

    def decompose(self, x: Node) -> Node:
        rest = x - mean(x, self.axes, keepdims=True)
        return rest / sqrt(mean(square(rest), self.axes, keepdims=True) + self.epsilon)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SAMPLES:
            yield Sample(cls(axes, EPSILON), (Real(shape),))


@register
class StandardisePullback(Normalising):
    r"""The cotangent of what was standardised, from that of the result.

    $\bar x = (\bar y - \operatorname{mean} \bar y - y \operatorname{mean}(\bar y y)) /
    \sqrt{v + \epsilon}$.
    """

    name = "standardise_pullback"
    arity = 3
    epsilon: float = 1e-5

    def forward(self, y_bar: Array, y: Array, m: Array) -> Array:
        n = y.dtype.type(count(y, self.axes))
        x_bar = np.asarray(y * (-products(y_bar, y, self.axes) / n))
        x_bar += y_bar
        x_bar -= sums(y_bar, self.axes) / n
        x_bar *= 1 / np.sqrt(m[..., 1] + self.epsilon)
        return x_bar

    def decompose(self, y_bar: Node, y: Node, m: Node) -> Node:
        inner = mean(y_bar * y, self.axes, keepdims=True)
        rest = y_bar - mean(y_bar, self.axes, keepdims=True) - y * inner
        return rest / sqrt(m[..., 1] + self.epsilon)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SAMPLES:
            op = cls(axes, EPSILON)
            yield Sample(op, (Real(shape), Real(shape), Real((*op.kept(shape), 2), 0.5, 2)))


@register
class RmsNormalise(Normalising):
    r"""Mean square 1: $y = x / \sqrt{q + \epsilon}$ with $q = \operatorname{mean} x^2$.

    So $\bar x = (\bar y - y \operatorname{mean}(\bar y y)) / \sqrt{q + \epsilon}$.
    """

    name = "rms_normalise"
    text = "rms_normalise({0}, axes={axes})"
    latex = r"\operatorname{{rms\ normalise}} {0}"
    epsilon: float = 1e-5

    def forward(self, x: Array) -> Array:
        return np.asarray(x * self.inverse_root(x))

    def inverse_root(self, x: Array) -> Array:
        """One by the root of the mean square."""
        q = products(x, x, self.axes) / x.dtype.type(count(x, self.axes))
        return np.asarray(1 / np.sqrt(q + self.epsilon))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(RmsNormalisePullback(self.axes, self.epsilon), y_bar, x),)

    def decompose(self, x: Node) -> Node:
        return x / sqrt(mean(square(x), self.axes, keepdims=True) + self.epsilon)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SAMPLES:
            yield Sample(cls(axes, EPSILON), (Real(shape),))


@register
class RmsNormalisePullback(Normalising):
    r"""The cotangent of what was brought to mean square 1, from that of the result.

    $\bar x = r (\bar y - r^2 x \operatorname{mean}(\bar y x))$ with $r = 1 / \sqrt{q + \epsilon}$.
    """

    name = "rms_normalise_pullback"
    arity = 2
    epsilon: float = 1e-5

    def forward(self, y_bar: Array, x: Array) -> Array:
        r = RmsNormalise(self.axes, self.epsilon).inverse_root(x)
        n = x.dtype.type(count(x, self.axes))
        x_bar = np.asarray(x * (-r * r * products(y_bar, x, self.axes) / n))
        x_bar += y_bar
        x_bar *= r
        return x_bar

    def decompose(self, y_bar: Node, x: Node) -> Node:
        r = 1 / sqrt(mean(square(x), self.axes, keepdims=True) + self.epsilon)
        return r * (y_bar - square(r) * x * mean(y_bar * x, self.axes, keepdims=True))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SAMPLES:
            yield Sample(cls(axes, EPSILON), (Real(shape), Real(shape)))


def positive_epsilon(name: str, epsilon: Any) -> float:
    """The epsilon as a float.

    Raises:
        ConfigError: It is no number above 0.
    """
    number = isinstance(epsilon, numbers.Real) and not isinstance(epsilon, bool)
    if not number or not 0 < float(epsilon) < math.inf:
        raise ConfigError(
            f"the epsilon of {name} is a number above 0, so that equal numbers can be divided",
            repr(epsilon),
            "Use 1e-5.",
        )
    return float(epsilon)


@function
def moments(x: Operand, axis: Axis = None) -> Node:
    """Mean and variance along `axis` (all axes when None), which stays with length 1: (..., 2).

    Example:
        >>> import pullback as pb
        >>> pb.moments(pb.tensor([1.0, 3.0]))
        tensor([[2., 1.]])
    """
    node = _floating(x)
    return apply(Moments(normal_axes("moments", axis, node.ndim)), node)


@function
def standardise(x: Operand, axis: Axis = None, epsilon: float = 1e-5) -> Node:
    r"""Mean 0 and variance 1 along `axis` (all axes when None): $(x - m) / \sqrt{v + \epsilon}$.

    Raises:
        ConfigError: Epsilon is not above 0.

    Example:
        >>> import pullback as pb
        >>> pb.standardise(pb.tensor([[1.0, 3.0], [5.0, 5.0]]), axis=1)
        tensor([[-0.999995,  0.999995],
                [ 0.      ,  0.      ]])
    """
    node = _floating(x)
    axes = normal_axes("standardise", axis, node.ndim)
    return apply(Standardise(axes, positive_epsilon("standardise", epsilon)), node)


@function
def standardise_pullback(
    y_bar: Operand, y: Operand, m: Operand, axis: Axis = None, epsilon: float = 1e-5
) -> Node:
    """The cotangent of x, given that of y = standardise(x), y, and m = moments(x)."""
    node = _floating(y)
    axes = normal_axes("standardise_pullback", axis, node.ndim)
    op = StandardisePullback(axes, positive_epsilon("standardise_pullback", epsilon))
    return apply(op, as_node(y_bar, node.dtype), node, as_node(m, node.dtype))


@function
def rms_normalise(x: Operand, axis: Axis = None, epsilon: float = 1e-5) -> Node:
    r"""Mean square 1 along `axis` (all axes when None): $x / \sqrt{\text{mean} x^2 + \epsilon}$.

    Raises:
        ConfigError: Epsilon is not above 0.

    Example:
        >>> import pullback as pb
        >>> pb.rms_normalise(pb.tensor([3.0, -3.0]))
        tensor([ 0.999999, -0.999999])
    """
    node = _floating(x)
    axes = normal_axes("rms_normalise", axis, node.ndim)
    return apply(RmsNormalise(axes, positive_epsilon("rms_normalise", epsilon)), node)


@function
def rms_normalise_pullback(
    y_bar: Operand, x: Operand, axis: Axis = None, epsilon: float = 1e-5
) -> Node:
    """The cotangent of x, given that of y = rms_normalise(x), and x."""
    node = _floating(x)
    axes = normal_axes("rms_normalise_pullback", axis, node.ndim)
    op = RmsNormalisePullback(axes, positive_epsilon("rms_normalise_pullback", epsilon))
    return apply(op, as_node(y_bar, node.dtype), node)
