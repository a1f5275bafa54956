"""Indexing as NumPy does it: numbers, slices, `...`, None and arrays of indices, in one key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.errors import LabelError, ShapeError, TraceError
from pullback.graph.dtypes import INT64, Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.graph.origin import here
from pullback.ops.comparison import where
from pullback.ops.families import Rowwise, normal_axes, same_shape
from pullback.ops.indexing import checked, gather, scatter_add, whole_indices
from pullback.ops.samples import Sample, Whole
from pullback.ops.shaping import zeros_like
from pullback.ops.slicing import Slice
from pullback.ops.sorting import last_of_each

__all__ = ["put", "ravel_index"]


@register
class RavelIndex(Rowwise):
    """Indices along several axes as one index into those axes joined; each is checked.

    Shape:
        inputs: one of each axis, all of one shape
        y: that shape
    """

    name = "ravel_index"
    family = "INDEXING"
    arity = -1
    text = "ravel_index({*})"
    differentiable = False
    sizes: tuple[int, ...] = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, INT64

    def forward(self, *indices: Array) -> Array:
        y = np.zeros(indices[0].shape, np.int64)
        for size, index in zip(self.sizes, indices, strict=True):
            y = y * size + checked(index, size)
        return y

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((), (0,), (4,), (2, 3)):
            yield Sample(cls((2, 3)), (Whole(shape, 2), Whole(shape, 3)))


@dataclass(frozen=True)
class Key:
    """A key taken apart.

    Attributes:
        bounds: The slice of each axis; a whole number is a slice of length 1.
        shape: The shape after slicing, with the axes of numbers gone and new ones put in.
        arrays: For each axis of that shape with an array of indices, the array.
    """

    bounds: tuple[tuple[int, int, int], ...]
    shape: tuple[int, ...]
    arrays: dict[int, Node]


def parsed(node: Node, key: Any) -> Key:
    """A key for `node`, taken apart and checked."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if sum(k is Ellipsis for k in keys) > 1:
        raise ShapeError("an index holds at most one ...", f"{key}", "Leave one out.")
    named = sum(k is not None and k is not Ellipsis for k in keys)
    if named > node.ndim:
        raise ShapeError(
            f"{node.ndim} axes take at most as many indices", f"{named}", "Leave some out."
        )
    bounds: list[tuple[int, int, int]] = []
    shape: list[int] = []
    arrays: dict[int, Node] = {}
    for k in keys if any(k is Ellipsis for k in keys) else (*keys, Ellipsis):
        if k is None:
            shape.append(1)
        elif k is Ellipsis:
            for n in node.shape[len(bounds) : len(bounds) + node.ndim - named]:
                bounds.append((0, n, 1))
                shape.append(n)
        elif _is_basic(k):
            bounds.append(_bound(k, node.shape[len(bounds)]))
            if isinstance(k, slice):
                shape.append(len(range(*bounds[-1])))
        else:
            arrays[len(shape)] = _indices(k)
            length = node.shape[len(bounds)]
            bounds.append((0, length, 1))
            shape.append(length)
    return Key(tuple(bounds), tuple(shape), arrays)


def _is_basic(key: Any) -> bool:
    """Whether `key` is a whole number or a slice. A boolean is a mask, not a number."""
    number = isinstance(key, (int, np.integer)) and not isinstance(key, bool)
    return number or isinstance(key, slice)


def _bound(key: Any, length: int) -> tuple[int, int, int]:
    if isinstance(key, slice):
        bound = key.indices(length)
        return bound if len(range(*bound)) else (0, 0, 1)
    if not -length <= key < length:  # an IndexError, which also ends `for row in x`
        raise LabelError(f"an index must be from {-length} to {length - 1}", str(key), "Check it.")
    return int(key) % length, int(key) % length + 1, 1


def _indices(key: Any) -> Node:
    node = as_node(key)
    if node.dtype == np.bool_:
        raise TraceError(
            "the shape of a result cannot depend on data",
            f"a boolean mask as an index ({here()})",
            "Use pb.where(mask, x, 0), or select rows in NumPy before.",
        )
    if node.size == 0 and isinstance(key, (list, tuple)):  # an empty list has no dtype
        node = node.astype(INT64)
    whole_indices("an index", node)
    return node


