"""Reading and adding at given indices."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pullback.errors import DtypeError, LabelError, ShapeError
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.families import normal_axes
from pullback.ops.samples import Real, Sample, Whole

__all__ = ["gather", "one_hot", "scatter_add"]


def checked(indices: Array, length: int, lowest: int | None = None) -> Array:
    """`indices`, each from `lowest` (-length when None) to below length, as non-negative ones.

    Raises:
        LabelError: One is out of range; raised before any memory is touched.
    """
    wrong = (indices < (-length if lowest is None else lowest)) | (indices >= length)
    if wrong.any():
        first = np.argwhere(wrong)[0].tolist()
        raise LabelError(
            f"an index must be from 0 to {length - 1}",
            f"{int(indices[tuple(first)])} at place {first}",
            "Check the indices, or the size of what they point into.",
        )
    return np.where(indices < 0, indices + length, indices)


def _whole(name: str, indices: Node) -> None:
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            f"the indices of {name} must be integers",
            str(indices.dtype),
            "Convert them with .astype('int64').",
        )


@register
class Gather(Op):
    """Entries of `x` along an axis, in the order of `indices`: duplicates add their cotangents.

    Negative indices count from the end, unless `lowest` is 0.

    Shape:
        x: (before, length, after)
        indices: any shape
        y: (before, indices' shape, after)
    """

    name = "gather"
    family = "INDEXING"
    arity = 2
    text = "gather({0}, {1}, axis={axis})"
    latex = "{0}_{{{1}}}"
    axis: int = 0
    lowest: int | None = None

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, indices = inputs
        _whole("gather", indices)
        return (*x.shape[: self.axis], *indices.shape, *x.shape[self.axis + 1 :]), x.dtype

    def forward(self, x: Array, indices: Array) -> Array:
        return np.take(x, checked(indices, x.shape[self.axis], self.lowest), axis=self.axis)

    def vjp(self, y_bar: Node, y: Node, x: Node, indices: Node) -> tuple[Node, None]:
        return apply(ScatterAdd(self.axis, x.shape[self.axis]), y_bar, indices), None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis, indices in INDEX_SAMPLES:
            yield Sample(cls(axis), (Real(shape), Whole(indices, shape[axis])))


INDEX_SAMPLES: tuple[tuple[Shape, int, Shape], ...] = (
    ((4,), 0, (3,)),
    ((4,), 0, ()),
    ((3, 2), 0, (5,)),
    ((3, 2), 1, (2, 2)),
    ((2, 3, 2), 1, (4,)),
    ((3, 2), 0, (0,)),
)


@register
class ScatterAdd(Op):
    """Zeros, with each entry of the input added at its index: the pullback of `Gather`."""

    name = "scatter_add"
    family = "INDEXING"
    arity = 2
    text = "scatter_add({0}, {1}, axis={axis})"
    axis: int = 0
    length: int = 1

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, indices = inputs
        _whole("scatter_add", indices)
        after = self.axis + indices.ndim
        if x.shape[self.axis : after] != indices.shape:
            raise ShapeError(
                "the entries of scatter_add must be as many as the indices",
                f"entries {x.shape}, indices {indices.shape}, axis {self.axis}",
                "Give one index an entry.",
            )
        return (*x.shape[: self.axis], self.length, *x.shape[after:]), x.dtype

    def forward(self, x: Array, indices: Array) -> Array:
        safe = checked(indices, self.length).reshape(-1)
        before, after = x.shape[: self.axis], x.shape[self.axis + indices.ndim :]
        y = np.zeros((*before, self.length, *after), x.dtype)
        # add.at is several times faster on flat arrays; it adds in order, so bits never change
        lead, width = math.prod(before), math.prod(after)
        rows = np.arange(lead)[:, None] * self.length + safe
        places = (rows * width)[..., None] + np.arange(width)
        np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))
        return y

    def vjp(self, y_bar: Node, y: Node, x: Node, indices: Node) -> tuple[Node, None]:
        return apply(Gather(self.axis), y_bar, indices), None

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis, indices in INDEX_SAMPLES:
            entries = (*shape[:axis], *indices, *shape[axis + 1 :])
            yield Sample(cls(axis, shape[axis]), (Real(entries), Whole(indices, shape[axis])))


@register
class OneHot(Op):
    """1 at the index, 0 elsewhere, along a new last axis; an index of -1 gives a row of zeros."""

    name = "one_hot"
    family = "INDEXING"
    text = "one_hot({0}, {classes})"
    differentiable = False
    classes: int = 1
    dtype: str = "float32"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        _whole("one_hot", inputs[0])
        return (*inputs[0].shape, self.classes), np.dtype(self.dtype)

    def forward(self, indices: Array) -> Array:
        checked(np.where(indices == -1, 0, indices), self.classes, lowest=0)
        return np.asarray(indices[..., None] == np.arange(self.classes), self.dtype)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((), (0,), (4,), (2, 2)):
            yield Sample(cls(3, "float64"), (Whole(shape, 3),))


@function
def gather(x: Operand, indices: Operand, axis: int = 0) -> Node:
    """The entries of `x` along `axis` at `indices`.

    Raises:
        LabelError: An index is out of range.
        DtypeError: The indices are not integers.

    Example:
        >>> import pullback as pb
        >>> pb.gather(pb.tensor([1.0, 2.0, 4.0]), [2, 0, 2])
        tensor([4., 1., 4.])
    """
    node, chosen = as_node(x), as_node(indices)
    if chosen.size == 0 and isinstance(indices, (list, tuple)):  # an empty list has no dtype
        chosen = chosen.astype("int64")
    return apply(Gather(normal_axes("gather", axis, node.ndim)[0]), node, chosen)


@function
def scatter_add(x: Operand, indices: Operand, length: int, axis: int = 0) -> Node:
    """Zeros of `length` along `axis`, with the entries of `x` added at `indices`."""
    node = as_node(x)
    return apply(
        ScatterAdd(normal_axes("scatter_add", axis, node.ndim)[0], length), node, as_node(indices)
    )


@function
def one_hot(indices: Operand, classes: int, dtype: str = "float32") -> Node:
    """A row of `classes` numbers an index: 1 at the index, 0 elsewhere."""
    return apply(OneHot(classes, dtype), as_node(indices))
