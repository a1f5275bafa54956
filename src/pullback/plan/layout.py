"""Where a value lies: a whole block of memory, or a view of another value's block.

Reshaping, transposing, slicing and broadcasting move no number. They give a value another shape
and other strides, and every instruction that reads it can follow those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.op import Op
from pullback.ops.comparison import StopGradient
from pullback.ops.custom import Barrier
from pullback.ops.shaping import BroadcastTo, Reshape, Transpose
from pullback.ops.slicing import Slice


@dataclass(frozen=True, slots=True)
class Layout:
    """An array within a block.

    Attributes:
        base: The number of the value whose block it is.
        offset: Where its first element is, in elements from the block's beginning.
        shape: Its shape.
        strides: How far apart neighbours along each axis are, in elements.
        dtype: The elements' dtype.
        moves: By how many elements it moves on at each step of the loops that it is in, of the
            outermost first; in further ones it stands still. The offset is that of the first step.

    Example:
        >>> import numpy as np
        >>> layout = Layout.whole(0, (2, 3), np.dtype("float32"))
        >>> layout.strides, layout.contiguous
        ((3, 1), True)
    """

    base: int
    offset: int
    shape: Shape
    strides: tuple[int, ...]
    dtype: Dtype
    moves: tuple[int, ...] = ()

    @classmethod
    def whole(cls, base: int, shape: Shape, dtype: Dtype) -> Layout:
        """All of a block, row by row."""
        return cls(base, 0, shape, row_by_row(shape), dtype)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes its elements take where none is repeated."""
        return self.size * self.dtype.itemsize

    @property
    def contiguous(self) -> bool:
        """Whether its elements lie one after the other."""
        pairs = zip(self.shape, self.strides, row_by_row(self.shape), strict=True)
        return self.size == 0 or all(n == 1 or s == wanted for n, s, wanted in pairs)


def row_by_row(shape: Shape) -> tuple[int, ...]:
    """The strides of an array whose last axis varies fastest."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def row(x: Layout, depth: int, *, reverse: bool) -> Layout:
    """The rows of an array one after the other, in the steps of a loop.

    Args:
        x: All rows.
        depth: How many loops are around this one.
        reverse: Whether the last row comes first.
    """
    stride = -x.strides[0] if reverse else x.strides[0]
    moves = (*x.moves, *(0 for _ in range(depth - len(x.moves))), stride)
    last = max(x.shape[0] - 1, 0) if reverse else 0
    offset = x.offset + last * x.strides[0]
    return replace(x, offset=offset, shape=x.shape[1:], strides=x.strides[1:], moves=moves)


def part(x: Layout, start: int, shape: Shape) -> Layout:
    """A part of an array of one axis whose elements lie one after the other, in a shape."""
    return replace(x, offset=x.offset + start, shape=shape, strides=row_by_row(shape))


def view(op: Op, x: Layout, shape: Shape) -> Layout | None:
    """The value of `op` as a view of its first input; None if it is no view.

    Args:
        op: The operation.
        x: Where its first input lies.
        shape: The shape of its value.
    """
    if isinstance(op, (StopGradient, Barrier)):
        return x
    if isinstance(op, Transpose):
        return replace(x, shape=shape, strides=tuple(x.strides[a] for a in op.axes))
    if isinstance(op, Slice):
        bounds = list(zip(op.bounds, x.strides, strict=True))
        first = sum(b[0] * s for b, s in bounds) if math.prod(shape) else 0
        strides = tuple(b[2] * s for b, s in bounds)
        return replace(x, offset=x.offset + first, shape=shape, strides=strides)
    if isinstance(op, BroadcastTo):
        new = len(shape) - len(x.shape)
        kept = zip(x.shape, x.strides, shape[new:], strict=True)
        strides = (0,) * new + tuple(s if n == wanted else 0 for n, s, wanted in kept)
        return replace(x, shape=shape, strides=strides)
    return _reshaped(x, shape) if isinstance(op, Reshape) else None


def _reshaped(x: Layout, shape: Shape) -> Layout | None:
    """The same elements in another shape, where no element has to move."""
    if x.contiguous:
        return replace(x, shape=shape, strides=row_by_row(shape))
    long = [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n != 1]
    if [n for n in shape if n != 1] != [n for n, _ in long]:
        return None
    rest = iter(long)
    strides = tuple(0 if n == 1 else next(rest)[1] for n in shape)
    return replace(x, shape=shape, strides=strides)
