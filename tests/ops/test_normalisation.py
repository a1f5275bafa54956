"""Normalisations at long axes, equal numbers and wrong settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError
from pullback.ops.chunked import products, sums
from pullback.ops.normalisation import Moments
from tests.ops.expected_normalisation import groups


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((700, 3), (0,)), ((3, 700), (1,)), ((2, 600, 3), (1,)), ((2, 9, 60, 2, 3), (1, 2, 4)),
     ((256, 1), (0,)), ((512, 2), (0,)), ((3, 0, 2), (1,)), ((0, 2), (1,)), ((2, 3, 4), (0, 2))],
)  # fmt: skip
def test_sums_by_chunks(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=shape), random.normal(size=shape)
    found, crossed = sums(a, axes), products(a, b, axes)
    assert found.shape == crossed.shape == tuple(1 if i in axes else n for i, n in enumerate(shape))
    for group, places in groups(Moments(axes), shape):
        wanted = math.fsum(a[place] for place in places)
        assert found[group] == pytest.approx(wanted, rel=1e-12, abs=1e-12)
        wanted = math.fsum(a[place] * b[place] for place in places)
        assert crossed[group] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_long_sums_in_float32_keep_their_digits() -> None:
    x = np.random.default_rng(0).normal(3, 1, (100_000, 4)).astype(np.float32)
    found = pb.moments(x, axis=0).numpy()
    wide = x.astype(np.float64)
    np.testing.assert_allclose(found[0, :, 0], wide.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found[0, :, 1], wide.var(0), rtol=1e-6)


@pytest.mark.parametrize("number", [0.0, 1.0, -7.3, 1e6, 3e30])
@pytest.mark.parametrize("shape", [(1,), (5,), (300,)])
def test_equal_numbers_are_exactly_zero(number: float, shape: tuple[int, ...]) -> None:
    """Row 21 of the hard cases: a constant row is finite, and its derivative is too."""
    x = pb.tensor(np.full(shape, number, np.float32))
    y = pb.standardise(x)
    assert not y.numpy().any()
    (x_bar,) = pb.gradient((y * np.arange(len(x))).sum(), [x])
    assert np.isfinite(x_bar.numpy()).all()
    assert pb.moments(x).numpy()[..., 1] == 0


def test_nothing() -> None:
    assert pb.standardise(np.zeros((0, 3)), axis=0).shape == (0, 3)
    assert np.isnan(pb.moments(np.zeros((0, 3)), axis=0).numpy()).all()
    assert pb.rms_normalise(np.zeros((2, 0)), axis=1).shape == (2, 0)


def test_large_offsets() -> None:
    x = np.array([1e4, 1e4 + 1, 1e4 + 2], np.float32)
    np.testing.assert_allclose(pb.standardise(x).numpy(), [-1.2247, 0, 1.2247], atol=1e-4)


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("nan"), float("inf"), "1e-5", None, True])
def test_an_epsilon_that_is_none(epsilon: Any) -> None:
    for f in (pb.standardise, pb.rms_normalise):
        with pytest.raises(ConfigError, match="number above 0"):
            f(np.ones(3), epsilon=epsilon)
