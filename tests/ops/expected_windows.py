"""Convolution and pooling by their definitions, in plain loops over positions and taps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def pairs(op: Any, space: Shape, positions: Shape, window: Shape) -> Iterator[tuple[Any, ...]]:
    """Every (place of the input, position, tap) that belong together; padding is left out."""
    for position in itertools.product(*map(range, positions)):
        for tap in itertools.product(*map(range, window)):
            place = tuple(
                p * s + t * d - low
                for p, s, t, d, (low, _) in zip(
                    position, op.stride, tap, op.dilation, op.padding, strict=True
                )
            )
            if all(0 <= i < n for i, n in zip(place, space, strict=True)):
                yield place, position, tap


def positions_of(op: Any, space: Shape, window: Shape) -> Shape:
    found = []
    for n, k, s, d, (low, high) in zip(
        space, window, op.stride, op.dilation, op.padding, strict=True
    ):
        taken = [range(p, p + d * (k - 1) + 1) for p in range(0, low + n + high, s)]
        found.append(sum(places[-1] < low + n + high for places in taken))
    return tuple(found)


def channels(op: Any, ins: int, outs: int) -> Iterator[tuple[int, int, int]]:
    """Every (channel of the input, of the kernel, of the output) that belong together."""
    for o in range(outs):
        group = o // (outs // op.groups)
        for c in range(ins // op.groups):
            yield group * (ins // op.groups) + c, c, o


def conv(op: Any, x: np.ndarray, k: np.ndarray) -> np.ndarray:
    positions = positions_of(op, x.shape[1:-1], k.shape[:-2])
    y = np.zeros((len(x), *positions, k.shape[-1]))
    for place, position, tap in pairs(op, x.shape[1:-1], positions, k.shape[:-2]):
        for i, c, o in channels(op, x.shape[-1], k.shape[-1]):
            for n in range(len(x)):
                y[(n, *position, o)] += x[(n, *place, i)] * k[(*tap, c, o)]
    return y


def conv_transpose(op: Any, y: np.ndarray, k: np.ndarray) -> np.ndarray:
    x = np.zeros((len(y), *op.space, k.shape[-2] * op.groups))
    for place, position, tap in pairs(op, op.space, y.shape[1:-1], k.shape[:-2]):
        for i, c, o in channels(op, x.shape[-1], k.shape[-1]):
            for n in range(len(x)):
                x[(n, *place, i)] += y[(n, *position, o)] * k[(*tap, c, o)]
    return x


def conv_kernel(op: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    k = np.zeros((*op.window, x.shape[-1] // op.groups, y.shape[-1]))
    for place, position, tap in pairs(op, x.shape[1:-1], y.shape[1:-1], op.window):
        for i, c, o in channels(op, x.shape[-1], y.shape[-1]):
            for n in range(len(x)):
                k[(*tap, c, o)] += x[(n, *place, i)] * y[(n, *position, o)]
    return k


def pooled(f: Callable[[list[tuple[float, int]], Any], Any], dtype: type = float) -> Any:
    """One number of the list of (number, its place in the flattened input) of each window."""

    def expected(op: Any, x: np.ndarray) -> np.ndarray:
        positions = positions_of(op, x.shape[1:-1], op.window)
        y = np.zeros((len(x), *positions, x.shape[-1]), dtype)
        for n, *position, c in np.ndindex(*y.shape):
            seen = []
            for place, at, _ in pairs(op, x.shape[1:-1], positions, op.window):
                if list(at) == position:
                    index = (n, *place, c)
                    seen.append((x[index], int(np.ravel_multi_index(index, x.shape))))
            y[(n, *position, c)] = f(seen, op)
        return y

    return expected


def mean(seen: list[tuple[float, int]], op: Any) -> float:
    count = math.prod(op.window) if op.count_include_pad else len(seen)
    return math.fsum(number for number, _ in seen) / count


def avg_unpool(op: Any, y: np.ndarray) -> np.ndarray:
    x = np.zeros((len(y), *op.space, y.shape[-1]))
    known = list(pairs(op, op.space, y.shape[1:-1], op.window))
    for n, *position, c in np.ndindex(*y.shape):
        places = [place for place, at, _ in known if list(at) == position]
        count = math.prod(op.window) if op.count_include_pad else len(places)
        for place in places:
            x[(n, *place, c)] += y[(n, *position, c)] / count
    return x


def max_pool_pullback(op: Any, y_bar: np.ndarray, x: np.ndarray) -> np.ndarray:
    places = EXPECTED["max_pool_index"](op, x)
    x_bar = np.zeros(x.size)
    for place, bar in zip(places.reshape(-1), y_bar.reshape(-1), strict=True):
        x_bar[place] += bar
    return x_bar.reshape(x.shape)


EXPECTED: dict[str, Callable[..., Any]] = {
    "avg_pool": pooled(mean),
    "avg_unpool": avg_unpool,
    "conv": conv,
    "conv_kernel": conv_kernel,
    "conv_transpose": conv_transpose,
    "max_pool": pooled(lambda seen, op: max(number for number, _ in seen)),
    "max_pool_index": pooled(lambda seen, op: max(seen, key=lambda pair: pair[0])[1], int),
    "max_pool_pullback": max_pool_pullback,
}
