"""Convolution and pooling: hard points, every form of a setting, messages, and blocks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, ShapeError
from pullback.graph import apply, constant
from pullback.ops import correlate
from pullback.ops.comparison import Where
from pullback.ops.convolution import Conv, ConvKernel, ConvTranspose
from tests.ops import expected_windows


def image(*shape: int, seed: int = 0, dtype: str = "float64") -> pb.Tensor:
    return constant(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def line(*numbers: float) -> pb.Tensor:
    return pb.tensor(list(numbers), dtype="float64").reshape(1, len(numbers), 1)


def slopes(f: Callable[[pb.Tensor], pb.Tensor], x: pb.Tensor) -> list[float]:
    (bar,) = pb.gradient(f(x).sum(), [x])
    return list(bar.numpy().reshape(-1).tolist())


def test_row_14_a_tie_goes_to_the_first() -> None:
    assert slopes(lambda x: pb.max_pool(x, 2), line(2, 2, 1, 3)) == [1, 0, 0, 1]
    assert slopes(lambda x: pb.max_pool(x, 3, 1), line(1, 1, 1, 1)) == [1, 1, 0, 0]
    square = pb.tensor([[0.0, 5.0], [5.0, 5.0]]).reshape(1, 2, 2, 1)
    assert slopes(lambda x: pb.max_pool(x, (2, 2)), square) == [0, 1, 0, 0]


def test_row_14_nan_passes_and_takes_the_cotangent() -> None:
    x = line(1, np.nan, np.inf, 2, np.nan, np.nan)
    y = pb.max_pool(x, 2).numpy().reshape(-1)
    assert np.isnan(y).tolist() == [True, False, True]
    assert slopes(lambda x: pb.max_pool(x, 2), x) == [0, 1, 1, 0, 1, 0]


def test_row_14_padding_is_never_the_largest() -> None:
    lowest = line(-np.inf, -np.inf, -1)
    assert pb.max_pool(lowest, 2, 2, ((1, 0),)).numpy().reshape(-1).tolist() == [-np.inf, -1]
    assert slopes(lambda x: pb.max_pool(x, 2, 2, ((1, 0),)), lowest) == [1, 0, 1]


@pytest.mark.parametrize("pool", [pb.max_pool, pb.avg_pool])
@pytest.mark.parametrize("padding", [((2, 0),), ((0, 2),), 2])
def test_row_14_a_window_of_padding_only_is_refused(pool: Any, padding: Any) -> None:
    with pytest.raises(ShapeError, match=r"must cover some of the input") as caught:
        pool(line(1, 2, 3), 2, 1, padding)
    assert "padding only" in str(caught.value)
    if pool is pb.max_pool:  # taps on either side of a short input
        with pytest.raises(ShapeError, match="must cover"):
            pb.max_pool(line(1), 2, 1, 1, dilation=2)


def test_a_zero_cotangent_gives_zero() -> None:
    bad = line(np.inf, np.nan, 1, 2)
    for f in (pb.max_pool, pb.avg_pool):
        assert slopes(lambda x, f=f: pb.where([[[False], [True]]], f(x, 2), 0.0), bad)[:2] == [0, 0]


FORMS: list[tuple[Callable[[pb.Tensor, pb.Tensor], pb.Tensor], Conv]] = [
    (lambda x, k: pb.conv(x, k), Conv((1, 1), ((0, 0), (0, 0)), (1, 1))),
    (lambda x, k: pb.conv(x, k, 2, 1), Conv((2, 2), ((1, 1), (1, 1)), (1, 1))),
    (lambda x, k: pb.conv(x, k, (2, 1), "valid"), Conv((2, 1), ((0, 0), (0, 0)), (1, 1))),
    (lambda x, k: pb.conv(x, k, padding="same"), Conv((1, 1), ((1, 1), (0, 1)), (1, 1))),
    (lambda x, k: pb.conv(x, k, 2, "same"), Conv((2, 2), ((1, 1), (0, 0)), (1, 1))),
    (lambda x, k: pb.conv(x, k, 3, "same"), Conv((3, 3), ((0, 1), (0, 0)), (1, 1))),
    (
        lambda x, k: pb.conv(x, k, padding="same", dilation=2),
        Conv((1, 1), ((2, 2), (1, 1)), (2, 2)),
    ),
    (lambda x, k: pb.conv(x, k, padding=(2, (0, 1))), Conv((1, 1), ((2, 2), (0, 1)), (1, 1))),
]


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_the_forms_of_settings(number: int) -> None:
    build, op = FORMS[number]
    x, k = image(2, 5, 6, 1), image(3, 2, 1, 2, seed=1)
    y = build(x, k)
    assert y.op == op
    np.testing.assert_allclose(y.numpy(), expected_windows.conv(op, x.numpy(), k.numpy()), 1e-12)
    if number in (3, 6):
        assert y.shape[1:-1] == x.shape[1:-1]


SETTINGS = [
    Conv((s, 1), ((p, 0), (1, p)), (1, d), g)
    for s, p, d, g in itertools.product((1, 2), (0, 2), (1, 2), (1, 2, 4))
]


@pytest.mark.parametrize("op", SETTINGS, ids=str)
@pytest.mark.parametrize("block", [1, 1 << 18])
def test_every_road_of_the_arithmetic(op: Conv, block: int, monkeypatch: Any) -> None:
    """Short and long patches, one row a block and all of them, groups and depthwise."""
    monkeypatch.setattr(correlate, "_BLOCK", block)
    for short in (0, 1000):
        monkeypatch.setattr(correlate, "_SHORT", short)
        x, k = image(3, 4, 5, 4), image(2, 3, 4 // op.groups, 8, seed=1)
        y = pb.conv(x, k, op.stride, op.padding, op.dilation, op.groups)
        wanted = expected_windows.conv(op, x.numpy(), k.numpy())
        np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-12, atol=1e-12)
        y_bar = image(*y.shape, seed=2)
        (x_bar, k_bar) = pb.gradient((y * y_bar).sum(), [x, k])
        back = ConvTranspose(*op.settings(), x.shape[1:-1])
        wanted = expected_windows.conv_transpose(back, y_bar.numpy(), k.numpy())
        np.testing.assert_allclose(x_bar.numpy(), wanted, rtol=1e-12, atol=1e-12)
        side = ConvKernel(*op.settings(), k.shape[:-2])
        wanted = expected_windows.conv_kernel(side, x.numpy(), y_bar.numpy())
        np.testing.assert_allclose(k_bar.numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_float32_stays_and_long_sums_are_right() -> None:
    x, k = image(8, 64, 64, 3, dtype="float32"), image(3, 3, 3, 4, seed=1, dtype="float32")
    y = pb.conv(x, k, padding="same")
    (k_bar,) = pb.gradient((y * y).sum(), [k])
    exact = pb.conv_kernel(x.astype("float64"), (2 * y).astype("float64"), (3, 3), 1, 1).numpy()
    assert (y.dtype, k_bar.dtype) == ("float32", "float32")
    assert np.linalg.norm(k_bar.numpy() - exact) < 2e-6 * np.linalg.norm(exact)


def test_whole_numbers_become_real() -> None:
    x = pb.tensor(np.arange(4).reshape(1, 4, 1))
    assert pb.avg_pool(x, 2).numpy().reshape(-1).tolist() == [0.5, 2.5]
    assert pb.max_pool(x, 2).dtype == pb.conv(x, np.ones((2, 1, 1), int)).dtype == "float32"


def test_a_transposed_convolution_undoes_the_size() -> None:
    for n, k, s, p, d in itertools.product((6, 7, 8), (2, 3), (1, 2, 3), (0, 1), (1, 2)):
        kernel = image(k, 2, 3)
        y = pb.conv(image(1, n, 2), kernel, s, p, d)
        more = (n + 2 * p - d * (k - 1) - 1) % s
        assert pb.conv_transpose(y, kernel, s, p, more, d).shape == (1, n, 2)


X, K = np.ones((2, 5, 5, 4), np.float32), np.ones((3, 3, 4, 6), np.float32)
WRONG: list[tuple[type[Exception], Callable[[], Any], str]] = [
    (ShapeError, lambda: pb.conv(X, np.ones((7, 3, 4, 1))), r"window of 7 x 3.*input of 5 x 5"),
    (ShapeError, lambda: pb.conv(X, K, dilation=3), r"dilated to 7 x 7.*5 x 5"),
    (ShapeError, lambda: pb.conv(X[..., :3], K), r"fit 3 channels.*\(3, 3, 4, 6\)"),
    (ShapeError, lambda: pb.conv(X, K, groups=3), r"3 groups, 4 channels.*6 on the other"),
    (ShapeError, lambda: pb.conv(X, K, groups=2), r"\(\*window, 2, 6\)"),
    (
        ShapeError,
        lambda: pb.conv(X[0], K),
        r"\(batch, height, width, channels\).*x\[\.\.\., None\]",
    ),
    (ShapeError, lambda: pb.conv(X, K[0]), r"\(batch, length, channels\).*channels last"),
    (ShapeError, lambda: pb.conv(X, [1.0]), r"second operand of conv"),
    (ConfigError, lambda: pb.conv(X, K, 0), r"stride of conv is a whole number from 1"),
    (ConfigError, lambda: pb.conv(X, K, (1, 1, 1)), r"stride of conv.*\(1, 1, 1\)"),
    (ConfigError, lambda: pb.conv(X, K, 1.5), r"stride of conv.*1\.5"),  # type: ignore[arg-type]
    (ConfigError, lambda: pb.conv(X, K, dilation=True), r"dilation of conv.*True"),
    (ConfigError, lambda: pb.conv(X, K, groups=0), r"groups of conv"),
    (ConfigError, lambda: pb.conv(X, K, padding=-1), r"padding of conv.*-1.*'same'"),
    (ConfigError, lambda: pb.conv(X, K, padding="full"), r"padding of conv.*'full'"),
    (ConfigError, lambda: pb.conv(X, K, padding=(1, 1, 1)), r"padding of conv.*\(1, 1, 1\)"),
    (ConfigError, lambda: pb.conv(X, K, padding=((1, 1, 1), 0)), r"each of the 2 axes"),  # type: ignore[arg-type]
    (ConfigError, lambda: pb.conv(X, np.ones((0, 3, 4, 1))), r"window of conv"),
    (ShapeError, lambda: pb.conv_transpose(X, K), r"fit 4 channels in 1 group"),
    (ConfigError, lambda: pb.conv_transpose(X, K, padding="same"), r"given in numbers"),  # type: ignore[arg-type]
    (ConfigError, lambda: pb.conv_transpose(X, K, output_padding=1), r"below the stride.*stride=1"),
    (
        ShapeError,
        lambda: pb.conv_transpose(X[:, :1, :1], np.ones((1, 1, 2, 4)), padding=1),
        r"must be left of the output.*-1 x -1",
    ),
    (ShapeError, lambda: pb.conv_kernel(X, X, (2, 2)), r"\(2, 4, 4, out_channels\)"),
    (ShapeError, lambda: pb.max_pool(X, 6), r"window of max_pool must fit.*6 x 6.*5 x 5"),
    (ShapeError, lambda: pb.max_pool(X[0, 0], 2), r"max_pool takes inputs"),
    (ShapeError, lambda: pb.avg_pool(X, (2, 2, 2)), r"\(batch, depth, height, width, channels\)"),
    (ConfigError, lambda: pb.max_pool(X, 0), r"window of max_pool"),
    (ConfigError, lambda: pb.avg_pool(X, 2, 0), r"stride of avg_pool"),
    (
        ShapeError,
        lambda: pb.avg_unpool(X, (9, 9), 2),
        r"what avg_pool gives: .*\(2, 4, 4, 4\)",
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_messages(number: int) -> None:
    error, call, text = WRONG[number]
    with pytest.raises(error, match=f"(?s){text}"):
        call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_pullback_of_rectifiers_keeps_or_drops_every_bit(dtype: str) -> None:
    x = np.array([1.0, -2.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 0.0] * 2).astype(dtype)
    mask = np.arange(16) < 8
    kept = np.asarray(apply(Where(), constant(mask), constant(x), pb.zeros((), dtype)).numpy())
    assert kept[:8].tobytes() == x[:8].tobytes()
    assert kept[8:].tobytes() == np.zeros(8, dtype).tobytes()
    minus = apply(Where(), constant(mask), constant(x), constant(np.asarray(-0.0, dtype))).numpy()
    assert np.signbit(minus[8:]).all()


@pytest.mark.parametrize("columns", [1, 6, 7, 600])
@pytest.mark.parametrize("rows", [2, 511, 1 << 13])
def test_the_sum_of_many_rows(rows: int, columns: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 3, columns))
    for array in (x, x.astype(np.float32), x[:, ::2]):
        for axes in ((0,), (0, 1), (1,), (0, 1, 2)):
            for keepdims in (False, True):
                found = pb.sum(array, axes, keepdims).numpy()
                wanted = array.astype(np.float64).sum(axes, keepdims=keepdims)
                assert found.shape == wanted.shape
                close = 1e-12 if array.dtype == np.float64 else 1e-5
                scale = np.abs(array).sum(axes, keepdims=keepdims)
                assert (np.abs(found - wanted) <= close * scale).all()
