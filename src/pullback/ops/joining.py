"""Arrays joined along an axis, old or new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.cause import Cause, Place, moved
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, is_float, promote
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.families import converted, normal_axes
from pullback.ops.samples import Real, Sample
from pullback.ops.shaping import View, expand_dims
from pullback.ops.slicing import Slice

__all__ = ["concatenate", "stack"]


@register
class Concatenate(View):
    """Arrays joined along an axis; each gets its part of the cotangent."""

    name = "concatenate"
    arity = -1
    text = "concatenate({*}, axis={axis})"
    axis: int = 0

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        first = inputs[0]
        for other in inputs[1:]:
            if _without(other.shape, self.axis) != _without(first.shape, self.axis):
                raise ShapeError(
                    f"arrays joined along axis {self.axis} must agree in the other axes",
                    " and ".join(str(node.shape) for node in inputs),
                    "Reshape or slice them first.",
                )
        length = sum(node.shape[self.axis] for node in inputs)
        shape = (*first.shape[: self.axis], length, *first.shape[self.axis + 1 :])
        return shape, first.dtype

    def behind(self, length: int) -> Op:
        return Concatenate(self.axis + 1)

    def forward(self, *xs: Array) -> Array:
        return np.concatenate(xs, axis=self.axis)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """Where it was, in the array that it came from."""
        number, place = 0, list(at)
        while place[self.axis] >= inputs[number].shape[self.axis]:
            place[self.axis] -= inputs[number].shape[self.axis]
            number += 1
        return moved(tuple(place), number)

    def vjp(self, y_bar: Node, y: Node, *xs: Node) -> tuple[Node, ...]:
        start, parts = 0, []
        for x in xs:
            stop = start + x.shape[self.axis]
            bounds = [(0, n, 1) for n in y_bar.shape]
            bounds[self.axis] = (start, stop, 1)
            parts.append(apply(Slice(tuple(bounds)), y_bar))
            start = stop
        return tuple(parts)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        yield Sample(cls(0), (Real((3,)), Real((2,))))
        yield Sample(cls(1), (Real((2, 1)), Real((2, 3)), Real((2, 0))))
        yield Sample(cls(0), (Real((2, 2)),))
        yield Sample(cls(0), (Real((0,)), Real((1,))))
        yield Sample(cls(2), (Real((1, 2, 1)), Real((1, 2, 2))))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


@function
def concatenate(xs: Sequence[Operand], axis: int = 0) -> Node:
    """Arrays joined along an existing axis."""
    nodes = [as_node(x) for x in xs]
    if not nodes:
        raise ShapeError("concatenate needs at least one array", "none", "Pass some.")
    dtype = promote(*(node.dtype for node in nodes))
    (normal,) = normal_axes("concatenate", axis, nodes[0].ndim)
    if any(node.ndim != nodes[0].ndim for node in nodes):
        raise ShapeError(
            "arrays to join must have the same number of axes",
            " and ".join(str(node.shape) for node in nodes),
            "Reshape them first.",
        )
    return apply(
        Concatenate(normal),
        *(converted(x, node, dtype) for x, node in zip(xs, nodes, strict=True)),
    )


@function
def stack(xs: Sequence[Operand], axis: int = 0) -> Node:
    """Arrays of one shape joined along a new axis."""
    nodes = [as_node(x) for x in xs]
    chosen = [node.dtype for x, node in zip(xs, nodes, strict=True) if hasattr(x, "dtype")]
    dtype = promote(*(chosen or [node.dtype for node in nodes] or [DEFAULT_FLOAT]))
    if not is_float(dtype) and any(is_float(node.dtype) for node in nodes):
        dtype = DEFAULT_FLOAT
    rows = [
        node if hasattr(x, "dtype") or node.value is None else as_node(x, dtype)
        for x, node in zip(xs, nodes, strict=True)
    ]
    return concatenate([expand_dims(row, axis) for row in rows], axis)
