"""Chains of one block and of a little more: every layout of what they read, run after run.

A chain of at most 256 elements is bound to its operands when it is built, a longer one finds them
block by block; both must store the same bits, and nothing beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.native.helpers import EVERY_ISA, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
F4, SENTINEL = np.dtype("float32"), 0xA5
DTYPES = (F4, np.dtype("float64"), np.dtype("int64"), np.dtype("bool"))
SHAPES = [
    (),
    (1, 1),
    (10, 8),
    (2, 3, 5),
    (3, 40),  # rows that repeat are wider than a vector
    (7, 1, 17),
    (16, 16),  # one block, to its last element
    (1, 257),
    (32, 9),
]
LAYOUTS = ("whole", "row", "skipping", "column", "single", "turned", "backwards")


def seen(raw: Array, layout: str, shape: tuple[int, ...]) -> Array:
    """The beginning of some numbers as an array of that shape."""
    size = int(np.prod(shape))
    if layout == "single" or not shape:
        return np.broadcast_to(raw[:1].reshape(()), shape)
    if layout == "row":
        return np.broadcast_to(raw[: shape[-1]], shape)
    if layout == "skipping":
        return np.broadcast_to(raw[: 2 * shape[-1] : 2], shape)
    if layout == "column":
        rows = raw[: size // shape[-1]].reshape((*shape[:-1], 1))
        return np.broadcast_to(rows, shape)
    if layout == "turned":
        return raw[:size].reshape(shape[::-1]).T
    if layout == "backwards":
        return raw[:size].reshape(shape)[::-1]
    return raw[:size].reshape(shape)


def place(arena: Array, x: Array) -> tuple[Any, ...]:
    """Where an array lies in the arena, as the module is told."""
    offset = x.__array_interface__["data"][0] - arena.ctypes.data
    strides = [0 if n == 1 else s // x.itemsize for n, s in zip(x.shape, x.strides, strict=True)]
    return 0, offset, DTYPES.index(x.dtype), list(x.shape), strides, []


class Arena:
    """Three arrays of numbers, and places for results with sentinel bytes behind them."""

    def __init__(self, dtype: np.dtype[Any], shift: int) -> None:
        raw, off = np.zeros(1 << 15, np.uint8), shift * dtype.itemsize
        self.bytes = raw[-raw.ctypes.data % 64 :][: (1 << 15) - 64]
        self.operands = [self.take(start + off, 600, dtype) for start in (0, 5120, 10240)]
        self.result = self.bytes[15360 + off :]

    def take(self, start: int, count: int, dtype: np.dtype[Any]) -> Array:
        return self.bytes[start : start + count * dtype.itemsize].view(dtype)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_layout_in_every_operand(isa: str, dtype: np.dtype[Any], shape: Any) -> None:
    random = np.random.default_rng(0)
    for first in LAYOUTS:
        for second in LAYOUTS:
            for shift in (0, 1):
                arena = Arena(dtype, shift)
                a, b, c = (
                    seen(raw, layout, shape)
                    for raw, layout in zip(arena.operands, (first, second, "whole"), strict=True)
                )
                size = a.size * dtype.itemsize
                y = arena.result[:size].view(dtype).reshape(shape)
                code = DTYPES.index(dtype)
                loads = [(i, place(arena.bytes, x)) for i, x in enumerate((a, b, c))]
                steps: list[Any] = [("mul", code, code, 3, [0, 1], [])]
                steps += [("sub", code, code, 4, [2, 3], [])]
                program = module().Program(isa, arena.bytes, np.zeros(64, np.uint8))
                program.chain(isa, list(shape), loads, steps, [(4, place(arena.bytes, y))], [])
                for _ in range(3):  # numbers change from run to run, single ones too
                    for raw in arena.operands:
                        raw[:] = random.integers(-50, 50, raw.shape)
                    arena.result[:] = SENTINEL
                    program.run()
                    np.testing.assert_array_equal(y, c - a * b, f"{first} {second} {shift}")
                    assert (arena.result[size:] == SENTINEL).all(), "written beside the values"


@EVERY_ISA
@pytest.mark.parametrize("count", [1, 16, 255, 256, 257, 512, 513])
@pytest.mark.parametrize("place_of_inf", [None, 0, -1])
def test_updates_of_few_numbers_are_looked_at(isa: str, count: int, place_of_inf: Any) -> None:
    """Two slots, of which one overflows: both are written, or none."""
    raw = np.zeros(1 << 13, np.uint8)
    state = raw[-raw.ctypes.data % 64 :][: 1 << 12]
    arena = np.zeros(4096 + 64, np.uint8)[:4096]
    one, other = state[:64].view(F4)[:3], state[64 : 64 + 4 * count].view(F4)
    gradient = arena[: 4 * count].view(F4)
    one[:], other[:], gradient[:] = 1, 2, 3
    if place_of_inf is not None:
        gradient[place_of_inf] = 3e38
    program = module().Program(isa, arena, state)

    def at(space: int, start: int, n: int) -> Any:
        return space, start, 0, [n], [1], []

    double = ("add", 0, 0, 1, [0, 0], [])
    program.update(isa, [3], [(0, at(1, 0, 3))], [double], [(1, at(1, 0, 3))], True, [])
    loads = [(0, at(1, 64, count)), (1, at(0, 0, count))]
    steps = [("add", 0, 0, 2, [1, 1], []), ("add", 0, 0, 3, [0, 2], [])]
    program.update(isa, [count], loads, steps, [(3, at(1, 64, count))], True, [])
    written, _ = program.run()
    assert written == (place_of_inf is None)
    np.testing.assert_array_equal(one, 2 if written else 1)
    np.testing.assert_array_equal(other, 8 if written else 2)
    assert not state[64 + 4 * count :].any()
    assert not state[12:64].any()
