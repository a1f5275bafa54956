"""Arrays filled up, repeated, turned round, and cut to a triangle: made of simpler movements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from numpy.typing import DTypeLike

from pullback.errors import ShapeError, unknown
from pullback.graph.dtypes import DEFAULT_FLOAT, FLOAT64
from pullback.graph.node import Node, Operand, as_node, constant, function
from pullback.graph.op import apply
from pullback.ops.comparison import less_equal, where
from pullback.ops.families import normal_axes
from pullback.ops.joining import concatenate
from pullback.ops.reductions import sum as total
from pullback.ops.shaping import arange, expand_dims, full, ones
from pullback.ops.slicing import Embed, Slice

__all__ = [
    "diagonal",
    "eye",
    "flip",
    "linspace",
    "moveaxis",
    "pad",
    "repeat",
    "roll",
    "split",
    "swapaxes",
    "tile",
    "trace",
    "tril",
    "triu",
]

PadMode = Literal["constant", "edge", "reflect", "wrap"]
PAD_MODES: tuple[PadMode, ...] = get_args(PadMode)
Width = int | Sequence[int] | Sequence[Sequence[int]]


@function
def pad(x: Operand, width: Width, mode: PadMode = "constant", value: float = 0.0) -> Node:
    """`x` with more places before and after it along its axes.

    Args:
        x: What is filled up.
        width: Places before and after: one number for all sides, a pair for all axes, or a pair
            for each axis.
        mode: "constant" puts `value` there; "edge" repeats the outermost entries; "reflect" goes
            back from them, which are not repeated; "wrap" goes on at the other end.
        value: For "constant".

    Raises:
        ShapeError: A width below 0, or more than there is to reflect or wrap.
        UnknownNameError: No such mode.

    Example:
        >>> import pullback as pb
        >>> pb.pad(pb.tensor([1.0, 2.0, 3.0]), (1, 2), "reflect")
        tensor([2., 1., 2., 3., 2., 1.])
    """
    node = as_node(x)
    if mode not in PAD_MODES:
        raise unknown("mode of pad", mode, PAD_MODES)
    widths = _widths(node, width)
    if mode != "constant":
        for axis, (before, after) in enumerate(widths):
            node = _extended(node, axis, before, after, mode)
        return node
    shape = tuple(n + sum(w) for n, w in zip(node.shape, widths, strict=True))
    bounds = tuple((w[0], w[0] + n, 1) for n, w in zip(node.shape, widths, strict=True))
    if shape == node.shape:
        return node
    filled = apply(Embed(shape, bounds), node)
    if value == 0:
        return filled
    inside = apply(Embed(shape, bounds), full(node.shape, True, "bool"))
    return where(inside, filled, value)


def _widths(node: Node, width: Width) -> list[tuple[int, int]]:
    pairs: list[Sequence[int]]
    if isinstance(width, int):
        pairs = [(width, width)] * node.ndim
    elif len(width) == 2 and all(isinstance(w, int) for w in width):
        pairs = [tuple(width)] * node.ndim  # type: ignore[arg-type]  # both are whole numbers
    else:
        pairs = [tuple(w) for w in width]  # type: ignore[arg-type]  # pairs of them
    if len(pairs) != node.ndim or any(len(p) != 2 or min(p) < 0 for p in pairs):
        raise ShapeError(
            "pad takes a number, a pair, or a pair for each axis, of 0 or more",
            f"width={width!r} for shape {node.shape}",
            "Give for instance ((0, 0), (1, 1)).",
        )
    return [(int(a), int(b)) for a, b in pairs]


def _extended(node: Node, axis: int, before: int, after: int, mode: PadMode) -> Node:
    """`node` with places before and after along one axis, filled from itself."""
    if before == after == 0:
        return node
    length = node.shape[axis]
    most = {"edge": math.inf if length else 0, "reflect": length - 1, "wrap": length}[mode]
    if max(before, after) > most:
        raise ShapeError(
            f"pad with mode {mode!r} fills at most {most} places of an axis of {length}",
            f"{before} before and {after} after axis {axis}",
            "Use fewer, or mode='edge'.",
        )
    if mode == "edge":
        parts = [_part(node, axis, 0, 1, before), node, _part(node, axis, length - 1, 1, after)]
        wide = [before, length, after]
        return concatenate(
            [
                p.broadcast_to((*p.shape[:axis], w, *p.shape[axis + 1 :]))
                for p, w in zip(parts, wide, strict=True)
                if w
            ],
            axis,
        )
    if mode == "wrap":
        first, last = _run(node, axis, length - before, before), _run(node, axis, 0, after)
    else:
        first = flip(_run(node, axis, 1, before), axis)
        last = flip(_run(node, axis, length - 1 - after, after), axis)
    return concatenate([first, node, last], axis)


def _run(node: Node, axis: int, start: int, count: int) -> Node:
    """`count` entries from `start` along an axis."""
    bounds = [(0, n, 1) for n in node.shape]
    bounds[axis] = (start, start + count, 1) if count else (0, 0, 1)
    return apply(Slice(tuple(bounds)), node)


def _part(node: Node, axis: int, start: int, count: int, wanted: int) -> Node:
    return _run(node, axis, start, count if wanted else 0)


@function
def flip(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """`x` with the order along `axis` turned round (all axes when None).

    Example:
        >>> import pullback as pb
        >>> pb.flip(pb.tensor([1.0, 2.0, 3.0]))
        tensor([3., 2., 1.])
    """
    node = as_node(x)
    axes = normal_axes("flip", axis, node.ndim)
    bounds = tuple(
        (n - 1, -1, -1) if a in axes and n else (0, n, 1) for a, n in enumerate(node.shape)
    )
    return apply(Slice(bounds), node) if axes else node


@function
def roll(x: Operand, shift: int, axis: int = -1) -> Node:
    """`x` moved on by `shift` places along `axis`; what leaves at one end comes in at the other.

    Example:
        >>> import pullback as pb
        >>> pb.roll(pb.tensor([1.0, 2.0, 3.0]), 1)
        tensor([3., 1., 2.])
    """
    node = as_node(x)
    (normal,) = normal_axes("roll", axis, node.ndim)
    length = node.shape[normal]
    start = shift % length if length else 0
    if not start:
        return node
    return concatenate(
        [_run(node, normal, length - start, start), _run(node, normal, 0, length - start)], normal
    )


@function
def tile(x: Operand, times: int | Sequence[int]) -> Node:
    """`x` repeated as a whole: `times` along each axis, the last axis for a single number.

    Example:
        >>> import pullback as pb
        >>> pb.tile(pb.tensor([1.0, 2.0]), 2)
        tensor([1., 2., 1., 2.])
    """
    node = as_node(x)
    counts = [times] if isinstance(times, int) else list(times)
    if any(not isinstance(n, int) or n < 0 for n in counts):
        raise ShapeError("tile takes whole numbers of 0 or more", repr(times), "Change it.")
    ndim = max(len(counts), node.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = [1] * (ndim - node.ndim) + list(node.shape)
    spread = [n for count, n in zip(counts, shape, strict=True) for n in (count, n)]
    apart = [n for n in shape for n in (1, n)]
    wide = [count * n for count, n in zip(counts, shape, strict=True)]
    return node.reshape(apart).broadcast_to(spread).reshape(wide)


@function
def repeat(x: Operand, times: int, axis: int = -1) -> Node:
    """Each entry along `axis` repeated `times`, one after the other.

    Example:
        >>> import pullback as pb
        >>> pb.repeat(pb.tensor([1.0, 2.0]), 2)
        tensor([1., 1., 2., 2.])
    """
    node = as_node(x)
    (normal,) = normal_axes("repeat", axis, node.ndim)
    if not isinstance(times, int) or times < 0:
        raise ShapeError("repeat takes a whole number of 0 or more", repr(times), "Change it.")
    shape = list(node.shape)
    spread = [*shape[: normal + 1], times, *shape[normal + 1 :]]
    shape[normal] *= times
    return expand_dims(node, normal + 1).broadcast_to(spread).reshape(shape)


@function
def moveaxis(x: Operand, source: int, destination: int) -> Node:
    """`x` with one axis moved to another place; the others keep their order."""
    node = as_node(x)
    (a,), (b,) = (normal_axes("moveaxis", axis, node.ndim) for axis in (source, destination))
    order = [axis for axis in range(node.ndim) if axis != a]
    order.insert(b, a)
    return node.transpose(*order)


@function
def swapaxes(x: Operand, first: int, second: int) -> Node:
    """`x` with two axes exchanged."""
    node = as_node(x)
    (a,), (b,) = (normal_axes("swapaxes", axis, node.ndim) for axis in (first, second))
    order = list(range(node.ndim))
    order[a], order[b] = b, a
    return node.transpose(*order)


def split(x: Operand, parts: int | Sequence[int], axis: int = -1) -> tuple[Node, ...]:
    """`x` cut along `axis` into equal parts, or into parts of the given lengths.

    Raises:
        ShapeError: The parts do not make up the axis.

    Example:
        >>> import pullback as pb
        >>> pb.split(pb.tensor([1.0, 2.0, 3.0]), [1, 2])
        (tensor([1.]), tensor([2., 3.]))
    """
    node = as_node(x)
    (normal,) = normal_axes("split", axis, node.ndim)
    length = node.shape[normal]
    if isinstance(parts, int):
        sizes = [length // parts] * parts if parts > 0 else []
    else:
        sizes = [int(n) for n in parts]
    if sum(sizes) != length or any(n < 0 for n in sizes):
        raise ShapeError(
            f"the parts must make up the {length} entries of axis {axis}",
            f"parts={parts!r}",
            "Give lengths that add up, or a number that divides.",
        )
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(_run(node, normal, a, n) for a, n in zip(starts, sizes, strict=True))


def _lower(rows: int, columns: int, offset: int) -> Node:
    """Whether a place lies on or below the diagonal that is `offset` to the right."""
    row, column = arange(rows).reshape((rows, 1)), arange(columns).reshape((1, columns))
    return less_equal(column, row + offset)


@function
def tril(x: Operand, offset: int = 0) -> Node:
    """The lower triangle of the last two axes; 0 above the diagonal that is `offset` right of it.

    Example:
        >>> import pullback as pb
        >>> pb.tril(pb.ones((2, 2)))
        tensor([[1., 0.],
                [1., 1.]])
    """
    node = _matrix("tril", x)
    return where(_lower(node.shape[-2], node.shape[-1], offset), node, 0)


@function
def triu(x: Operand, offset: int = 0) -> Node:
    """The upper triangle of the last two axes; 0 below the diagonal that is `offset` right of it.

    Example:
        >>> import pullback as pb
        >>> pb.triu(pb.ones((2, 2)), 1)
        tensor([[0., 1.],
                [0., 0.]])
    """
    node = _matrix("triu", x)
    return where(_lower(node.shape[-2], node.shape[-1], offset - 1), 0, node)


@function
def diagonal(x: Operand) -> Node:
    """The diagonal of the last two axes.

    Example:
        >>> import pullback as pb
        >>> pb.diagonal(pb.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 4.])
    """
    node = _matrix("diagonal", x)
    *lead, rows, columns = node.shape
    count = min(rows, columns)
    flat = node.reshape((*lead, rows * columns))
    bounds = (*((0, n, 1) for n in lead), (0, (count - 1) * (columns + 1) + 1, columns + 1))
    if not count:
        return flat
    return apply(Slice(bounds), flat)


@function
def trace(x: Operand) -> Node:
    """The sum of the diagonal of the last two axes."""
    return total(diagonal(x), -1)


def _matrix(name: str, x: Operand) -> Node:
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(
            f"{name} takes a matrix, (..., rows, columns)", str(node.shape), "Reshape it."
        )
    return node


@function
def eye(rows: int, columns: int | None = None, dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """1 on the diagonal, 0 elsewhere; square where `columns` is None.

    Example:
        >>> import pullback as pb
        >>> pb.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    width = rows if columns is None else columns
    on = arange(rows).reshape((rows, 1)) == arange(width).reshape((1, width))
    return where(on, ones((), dtype), 0)


@function
def linspace(start: Operand, stop: Operand, count: int, dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """`count` numbers from `start` to `stop`, both included, at equal distances.

    Example:
        >>> import pullback as pb
        >>> pb.linspace(0.0, 1.0, 3)
        tensor([0. , 0.5, 1. ])
    """
    a, b = (as_node(x, FLOAT64).astype(FLOAT64) for x in (start, stop))
    part = arange(count, FLOAT64) * constant(1 / max(count - 1, 1), FLOAT64)
    return (a * (1 - part) + b * part).astype(dtype)
