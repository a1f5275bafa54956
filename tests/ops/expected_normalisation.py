"""What normalisations must yield: group by group, in loops over Python numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np


def groups(op: Any, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], list[Any]]]:
    """The place of each group with length 1 along the axes, and the places of its numbers."""
    kept = [1 if a in op.axes else n for a, n in enumerate(shape)]
    for group in np.ndindex(*kept):
        along = [range(n) if a in op.axes else (group[a],) for a, n in enumerate(shape)]
        yield group, list(itertools.product(*along))


def mean(xs: list[float]) -> float:
    return math.fsum(xs) / len(xs)


def moments(op: Any, x: np.ndarray) -> np.ndarray:
    y = np.full((*(1 if a in op.axes else n for a, n in enumerate(x.shape)), 2), math.nan)
    for group, places in groups(op, x.shape):
        xs = [x[place] for place in places]
        y[(*group, 0)] = mean(xs)
        y[(*group, 1)] = mean([(v - mean(xs)) ** 2 for v in xs])
    return y


def standardise(op: Any, x: np.ndarray) -> np.ndarray:
    y = np.zeros(x.shape)
    for _, places in groups(op, x.shape):
        xs = [x[place] for place in places]
        spread = math.sqrt(mean([(v - mean(xs)) ** 2 for v in xs]) + op.epsilon)
        for place in places:
            y[place] = (x[place] - mean(xs)) / spread
    return y


def standardise_pullback(op: Any, y_bar: np.ndarray, y: np.ndarray, m: np.ndarray) -> np.ndarray:
    x_bar = np.zeros(y.shape)
    for group, places in groups(op, y.shape):
        spread = math.sqrt(m[(*group, 1)] + op.epsilon)
        level = mean([y_bar[place] for place in places])
        slope = mean([y_bar[place] * y[place] for place in places])
        for place in places:
            x_bar[place] = (y_bar[place] - level - y[place] * slope) / spread
    return x_bar


def rms_normalise(op: Any, x: np.ndarray) -> np.ndarray:
    y = np.zeros(x.shape)
    for _, places in groups(op, x.shape):
        root = math.sqrt(mean([x[place] ** 2 for place in places]) + op.epsilon)
        for place in places:
            y[place] = x[place] / root
    return y


def rms_normalise_pullback(op: Any, y_bar: np.ndarray, x: np.ndarray) -> np.ndarray:
    x_bar = np.zeros(x.shape)
    for _, places in groups(op, x.shape):
        n = len(places)
        root = math.sqrt(mean([x[place] ** 2 for place in places]) + op.epsilon)
        for i in places:  # the Jacobian, element by element
            slopes = [(i == j) / root - x[i] * x[j] / (n * root**3) for j in places]
            x_bar[i] = math.fsum(s * y_bar[j] for s, j in zip(slopes, places, strict=True))
    return x_bar


NORMALISATION = {
    "moments": moments,
    "rms_normalise": rms_normalise,
    "rms_normalise_pullback": rms_normalise_pullback,
    "standardise": standardise,
    "standardise_pullback": standardise_pullback,
}
