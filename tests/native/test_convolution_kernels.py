"""Convolution and its gradients: drawn windows against NumPy in float64, and the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.graph import registry
from tests.native.helpers import EVERY_ISA, guarded, module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
Borders = tuple[tuple[int, int], ...]

# batch, space, channels in and out, window, stride, padding, dilation, groups
Form = tuple[
    int,
    tuple[int, ...],
    tuple[int, int],
    tuple[int, ...],
    tuple[int, ...],
    Borders,
    tuple[int, ...],
    int,
]
FORMS: list[Form] = [
    # The first layers and the rest of usual networks.
    (3, (28, 28), (1, 6), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),
    (2, (14, 14), (6, 16), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (2, (32, 32), (3, 32), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (2, (15, 16), (32, 33), (3, 3), (2, 2), ((1, 1), (1, 0)), (1, 1), 1),
    (2, (9, 7), (70, 64), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (2, (8, 8), (20, 17), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    (2, (5, 5), (3, 4), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    # Patches that must be cut: many lines, long lines, many channels.
    (1, (150, 60), (4, 3), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (1, (9000,), (5, 3), (3,), (1,), ((1, 1),), (1,), 1),
    (1, (6, 40), (700, 9), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    # Strides beyond the window, dilation, much padding, groups, depthwise.
    (2, (11, 9), (4, 4), (2, 1), (3, 4), ((0, 0), (0, 0)), (1, 1), 2),
    (2, (12, 13), (4, 6), (3, 3), (1, 2), ((2, 2), (4, 3)), (2, 3), 2),
    (2, (3, 3), (2, 2), (2, 2), (1, 1), ((5, 4), (4, 6)), (1, 1), 1),
    (2, (10, 10), (24, 24), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 24),
    (2, (10, 10), (37, 37), (3, 3), (2, 2), ((1, 1), (0, 1)), (1, 2), 37),
    (2, (10, 10), (5, 15), (3, 3), (2, 2), ((1, 1), (0, 1)), (1, 1), 5),
    # Batches that fill vectors: whole ones, one image more, several blocks of them; few channels.
    (64, (28, 28), (1, 6), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),
    (16, (14, 14), (6, 16), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (33, (9, 11), (7, 5), (3, 3), (2, 3), ((1, 1), (2, 0)), (1, 1), 1),
    (150, (8, 7), (2, 1), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (47, (6, 5), (15, 17), (3, 2), (1, 1), ((2, 1), (0, 2)), (2, 1), 1),
    (31, (7, 9), (12, 18), (3, 3), (2, 1), ((1, 1), (1, 1)), (1, 2), 6),
    (17, (5, 6), (13, 13), (2, 2), (1, 1), ((1, 0), (0, 1)), (1, 1), 13),
    (32, (4, 5), (3, 2), (2, 2), (3, 2), ((4, 3), (5, 4)), (1, 1), 1),
    (65, (7,), (5, 15), (3,), (2,), ((1, 1),), (1,), 5),
    (20, (4, 3, 5), (3, 6), (2, 2, 3), (1, 2, 1), ((1, 0), (1, 1), (0, 2)), (1, 1, 2), 1),
    (48, (6, 6), (24, 9), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),
    (64, (1, 1), (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (16, (3000,), (9, 6), (5,), (1,), ((2, 2),), (1,), 1),
    # Small kernels, whose every number has a vector of sums.
    (16, (9, 11), (1, 7), (5, 5), (2, 3), ((3, 1), (2, 4)), (1, 1), 1),
    (49, (6, 9), (5, 3), (2, 3), (1, 1), ((0, 1), (1, 3)), (3, 2), 1),
    (64, (5, 4), (1, 16), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    (16, (4, 3, 5), (2, 5), (2, 2, 3), (1, 2, 1), ((1, 0), (1, 1), (0, 2)), (1, 1, 2), 1),
    # One and three axes; nothing.
    (2, (50,), (6, 8), (9,), (4,), ((3, 2),), (2,), 2),
    (2, (5, 6, 7), (3, 18), (2, 3, 2), (1, 2, 1), ((1, 0), (1, 1), (0, 2)), (2, 1, 1), 1),
    (0, (4, 4), (2, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (2, (4, 4), (0, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    # Each channel by itself: whole vectors and parts of one, long lines, strides, mostly padding.
    (3, (7, 150), (64, 64), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 64),
    (9, (11, 8), (70, 70), (5, 5), (2, 1), ((2, 2), (3, 1)), (1, 2), 70),
    (2, (3, 4, 5), (16, 16), (2, 2, 3), (1, 2, 1), ((1, 0), (1, 1), (0, 2)), (1, 1, 2), 16),
    (2, (30,), (9, 9), (5,), (1,), ((2, 2),), (3,), 9),
    (2, (2, 2), (24, 24), (3, 3), (1, 1), ((4, 3), (5, 2)), (1, 1), 24),
    (2, (9, 9), (32, 32), (2, 2), (3, 4), ((0, 0), (1, 0)), (1, 1), 32),
    (0, (4, 4), (16, 16), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 16),
]
DEPTHWISE = [form for form in FORMS if form[2] == (form[7], form[7]) and form[7] > 1]


class Case:
    """The three operations of one form: what each is given, and what it gives in float64."""

    def __init__(self, form: Form, dtype: str) -> None:
        batch, space, (ins, outs), window, stride, padding, dilation, groups = form
        random = np.random.default_rng(len(space) + batch)
        settings = stride, padding, dilation, groups
        ops = {
            "conv": registry()["conv"](*settings),
            "conv_transpose": registry()["conv_transpose"](*settings, space),
            "conv_kernel": registry()["conv_kernel"](*settings, window),
        }
        axes = zip(stride, padding, dilation, strict=True)
        self.integers = [groups, *(n for s, (low, _), d in axes for n in (s, low, d))]

        def numbers(*shape: int) -> Array:
            return random.standard_normal(shape).astype(dtype)

        x, kernel = numbers(batch, *space, ins), numbers(*window, ins // groups, outs)
        counted = ops["conv"].counted(x.shape, window)  # type: ignore[attr-defined]
        y = numbers(batch, *counted, outs)
        self.given = {
            "conv": (x, kernel),
            "conv_transpose": (y, kernel),
            "conv_kernel": (x, y),
        }
        self.meaning = {name: self._float64(ops[name], *self.given[name]) for name in ops}

    @staticmethod
    def _float64(op: Any, *inputs: Array) -> tuple[Array, Array]:
        """The value, and the sum of the terms' sizes."""
        wide = [x.astype(np.float64) for x in inputs]
        return op.forward(*wide), op.forward(*map(np.abs, wide))


