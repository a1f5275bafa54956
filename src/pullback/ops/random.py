"""Random numbers as operations: pure functions of seed, stream, step, row and element."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from pullback.errors import ShapeError
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, as_dtype
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops import philox
from pullback.ops.families import Rowwise
from pullback.ops.samples import Sample, Whole
from pullback.ops.shaping import checked_shape

__all__ = ["random_normal", "random_uniform"]


@dataclass(frozen=True)
class Random(Rowwise):
    """Random numbers that depend on nothing but seed, stream, step, row and element.

    Shape:
        seed, step, row: whole numbers of one shape, (...); scalars but under `vmap`
        y: (..., *shape); the first axis of `shape` counts rows from `row` on
    """

    family = "RANDOM"
    arity = 3
    differentiable = False
    shape: Shape = ()
    stream: int = 0
    dtype: str = "float32"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        shapes = [x.shape for x in inputs]
        if len(set(shapes)) > 1:
            raise ShapeError(
                "seed, step and row of random numbers must have one shape",
                f"{shapes[0]}, {shapes[1]} and {shapes[2]}",
                "Pass whole numbers.",
            )
        return (*shapes[0], *self.shape), np.dtype(self.dtype)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((), (0,), (3,), (2, 5)):
            yield Sample(cls(shape, 7, "float64"), (Whole((), 9), Whole((), 9), Whole((), 9)))
        yield Sample(cls((2, 3), 7, "float64"), (Whole((4,), 9), Whole((4,), 9), Whole((4,), 9)))


@register
class RandomUniform(Random):
    """Uniform in [0, 1)."""

    name = "random_uniform"
    text = "uniform({shape})"

    def forward(self, seed: Array, step: Array, row: Array) -> Array:
        dtype = np.dtype(self.dtype)
        return philox.uniform(seed, self.stream, step, row, self.shape, dtype)


@register
class RandomNormal(Random):
    """Normal with mean 0 and deviation 1."""

    name = "random_normal"
    text = "normal({shape})"

    def forward(self, seed: Array, step: Array, row: Array) -> Array:
        dtype = np.dtype(self.dtype)
        return philox.normal(seed, self.stream, step, row, self.shape, dtype)


@function
def random_uniform(
    shape: int | Sequence[int],
    seed: Operand = 0,
    *,
    stream: int = 0,
    step: Operand = 0,
    row: Operand = 0,
    dtype: DTypeLike = DEFAULT_FLOAT,
) -> Node:
    """Numbers uniform in [0, 1), a function of its arguments alone.

    Example:
        >>> import pullback as pb
        >>> a, b = pb.random_uniform(3, seed=1), pb.random_uniform(3, seed=1)
        >>> bool((a == b).all())
        True
    """
    op = RandomUniform(checked_shape(shape), stream, as_dtype(dtype).name)
    return apply(op, as_node(seed), as_node(step), as_node(row))


@function
def random_normal(
    shape: int | Sequence[int],
    seed: Operand = 0,
    *,
    stream: int = 0,
    step: Operand = 0,
    row: Operand = 0,
    dtype: DTypeLike = DEFAULT_FLOAT,
) -> Node:
    """Normal numbers with mean 0 and deviation 1, a function of its arguments alone."""
    op = RandomNormal(checked_shape(shape), stream, as_dtype(dtype).name)
    return apply(op, as_node(seed), as_node(step), as_node(row))
