"""Products of matrices: every cut of the work against NumPy in float64, and the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]

# rows, inner, columns: nothing, one, primes, tiles and one more or less, tall, wide, long sums.
SHAPES = [
    (0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (1, 7, 1), (2, 8, 8), (10, 8, 2), (10, 4, 16),
    (5, 3, 7), (6, 255, 16), (7, 256, 17), (14, 257, 32), (15, 31, 33), (13, 512, 31),
    (64, 784, 128), (64, 128, 10), (128, 64, 64), (64, 513, 64), (131, 257, 509), (1000, 3, 5),
    (3, 5, 1000), (1, 300, 700), (700, 300, 1), (41, 1031, 1), (2000, 1001, 1),
    (2, 1100, 1100), (49, 600, 800), (193, 40, 1100),
    # what is computed by the path for small products, and just not
    (9, 8, 15), (8, 9, 16), (7, 10, 17), (16, 16, 31), (17, 16, 32), (32, 16, 16), (33, 16, 16),
    (3, 5, 48), (2, 192, 16), (2, 193, 16), (1, 384, 5), (1, 385, 5), (64, 8, 1), (64, 9, 1),
    (27, 5000, 32), (1, 4099, 1), (128, 2048, 3), (129, 2049, 130),
]  # fmt: skip


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    random = np.random.default_rng(seed)
    if dtype == "int64":
        return random.integers(-(2**40), 2**40, shape)
    return random.standard_normal(shape).astype(dtype)


def product(isa: str, a: Array, b: Array, threads: int = 1) -> Array:
    """The native product, into an array that held NaN and is guarded by sentinels."""
    shape = (*a.shape[:-1], b.shape[-1])
    junk = np.full(shape, -77 if a.dtype.kind == "i" else np.nan, a.dtype)
    y, check = guarded(junk)
    fault = module().call_kernel(isa, "gemm", [a, b], [y], threads=threads)
    check()
    assert fault[0] == -1
    return y


def assert_product(y: Array, a: Array, b: Array, units: int = 20) -> None:
    """Errors are few units of the sum of the terms' sizes, however long the sum is.

    Equal terms round the same way each time: they need as many units as one accumulator has terms.
    """
    if a.dtype.kind == "i":
        np.testing.assert_array_equal(y, a @ b)
        return
    exact = a.astype(np.float64) @ b.astype(np.float64)
    terms = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    assert (np.abs(y - exact) <= units * np.finfo(a.dtype).eps * terms).all()


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_of_every_shape(isa: str, dtype: str, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    if dtype == "int64" and m * k * n > 10**7:
        pytest.skip("NumPy takes long for it")
    a, b = numbers((m, k), dtype, 1), numbers((k, n), dtype, 2)
    at, bt = np.asfortranarray(a), np.asfortranarray(b)
    for left, right in ((a, b), (at, b), (a, bt), (at, bt)):
        assert_product(product(isa, left, right), a, b)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("stack", [(0,), (1,), (5,), (2, 3), (30,)], ids=str)
@pytest.mark.parametrize("shape", [(4, 5, 6), (17, 33, 9), (16, 32, 15), (1, 2500, 2)], ids=str)
def test_stacks(isa: str, dtype: str, stack: tuple[int, ...], shape: tuple[int, ...]) -> None:
    m, k, n = shape
    a, b = numbers((*stack, m, k), dtype, 1), numbers((*stack, k, n), dtype, 2)
    assert_product(product(isa, a, b), a, b)
    one = np.broadcast_to(numbers((k, n), dtype, 3), b.shape)
    assert_product(product(isa, a, one), a, one)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 20, 21), (150, 140, 900)], ids=str)
def test_strides(isa: str, dtype: str, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    a, b = numbers((2 * m, 3 * k), dtype, 1), numbers((2 * k, 2 * n), dtype, 2)
    for left, right in (
        (a[::2, ::3], b[::2, ::2]),
        (a[:m, :k][::-1], b[:k, :n][:, ::-1]),
        (a[:m, k - 1 :: -1], b[k - 1 :: -1, 1 : n + 1]),
        (np.broadcast_to(a[:1, :k], (m, k)), np.broadcast_to(b[:k, :1], (k, n))),
        (np.broadcast_to(a[:m, :1], (m, k)), np.broadcast_to(b[:1, :n], (k, n))),
    ):
        assert_product(product(isa, left, right), left, right, units=k)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_large_is_done_in_slabs(isa: str, dtype: str) -> None:
    for shape in ((1700, 300, 1100), (30, 600, 17000), (5000, 1030, 300)):
        m, k, n = shape
        a, b = numbers((m, k), dtype, 1), numbers((k, n), dtype, 2)
        rows = np.random.default_rng(3).choice(m, 30, replace=False)
        assert_product(product(isa, a, b, 2)[rows], a[rows], b)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [1, 2, 8, 16, 17, 33, 64])
def test_a_row_has_the_same_bits_among_however_many(isa: str, dtype: str, columns: int) -> None:
    """Rows are cut among strands, in one program so and in another otherwise."""
    for inner in (1, 3, 8, 15, 16, 17, 31, 33, 64, 129, 385):
        a, b = numbers((128, inner), dtype, 1), numbers((inner, columns), dtype, 2)
        for left, right in ((a, b), (np.asfortranarray(a), b), (a, np.asfortranarray(b))):
            whole = product(isa, left, right)
            for rows in (16, 32, 33, 64):
                part = product(isa, left[:rows], right)
                np.testing.assert_array_equal(part, whole[:rows], err_msg=f"{inner}, {rows}")


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(64, 784, 128), (128, 64, 64), (27, 9000, 32), (300, 300, 900)], ids=str
)
def test_the_same_bits_on_any_number_of_threads(
    isa: str, dtype: str, shape: tuple[int, int, int]
) -> None:
    m, k, n = shape
    a, b = numbers((m, k), dtype, 1), numbers((k, n), dtype, 2)
    one = product(isa, a, b)
    for threads in (1, 2, 3, 8, 16):
        for _ in range(3):
            assert product(isa, a, b, threads).tobytes() == one.tobytes()


@EVERY_ISA
def test_long_sums_of_float32_stay_exact(isa: str) -> None:
    k = 2**20
    a, b = np.full((1, k), 0.1, np.float32), np.ones((k, 1), np.float32)
    (sum_,) = product(isa, a, b).ravel()
    assert abs(float(sum_) / (float(a[0, 0]) * k) - 1) < 1e-5


@EVERY_ISA
@pytest.mark.parametrize("k", [3, 700])
def test_what_is_not_finite_spreads_as_ieee_says(isa: str, k: int) -> None:
    a, b = np.zeros((9, k), np.float32), np.ones((k, 21), np.float32)
    b[k - 1, 4], a[2, 0] = np.inf, np.nan
    y = product(isa, a, b)
    assert np.isnan(y[:, 4]).all()  # 0 * inf
    assert np.isnan(y[2]).all()
    others = np.delete(np.delete(y, 4, 1), 2, 0)
    assert (others == 0).all()


@EVERY_ISA
def test_what_does_not_fit_is_refused(isa: str) -> None:
    call = module().call_kernel
    a, b, c = np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4))
    for inputs, output, message in (
        ([a], c, "two inputs"),
        ([a, b.astype(np.float32)], c, "all the same"),
        ([a > 0, b > 0], c > 0, "float32, float64 or int64"),
        ([a[0], b], c, "number of axes"),
        ([a, np.ones((4, 4))], c, "as many as the rows"),
        ([a, b], np.ones((4, 2)), "the rows of the first"),
        ([a, b], np.ones((4, 2)).T, "contiguous"),
        ([np.ones((5, 2, 3)), np.ones((1, 3, 4))], np.ones((5, 2, 4)), "leading axes"),
    ):
        with pytest.raises(ValueError, match=message):
            call(isa, "gemm", inputs, [output])
