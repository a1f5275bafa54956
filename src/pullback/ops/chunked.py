"""Sums along axes as BLAS products, cut into chunks: fast, and exact enough in float32."""

from __future__ import annotations

import math

import numpy as np

from pullback.graph.dtypes import Array

_CHUNK = 256  # longer chains of float32 additions lose digits


def sums(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum along some axes, which stay with length 1; products with ones are fastest."""
    while axes:
        start, axes = _last_run(axes)
        outer, n, inner = _blocks(x, start)
        kept = (*x.shape[: start.start], *(1,) * len(start), *x.shape[start.stop :])
        rows = x.reshape(outer, n, inner)
        if inner == 1:
            x = (rows[:, :, 0] @ np.ones(n, x.dtype)).reshape(kept)
            continue
        whole = n - n % _CHUNK
        y = np.ones(n - whole, x.dtype) @ rows[:, whole:]
        if whole:
            chunks = rows[:, :whole].reshape(outer, whole // _CHUNK, _CHUNK, inner)
            y = y + np.add.reduce(np.ones(_CHUNK, x.dtype) @ chunks, axis=1)
        x = y.reshape(kept)
    return x


def products(a: Array, b: Array, axes: tuple[int, ...]) -> Array:
    """The sum of products along some axes, which stay with length 1; nothing large is made."""
    start, rest = _last_run(axes)
    outer, n, inner = _blocks(a, start)
    kept = (*a.shape[: start.start], *(1,) * len(start), *a.shape[start.stop :])
    a, b = a.reshape(outer, n, inner), b.reshape(outer, n, inner)
    whole = n - n % _CHUNK if inner > 1 else 0
    y = np.einsum("oni,oni->oi", a[:, whole:], b[:, whole:])
    if whole:
        chunks = (outer, whole // _CHUNK, _CHUNK, inner)
        a, b = a[:, :whole].reshape(chunks), b[:, :whole].reshape(chunks)
        y = y + np.add.reduce(np.einsum("okni,okni->oki", a, b), axis=1)
    return sums(y.reshape(kept), rest)


def _last_run(axes: tuple[int, ...]) -> tuple[range, tuple[int, ...]]:
    """The last of the axes that follow on each other, and the axes before them."""
    first = len(axes) - 1
    while first and axes[first - 1] == axes[first] - 1:
        first -= 1
    return range(axes[first], axes[-1] + 1), axes[:first]


def _blocks(x: Array, run: range) -> tuple[int, int, int]:
    """How many numbers stand before, within and behind a run of axes."""
    shape = x.shape
    return (
        math.prod(shape[: run.start]),
        math.prod(shape[run.start : run.stop]),
        math.prod(shape[run.stop :]),
    )
