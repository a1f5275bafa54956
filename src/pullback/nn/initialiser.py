"""What an initialiser is, and the draws that all of them are made of."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from pullback import named
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.ops import philox

Fans = tuple[int, int]


class Initialiser(named.Named):
    """Makes the first value of a parameter."""

    kind: ClassVar[str] = "initialiser"

    def __call__(
        self, shape: Shape, dtype: Dtype, *, seed: int = 0, path: str = "", fans: Fans | None = None
    ) -> Array:
        """The initial value of the parameter at `path`: the same seed gives the same value."""
        stream = philox.stream("initialise", path)
        return np.asarray(self.draw(shape, fans or fans_of(shape), seed, stream), dtype)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        """The values in float64."""
        raise TypeError(f"{type(self).__name__} draws nothing")


def fans_of(shape: Shape) -> Fans:
    """(fan_in, fan_out) of a weight of shape (in_features, out_features), or of a vector."""
    if len(shape) < 2:
        return (shape[0] if shape else 1,) * 2
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def uniform(shape: Shape, limit: float, seed: int, stream: int, draw: int = 0) -> Array:
    """Uniform within plus or minus `limit`."""
    unit: Array = philox.uniform(seed, stream, draw, 0, shape, np.dtype(np.float64))
    return (2 * unit - 1) * limit


def normal(shape: Shape, deviation: float, seed: int, stream: int, draw: int = 0) -> Array:
    """Normal with mean 0; another `draw` gives other numbers."""
    drawn: Array = philox.normal(seed, stream, draw, 0, shape, np.dtype(np.float64))
    return drawn * deviation
