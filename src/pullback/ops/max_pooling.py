"""Max pooling, the places of the largest numbers, and its pullback."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.dtypes import INT64, Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.families import stacked
from pullback.ops.indexing import scatter_add
from pullback.ops.pooling import SAMPLES, Pooling, settings_of
from pullback.ops.samples import Real, Sample
from pullback.ops.shaping import arange
from pullback.ops.windows import Padding, Sizes, padded, taps

__all__ = ["max_pool", "max_pool_index", "max_pool_pullback"]


@register
class MaxPool(Pooling):
    r"""The largest number of every window: $y_{n,p,c} = \max_t x_{n,\,s p + d t - l,\,c}$.

    The cotangent goes to the place of the largest number; of equal ones, to the first, row by row.
    NaN is larger than all. Padding is never the largest.

    Shape:
        x: (batch, *space, channels)
        y: (batch, *positions, channels)
    """

    name = "max_pool"
    text = "max_pool({0}, {window})"
    latex = r"\operatorname{{maxpool}}({0})"

    def forward(self, x: Array) -> Array:
        return self.folded(padded(x, self.padding, -np.inf), x.shape, np.maximum)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(MaxPoolPullback(**self.attributes()), y_bar, x),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for settings, x in (*SAMPLES, (((2,), ((1, 1),), (3,), (2,)), (2, 5, 1))):
            yield Sample(cls(*settings), (Real(x),))


@register
class MaxPoolIndex(Pooling):
    """Where the largest number of every window stands in the flattened input, as `argmax` does.

    Shape:
        x: (batch, *space, channels)
        y: (batch, *positions, channels), int64
    """

    name = "max_pool_index"
    text = "max_pool_index({0}, {window})"
    differentiable = False

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return super().infer(*inputs)[0], INT64

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """Places of all entries, less those that stand before each entry."""
        (x,) = inputs
        found = self.over_rows(x)
        size = x.size // x.shape[0] if x.shape[0] else 0
        before = arange(x.shape[0]).reshape((x.shape[0], *[1] * (found.ndim - 1))) * size
        return found - before

    def forward(self, x: Array) -> Array:
        wide, shape = padded(x, self.padding, -np.inf), x.shape
        largest = self.folded(wide, shape, np.maximum)
        unknown = np.isnan(largest).any()
        positions = largest.shape[1:-1]
        # The number of taps before the first that holds the largest, without masks or branches;
        # the last tap needs no look, since one of them does.
        *before, _ = taps(positions, self.window, self.stride, self.dilation)
        small = np.uint8 if len(before) < 256 else np.int64
        tap, missed = np.zeros(largest.shape, small), np.ones(largest.shape, np.bool_)
        for number, seen in before:
            here = wide[seen] == largest
            if unknown:
                here |= np.isnan(wide[seen])
            if any(itertools.chain(*self.padding)):
                here &= self._is_inside(number, shape, positions)
            missed &= ~here
            tap += missed
        return self._places(tap, shape)

    def _is_inside(self, tap: Sizes, shape: Shape, positions: Shape) -> Array:
        """Whether a tap sees no padding, (*positions, 1)."""
        rank = len(positions)
        found = np.ones((*positions, 1), np.bool_)
        for axis, (t, n, count) in enumerate(zip(tap, shape[1:-1], positions, strict=True)):
            line = self.inside(axis, n, count)[t]
            found &= line.reshape([count if a == axis else 1 for a in range(rank + 1)])
        return found

    def _places(self, tap: Array, shape: Shape) -> Array:
        """The places in the flattened x of these taps, each at its position of the window."""
        wide = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        offsets, starts = [], []
        for axis, count in enumerate(tap.shape[1:-1]):
            steps = np.arange(self.window[axis]) * self.dilation[axis]
            begin = np.arange(count) * self.stride[axis] - self.padding[axis][0]
            offsets.append(steps * wide[axis + 1])
            starts.append(begin * wide[axis + 1])
        first = sum(np.ix_(*starts, np.arange(shape[-1])))
        place = np.take(np.asarray(sum(np.ix_(*offsets))).reshape(-1), tap)
        place += first
        place += (np.arange(len(tap)) * wide[0]).reshape(-1, *[1] * (tap.ndim - 1))
        return place

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        return (Sample(cls(**s.op.attributes()), s.inputs) for s in MaxPool.samples())


@register
class MaxPoolPullback(Pooling):
    """The cotangent of what a max pooling was of: each of `y_bar` at the place of its largest.

    One operation, since places that are found again cost less than places kept in memory.

    Shape:
        y_bar: (batch, *positions, channels)
        x: (batch, *space, channels)
        y: (batch, *space, channels)
    """

    name = "max_pool_pullback"
    arity = 2
    text = "max_pool_pullback({0}, {1}, {window})"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        y_bar, x = inputs
        shape, _ = super().infer(x)
        if y_bar.shape != shape:
            raise ShapeError(
                f"max_pool_pullback takes a cotangent of the shape that max_pool gives: {shape}",
                f"shape {y_bar.shape} ({y_bar.origin})",
                "Give the same window, stride, padding and dilation as to max_pool.",
            )
        return x.shape, x.dtype

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """A stack of batches is one batch."""
        stacks = stacked(mapped, inputs)
        rows = [s.reshape((s.shape[0] * s.shape[1], *s.shape[2:])) for s in stacks]
        return apply(self, *rows).reshape(stacks[1].shape)

    def forward(self, y_bar: Array, x: Array) -> Array:
        index = MaxPoolIndex(**self.attributes()).forward(x)
        x_bar = np.zeros(x.size, x.dtype)
        np.add.at(x_bar, index.reshape(-1), y_bar.reshape(-1))
        return x_bar.reshape(x.shape)

    def decompose(self, y_bar: Node, x: Node) -> Node:
        index = apply(MaxPoolIndex(**self.attributes()), x)
        return scatter_add(y_bar.reshape(-1), index.reshape(-1), x.size).reshape(x.shape)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for sample in MaxPool.samples():
            op = cls(**sample.op.attributes())
            shape = sample.inputs[0].shape
            y = (shape[0], *op.counted(shape, op.window), shape[-1])
            yield Sample(op, (Real(y), *sample.inputs))


@function
def max_pool(
    x: Operand,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
) -> Node:
    """The largest number of every window, channel by channel.

    Args:
        x: (batch, *space, channels).
        window: Its size; a number, or one an axis.
        stride: By how much it moves; by its own size when None, so that windows do not overlap.
        padding: Places around x that are never the largest: a number, "same", "valid", or for each
            axis a number or a pair (before, after).
        dilation: The distance between neighbouring taps of the window.

    Shape:
        output: (batch, *positions, channels)

    Raises:
        ShapeError: The window is larger than the padded input, or one of padding only.
        ConfigError: A setting is none.

    Example:
        >>> import pullback as pb
        >>> pb.max_pool(pb.tensor([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).reshape(2)
        tensor([3., 2.])
    """
    node, settings = settings_of("max_pool", x, window, stride, padding, dilation)
    return apply(MaxPool(*settings), node)


@function
def max_pool_index(
    x: Operand,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
) -> Node:
    """Where the largest number of every window stands in the flattened `x`; the first of equals.

    Example:
        >>> import pullback as pb
        >>> pb.max_pool_index(pb.tensor([1.0, 3.0, 2.0, 2.0]).reshape(1, 4, 1), 2).reshape(2)
        tensor([1, 2], dtype=int64)
    """
    node, settings = settings_of("max_pool_index", x, window, stride, padding, dilation)
    return apply(MaxPoolIndex(*settings), node)


@function
def max_pool_pullback(
    y_bar: Operand,
    x: Operand,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
) -> Node:
    """The cotangent of `x`, given that of max_pool(x): each number at the place of its largest.

    Raises:
        ShapeError: `y_bar` is not of the shape that `max_pool` gives.

    Example:
        >>> import pullback as pb
        >>> x = pb.tensor([1.0, 3.0, 2.0, 2.0]).reshape(1, 4, 1)
        >>> pb.max_pool_pullback(pb.ones((1, 2, 1)), x, 2).reshape(4)
        tensor([0., 1., 1., 0.])
    """
    node, settings = settings_of("max_pool_pullback", x, window, stride, padding, dilation)
    return apply(MaxPoolPullback(*settings), as_node(y_bar, node.dtype), node)
