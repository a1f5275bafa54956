"""Reading and adding at given indices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pullback.errors import ConfigError, DtypeError, LabelError, ShapeError
from pullback.graph.cause import Cause, Place
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.families import Rowwise, normal_axes, stacked
from pullback.ops.samples import Real, Sample, Whole

__all__ = ["gather", "one_hot", "scatter_add"]


def checked(indices: Array, length: int, lowest: int | None = None) -> Array:
    """`indices`, each from `lowest` (-length when None) to below length, as non-negative ones.

    Raises:
        LabelError: One is out of range; raised before any memory is touched.
    """
    least, most = (indices.min(), indices.max()) if indices.size else (0, -1)
    if least >= 0 and most < length:  # found in two passes, and nothing is copied
        return indices
    wrong = (indices < (-length if lowest is None else lowest)) | (indices >= length)
    if wrong.any():
        first = np.argwhere(wrong)[0].tolist()
        raise LabelError(
            f"an index must be from 0 to {length - 1}",
            f"{int(indices[tuple(first)])} at place {first}",
            "Check the indices, or the size of what they point into.",
        )
    return np.where(indices < 0, indices + length, indices)


def whole_indices(name: str, indices: Node) -> None:
    """Raise DtypeError where indices are no whole numbers."""
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            f"the indices of {name} must be integers",
            str(indices.dtype),
            "Convert them with .astype('int64').",
        )


@dataclass(frozen=True)
class Indexing(Op):
    """Numbers found or put by indices along an axis.

    Where `lead` is not 0, numbers and indices share that many first axes: each place of them has
    indices of its own. `axis` counts those axes too.
    """

    family = "INDEXING"
    arity = 2
    axis: int = 0
    lead: int = 0

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The axis is one further on; where the indices are a stack, the new one is shared."""
        own = mapped[1] or self.lead > 0
        entries = stacked(mapped, inputs) if own else inputs
        return apply(replace(self, axis=self.axis + 1, lead=self.lead + own), *entries)

    def rows(self, indices: Array, before: Shape, length: int) -> Array:
        """Which row of an array of rows, (before * length, after), each index means."""
        shared = math.prod(indices.shape[: self.lead])
        between = math.prod(before[self.lead :])
        first = np.arange(shared * between).reshape(shared, between, 1) * length
        chosen = math.prod(indices.shape[self.lead :])
        return np.asarray(first + indices.reshape(shared, 1, chosen))


@register
class Gather(Indexing):
    """Entries of `x` along an axis, in the order of `indices`: duplicates add their cotangents.

    Negative indices count from the end, unless `lowest` is 0.

    Shape:
        x: (shared, before, length, after)
        indices: (shared, chosen)
        y: (shared, before, chosen, after)
    """

    name = "gather"
    text = "gather({0}, {1}, axis={axis})"
    latex = "{0}_{{{1}}}"
    lowest: int | None = None

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, indices = inputs
        whole_indices("gather", indices)
        chosen = indices.shape[self.lead :]
        return (*x.shape[: self.axis], *chosen, *x.shape[self.axis + 1 :]), x.dtype

    def forward(self, x: Array, indices: Array) -> Array:
        before, after = x.shape[: self.axis], x.shape[self.axis + 1 :]
        length = x.shape[self.axis]
        safe = checked(indices, length, self.lowest)
        if not self.lead:
            return np.take(x, safe, axis=self.axis)
        table = x.reshape(math.prod(before) * length, math.prod(after))
        y = np.take(table, self.rows(safe, before, length), axis=0)
        return y.reshape(*before, *indices.shape[self.lead :], *after)

    def vjp(self, y_bar: Node, y: Node, x: Node, indices: Node) -> tuple[Node, None]:
        return apply(ScatterAdd(self.axis, self.lead, x.shape[self.axis]), y_bar, indices), None

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """Where the number was, and the index that chose it."""
        x, indices = inputs
        end = self.axis + indices.ndim - self.lead
        chosen = (*at[: self.lead], *at[self.axis : end])
        index = int(indices[chosen]) % x.shape[self.axis]
        place = (*at[: self.axis], index, *at[end:])
        return Cause(inputs=((0, place), (1, chosen)))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis, lead, indices in INDEX_SAMPLES:
            yield Sample(cls(axis, lead), (Real(shape), Whole(indices, shape[axis])))


