"""Sparsemax: like softmax, with weights that reach 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import Op, apply, register
from pullback.ops.arithmetic import scale
from pullback.ops.comparison import less, where
from pullback.ops.families import normal_axes
from pullback.ops.rectifiers import relu
from pullback.ops.reductions import _floating
from pullback.ops.reductions import sum as total
from pullback.ops.samples import Real, Sample

__all__ = ["sparsemax"]


@register
class Sparsemax(Op):
    r"""The point nearest to x whose entries along an axis are at least 0 and sum to 1.

    $y_i = \max(x_i - \tau, 0)$ with $\tau$ such that they sum to 1. Over the support S, where
    $y_i > 0$, $\bar x_i = \bar y_i - \frac{1}{|S|} \sum_{j \in S} \bar y_j$; elsewhere it is 0.
    """

    name = "sparsemax"
    family = "FUSED"
    axis: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same axis, one further on."""
        return apply(Sparsemax(self.axis + 1), *inputs)

    def forward(self, x: Array) -> Array:
        if not x.size:
            return x.copy()
        z = np.moveaxis(x, self.axis, -1)
        z = z - z.max(axis=-1, keepdims=True)
        falling = -np.sort(-z, axis=-1)
        excess = np.cumsum(falling, axis=-1) - 1
        rank = np.arange(1, z.shape[-1] + 1)
        size = np.count_nonzero(rank * falling > excess, axis=-1, keepdims=True)
        size = np.maximum(size, 1)  # a row with NaN
        tau = np.take_along_axis(excess, size - 1, axis=-1) / size
        return np.moveaxis(np.maximum(z - tau.astype(x.dtype), 0), -1, self.axis)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        support = less(0, y)
        seen = where(support, y_bar, 0)
        size = total(support.astype(x.dtype), self.axis, keepdims=True)
        mean = total(seen, self.axis, keepdims=True) / size
        return (where(support, y_bar - mean, 0),)

    def decompose(self, x: Node) -> Node:
        """i is in S if what the larger entries are above it sums to less than 1."""
        at = (*x.shape[: self.axis + 1], 1, *x.shape[self.axis + 1 :])
        other = (*x.shape[: self.axis], 1, *x.shape[self.axis :])
        above = total(relu(x.reshape(other) - x.reshape(at)), self.axis + 1)
        support = less(above, 1)
        size = total(support.astype(x.dtype), self.axis, keepdims=True)
        tau = (total(scale(support.astype(x.dtype), x), self.axis, keepdims=True) - 1) / size
        return where(support, x - tau, 0)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis in (((4,), 0), ((1,), 0), ((2, 3), 1), ((3, 2), 0), ((0, 3), 1)):
            yield Sample(cls(axis), (Real(shape),))


@function
def sparsemax(x: Operand, axis: int = -1) -> Node:
    """Numbers of at least 0 that sum to 1 along `axis`; small entries of `x` give exactly 0.

    Example:
        >>> import pullback as pb
        >>> pb.sparsemax(pb.tensor([1.0, 0.5, -1.0]))
        tensor([0.75, 0.25, 0.  ])

    References:
        Martins and Astudillo, 2016, "From softmax to sparsemax".
    """
    node = _floating(x)
    return apply(Sparsemax(normal_axes("sparsemax", axis, node.ndim)[0]), node)
