"""Running sums and products along an axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pullback.graph.cause import Cause, Place, figure, largest, outcome
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import Op, apply, register
from pullback.ops.arranging import flip
from pullback.ops.families import normal_axes
from pullback.ops.joining import concatenate
from pullback.ops.reductions import _wide
from pullback.ops.samples import Real, Sample
from pullback.ops.shaping import ones

__all__ = ["cumprod", "cumsum"]

RUNNING_SAMPLES: tuple[tuple[Shape, int], ...] = (
    ((4,), 0), ((1,), 0), ((0,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3, 2), 1),
)  # fmt: skip


@dataclass(frozen=True)
class Running(Op):
    """A number for each place along an axis, from those up to it."""

    family = "RUNNING"
    axis: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same axis, one further on."""
        return apply(replace(self, axis=self.axis + 1), *inputs)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The largest of the numbers up to there."""
        (x,) = inputs
        part = [slice(n + 1) if i == self.axis else n for i, n in enumerate(at)]
        top, place = largest(x, part)
        words = f"{self.name} of {at[self.axis] + 1} numbers, the largest {figure(top)}"
        return Cause(words + outcome(y, at, [x[tuple(part)]]), ((0, place),))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis in RUNNING_SAMPLES:
            yield Sample(cls(axis), (Real(shape),))


@register
class CumSum(Running):
    r"""Running sum: $y_i = \sum_{j \le i} x_j$, so $\bar x_j = \sum_{i \ge j} \bar y_i$."""

    name = "cumsum"
    text = "cumsum({0}, axis={axis})"
    latex = r"\operatorname{{cumsum}} {0}"

    def forward(self, x: Array) -> Array:
        return np.cumsum(x, axis=self.axis, dtype=x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (flip(apply(CumSum(self.axis), flip(y_bar, self.axis)), self.axis),)


@register
class CumProd(Running):
    r"""Running product: $y_i = \prod_{j \le i} x_j$.

    Differentiated through its definition by doubling (products of 1, 2, 4, ... neighbours), so
    that zeros among the factors and higher orders come out right.
    """

    name = "cumprod"
    text = "cumprod({0}, axis={axis})"
    latex = r"\operatorname{{cumprod}} {0}"

    def forward(self, x: Array) -> Array:
        return np.cumprod(x, axis=self.axis, dtype=x.dtype)

    def decompose(self, x: Node) -> Node:
        length, y, reach = x.shape[self.axis], x, 1
        while reach < length:
            before = [slice(None)] * x.ndim
            before[self.axis] = slice(0, length - reach)
            lead = list(x.shape)
            lead[self.axis] = reach
            y = y * concatenate([ones(lead, x.dtype), y[tuple(before)]], self.axis)
            reach *= 2
        return y


@function
def cumsum(x: Operand, axis: int = -1) -> Node:
    """The running sum along `axis`; booleans are counted, integers become int64.

    Example:
        >>> import pullback as pb
        >>> pb.cumsum(pb.tensor([1.0, 2.0, 3.0]))
        tensor([1., 3., 6.])
    """
    node = _wide(x)
    return apply(CumSum(normal_axes("cumsum", axis, node.ndim)[0]), node)


@function
def cumprod(x: Operand, axis: int = -1) -> Node:
    """The running product along `axis`; integers become int64.

    Example:
        >>> import pullback as pb
        >>> pb.cumprod(pb.tensor([2.0, 3.0, 0.0]))
        tensor([2., 6., 0.])
    """
    node = _wide(x)
    return apply(CumProd(normal_axes("cumprod", axis, node.ndim)[0]), node)