# shape, axis, how many axes are shared, shape of the indices
INDEX_SAMPLES: tuple[tuple[Shape, int, int, Shape], ...] = (
    ((4,), 0, 0, (3,)),
    ((4,), 0, 0, ()),
    ((3, 2), 0, 0, (5,)),
    ((3, 2), 1, 0, (2, 2)),
    ((2, 3, 2), 1, 0, (4,)),
    ((3, 2), 0, 0, (0,)),
    ((2, 3), 1, 1, (2, 4)),
    ((2, 2, 3, 2), 2, 1, (2, 2)),
)


@register
class ScatterAdd(Indexing):
    """Zeros, with each entry of the input added at its index: the pullback of `Gather`.

    Shape:
        x: (shared, before, chosen, after)
        indices: (shared, chosen)
        y: (shared, before, length, after)
    """

    name = "scatter_add"
    text = "scatter_add({0}, {1}, axis={axis})"
    length: int = 1

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, indices = inputs
        whole_indices("scatter_add", indices)
        after = self._after(indices.ndim)
        if x.shape[self.axis : after] != indices.shape[self.lead :]:
            raise ShapeError(
                "the entries of scatter_add must be as many as the indices",
                f"entries {x.shape}, indices {indices.shape}, axis {self.axis}",
                "Give one index an entry.",
            )
        return (*x.shape[: self.axis], self.length, *x.shape[after:]), x.dtype

    def forward(self, x: Array, indices: Array) -> Array:
        safe = checked(indices, self.length)
        before, after = x.shape[: self.axis], x.shape[self._after(indices.ndim) :]
        y = np.zeros((*before, self.length, *after), x.dtype)
        # add.at is several times faster on flat arrays; it adds in order, so bits never change
        width = math.prod(after)
        rows = self.rows(safe, before, self.length)
        places = rows if width == 1 else (rows * width)[..., None] + np.arange(width)
        np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))
        return y

    def vjp(self, y_bar: Node, y: Node, x: Node, indices: Node) -> tuple[Node, None]:
        return apply(Gather(self.axis, self.lead), y_bar, indices), None

    def _after(self, ndim: int) -> int:
        """The first axis behind those of the indices, which have `ndim` axes."""
        return self.axis + ndim - self.lead

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axis, lead, indices in INDEX_SAMPLES:
            entries = (*shape[:axis], *indices[lead:], *shape[axis + 1 :])
            drawn = (Real(entries), Whole(indices, shape[axis]))
            yield Sample(cls(axis, lead, shape[axis]), drawn)


@register
class OneHot(Rowwise):
    """1 at the index, 0 elsewhere, along a new last axis; an index of -1 gives a row of zeros."""

    name = "one_hot"
    family = "INDEXING"
    text = "one_hot({0}, {classes})"
    differentiable = False
    classes: int = 1
    dtype: str = "float32"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        whole_indices("one_hot", inputs[0])
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
    (normal,) = normal_axes("scatter_add", axis, node.ndim)
    return apply(ScatterAdd(normal, length=length), node, as_node(indices))


@function
def one_hot(indices: Operand, classes: int, dtype: str = "float32") -> Node:
    """A row of `classes` numbers an index: 1 at the index, 0 elsewhere.

    Raises:
        ConfigError: `classes` is negative.
    """
    if classes < 0:
        raise ConfigError("the number of classes is 0 or more", str(classes), "Count them anew.")
    return apply(OneHot(classes, dtype), as_node(indices))
