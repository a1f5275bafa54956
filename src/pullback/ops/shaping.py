"""The same numbers in another arrangement: broadcast, reshape, transpose, slice, join."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pullback.errors import DtypeError, LabelError, ShapeError, TraceError
from pullback.graph.cause import Cause, Place, moved
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, as_dtype, is_float, promote
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.graph.origin import here
from pullback.ops.families import converted, normal_axes, stacked
from pullback.ops.samples import Real, Sample

__all__ = [
    "arange",
    "broadcast_to",
    "expand_dims",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "reshape",
    "squeeze",
    "transpose",
    "zeros",
    "zeros_like",
]


class View(Op):
    """An operation that moves numbers and computes none.

    Its batching rule is `behind`: the same movement behind a new first axis.
    """

    family = "VIEW"

    def behind(self, length: int) -> Op:
        """The operation that does the same to each of `length` entries of a stack."""
        raise TypeError(f"{type(self).__name__} does not say how it works behind another axis")

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same movement behind the new axis."""
        entries = stacked(mapped, inputs)
        return apply(self.behind(entries[0].shape[0]), *entries)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """Where the number was: found by its address in a blank array that is moved instead."""
        (x,) = inputs
        if x.size == 1:
            return moved((0,) * x.ndim)
        blank = np.empty(x.shape, np.uint8)
        there = self.forward(blank)[tuple(slice(i, i + 1) for i in at)]
        place = np.unravel_index(there.ctypes.data - blank.ctypes.data, x.shape)
        return moved(tuple(int(i) for i in place))


@register
class Full(Op):
    """One number in every place."""

    name = "full"
    family = "CREATION"
    arity = 0
    text = "{value}"
    latex = "{value}"
    differentiable = False
    shape: Shape = ()
    value: float = 0.0
    dtype: str = "float32"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return self.shape, np.dtype(self.dtype)

    def forward(self) -> Array:
        return np.broadcast_to(np.asarray(self.value, self.dtype), self.shape)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((), (0,), (2, 3)):
            yield Sample(cls(shape, 1.5, "float64"), ())


@register
class Arange(Op):
    """The integers from 0 to below `count`."""

    name = "arange"
    family = "CREATION"
    arity = 0
    text = "arange({count})"
    differentiable = False
    count: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return (self.count,), np.dtype(np.int64)

    def forward(self) -> Array:
        return np.arange(self.count, dtype=np.int64)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for count in (0, 1, 4):
            yield Sample(cls(count), ())


@register
class BroadcastTo(View):
    """Repeated to a larger shape: the cotangents of all copies are summed."""

    name = "broadcast_to"
    text = "{0}"
    latex = "{0}"
    shape: Shape = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x = inputs[0]
        lead = len(self.shape) - x.ndim
        if lead < 0 or any(
            n not in (1, wide) for n, wide in zip(x.shape, self.shape[lead:], strict=True)
        ):
            raise ShapeError(
                f"shape {x.shape} must broadcast to {self.shape}",
                f"{x.shape} ({x.origin})",
                "Reshape it first.",
            )
        return self.shape, x.dtype

    def forward(self, x: Array) -> Array:
        return np.broadcast_to(x, self.shape)

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """Axes of length 1 go between the new axis and those that were there."""
        (x,) = inputs
        length, *shape = x.shape
        lead = [1] * (len(self.shape) - len(shape))
        return x.reshape((length, *lead, *shape)).broadcast_to((length, *self.shape))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        lead = len(self.shape) - x.ndim
        axes = list(range(lead))
        axes += [lead + i for i, n in enumerate(x.shape) if n == 1 and self.shape[lead + i] != 1]
        return (y_bar.sum(axes).reshape(x.shape) if axes else y_bar,)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, wide in (
            ((), (3,)), ((), (0,)), ((2,), (3, 2)), ((2, 1), (2, 4)), ((1, 3, 1), (2, 2, 3, 2)),
            ((1, 0), (2, 0)),
        ):  # fmt: skip
            yield Sample(cls(wide), (Real(shape),))


