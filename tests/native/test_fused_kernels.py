"""Softmax, cross-entropy, normalisation and copies of the native table, against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pullback.errors import LabelError
from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module
from tests.native.test_reductions import every_axes as any_axes

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
# How many arrays of the input's shape each takes, and whether it has an epsilon.
TAKES = {
    "softmax": (1, False),
    "log_softmax": (1, False),
    "softmax_pullback": (2, False),
    "moments": (1, False),
    "standardise": (1, True),
    "standardise_pullback": (2, True),
    "rms_normalise": (1, True),
    "rms_normalise_pullback": (2, True),
}
DTYPES = ("float32", "float64")
SHAPES: list[tuple[int, ...]] = [
    (), (1,), (5,), (700,), (0, 3), (3, 0), (64, 10), (1, 7), (7, 1), (9, 300), (300, 6),
    (1030, 3), (270, 130), (3, 4, 5), (2, 600, 4), (2, 3, 4, 5), (3, 5, 1, 66),
]  # fmt: skip


def every_axes(name: str, ndim: int) -> list[tuple[int, ...]]:
    """Sets of axes; of none, numbers are not normalised."""
    return [axes for axes in any_axes(ndim) if axes or "softmax" in name]


def arrays(name: str, shape: tuple[int, ...], axes: tuple[int, ...], dtype: str) -> list[Array]:
    rng = np.random.default_rng(len(shape))
    found = [rng.standard_normal(shape).astype(dtype) for _ in range(TAKES[name][0])]
    if name == "standardise_pullback":
        kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
        found.append((0.5 + rng.random((*kept, 2))).astype(dtype))
    return found


def terms(name: str, y_bar: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """The size of what is subtracted in a pullback."""
    most = np.max(x, axis=axes, keepdims=True, initial=0)
    if name == "softmax_pullback":
        return np.asarray(np.sum(y_bar * x, axis=axes, keepdims=True) * most)
    count = max(np.prod([x.shape[a] for a in axes]), 1)
    root = 1 / np.sqrt(np.sum(x * x, axis=axes, keepdims=True) / count + 1e-5)
    return np.asarray(np.max(y_bar, axis=axes, keepdims=True, initial=0) * root)


def run(isa: str, name: str, xs: list[Array], axes: tuple[int, ...]) -> Array:
    op = registry()[name](axes)  # type: ignore[call-arg]
    with np.errstate(all="ignore"):
        wanted = np.asarray(op.forward(*(x.astype(np.float64) for x in xs)))
        y, check = guarded(np.full(wanted.shape, 7, xs[0].dtype))
        reals = [1e-5] if TAKES[name][1] else []
        assert module().call_kernel(isa, name, xs, [y], list(axes), reals)[0] == -1
        check()
        size = np.max(np.abs(wanted), axis=axes, keepdims=True, initial=1)
        if name.endswith("_pullback"):  # of sums that may cancel
            size = size + terms(name, *map(np.abs, xs[:2]), axes)
        size = np.where(np.isfinite(size), size, np.abs(wanted))
        close = np.abs(y - wanted) <= 40 * np.finfo(y.dtype).eps * size
    assert (close | (y == wanted) | ((y != y) & (wanted != wanted))).all(), (xs[0].shape, axes)
    return y


@EVERY_ISA
@pytest.mark.parametrize("name", TAKES)
def test_along_any_axes(isa: str, name: str) -> None:
    for shape, dtype in itertools.product(SHAPES, DTYPES):
        for axes in every_axes(name, len(shape)):
            run(isa, name, arrays(name, shape, axes, dtype), axes)


@EVERY_ISA
@pytest.mark.parametrize("name", TAKES)
def test_of_strided_inputs(isa: str, name: str) -> None:
    for axes in every_axes(name, 3):
        xs = arrays(name, (4, 33, 6), axes, "float32")
        for order in ((2, 0, 1), (0, 2, 1)):
            turned = tuple(order.index(a) for a in axes)
            views = [x.transpose(*order, *range(3, x.ndim)) for x in xs]
            run(isa, name, views, turned)
        strange = [np.repeat(x, 2, axis=0)[::-2] for x in xs]
        if 0 not in axes:
            run(isa, name, strange, axes)


@EVERY_ISA
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmax_pullback"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_are_not_finite(isa: str, name: str, dtype: str) -> None:
    inf, nan = np.inf, np.nan
    rows = [[-inf] * 3, [inf, 0, 1], [inf, inf, 0], [-inf, 0, 0], [nan, 0, 1], [inf, -inf, nan]]
    x = np.array(rows, dtype)
    for width in (1, 50):
        wide = np.tile(x, (1, width))
        xs = [wide] if name != "softmax_pullback" else [np.ones_like(wide), wide]
        for row in range(len(x)):  # NumPy's meaning looks at all rows at once
            one = [a[row : row + 1] for a in xs]
            run(isa, name, one, (1,))
            run(isa, name, [np.ascontiguousarray(a.T) for a in one], (0,))
            several = [np.ascontiguousarray(np.repeat(a.T, 4, axis=1)) for a in one]
            run(isa, name, several, (0,))


@EVERY_ISA
def test_a_row_that_is_masked_as_a_whole(isa: str) -> None:
    y = run(isa, "softmax", [np.full((2, 9), -np.inf, np.float32)], (1,))
    assert (y == 0).all()
    bar = np.array([[np.inf, 1, 0], [0, 0, 0]], np.float32)
    x_bar = run(isa, "softmax_pullback", [bar[1:], np.full((1, 3), np.inf, np.float32)], (1,))
    assert (x_bar == 0).all()


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_numbers_are_standardised_to_zero(isa: str, dtype: str) -> None:
    for shape, axes in (
        ((3, 900), (1,)),
        ((900, 3), (0,)),
        ((1, 5), (0,)),
        ((40, 5, 5, 6), (0, 2)),
    ):
        x = np.full(shape, 1e7 + 1, dtype)
        assert (run(isa, "standardise", [x], axes) == 0).all()
        m = run(isa, "moments", [x], axes)
        assert (m[..., 0] == x.flat[0]).all()
        assert (m[..., 1] == 0).all()


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (1, 1), (64, 10), (0, 4), (5, 1000), (2, 3, 70), (2, 0)])
def test_cross_entropy(isa: str, dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    logits = (4 * rng.standard_normal(shape)).astype(dtype)
    op = registry()["cross_entropy_with_logits"]()
    if shape[-1] == 0:
        fault = module().call_kernel(
            isa, op.name, [logits, np.zeros(2, np.int64)], [np.zeros(2, dtype)]
        )
        assert fault == (0, 0, 0)
        return
    targets = np.asarray(rng.integers(-1, shape[-1], shape[:-1]))
    turned = np.asfortranarray(logits)
    for x in (logits, turned, np.repeat(logits, 2, axis=-1)[..., ::-2]):
        y, check = guarded(np.full(targets.shape, 7, dtype))
        assert module().call_kernel(isa, op.name, [x, targets], [y])[0] == -1
        check()
        wanted = op.forward(x.astype(np.float64), targets)
        assert np.allclose(y, wanted, rtol=0, atol=16 * np.finfo(dtype).eps * 16)
        assert (y[targets == -1] == 0).all()


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_hard_points_of_cross_entropy(isa: str, dtype: str) -> None:
    inf = np.inf
    op = registry()["cross_entropy_with_logits"]()
    x = np.array([[1e4, -1e4], [inf, 0], [-inf, 0], [-inf, -inf], [np.nan, 0], [-inf, 0]], dtype)
    for targets in (np.array([1, 0, 0, 1, 1, 1]), np.array([0, 1, 1, 0, -1, -1])):
        y = np.zeros(6, dtype)
        assert module().call_kernel(isa, op.name, [x, targets], [y])[0] == -1
        with np.errstate(all="ignore"):
            assert np.array_equal(y, op.forward(x, targets), equal_nan=True)


@EVERY_ISA
@pytest.mark.parametrize("label", [-2, 3, 2**62, -(2**63)])
def test_a_label_out_of_range_is_a_fault_and_nothing_is_written(isa: str, label: int) -> None:
    x, y = np.zeros((4, 3), np.float32), np.full(4, 7, np.float32)
    targets = np.array([0, -1, label, 5])
    fault = module().call_kernel(isa, "cross_entropy_with_logits", [x, targets], [y])
    assert fault == (2, label, 3)
    assert (y == 7).all()
    with pytest.raises(LabelError):
        registry()["cross_entropy_with_logits"]().forward(x, targets)


@EVERY_ISA
def test_copies_of_every_kind(isa: str) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**62, (7, 33, 5, 40))
    wanted = {"int64": base, "float64": base.view(np.float64), "bool": base % 2 == 0}
    wanted["float32"] = base.astype(np.float32)
    for x in wanted.values():
        views = [x, x.T, x[::-1], x[:, ::2, :, 3:9], x.transpose(0, 2, 3, 1), x[:0], x[1, 2, 3, 4]]
        views += [x.transpose(1, 0, 3, 2), x[:, :1, :, :1].T, x[..., ::-3], x[0, :, 0].T]
        views += [np.broadcast_to(x[:, :1], x.shape), np.broadcast_to(x[0, 0, 0, 0], (3, 50))]
        for view in views:
            y, check = guarded(np.zeros(view.shape, x.dtype))
            assert module().call_kernel(isa, "copy", [view], [y])[0] == -1
            check()
            assert y.tobytes() == np.ascontiguousarray(view).tobytes()


@EVERY_ISA
def test_what_fused_kernels_refuse(isa: str) -> None:
    call = module().call_kernel
    x, t = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    for name, inputs, y, integers, reals, message in (
        ("softmax", [x], x.copy(), [2], [], "out of range"),
        ("softmax", [x, x], x.copy(), [1], [], "number of arrays"),
        ("softmax", [x], x.astype(float), [1], [], "input's dtype"),
        ("softmax", [x], np.zeros((3, 2), np.float32), [1], [], "another shape"),
        ("softmax", [t], t.copy(), [0], [], "floats"),
        ("softmax_pullback", [x, x[:1]], x.copy(), [1], [], "one shape"),
        ("standardise", [x], x.copy(), [1], [], "reals"),
        ("moments", [x], x.copy(), [1], [], "two numbers"),
        ("standardise_pullback", [x, x, x], x.copy(), [1], [1.0], "two numbers"),
        ("cross_entropy_with_logits", [x, t[:1]], x[:, 0].copy(), [], [], "targets"),
        ("cross_entropy_with_logits", [x, x[:, 0]], x[:, 0].copy(), [], [], "int64"),
        ("cross_entropy_with_logits", [x, t], x.copy(), [], [], "targets"),
        ("copy", [x], x.T, [], [], "contiguous"),
        ("copy", [x], np.zeros((3, 2), np.float32), [], [], "contiguous"),
    ):
        with pytest.raises(ValueError, match=message):
            call(isa, name, inputs, [y], integers, reals)
