"""Random numbers of the native table: the bits of ops/philox.py."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

SHAPES: list[tuple[int, ...]] = [
    (), (1,), (5,), (0,), (3, 0), (2, 1), (3, 10), (4, 257), (2, 3, 100), (1, 20_003), (300, 2),
]  # fmt: skip
KEYS = [(0, 0, 0), (12, 3, 7), (2**40 + 17, 2**32 + 1, 2**32 - 2), (-5, 2**33, 2**31)]


def both(isa: str, name: str, shape: tuple[int, ...], dtype: str, keys: Any) -> Any:
    """The native numbers, and those of NumPy."""
    given = [np.asarray(key, np.int64) for key in keys]
    wanted = registry()[name](shape, 0xF000_0007, dtype).forward(*given)  # type: ignore[call-arg]
    y, check = guarded(np.full(wanted.shape, 7, dtype))
    assert module().call_kernel(isa, name, given, [y], [0xF000_0007])[0] == -1
    check()
    return y, wanted


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_have_the_same_bits(isa: str, dtype: str) -> None:
    for shape, keys in itertools.product(SHAPES, KEYS):
        y, wanted = both(isa, "random_uniform", shape, dtype, keys)
        assert y.tobytes() == wanted.tobytes()


@EVERY_ISA
def test_normal_numbers_are_those_of_numpy(isa: str) -> None:
    same = total = 0
    for shape, keys in itertools.product(SHAPES, KEYS):
        y, wanted = both(isa, "random_normal", shape, "float64", keys)
        assert np.abs(y - wanted).max(initial=0) <= 2e-14
        y, wanted = both(isa, "random_normal", shape, "float32", keys)
        assert np.allclose(y, wanted, rtol=1e-6, atol=1e-14)
        same, total = same + int((y == wanted).sum()), total + y.size
    assert same > 0.9999 * total


@EVERY_ISA
@pytest.mark.parametrize("name", ["random_uniform", "random_normal"])
def test_keys_that_are_arrays(isa: str, name: str) -> None:
    seeds, steps, rows = np.arange(12).reshape(3, 4), np.ones((3, 4), np.int64), np.arange(12)[::-1]
    y, wanted = both(isa, name, (3, 5), "float64", (seeds, steps, rows.reshape(3, 4)))
    assert np.allclose(y, wanted, rtol=0, atol=2e-14)
    y, wanted = both(isa, name, (2, 300), "float64", (seeds.T, steps.T, rows.reshape(3, 4).T))
    assert np.allclose(y, wanted, rtol=0, atol=2e-14)


@EVERY_ISA
def test_rows_are_drawn_alike_in_any_batch(isa: str) -> None:
    whole, _ = both(isa, "random_uniform", (10, 70), "float32", (3, 1, 100))
    part, _ = both(isa, "random_uniform", (4, 70), "float32", (3, 1, 106))
    assert (whole[6:] == part).all()


@EVERY_ISA
def test_what_random_kernels_refuse(isa: str) -> None:
    call = module().call_kernel
    k, y = np.zeros(2, np.int64), np.zeros((2, 3), np.float32)
    for inputs, out, integers, message in (
        ([k, k], y, [0], "three arrays"),
        ([k, k, k], y, [], "number of a stream"),
        ([k, k, k[:1]], y, [0], "one shape"),
        ([k, k, k.astype(float)], y, [0], "int64"),
        ([k, k, k], y[:1], [0], "begin with the shape"),
        ([k, k, k], np.zeros((3, 2), np.float32).T, [0], "contiguous"),
        ([k, k, k], np.zeros((2, 3), np.int64), [0], "floats"),
        ([k, k, k], np.zeros((), np.float32), [0], "begin with the shape"),
    ):
        with pytest.raises(ValueError, match=message):
            call(isa, "random_uniform", inputs, [out], integers)
