"""Parts of an array, and arrays with a part filled in."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.errors import LabelError, ShapeError
from pullback.graph.cause import Cause, Place, moved
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.samples import Real, Sample
from pullback.ops.shaping import View

__all__: list[str] = []


@register
class Slice(View):
    """Every `step`-th element from `start` to before `stop`, axis by axis."""

    name = "slice"
    text = "{0}[{bounds}]"
    bounds: tuple[tuple[int, int, int], ...] = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return tuple(len(range(*b)) for b in self.bounds), inputs[0].dtype

    def behind(self, length: int) -> Op:
        return Slice(((0, length, 1), *self.bounds))

    def forward(self, x: Array) -> Array:
        return x[as_slices(self.bounds)]

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(Embed(x.shape, self.bounds), y_bar),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, bounds in SLICE_SAMPLES:
            yield Sample(cls(bounds), (Real(shape),))


@register
class Embed(View):
    """Zeros, with the input in the places that `Slice` reads: the pullback of `Slice`."""

    name = "embed"
    text = "embed({0}, {bounds})"
    shape: Shape = ()
    bounds: tuple[tuple[int, int, int], ...] = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return self.shape, inputs[0].dtype

    def behind(self, length: int) -> Op:
        return Embed((length, *self.shape), ((0, length, 1), *self.bounds))

    def forward(self, x: Array) -> Array:
        y = np.zeros(self.shape, x.dtype)
        y[as_slices(self.bounds)] = x
        return y

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """Where it was, if it is not one of the zeros around."""
        steps = [range(*bound) for bound in self.bounds]
        if any(i not in step for i, step in zip(at, steps, strict=True)):
            return Cause("the 0 around a part")
        return moved(tuple(step.index(i) for i, step in zip(at, steps, strict=True)))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(Slice(self.bounds), y_bar),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, bounds in SLICE_SAMPLES:
            yield Sample(cls(shape, bounds), (Real(tuple(len(range(*b)) for b in bounds)),))


SLICE_SAMPLES = (
    ((5,), ((1, 4, 1),)),
    ((5,), ((4, -1, -1),)),
    ((4, 5), ((0, 4, 2), (1, 5, 3))),
    ((3,), ((1, 1, 1),)),
    ((2, 0), ((0, 2, 1), (0, 0, 1))),
    ((1,), ((0, 1, 1),)),
    ((), ()),
)


@functools.lru_cache(maxsize=4096)  # a loop asks at every step
def as_slices(bounds: tuple[tuple[int, int, int], ...]) -> tuple[slice, ...]:
    """`bounds` as Python slices; a stop of -1 with a negative step means 'to the first'."""
    return tuple(slice(a, None if b < 0 else b, c) for a, b, c in bounds)
