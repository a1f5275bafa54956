"""Strands of the native module: that each has memory to work in, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.execute import lowering
from tests.native.helpers import module

pytestmark = pytest.mark.native

Place = tuple[int, int, int, list[int], list[int], list[int]]


def place(number: int, rows: int, columns: int) -> Place:
    """Matrices of 1 MiB each, one after the other."""
    return 0, number << 20, 0, [rows, columns], [columns, 1], []


def program(arena: Any) -> Any:
    module()
    return lowering.new_program(arena.view(np.uint8), np.zeros(8, np.uint8))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_strands_have_memory_of_their_own(threads: int) -> None:
    """Products so large that they are packed, in each strand one after the other."""
    module().set_threads(threads)
    size, count = 300, 4
    arena = np.zeros((4 * count, 1 << 18), np.float32)
    random = np.random.default_rng(0)
    arena[:, : size * size] = random.standard_normal((4 * count, size * size))
    matrices = arena[:, : size * size].reshape(4 * count, size, size).copy()
    made = program(arena.reshape(-1))
    for n in range(count):
        made.begin_strand()
        a, b, c, d = (place(4 * n + i, size, size) for i in range(4))
        made.call("gemm", [a, b], [c], [], [])
        made.call("gemm", [c, a], [d], [], [])
    made.end_strands()
    try:
        for _ in range(3):
            assert made.run() == (True, -1)
    finally:
        module().set_threads(0)
    for n in range(count):
        a, b, _, _ = matrices[4 * n : 4 * n + 4].astype(np.float64)
        found = arena[4 * n + 3, : size * size].reshape(size, size)
        np.testing.assert_allclose(found, a @ b @ a, 0, 0.05)


def test_the_first_strand_that_met_a_fault_says_so() -> None:
    arena = np.zeros(1 << 20, np.uint8)
    labels = arena[: 1 << 19].view(np.int64)
    made = program(arena)
    for n in range(3):
        made.begin_strand()
        given = 0, 4096 * n, 2, [4], [1], []
        made.call("one_hot", [given], [(0, (1 << 19) + 4096 * n, 0, [4, 5], [5, 1], [])], [], [])
    made.end_strands()
    assert made.run() == (True, -1)
    labels[512 * 2] = 9
    assert made.run() == (False, 0)
    labels[512 * 2] = 4
    assert made.run() == (True, -1)


def test_strands_begin_and_end() -> None:
    arena = np.zeros(1 << 12, np.uint8)
    with pytest.raises(ValueError, match="no strand"):
        program(arena).end_strands()
    made = program(arena)
    made.begin_strand()
    with pytest.raises(RuntimeError, match="no end"):
        made.run()
    with pytest.raises(ValueError, match="call nobody"):
        made.host(lambda: None)
    made.begin_loop(3)
    with pytest.raises(ValueError, match="no strands"):
        made.begin_strand()
    with pytest.raises(ValueError, match="no end"):
        made.end_strands()
    made.end_loop()
    made.end_strands()
    assert made.run() == (True, -1)