@function
def ravel_index(indices: Sequence[Operand], sizes: Sequence[int]) -> Node:
    """Indices along several axes as one index into those axes joined, row by row.

    Raises:
        LabelError: An index is out of its axis; found when it is computed.

    Example:
        >>> import pullback as pb
        >>> pb.ravel_index([[0, 1], [2, 0]], (2, 3))
        tensor([2, 3], dtype=int64)
    """
    op = RavelIndex(tuple(sizes))
    nodes = same_shape(op, [_indices(i) for i in indices])
    if len(nodes) != len(op.sizes):
        raise ShapeError(
            "each axis has an index", f"{len(nodes)} for sizes {op.sizes}", "Give one an axis."
        )
    return apply(op, *nodes)


@function
def getitem(x: Operand, key: Any) -> Node:
    """`x[key]` by NumPy's rules: whole numbers, slices, `...`, None, and arrays of indices.

    Several arrays of indices broadcast against each other; their axes stand where the first
    one's was if they are neighbours, else in front.

    Raises:
        ShapeError: Too many indices, or arrays of them that do not broadcast.
        LabelError: An index is out of range.
        TraceError: A boolean mask: its result's shape would depend on data.
    """
    node = as_node(x)
    found = parsed(node, key)
    whole = all(b == (0, n, 1) for b, n in zip(found.bounds, node.shape, strict=True))
    sliced = (node if whole else apply(Slice(found.bounds), node)).reshape(found.shape)
    if not found.arrays:
        return sliced
    joined, index, front = joined_axes(sliced, found.arrays)
    return gather(joined, index, axis=front)


def joined_axes(x: Node, arrays: dict[int, Node]) -> tuple[Node, Node, int]:
    """`x` with the axes that arrays index joined into one, its place, and the index into it."""
    axes = sorted(arrays)
    sizes = tuple(x.shape[a] for a in axes)
    neighbours = axes == list(range(axes[0], axes[0] + len(axes)))
    front = axes[0] if neighbours else 0
    rest = [a for a in range(x.ndim) if a not in arrays]
    moved = x.transpose(*rest[:front], *axes, *rest[front:])
    kept = [x.shape[a] for a in rest]
    joined = moved.reshape((*kept[:front], math.prod(sizes), *kept[front:]))
    chosen = [arrays[a] for a in axes]
    return joined, chosen[0] if len(axes) == 1 else ravel_index(chosen, sizes), front


@function
def put(x: Operand, indices: Operand, values: Operand, axis: int = 0) -> Node:
    """`x` with `values` in the places `indices` along an axis; of duplicates the last one wins.

    The cotangent of a place goes to the value that stands there; a value that was written over
    has derivative 0, and so has what was in its place before.

    Shape:
        x: (before, length, after)
        indices: (number,)
        values: (before, number, after), or what broadcasts to it

    Raises:
        ShapeError: The indices have several axes, or the values do not fit.
        LabelError: An index is out of range.

    Example:
        >>> import pullback as pb
        >>> pb.put(pb.tensor([1.0, 2.0, 3.0]), [0, 0], pb.tensor([5.0, 7.0]))
        tensor([7., 2., 3.])
    """
    node, where_to = as_node(x), _indices(indices)
    if where_to.ndim != 1:
        raise ShapeError("the indices of put have one axis", str(where_to.shape), "Flatten them.")
    (normal,) = normal_axes("put", axis, node.ndim)
    length, number = node.shape[normal], where_to.size
    lead, tail = node.shape[:normal], node.shape[normal + 1 :]
    given = as_node(values, node.dtype).astype(node.dtype).broadcast_to((*lead, number, *tail))
    place = apply(RavelIndex((length,)), where_to)
    wins = last_of_each(place).reshape((number, *[1] * len(tail)))
    added = scatter_add(where(wins, given, 0), place, length, axis=normal)
    written = scatter_add(wins.reshape((number,)).astype(node.dtype), place, length)
    kept = where((written > 0).reshape((length, *[1] * len(tail))), zeros_like(node), node)
    return kept + added
