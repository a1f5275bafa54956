"""Windows that slide over the axes of space: sizes, borders, and the views of what they see.

Arrays are channels-last, `(batch, *space, channels)`. A *tap* is one place within the window: over
all positions of the window, it sees a regular grid of the array, which NumPy can slice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pullback.errors import ConfigError, ShapeError
from pullback.graph.dtypes import Array, Shape
from pullback.graph.node import Node
from pullback.graph.op import Op, apply

Sizes = tuple[int, ...]
Borders = tuple[tuple[int, int], ...]
Padding = int | str | Sequence[int | tuple[int, int]]


@dataclass(frozen=True)
class Sliding(Op):
    """An operation with a window that slides over the axes of space.

    Attributes:
        stride: By how much the window moves, axis by axis.
        padding: How many places are put before and after each axis.
        dilation: The distance between neighbouring taps of the window.
    """

    stride: Sizes = ()
    padding: Borders = ()
    dilation: Sizes = ()

    def positions(self, x: Node, window: Shape) -> Shape:
        """How many positions the window has along each axis of x, `(batch, *space, channels)`.

        Raises:
            ShapeError: It does not fit into the padded input.
        """
        positions = self.counted(x.shape, window)
        if min(positions) < 1:
            borders = zip(x.shape[1:-1], self.padding, strict=True)
            space = [low + n + high for n, (low, high) in borders]
            reach = [d * (k - 1) + 1 for k, d in zip(window, self.dilation, strict=True)]
            wide = f", dilated to {shown(reach)}" if reach != list(window) else ""
            raise ShapeError(
                f"the window of {self.name} must fit into its padded input",
                f"a window of {shown(window)}{wide}, on an input of {shown(space)} with its "
                f"padding: shape {x.shape} ({x.origin})",
                "Use a smaller window, more padding, or fewer poolings and strides before.",
            )
        return positions

    def over_rows(self, stack: Node, *rest: Node) -> Node:
        """The operation on a stack of batches: one on all their rows, one batch after another."""
        rows = stack.reshape((stack.shape[0] * stack.shape[1], *stack.shape[2:]))
        y = apply(self, rows, *rest)
        return y.reshape((*stack.shape[:2], *y.shape[1:]))

    def counted(self, shape: Shape, window: Shape) -> Shape:
        """The number of positions along each axis of space; 0 or less where none fits."""
        axes = zip(shape[1:-1], window, self.stride, self.padding, self.dilation, strict=True)
        return tuple(
            (low + n + high - d * (k - 1) - 1) // s + 1 for n, k, s, (low, high), d in axes
        )


def shown(sizes: Sequence[int]) -> str:
    """Sizes as people write them, `28 x 28`."""
    return " x ".join(map(str, sizes))


def padded(x: Array, borders: Borders, value: float = 0.0) -> Array:
    """x with `value` around its axes of space; x itself where there is nothing to add."""
    if not any(itertools.chain(*borders)):
        return x
    space = [low + n + high for n, (low, high) in zip(x.shape[1:-1], borders, strict=True)]
    y = np.full((len(x), *space, x.shape[-1]), value, x.dtype)
    y[inner(x.shape[1:-1], borders)] = x
    return y


def inner(space: Shape, borders: Borders) -> tuple[slice, ...]:
    """Where an array of `space` lies within its padded one."""
    cuts = (slice(low, low + n) for n, (low, _) in zip(space, borders, strict=True))
    return (slice(None), *cuts)


def along(positions: int, tap: int, stride: int, dilation: int) -> slice:
    """What one tap sees along one axis, over all positions of the window."""
    start = tap * dilation
    return slice(start, start + stride * (positions - 1) + 1, stride)


def taps(
    positions: Shape, window: Shape, stride: Sizes, dilation: Sizes
) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
    """Every tap, row by row, with the index of what it sees in a padded array."""
    for tap in itertools.product(*map(range, window)):
        yield tap, (slice(None), *map(along, positions, tap, stride, dilation))


def patches(x: Array, positions: Shape, window: Shape, stride: Sizes, dilation: Sizes) -> Array:
    """What the window sees, as a view of the padded x: (batch, *positions, *window, channels)."""
    batch, *space, channel = x.strides
    moves = [n * s for n, s in zip(space, stride, strict=True)]
    reach = [n * d for n, d in zip(space, dilation, strict=True)]
    return as_strided(
        x,
        (len(x), *positions, *window, x.shape[-1]),
        (batch, *moves, *reach, channel),
        writeable=False,
    )


def blocks(rows: int, numbers_a_row: int, budget: int) -> Iterator[slice]:
    """The rows cut into blocks of about `budget` numbers, by shape alone: bits never vary."""
    size = max(1, budget // max(1, numbers_a_row))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def check_space(name: str, x: Node, rank: int | None = None) -> int:
    """How many axes of space x has, `(batch, *space, channels)`; `rank` of them where given.

    Raises:
        ShapeError: It has none, or another number.
    """
    found = x.ndim - 2
    wanted = found if rank is None else rank
    if found == wanted and found >= 1:
        return found
    axes = {1: "length", 2: "height, width", 3: "depth, height, width"}.get(wanted, "*space")
    lacks = found == wanted - 1
    raise ShapeError(
        f"{name} takes inputs (batch, {axes}, channels)",
        f"an input of shape {x.shape} ({x.origin})",
        "Put in the channel axis (x[..., None], or nn.Reshape in a network) or the batch axis "
        "(x[None])."
        if lacks
        else "Bring the channels last, and one example for each entry of the first axis.",
    )


def sizes_of(name: str, what: str, value: int | Sequence[int], rank: int, least: int = 1) -> Sizes:
    """`value` as one whole number an axis; one number stands for all axes.

    Raises:
        ConfigError: It is not made of whole numbers from `least` on, or not of one an axis.
    """
    given: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    whole = all(hasattr(n, "__index__") and not isinstance(n, bool) for n in given)
    if not whole or len(given) != rank or any(n < least for n in given):
        raise ConfigError(
            f"the {what} of {name} is a whole number from {least} on, or {rank} of them",
            repr(value),
            f"Use {least}, or {(least,) * rank}, or more.",
        )
    return tuple(int(n) for n in given)


def borders_of(
    name: str, padding: Padding, space: Shape, window: Shape, stride: Sizes, dilation: Sizes
) -> Borders:
    """`padding` as (before, after) for each axis.

    Args:
        name: Of the operation, for errors.
        padding: A number for all borders; "valid", none; "same", such that a stride of 1 keeps
            the size (in all, size / stride, rounded up); or for each axis a number or a pair.
        space: The size of the input, axis by axis.
        window: That of the window.
        stride: By how much it moves.
        dilation: The distance between its taps.

    Raises:
        ConfigError: It is none of these.
    """
    if padding == "valid":
        return ((0, 0),) * len(space)
    if padding == "same":
        return tuple(map(_same, space, window, stride, dilation))
    given = (padding,) * len(space) if isinstance(padding, int) else padding
    if isinstance(given, (list, tuple)) and len(given) == len(space):
        pairs = [tuple(p) if isinstance(p, (list, tuple)) else (p, p) for p in given]
        if all(len(p) == 2 and all(map(_is_length, p)) for p in pairs):
            return tuple((int(low), int(high)) for low, high in pairs)
    raise ConfigError(
        f"the padding of {name} is a number from 0 on, 'same', 'valid', or for each of the "
        f"{len(space)} axes a number or a pair (before, after)",
        repr(padding),
        f"Use 'same', 1, or {((1, 1),) * len(space)}.",
    )


def _is_length(n: object) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and int(n) >= 0


def _same(n: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """The padding with which the output has ceil(n / stride) places; the odd one comes after."""
    lacking = (math.ceil(n / stride) - 1) * stride + dilation * (window - 1) + 1 - n
    return max(lacking, 0) // 2, (max(lacking, 0) + 1) // 2
