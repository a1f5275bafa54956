"""Clipping by the global norm, and penalties on weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError
from pullback.graph import placeholder
from pullback.optim import clip_by_global_norm, penalty

RANDOM = np.random.default_rng(0)
GRADIENTS = [RANDOM.normal(size=shape) for shape in ((3, 2), (2,), (), (0, 4))]
NORM = float(np.sqrt(sum(np.sum(g**2) for g in GRADIENTS)))


@pytest.mark.parametrize("limit", [0.01, 1.0, 0.999 * NORM])
def test_gradients_are_shrunk_together(limit: float) -> None:
    for given in (limit, pb.tensor(limit, "float64")):
        clipped, norm = clip_by_global_norm([pb.tensor(g) for g in GRADIENTS], given)
        assert norm.item() == pytest.approx(NORM, rel=1e-14)
        for got, g in zip(clipped, GRADIENTS, strict=True):
            np.testing.assert_allclose(got.numpy(), g * (limit / NORM), rtol=1e-14)
        after = np.sqrt(sum(np.sum(got.numpy() ** 2) for got in clipped))
        assert after == pytest.approx(limit, rel=1e-14)


def test_gradients_within_the_limit_keep_every_bit() -> None:
    for dtype in ("float32", "float64"):
        nodes = [pb.tensor(g, dtype) for g in GRADIENTS]
        clipped, _ = clip_by_global_norm(nodes, 1.001 * NORM)
        for got, node in zip(clipped, nodes, strict=True):
            assert got.dtype == dtype
            np.testing.assert_array_equal(got.numpy(), node.numpy())


def test_a_norm_of_zero_is_no_nan() -> None:
    clipped, norm = clip_by_global_norm([pb.zeros((2, 2)), pb.zeros(3)], 1.0)
    assert norm.item() == 0
    assert not any(g.numpy().any() for g in clipped)


def test_large_gradients_do_not_overflow() -> None:
    clipped, norm = clip_by_global_norm([pb.tensor([3e30, 0.0]), pb.tensor([4e30])], 1.0)
    assert norm.item() == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(clipped[0].numpy(), [0.6, 0.0], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_hidden(bad: float) -> None:
    clipped, norm = clip_by_global_norm([pb.tensor([bad, 1.0]), pb.tensor([1.0])], 1.0)
    assert not np.isfinite(norm.item())
    assert not np.isfinite(clipped[0].numpy()).all()


def test_clipping_is_traced() -> None:
    g, limit = placeholder("g", (2, 2)), placeholder("limit", ())
    clipped, norm = clip_by_global_norm([g], limit)
    assert (clipped[0].shape, norm.shape, norm.value) == ((2, 2), (), None)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), float("inf")])
def test_a_limit_must_be_above_zero(limit: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        clip_by_global_norm([pb.zeros(2)], limit)


def test_clipping_nothing_is_an_error() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        clip_by_global_norm([], 1.0)


def test_penalties_are_coefficients_times_sums() -> None:
    parameters = [pb.tensor(g) for g in GRADIENTS]
    ones = sum(np.abs(g).sum() for g in GRADIENTS)
    for l1, l2 in ((0.0, 0.5), (0.1, 0.0), (0.2, 0.3)):
        got = penalty(parameters, l1, l2)
        assert got.item() == pytest.approx(l1 * ones + l2 * NORM**2, rel=1e-13)
        for g, bar in zip(GRADIENTS, pb.gradient(got, parameters), strict=True):
            np.testing.assert_allclose(bar.numpy(), l1 * np.sign(g) + 2 * l2 * g, rtol=1e-13)
        for order in (1, 2):
            assert pb.gradcheck(lambda *w, a=l1, b=l2: penalty(w, a, b), GRADIENTS, order=order)


def test_a_penalty_at_zero_has_derivative_zero() -> None:
    w = pb.zeros((2, 2))
    (bar,) = pb.gradient(penalty([w], l1=1.0, l2=1.0), [w])
    assert not bar.numpy().any()


def test_no_penalty_is_zero() -> None:
    assert penalty([pb.ones((2, 2))]).item() == 0
    assert penalty([], l1=1.0).item() == 0


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), "1"])
@pytest.mark.parametrize("name", ["l1", "l2"])
def test_a_coefficient_must_not_be_negative(name: str, bad: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        penalty([pb.ones((2, 2))], **{name: bad})
