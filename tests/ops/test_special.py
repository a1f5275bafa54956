"""erf and erfc to a few units in the last place over the whole range; the tail of gelu."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pullback as pb
from pullback.ops.special import erf_values, erfc_values


def points() -> np.ndarray:
    """Every scale, both signs, and around the places where the formulas change."""
    random = np.random.default_rng(0)
    seams = np.concatenate([np.float64(s) + np.linspace(-1e-3, 1e-3, 101) for s in (0.5, 1, 4, 6)])
    found = np.concatenate(
        [
            np.linspace(0, 28, 20001),
            random.uniform(0, 6, 20000),
            10.0 ** random.uniform(-300, 2, 2000),
            seams,
        ]
    )
    return np.concatenate([found, -found])


def units(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.abs(found - wanted) / np.spacing(np.abs(wanted))


def test_erf_over_the_whole_range() -> None:
    x = points()
    wanted = np.array([math.erf(v) for v in x.tolist()])
    assert units(erf_values(x), wanted).max() <= 3


def test_erfc_over_the_whole_range() -> None:
    x = points()
    wanted = np.array([math.erfc(v) for v in x.tolist()])
    normal = wanted > 1e-300
    assert units(erfc_values(x), wanted)[normal].max() <= 8
    np.testing.assert_allclose(erfc_values(x), wanted, rtol=2e-15, atol=1e-320)


def test_limits() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e308, -1e308, 5e-324])
    erf, erfc = erf_values(x), erfc_values(x)
    np.testing.assert_array_equal(erf[[0, 1, 3, 5, 6]], [1, -1, 0, 1, -1])
    np.testing.assert_array_equal(erfc[[0, 1, 3, 4, 5, 6, 7]], [0, 2, 1, 1, 0, 2, 1])
    assert np.isnan(erf[2])
    assert np.isnan(erfc[2])
    assert math.copysign(1, erf[4]) == -1


def test_the_two_add_up_to_one() -> None:
    x = np.linspace(-6, 6, 5001)
    np.testing.assert_allclose(erf_values(x) + erfc_values(x), 1, rtol=1e-15)


@pytest.mark.parametrize("f", [pb.erf, pb.erfc])
def test_float32_is_the_rounded_value(f: object) -> None:
    assert callable(f)
    x = np.linspace(-9, 9, 20001).astype(np.float32)
    low = f(x).numpy()
    high = f(x.astype(np.float64)).numpy()
    assert low.dtype == np.float32
    np.testing.assert_array_equal(low, high.astype(np.float32))


def test_the_negative_tail_of_gelu() -> None:
    """x * Phi(x) with Phi from erfc keeps its digits where 1 + erf has none."""
    x = np.linspace(-37, 0, 2001)
    found = (0.5 * pb.tensor(x) * pb.erfc(-pb.tensor(x) * math.sqrt(0.5))).numpy()
    wanted = np.array([0.5 * v * math.erfc(-v * math.sqrt(0.5)) for v in x.tolist()])
    np.testing.assert_allclose(found, wanted, rtol=5e-14)
    assert found[0] < 0


# name: (low, high, units in the last place that float32 may be off)
RANGES = {
    "exp": (-87.0, 88.7, 4),
    "log": (1e-37, 1e38, 4),
    "tanh": (-20.0, 20.0, 4),
    "sqrt": (0.0, 1e38, 1),
    "sigmoid": (-80.0, 80.0, 5),
    "softplus": (-80.0, 80.0, 5),
    "log1p": (-0.999, 1e30, 4),
    "expm1": (-80.0, 88.0, 4),
}


@pytest.mark.parametrize("name", RANGES)
def test_float32_over_its_range(name: str) -> None:
    low, high, allowed = RANGES[name]
    random = np.random.default_rng(1)
    x = np.concatenate(
        [
            random.uniform(max(low, -100), min(high, 100), 20000),
            10.0 ** random.uniform(-30, math.log10(high), 20000),
        ]
    ).astype(np.float32)
    x = x[(x >= low) & (x <= high)]
    f = getattr(pb, name)
    found, wanted = f(x).numpy(), f(x.astype(np.float64)).numpy()
    assert (np.abs(found - wanted) / np.spacing(np.abs(wanted.astype(np.float32)))).max() <= allowed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_extreme_number_leaves_its_neighbours_alone(dtype: str) -> None:
    """Both have a short way for arrays without an overflow, and a long one for all others."""
    x = np.linspace(-5, 5, 11, dtype=dtype)
    for extreme, value in ((-1e4, 0), (1e4, 1), (np.nan, np.nan), (-np.inf, 0), (np.inf, 1)):
        y = pb.sigmoid(np.append(x, np.asarray(extreme, dtype))).numpy()
        np.testing.assert_allclose(y[:-1], pb.sigmoid(x).numpy(), rtol=0)
        np.testing.assert_array_equal(y[-1], value)
    a = np.array([0, -0.0, 2, 0, 0], dtype)
    for b in (np.ones(5, dtype), np.array([np.inf, np.nan, 1, -np.inf, 1], dtype)):
        np.testing.assert_array_equal(pb.scale(a, b).numpy(), [0, 0, 2, 0, 0])
    assert pb.scale(np.array([2, 0], dtype), np.array([np.inf] * 2, dtype)).numpy()[0] == np.inf
