"""What the table-driven tests feed an operation with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.graph.dtypes import Array, Shape

if TYPE_CHECKING:
    from pullback.graph.node import Node
    from pullback.graph.op import Op


@dataclass(frozen=True)
class Real:
    """Real numbers, uniform in [low, high], a little apart from each other and from zero."""

    shape: Shape
    low: float = -2.0
    high: float = 2.0

    def draw(self, random: np.random.Generator) -> Array:
        """A float64 array; every second one is not contiguous."""
        if random.integers(2) and self.shape:
            wide = random.uniform(self.low, self.high, (*self.shape[:-1], 2 * self.shape[-1]))
            return wide[..., ::2]
        return np.asarray(random.uniform(self.low, self.high, self.shape))


@dataclass(frozen=True)
class WellConditioned(Real):
    """Square matrices that are far from singular: 4 on the diagonal, small numbers beside it."""

    low: float = -1.0
    high: float = 1.0

    def draw(self, random: np.random.Generator) -> Array:
        """A float64 array of matrices, (..., n, n)."""
        return super().draw(random) + 4 * np.eye(self.shape[-1])


@dataclass(frozen=True)
class Whole:
    """Integers from `low` to below `high`: indices, labels, seeds."""

    shape: Shape
    high: int
    low: int = 0

    def draw(self, random: np.random.Generator) -> Array:
        """An int64 array."""
        return np.asarray(random.integers(self.low, self.high, self.shape), np.int64)


@dataclass(frozen=True)
class Flags:
    """Booleans."""

    shape: Shape

    def draw(self, random: np.random.Generator) -> Array:
        """A boolean array."""
        return np.asarray(random.integers(0, 2, self.shape), np.bool_)


@dataclass(frozen=True)
class Sample:
    """One setting of an operation: its attributes and how its inputs are drawn.

    Attributes:
        op: The operation with its attributes.
        inputs: One drawing rule an input.
        spread: Whether the inputs must first be broadcast to one shape.
    """

    op: Op
    inputs: tuple[Any, ...]
    spread: bool = False

    def build(self, *nodes: Node) -> Node:
        """The operation applied to `nodes`."""
        from pullback.graph.op import apply
        from pullback.ops.families import same_shape

        return apply(self.op, *(same_shape(self.op, nodes) if self.spread else nodes))