def call(
    isa: str, name: str, inputs: Any, shape: tuple[int, ...], integers: list[int], threads: int = 1
) -> Array:
    """What a kernel computes into guarded memory that held NaN."""
    y, check = guarded(np.full(shape, np.nan, inputs[0].dtype))
    assert module().call_kernel(isa, name, inputs, [y], integers, [], threads)[0] == -1
    check()
    return y


@EVERY_ISA
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_convolutions(isa: str, dtype: str, form: Form) -> None:
    case = Case(form, dtype)
    for name, (exact, terms) in case.meaning.items():
        y = call(isa, name, case.given[name], exact.shape, case.integers)
        assert (np.abs(y - exact) <= 20 * np.finfo(dtype).eps * terms).all(), name


@EVERY_ISA
@pytest.mark.parametrize("form", [FORMS[3], DEPTHWISE[-6]], ids=str)
def test_inputs_need_not_be_contiguous(isa: str, form: Form) -> None:
    case = Case(form, "float32")
    for name, inputs in case.given.items():
        views = [np.repeat(x, 2, axis=1)[:, ::2].copy(order="F") for x in inputs]
        wanted = call(isa, name, inputs, case.meaning[name][0].shape, case.integers)
        y = call(isa, name, views, wanted.shape, case.integers)
        assert y.tobytes() == wanted.tobytes(), name


@EVERY_ISA
@pytest.mark.parametrize(
    "form",
    [FORMS[0], FORMS[4], FORMS[13], FORMS[17], FORMS[21], FORMS[25], *DEPTHWISE[-7:-5]],
    ids=str,
)
def test_bits_never_depend_on_the_number_of_threads(isa: str, form: Form) -> None:
    case = Case((33, *form[1:]), "float32")
    for name, (exact, _) in case.meaning.items():
        found = {
            call(isa, name, case.given[name], exact.shape, case.integers, threads).tobytes()
            for threads in (1, 2, 3, 8)
        }
        assert len(found) == 1, name


@EVERY_ISA
def test_only_what_the_window_sees_is_read(isa: str) -> None:
    """Numbers that no output sees may be anything, as may those of other images."""
    form: Form = (3, (6, 6), (2, 3), (2, 2), (3, 3), ((1, 0), (0, 1)), (1, 1), 1)
    case = Case(form, "float32")
    x, kernel = case.given["conv"]
    wanted = call(isa, "conv", (x, kernel), case.meaning["conv"][0].shape, case.integers)
    spoilt = x.copy()
    spoilt[0] = spoilt[:, 1] = spoilt[:, 4] = spoilt[:, :, 2] = np.nan
    y = call(isa, "conv", (spoilt, kernel), wanted.shape, case.integers)
    assert np.isnan(y[0]).all()
    assert y[1:].tobytes() == wanted[1:].tobytes()


@EVERY_ISA
def test_what_convolutions_refuse(isa: str) -> None:
    x, kernel = np.zeros((2, 5, 4), np.float32), np.zeros((3, 4, 6), np.float32)
    y = np.zeros((2, 3, 6), np.float32)
    settings = [1, 1, 0, 1]
    for name, inputs, out, integers, message in (
        ("conv", [x], y, settings, "two inputs"),
        ("conv", [x, kernel], y, [], "settings"),
        ("conv", [x, kernel], y, [1, 1, 0], "stride, padding and dilation"),
        ("conv", [x, kernel], y, [1, 0, 0, 1], "out of range"),
        ("conv", [x, kernel], y, [1, 1, -1, 1], "out of range"),
        ("conv", [x, kernel], y, [1, 1, 0, 2**40], "out of range"),
        ("conv", [x, kernel], y, [0, 1, 0, 1], "a kernel is"),
        ("conv", [x, kernel], y, [2, 1, 0, 1], "a kernel is"),
        ("conv", [x, kernel], y[:1], settings, "batch size"),
        ("conv", [x, kernel], y.astype(np.float64), settings, "all the same"),
        ("conv", [x, kernel[None]], y, settings, "an axis for each"),
        ("conv", [x, kernel], y[..., ::2], settings, "a kernel is"),
        ("conv", [x, kernel], np.zeros((2, 3, 12), np.float32)[..., ::2], settings, "contiguous"),
        ("conv_transpose", [y, kernel], x[..., :3].copy(), settings, "a kernel is"),
        ("conv_kernel", [x, y], kernel[:, :2].copy(), settings, "a kernel is"),
        ("conv_kernel", [x, y[:, :, None]], kernel, settings, "of both arrays"),
    ):
        with pytest.raises(ValueError, match=message):
            module().call_kernel(isa, name, inputs, [out], integers)
