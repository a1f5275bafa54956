"""Every reduction of the native table, against its NumPy meaning in float64."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
NAMES = [n for n, op in registry().items() if op.family == "REDUCTION" and n != "argmax"]
FLOATS = [n for n in NAMES if n not in ("any", "all")]
WHOLE = ["sum", "max", "min", "prod"]
SPREADS = ("variance", "std")
SHAPES: list[tuple[int, ...]] = [
    (), (1,), (0,), (7,), (513,), (2000,), (3, 0), (0, 3), (1, 5), (5, 1), (64, 10), (17, 130),
    (600, 3), (1100, 6), (530, 129), (2, 3, 4), (9, 33, 5), (2, 3, 4, 5), (6, 7, 1, 70),
]  # fmt: skip


def every_axes(ndim: int) -> Iterator[tuple[int, ...]]:
    for n in range(ndim + 1):
        yield from itertools.combinations(range(ndim), n)


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.9)
    if dtype == "int64":
        return np.asarray(rng.integers(-9, 10, shape))
    return np.asarray(rng.standard_normal(shape) + 0.5).astype(dtype)


def run(isa: str, name: str, x: Array, axes: tuple[int, ...], correction: int = 0) -> Array:
    op = registry()[name]
    spread = name in SPREADS
    meant = op(axes, False, correction) if spread else op(axes)  # type: ignore[call-arg]
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    y, check = guarded(np.zeros(shape, x.dtype))
    reals = [float(correction)] if spread else []
    assert module().call_kernel(isa, name, [x], [y], list(axes), reals)[0] == -1
    check()
    wide = x.astype(np.float64) if x.dtype.kind == "f" else x
    with np.errstate(all="ignore"):
        wanted = np.asarray(meant.forward(wide))
        size = np.sum(np.abs(wide), axis=axes) if name in ("sum", "mean") else np.abs(wanted)
        if name == "mean":
            size = size / max(wide.size // max(y.size, 1), 1)
        if name in SPREADS and wide.size:  # far from the first number, digits are lost
            size = size + np.max(np.abs(wide)) ** (2 if name == "variance" else 1)
        if name == "logsumexp":  # a maximum and a logarithm that may cancel
            size = size + 1
        # 8 roundings of the sizes; a product has one for every factor
        units = 8 + (np.prod([x.shape[a] for a in axes]) if name == "prod" else 0)
        unit = np.finfo(x.dtype).eps if x.dtype.kind == "f" else 0
        close = np.abs(y - wanted) <= units * unit * size if unit else y == wanted
    assert (close | (y == wanted) | ((y != y) & (wanted != wanted))).all()
    return y


@EVERY_ISA
@pytest.mark.parametrize("name", NAMES)
def test_a_reduction_over_any_axes(isa: str, name: str) -> None:
    dtypes = ["bool"] if name in ("any", "all") else ["float32", "float64"]
    for shape, dtype in itertools.product(SHAPES, dtypes + ["int64"] * (name in WHOLE)):
        x = drawn(shape, dtype)
        if name == "prod" and dtype != "int64":
            x = np.exp(x / np.sqrt(x.size + 1) - 0.5 / np.sqrt(x.size + 1))
        for axes in every_axes(x.ndim):
            if name in ("max", "min") and not np.prod([x.shape[a] for a in axes]):
                continue
            run(isa, name, x, axes)


@EVERY_ISA
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_whole_numbers_wrap_around(isa: str, name: str) -> None:
    bounds = np.iinfo(np.int64)
    x = np.random.default_rng(0).integers(bounds.min, bounds.max, (9, 33, 5))
    for axes in every_axes(x.ndim):
        run(isa, name, x, axes)


@EVERY_ISA
@pytest.mark.parametrize("name", FLOATS)
def test_strides_of_every_kind(isa: str, name: str) -> None:
    x = drawn((12, 40, 30), "float32") / 4 + 1
    views = [x.T, x[::2, ::-1], x[:, 3:7, ::3], x.transpose(1, 0, 2), x[::-1].swapaxes(1, 2)]
    views += [np.broadcast_to(x[:, :1], x.shape), np.broadcast_to(x[0, 0], (50, 30))]
    for view in views:
        small = np.sqrt(view[:3, :3]) if name == "prod" else view
        for axes in every_axes(view.ndim):
            run(isa, name, small, axes)


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_argmax_is_the_first_place(isa: str, dtype: str) -> None:
    for shape in ((1,), (9,), (600,), (5, 7), (3, 4, 130), (64, 10)):
        x = drawn(shape, dtype)
        x = np.round(x) if dtype != "int64" else x  # ties
        for view, axis in itertools.product((x, x.T, x[..., ::-1]), range(len(shape))):
            y, check = guarded(np.zeros(np.delete(view.shape, axis), np.int64))
            module().call_kernel(isa, "argmax", [view], [y], [axis])
            check()
            assert (y == np.argmax(view, axis)).all()
    if dtype != "int64":
        x = np.array([[1, np.nan, 3, np.nan], [-np.inf] * 4], dtype)
        y = np.zeros(2, np.int64)
        module().call_kernel(isa, "argmax", [x], [y], [1])
        assert y.tolist() == [1, 0]


@EVERY_ISA
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite(isa: str, name: str, dtype: str) -> None:
    inf, nan = np.inf, np.nan
    for row in ([inf, 0], [-inf, 0], [-inf, -inf], [nan, 1], [1, nan], [inf, -inf], [0, 0], [1e30]):
        x = np.array(row * 40, dtype)
        wide = x[:1] if len(row) == 1 else x
        if name == "prod" and len(row) == 1:
            continue
        run(isa, name, wide, (0,))
        run(isa, name, np.stack([x, x[::-1]], axis=-1), (0,))
        run(isa, name, np.stack([x, x[::-1]]), (1,))


@EVERY_ISA
def test_hard_points_of_logsumexp(isa: str) -> None:
    for row, wanted in (([-np.inf] * 2, -np.inf), ([np.inf, 0], np.inf), ([-np.inf, 0], 0.0)):
        assert run(isa, "logsumexp", np.array(row, np.float32), (0,)) == wanted


@EVERY_ISA
@pytest.mark.parametrize("correction", [0, 1, 2])
def test_corrections(isa: str, correction: int) -> None:
    for name, n in itertools.product(SPREADS, (1, 2, 5)):
        run(isa, name, drawn((n, 3), "float64"), (0,), correction)
        equal = np.full((n, 600), 1e7 + 1, np.float32)
        y = run(isa, name, equal, (1,), correction)
        assert (y == 0).all()


@EVERY_ISA
def test_a_million_numbers_lose_few_digits(isa: str) -> None:
    x = np.random.default_rng(1).random(1_000_003, np.float32)
    exact = x.astype(np.float64).sum()
    for shape, axes in (((-1,), (0,)), ((-1, 1), (0,)), ((1, -1), (1,))):
        y = np.zeros(1, np.float32)
        module().call_kernel(isa, "sum", [x.reshape(shape)], [y], list(axes))
        assert abs(y[0] - exact) <= 3 * np.finfo(np.float32).eps * exact
    columns = x[:1_000_000].reshape(-1, 4)
    y = np.zeros(4, np.float32)
    module().call_kernel(isa, "sum", [columns], [y], [0])
    exact = columns.astype(np.float64).sum(0)
    assert (abs(y - exact) <= 3 * np.finfo(np.float32).eps * exact).all()


@EVERY_ISA
def test_what_a_reduction_refuses(isa: str) -> None:
    call = module().call_kernel
    x, y = np.zeros((2, 3), np.float32), np.zeros(2, np.float32)
    for name, inputs, out, axes, reals, message in (
        ("sum", [x], y, [2], [], "out of range"),
        ("sum", [x], y, [-1], [], "out of range"),
        ("sum", [x], y, [1, 1], [], "named twice"),
        ("sum", [x], np.zeros(3, np.float32), [1], [], "one element for each group"),
        ("sum", [x], np.zeros(4, np.float32)[::2], [1], [], "contiguous"),
        ("sum", [x], np.zeros(2), [1], [], "another dtype"),
        ("sum", [x > 0], y, [1], [], "no array of that dtype"),
        ("mean", [x.astype(np.int64)], np.zeros(2, np.int64), [1], [], "no array of that dtype"),
        ("all", [x], y, [1], [], "no array of that dtype"),
        ("sum", [x, x], y, [1], [], "one array"),
        ("variance", [x], y, [1], [], "reals"),
        ("max", [x[:, :0]], y, [1], [], "no extreme"),
        ("argmax", [x], np.zeros((), np.int64), [0, 1], [], "one axis"),
        ("argmax", [x[:, :0]], np.zeros(2, np.int64), [1], [], "no extreme"),
    ):
        with pytest.raises(ValueError, match=message):
            call(isa, name, inputs, [out], axes, reals)
