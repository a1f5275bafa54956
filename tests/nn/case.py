"""What a case of a layer is, and what the tables of cases share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pullback.nn import Module

Formula = Callable[..., np.ndarray]
Draw = Callable[[np.random.Generator, tuple[int, ...]], list[np.ndarray]]
erfc = np.vectorize(math.erfc, otypes=[float])


def real(random: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """One input of real numbers, none of them near 0."""
    return [random.uniform(0.1, 2, shape) * random.choice([-1.0, 1.0], shape)]


def whole(below: int) -> Draw:
    """One input of whole numbers, from 0 to below that."""
    return lambda random, shape: [random.integers(0, below, shape)]


@dataclass(frozen=True)
class Case:
    """One setting of a layer.

    Attributes:
        make: Makes it.
        shapes: Inputs that it takes.
        formula: What it computes, from the inputs and its parameters in order of their names.
        draw: The inputs, from one of the shapes.
    """

    make: Callable[[], Module]
    shapes: tuple[tuple[int, ...], ...]
    formula: Formula
    draw: Draw = real


ANY = ((), (1,), (0,), (5,), (2, 3), (2, 1, 2))
ROWS = ((4, 3), (1, 3), (0, 3), (3,), (2, 2, 3))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
