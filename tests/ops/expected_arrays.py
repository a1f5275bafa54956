"""What running, sorting, indexing and matrix operations must yield, by another road."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def running(join: Any) -> Any:
    """Number by number along the operation's axis."""

    def expected(op: Any, x: np.ndarray) -> np.ndarray:
        rows = np.moveaxis(x, op.axis, -1)
        y = np.empty_like(rows)
        for place in np.ndindex(rows.shape[:-1]):
            y[place] = list(itertools.accumulate(rows[place].tolist(), join))
        return np.moveaxis(y, -1, op.axis)

    return expected


def argsort(op: Any, x: np.ndarray) -> np.ndarray:
    rows = np.moveaxis(x, op.axis, -1)
    y = np.empty(rows.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        y[place] = sorted(range(rows.shape[-1]), key=rows[place].tolist().__getitem__)
    return np.moveaxis(y, -1, op.axis)


def ravel_index(op: Any, *indices: np.ndarray) -> np.ndarray:
    numbers = np.arange(math.prod(op.sizes)).reshape(op.sizes)
    y = np.empty(indices[0].shape, np.int64)
    for place in np.ndindex(y.shape):
        y[place] = numbers[tuple(int(i[place]) for i in indices)]
    return y


def inverse(op: Any, a: np.ndarray) -> np.ndarray:
    """By elimination, row by row, as one learns it."""
    y = np.empty(a.shape)
    size = a.shape[-1]
    for place in np.ndindex(a.shape[:-2]):
        rows = np.hstack([a[place], np.eye(size)])
        for i in range(size):
            best = i + int(np.argmax(np.abs(rows[i:, i])))
            rows[[i, best]] = rows[[best, i]]
            rows[i] /= rows[i, i]
            for j in range(size):
                if j != i:
                    rows[j] -= rows[j, i] * rows[i]
        y[place] = rows[:, size:]
    return y


EXPECTED: dict[str, Any] = {
    "cumsum": running(lambda a, b: a + b),
    "cumprod": running(lambda a, b: a * b),
    "argsort": argsort,
    "ravel_index": ravel_index,
    "inverse": inverse,
}
