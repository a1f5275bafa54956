"""Pooling kernels: windows of every kind against NumPy, exactly where nothing is rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
Borders = tuple[tuple[int, int], ...]

# shape, window, stride, padding, dilation
Form = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Borders, tuple[int, ...]]
FORMS: list[Form] = [
    ((3, 28, 28, 6), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 9, 11, 16), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 9, 8, 1), (3, 3), (2, 1), ((1, 1), (1, 0)), (1, 1)),
    ((2, 7, 9, 33), (3, 2), (1, 3), ((0, 2), (1, 1)), (2, 1)),
    ((1, 4, 4, 3), (1, 1), (3, 3), ((0, 0), (0, 0)), (1, 1)),
    ((2, 4000, 5), (3,), (2,), ((1, 1),), (1,)),
    ((2, 5, 4, 6, 3), (2, 3, 2), (2, 1, 2), ((1, 0), (1, 1), (0, 0)), (1, 1, 1)),
    ((0, 4, 4, 3), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 4, 4, 0), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
]


def call(
    isa: str, name: str, inputs: list[Array], like: Array, integers: list[int], threads: int = 1
) -> Array:
    """What a kernel computes into guarded memory that held junk."""
    y, check = guarded(np.full_like(like, -77))
    assert module().call_kernel(isa, name, inputs, [y], integers, [], threads)[0] == -1
    check()
    return y


def numbers(form: Form) -> list[int]:
    _, window, stride, padding, dilation = form
    axes = zip(stride, padding, dilation, strict=True)
    return [*window, *(n for s, (low, _), d in axes for n in (s, low, d))]


def drawn(shape: tuple[int, ...], dtype: str) -> Array:
    """Numbers with many ties, infinities and NaN."""
    random = np.random.default_rng(len(shape))
    x = random.integers(-3, 4, shape).astype(dtype)
    odd = random.random(shape)
    x[odd < 0.1] = -np.inf
    x[odd > 0.97] = np.nan
    return x


def views(x: Array) -> list[Array]:
    return [x, x.copy(order="F"), np.repeat(x, 2, axis=1)[:, ::2]]


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_largest_numbers_and_their_places(isa: str, dtype: str, form: Form) -> None:
    shape, window, *settings = form
    for name in ("max_pool", "max_pool_index"):
        op = registry()[name](*settings, window)  # type: ignore[call-arg]
        for x in views(drawn(shape, dtype)):
            wanted = op.forward(np.ascontiguousarray(x))
            y = call(isa, name, [x], wanted, numbers(form))
            np.testing.assert_array_equal(y, wanted, err_msg=name)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_cotangents_go_to_the_largest_numbers(isa: str, dtype: str, form: Form) -> None:
    shape, window, *settings = form
    op = registry()["max_pool_pullback"](*settings, window)  # type: ignore[call-arg]
    counted = op.counted(shape, window)  # type: ignore[attr-defined]
    y_bar = np.random.default_rng(0).standard_normal((shape[0], *counted, shape[-1])).astype(dtype)
    for x, bar in zip(views(drawn(shape, dtype)), views(y_bar), strict=True):
        wanted = op.forward(bar, np.ascontiguousarray(x))
        np.testing.assert_array_equal(
            call(isa, "max_pool_pullback", [bar, x], wanted, numbers(form)), wanted
        )


@EVERY_ISA
@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_means_and_what_spreads_them(isa: str, dtype: str, form: Form, counts: bool) -> None:
    shape, window, *settings = form
    random = np.random.default_rng(0)
    pool = registry()["avg_pool"](*settings, window, counts)  # type: ignore[call-arg]
    back = registry()["avg_unpool"](*settings, window, counts, shape[1:-1])  # type: ignore[call-arg]
    y = pool.forward(np.zeros(shape))
    for name, op, like in (("avg_pool", pool, shape), ("avg_unpool", back, y.shape)):
        for x in views(random.standard_normal(like).astype(dtype)):
            exact = op.forward(x.astype(np.float64))
            terms = op.forward(np.abs(x).astype(np.float64))
            found = call(isa, name, [x], exact.astype(dtype), [int(counts), *numbers(form)])
            assert (np.abs(found - exact) <= 4 * np.finfo(dtype).eps * terms).all(), name


@EVERY_ISA
def test_bits_never_depend_on_the_number_of_threads(isa: str) -> None:
    form: Form = ((40, 28, 28, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x = np.random.default_rng(0).standard_normal(form[0]).astype(np.float32)
    for name in ("max_pool", "max_pool_index", "max_pool_pullback", "avg_pool", "avg_unpool"):
        own = [0, *numbers(form)] if name.startswith("avg") else numbers(form)
        like = np.zeros(x.shape, np.int64 if name == "max_pool_index" else np.float32)
        inputs = [x[::-1], x] if name == "max_pool_pullback" else [x]
        found = {call(isa, name, inputs, like, own, threads).tobytes() for threads in (1, 2, 3, 8)}
        assert len(found) == 1, name


@EVERY_ISA
def test_what_poolings_refuse(isa: str) -> None:
    x, y = np.zeros((2, 6, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    own = [2, 2, 0, 1]
    for name, given, out, integers, message in (
        ("max_pool", x, y, own[:3], "then stride"),
        ("max_pool", x, y.astype(np.float64), own, "float32 or float64"),
        ("max_pool_index", x, y, own, "int64"),
        ("max_pool", x, y[..., :3].copy(), own, "keeps the channels"),
        ("max_pool", x, y[:1], own, "batch size"),
        ("max_pool", x, np.zeros((2, 4, 4), np.float32), own, "covers some"),
        ("max_pool", x, y, [2, 2, 2, 1], "covers some"),
        ("max_pool", x, y, [0, 2, 0, 1], "out of range"),
        ("max_pool", x, np.zeros((2, 3, 8), np.float32)[..., ::2], own, "contiguous"),
        ("max_pool", [x, x], y, own, "number of arrays"),
        ("max_pool_pullback", x, x.copy(), own, "number of arrays"),
        ("max_pool_pullback", [y, x], y.copy(), own, "of the input's shape"),
        ("max_pool_pullback", [y[:, :2], x], x[:, :4].copy(), own, "of the input's shape"),
        ("avg_pool", x, y, own, "then stride"),
        ("avg_unpool", y, x[..., :2].copy(), [1, *own], "keeps the channels"),
    ):
        inputs = given if isinstance(given, list) else [given]
        with pytest.raises(ValueError, match=message):
            module().call_kernel(isa, name, inputs, [out], integers)
