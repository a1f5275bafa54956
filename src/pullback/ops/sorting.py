"""Order: sorting, the largest few, and taking by indices of each row's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.dtypes import INT64, Array, Dtype, Shape, is_float
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.comparison import stop_gradient, where
from pullback.ops.families import normal_axes
from pullback.ops.indexing import Gather, whole_indices
from pullback.ops.samples import Real, Sample
from pullback.ops.shaping import arange

__all__ = ["argsort", "sort", "take_along_axis", "top_k"]


@register
class ArgSort(Op):
    """The indices that sort along an axis, smallest first; equal numbers keep their order.

    NaN comes last.
    """

    name = "argsort"
    family = "SORTING"
    text = "argsort({0}, axis={axis})"
    latex = r"\operatorname{{argsort}} {0}"
    differentiable = False
    axis: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, INT64

    def forward(self, x: Array) -> Array:
        return np.argsort(x, axis=self.axis, kind="stable").astype(np.int64)

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same axis, one further on."""
        return apply(ArgSort(self.axis + 1), *inputs)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis in (((4,), 0), ((1,), 0), ((0,), 0), ((2, 3), 0), ((2, 3, 2), 1)):
            yield Sample(cls(axis), (Real(shape),))


@function
def argsort(x: Operand, axis: int = -1, descending: bool = False) -> Node:
    """The indices that sort `x` along `axis`; equal numbers keep their order.

    Example:
        >>> import pullback as pb
        >>> pb.argsort([3.0, 1.0, 2.0])
        tensor([1, 2, 0], dtype=int64)
    """
    node = stop_gradient(as_node(x))
    (normal,) = normal_axes("argsort", axis, node.ndim)
    if descending:
        # -1 - x turns the order of whole numbers around and, unlike -x, never overflows.
        node = -node if is_float(node.dtype) else -1 - node.astype(INT64)
    return apply(ArgSort(normal), node)


@function
def sort(x: Operand, axis: int = -1, descending: bool = False) -> Node:
    """`x` in order along `axis`, smallest first; each number's cotangent goes back to its place.

    Example:
        >>> import pullback as pb
        >>> pb.sort(pb.tensor([3.0, 1.0, 2.0]), descending=True)
        tensor([3., 2., 1.])
    """
    return take_along_axis(x, argsort(x, axis, descending), axis)


def top_k(x: Operand, k: int, axis: int = -1) -> tuple[Node, Node]:
    """The `k` largest numbers along `axis`, largest first, and their indices.

    Raises:
        ShapeError: There are fewer than k numbers along the axis.

    Example:
        >>> import pullback as pb
        >>> pb.top_k(pb.tensor([1.0, 4.0, 2.0]), 2)
        (tensor([4., 2.]), tensor([1, 2], dtype=int64))
    """
    node = as_node(x)
    (normal,) = normal_axes("top_k", axis, node.ndim)
    if not 0 <= k <= node.shape[normal]:
        raise ShapeError(
            f"top_k takes from 0 to {node.shape[normal]} numbers along axis {axis}",
            f"k={k} of shape {node.shape}",
            "Use a smaller k.",
        )
    first = tuple(slice(0, k) if a == normal else slice(None) for a in range(node.ndim))
    chosen = argsort(node, normal, descending=True)[first]
    return take_along_axis(node, chosen, normal), chosen


@function
def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Node:
    """The entries of `x` along `axis` at `indices`, where every row has indices of its own.

    Shape:
        x: (before, length, after)
        indices: (before, number, after)
        Returns: (before, number, after)

    Raises:
        ShapeError: The other axes differ.
        LabelError: An index is out of range.

    Example:
        >>> import pullback as pb
        >>> pb.take_along_axis(pb.tensor([[1.0, 2.0], [3.0, 4.0]]), [[1], [0]])
        tensor([[2.],
                [3.]])
    """
    node, chosen = as_node(x), as_node(indices)
    whole_indices("take_along_axis", chosen)
    (normal,) = normal_axes("take_along_axis", axis, node.ndim)
    rest = [a for a in range(node.ndim) if a != normal]
    if chosen.ndim != node.ndim or any(node.shape[a] != chosen.shape[a] for a in rest):
        raise ShapeError(
            f"the indices have the shape of x in all axes but axis {axis}",
            f"x {node.shape}, indices {chosen.shape}",
            "Reshape or broadcast the indices.",
        )
    order = (*rest, normal)
    back = sorted(range(node.ndim), key=order.__getitem__)
    last = node.ndim - 1
    rows = apply(Gather(last, last), node.transpose(*order), chosen.transpose(*order))
    return rows.transpose(*back)


def last_of_each(indices: Node) -> Node:
    """Whether each of some indices (one axis) is the last one of its value."""
    order = argsort(indices)
    ordered = take_along_axis(indices, order)
    ends = arange(indices.size) == indices.size - 1
    following = take_along_axis(ordered, where(ends, 0, arange(indices.size) + 1))
    return take_along_axis((ordered != following) | ends, argsort(order))
