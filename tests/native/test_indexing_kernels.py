"""Indexing and arranging kernels of the native table, against their NumPy meaning, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64", "int64", "bool")
# shape, axis, lead, shape of the indices
FORMS: list[tuple[tuple[int, ...], int, int, tuple[int, ...]]] = [
    ((4,), 0, 0, (3,)), ((4,), 0, 0, ()), ((3, 2), 0, 0, (5,)), ((3, 2), 1, 0, (2, 2)),
    ((2, 3, 2), 1, 0, (4,)), ((3, 2), 0, 0, (0,)), ((2, 3), 1, 1, (2, 4)),
    ((2, 2, 3, 2), 2, 1, (2, 2)), ((300, 130), 0, 0, (700,)), ((3, 0), 0, 0, (2,)),
    ((1,), 0, 0, (9,)), ((0, 3), 0, 0, (0,)), ((2, 50, 7), 1, 1, (2, 3, 40)),
    ((5, 33), 1, 0, (2000,)),
]  # fmt: skip


def call(isa: str, name: str, inputs: Sequence[Any], y: Array, integers: Sequence[int] = ()) -> Any:
    """The fault, after a run within guarded memory, and what was computed."""
    out, check = guarded(y)
    fault = module().call_kernel(isa, name, list(inputs), [out], list(integers))
    check()
    return fault, out


def drawn(shape: tuple[int, ...], dtype: str) -> Array:
    rng = np.random.default_rng(len(shape))
    return np.asarray(rng.standard_normal(shape) * 50).astype(dtype)


def views(x: Array) -> list[Array]:
    return [x, x.copy(order="F"), np.repeat(x, 2, axis=0)[::2] if x.ndim else x]


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_gather(isa: str, dtype: str) -> None:
    for shape, axis, lead, chosen in FORMS:
        op = registry()["gather"](axis, lead)  # type: ignore[call-arg]
        rng = np.random.default_rng(0)
        indices = np.asarray(rng.integers(-shape[axis], max(shape[axis], 1), chosen), np.int64)
        for x, at in zip(views(drawn(shape, dtype)), views(indices), strict=True):
            wanted = np.asarray(op.forward(x, at))
            fault, y = call(isa, "gather", [x, at], np.ones_like(wanted), [axis, lead, 1])
            assert fault[0] == -1
            assert np.array_equal(y, wanted)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_scatter_add_adds_in_order(isa: str, dtype: str) -> None:
    for shape, axis, lead, chosen in FORMS:
        op = registry()["scatter_add"](axis, lead, shape[axis])  # type: ignore[call-arg]
        rng = np.random.default_rng(0)
        indices = np.asarray(rng.integers(-shape[axis], max(shape[axis], 1), chosen), np.int64)
        entries = drawn((*shape[:axis], *chosen[lead:], *shape[axis + 1 :]), dtype)
        for x, at in zip(views(entries), views(indices), strict=True):
            wanted = op.forward(x, at)
            fault, y = call(isa, "scatter_add", [x, at], np.ones_like(wanted), [axis, lead])
            assert fault[0] == -1
            assert y.tobytes() == wanted.tobytes()


@EVERY_ISA
def test_scatter_add_wraps_whole_numbers_around(isa: str) -> None:
    most = np.iinfo(np.int64).max
    x, at = np.array([most, most, 1, -most, -9]), np.array([0, 0, 0, 1, 1])
    fault, y = call(isa, "scatter_add", [x, at], np.zeros(2, np.int64), [0, 0])
    assert fault[0] == -1
    assert y.tolist() == [-1, most - 7]


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_hot(isa: str, dtype: str) -> None:
    op = registry()["one_hot"](7, dtype)  # type: ignore[call-arg]
    for shape in ((), (0,), (5,), (3, 4), (9000,)):
        indices = np.random.default_rng(0).integers(-1, 7, shape)
        for at in views(np.asarray(indices, np.int64)):
            wanted = op.forward(at)
            fault, y = call(isa, "one_hot", [at], np.ones_like(wanted))
            assert fault[0] == -1
            assert np.array_equal(y, wanted)


@EVERY_ISA
def test_ravel_index(isa: str) -> None:
    sizes = (3, 5, 40)
    for shape in ((), (0,), (6,), (4, 30)):
        at = [np.random.default_rng(n).integers(-n, n, shape) for n in sizes]
        for n in (1, 2, 3):
            wanted = registry()["ravel_index"](sizes[:n]).forward(*at[:n])  # type: ignore[call-arg]
            given = [np.copy(a, order="F") for a in at[:n]]
            fault, y = call(isa, "ravel_index", given, np.ones_like(wanted), sizes[:n])
            assert fault[0] == -1
            assert np.array_equal(y, wanted)


@EVERY_ISA
@pytest.mark.parametrize("wrong", [4, -5, 2**62, -(2**63)])
def test_an_index_out_of_range_is_a_fault_and_nothing_is_written(isa: str, wrong: int) -> None:
    at = np.array([0, 3, wrong, 99])
    x, y = np.zeros((4, 2), np.float32), np.full((4, 2), 7, np.float32)
    for name, inputs, out, integers in (
        ("gather", [x, at], y, [0, 0, 1]),
        ("scatter_add", [x, at], y, [0, 0]),
        ("one_hot", [at], np.full((4, 4), 7, np.float32), []),
        ("ravel_index", [at, at], np.full(4, 7), [4, 4]),
    ):
        fault, after = call(isa, name, inputs, out, integers)
        assert fault == (2, wrong, 4)
        assert (after == 7).all()


@EVERY_ISA
def test_without_counting_from_the_end(isa: str) -> None:
    x, at = np.zeros((4, 2), np.float32), np.array([0, -1])
    assert call(isa, "gather", [x, at], x[:2], [0, 0, 0])[0] == (1, -1, 4)
    assert call(isa, "one_hot", [at - 1], np.zeros((2, 4)))[0] == (1, -2, 4)
    assert call(isa, "one_hot", [at], np.zeros((2, 0)))[0] == (0, 0, 0)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_concatenate(isa: str, dtype: str) -> None:
    for axis, lengths in ((0, (2, 3)), (1, (1, 0, 4)), (2, (5,)), (1, (40, 1, 7, 300))):
        shapes = [tuple(n if i == axis else m for i, m in enumerate((3, 2, 4))) for n in lengths]
        for order in ((0, 1, 2), (2, 0, 1)):
            turned = np.argsort(order)
            xs = [
                drawn(tuple(shape[i] for i in turned), dtype).transpose(order) for shape in shapes
            ]
            wanted = registry()["concatenate"](axis).forward(*xs)  # type: ignore[call-arg]
            _, y = call(isa, "concatenate", xs, np.ones_like(wanted), [axis])
            assert np.array_equal(y, wanted)


@EVERY_ISA
@pytest.mark.parametrize("dtype", DTYPES)
def test_embed(isa: str, dtype: str) -> None:
    for shape, bounds in (
        ((5,), ((1, 4, 1),)),
        ((5,), ((4, -1, -1),)),
        ((4, 5), ((0, 4, 2), (1, 5, 3))),
        ((3,), ((1, 1, 1),)),
        ((2, 0), ((0, 2, 1), (0, 0, 1))),
        ((), ()),
        ((30, 40, 50), ((2, 29, 1), (39, 3, -2), (0, 50, 7))),
    ):
        op = registry()["embed"](shape, bounds)  # type: ignore[call-arg]
        part = tuple(len(range(*b)) for b in bounds)
        integers = [n for start, _, step in bounds for n in (start, step)]
        for x in views(drawn(part, dtype)):
            wanted = op.forward(x)
            _, y = call(isa, "embed", [x], np.ones_like(wanted), integers)
            assert np.array_equal(y, wanted)


@EVERY_ISA
def test_arange_and_full(isa: str) -> None:
    for n in (0, 1, 70_000):
        assert np.array_equal(call(isa, "arange", [], np.ones(n, np.int64))[1], np.arange(n))
    for dtype, value in (("float32", 0.1), ("float64", -0.1), ("int64", 2**60 + 1), ("bool", True)):
        for shape in ((), (0,), (3, 5)):
            y, check = guarded(np.zeros(shape, dtype))
            module().call_kernel(isa, "full", [], [y], [int(value)], [float(value)])
            check()
            assert (y == np.asarray(value, dtype)).all()


@EVERY_ISA
def test_what_indexing_kernels_refuse(isa: str) -> None:
    x, at = np.zeros((4, 3), np.float32), np.zeros(2, np.int64)
    y = np.zeros((2, 3), np.float32)
    for name, inputs, out, integers, message in (
        ("gather", [x, at], y, [2, 0, 1], "out of range"),
        ("gather", [x, at], y, [0, 1, 1], "out of range"),
        ("gather", [x, at], y, [0, 0], "integers"),
        ("gather", [x, at.astype(float)], y, [0, 0, 1], "int64"),
        ("gather", [x, at], x, [0, 0, 1], "as many as the indices"),
        ("gather", [x, at], y.astype(float), [0, 0, 1], "as the input"),
        ("scatter_add", [y, at[:1]], x, [0, 0], "as many as the indices"),
        ("scatter_add", [y, at], x[:, :2].copy(), [0, 0], "as many as the indices"),
        ("scatter_add", [y > 0, at], x > 0, [0, 0], "not added"),
        ("one_hot", [at], y[:1], [], "one axis more"),
        ("ravel_index", [at], at.copy(), [3, 4], "as many arrays"),
        ("ravel_index", [at, at], at.copy(), [2**40, 2**40], "length is out of range"),
        ("ravel_index", [at, at[:1]], at.copy(), [2, 2], "one shape"),
        ("concatenate", [x, x], x, [0], "all arrays together"),
        ("concatenate", [x, y], np.zeros((4, 6), np.float32), [1], "agree but"),
        ("concatenate", [x, x], x, [2], "out of range"),
        ("embed", [y], x, [0, 4, 0, 1], "outside the output"),
        ("embed", [y], x, [1, -1, 0, 1], None),
        ("embed", [y], x, [0, -1, 0, 1], "outside the output"),
        ("embed", [y], x, [0, 2**62, 0, 1], "outside the output"),
        ("embed", [y], x, [0, 0, 0, 1], "step is 0"),
        ("arange", [], x, [], "int64"),
        ("full", [], x, [1], "twice"),
    ):
        if message is None:
            assert call(isa, name, inputs, out, integers)[0][0] == -1
            continue
        with pytest.raises(ValueError, match=message):
            call(isa, name, inputs, out, integers)


LARGE = (300, 40, 30)


@EVERY_ISA
@pytest.mark.parametrize(
    ("name", "axes"),
    [
        (n, a)
        for n in ("sum", "logsumexp", "softmax", "standardise")
        for a in ((0,), (2,), (0, 1, 2))
    ]
    + [("scatter_add", (0,)), ("random_normal", ()), ("copy", ())],
)
def test_bits_never_depend_on_the_number_of_threads(
    isa: str, name: str, axes: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(LARGE).astype(np.float32)
    inputs, shape, integers = [x], LARGE, list(axes)
    if name in ("sum", "logsumexp"):
        shape = tuple(n for i, n in enumerate(LARGE) if i not in axes)
    elif name == "scatter_add":
        inputs, shape, integers = [x, rng.integers(0, 9, 300)], (9, 40, 30), [0, 0]
    elif name == "random_normal":
        inputs, integers = [np.zeros((), np.int64)] * 3, [5]
    elif name == "copy":
        inputs = [x.transpose(2, 1, 0)]
        shape = LARGE[::-1]
    reals = [1e-5] if name == "standardise" else []
    found = []
    for threads in (1, 2, 3, 7, 16):
        y = np.zeros(shape, np.float32)
        module().call_kernel(isa, name, inputs, [y], integers, reals, threads)
        found.append(y.tobytes())
    assert len(set(found)) == 1