@register
class Reshape(View):
    """The same elements, row by row, in another shape."""

    name = "reshape"
    text = "reshape({0}, {shape})"
    shape: Shape = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return self.shape, inputs[0].dtype

    def behind(self, length: int) -> Op:
        return Reshape((length, *self.shape))

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (y_bar.reshape(x.shape),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, other in (((6,), (2, 3)), ((2, 3), (3, 2)), ((), (1,)), ((0, 2), (0,))):
            yield Sample(cls(other), (Real(shape),))


@register
class Transpose(View):
    """The axes in another order; the cotangent's axes go back."""

    name = "transpose"
    text = "{0}^T"
    latex = "{0}^\\top"
    binding = 1
    axes: tuple[int, ...] = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return tuple(inputs[0].shape[a] for a in self.axes), inputs[0].dtype

    def behind(self, length: int) -> Op:
        return Transpose((0, *(a + 1 for a in self.axes)))

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        back = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        return (y_bar.transpose(*back),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in (((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((0, 2), (1, 0)), ((), ())):
            yield Sample(cls(axes), (Real(shape),))


@function
def broadcast_to(x: Operand, shape: Sequence[int]) -> Node:
    """`x` repeated to `shape` by NumPy's rules."""
    node, wanted = as_node(x), checked_shape(shape)
    return node if node.shape == wanted else apply(BroadcastTo(wanted), node)


@function
def reshape(x: Operand, shape: int | Sequence[int]) -> Node:
    """The same elements in another shape; one dimension may be -1.

    Raises:
        ShapeError: The number of elements differs.
    """
    node = as_node(x)
    wanted = [shape] if isinstance(shape, (int, np.integer)) else list(shape)
    if wanted.count(-1) == 1:
        known = int(np.prod([n for n in wanted if n != -1], dtype=np.int64))
        wanted[wanted.index(-1)] = node.size // known if known else 0
    final = checked_shape(wanted)
    if int(np.prod(final, dtype=np.int64)) != node.size:
        raise ShapeError(
            "a reshape keeps the number of elements",
            f"{node.shape} ({node.size} elements) to {shape}",
            "Check the dimensions; one of them may be -1.",
        )
    return node if node.shape == final else apply(Reshape(final), node)


@function
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Node:
    """The axes of `x` in the order `axes`; reversed when None."""
    node = as_node(x)
    order = tuple(reversed(range(node.ndim))) if axes is None else tuple(axes)
    order = tuple(a % node.ndim if -node.ndim <= a < node.ndim else a for a in order)
    if sorted(order) != list(range(node.ndim)):
        raise ShapeError(
            f"the axes of transpose must be an order of 0 to {node.ndim - 1}",
            str(axes),
            "Name each axis once.",
        )
    return node if order == tuple(range(node.ndim)) else apply(Transpose(order), node)


@function
def expand_dims(x: Operand, axis: int) -> Node:
    """`x` with a new axis of length 1 at `axis`."""
    node = as_node(x)
    (normal,) = normal_axes("expand_dims", axis, node.ndim + 1)
    return node.reshape((*node.shape[:normal], 1, *node.shape[normal:]))


@function
def squeeze(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """`x` without the axes of length 1 (all of them when `axis` is None)."""
    node = as_node(x)
    ones_ = [i for i, n in enumerate(node.shape) if n == 1]
    axes = ones_ if axis is None else normal_axes("squeeze", axis, node.ndim)
    if not set(axes) <= set(ones_):
        raise ShapeError("only an axis of length 1 can be left out", str(node.shape), "Use sum.")
    return node.reshape([n for i, n in enumerate(node.shape) if i not in axes])


def checked_shape(shape: int | Sequence[int]) -> Shape:
    """`shape` as a tuple of non-negative whole numbers whose product fits in 63 bits."""
    dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    total = 1
    for n in dims:
        if not isinstance(n, (int, np.integer)) or n < 0:
            raise ShapeError(
                "a dimension must be a whole number, 0 or more", str(dims), "Check it."
            )
        total *= max(int(n), 1)
    if total >= 2**63:
        raise ShapeError(
            "the number of elements must be below 2**63", str(dims), "Use smaller dimensions."
        )
    return tuple(int(n) for n in dims)


@function
def full(shape: int | Sequence[int], value: float, dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """A tensor with `value` in every place."""
    return apply(Full(checked_shape(shape), value, as_dtype(dtype).name))


@function
def full_like(x: Operand, value: float) -> Node:
    """A tensor of the shape and dtype of `x` with `value` in every place."""
    node = as_node(x)
    return full(node.shape, value, node.dtype)


@function
def zeros(shape: int | Sequence[int], dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """A tensor of zeros."""
    return full(shape, 0.0, dtype)


@function
def ones(shape: int | Sequence[int], dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """A tensor of ones."""
    return full(shape, 1.0, dtype)


@function
def zeros_like(x: Operand) -> Node:
    """Zeros of the shape and dtype of `x`.

    Example:
        >>> import pullback as pb
        >>> pb.zeros_like(pb.tensor([1.0, 2.0]))
        tensor([0., 0.])
    """
    return full_like(x, 0.0)


@function
def ones_like(x: Operand) -> Node:
    """Ones of the shape and dtype of `x`."""
    return full_like(x, 1.0)


@function
def arange(count: int, dtype: DTypeLike = np.int64) -> Node:
    """The integers 0, 1, ... below `count`."""
    (n,) = checked_shape(count)
    return apply(Arange(n)).astype(dtype)
