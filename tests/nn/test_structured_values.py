"""Initial values with a form of their own: orthogonal, identity, sparse, truncated, scaled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pullback.errors import ConfigError
from pullback.nn import initialisers
from pullback.nn.initialisers import (
    GlorotUniform,
    HeNormal,
    Identity,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    VarianceScaling,
)

F8 = np.dtype(np.float64)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (3, 3, 2, 6), (1, 4), (6, 1)])
def test_orthogonal_columns_or_rows(shape: tuple[int, ...]) -> None:
    w = Orthogonal(2.0)(shape, F8, seed=1, path="w").reshape(-1, shape[-1])
    small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)
    assert (np.abs(w - np.round(w)) > 1e-6).any() or 1 in w.shape


def test_orthogonal_matrices_favour_no_sign() -> None:
    """Without the signs of R's diagonal, LAPACK's diagonal of Q would have one sign."""
    signs = [np.sign(Orthogonal()((4, 4), F8, seed=s).diagonal()).sum() for s in range(200)]
    assert abs(np.mean(signs)) < 0.6


def test_an_orthogonal_vector_has_the_length() -> None:
    assert np.linalg.norm(Orthogonal(3.0)((5,), F8)) == pytest.approx(3.0)


def test_the_identity_is_in_the_middle_of_a_window() -> None:
    w = Identity(2.0)((3, 5, 4, 2), F8)
    np.testing.assert_array_equal(w[1, 2], 2 * np.eye(4, 2))
    assert np.count_nonzero(w) == 2
    assert not Identity()((4,), F8).any()


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.0, 0), (0.5, 5), (0.01, 1), (0.9, 9)])
def test_every_unit_has_so_many_zeros(sparsity: float, zeros: int) -> None:
    w = Sparse(sparsity, deviation=1.0)((10, 300), F8, seed=2)
    np.testing.assert_array_equal((w == 0).sum(axis=0), zeros)
    if zeros == 5:
        np.testing.assert_allclose((w == 0).mean(axis=1), 0.5, atol=0.12)
        assert w[w != 0].std() == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0])
def test_truncated_numbers_stay_inside_and_keep_their_form(bound: float) -> None:
    values = TruncatedNormal(0.3, bound)((400, 300), F8, seed=4) / 0.3
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > 0.99 * bound
    density = math.exp(-bound * bound / 2) / math.sqrt(2 * math.pi)
    inside = math.erf(bound / math.sqrt(2))
    want = math.sqrt(1 - 2 * bound * density / inside)
    assert values.std() == pytest.approx(want, rel=0.01)
    assert abs(values.mean()) < 0.01


@pytest.mark.parametrize("form", ["uniform", "normal", "truncated_normal"])
@pytest.mark.parametrize(("mode", "count"), [("fan_in", 200), ("fan_out", 600), ("fan_mean", 400)])
def test_scaled_variance(form: str, mode: str, count: int) -> None:
    w = VarianceScaling(3.0, mode, form)((200, 600), F8, seed=5)
    assert w.var() * count == pytest.approx(3.0, rel=0.02)


def test_scaled_variance_is_what_the_named_ones_are() -> None:
    shape, at = (30, 20), {"seed": 3, "path": "w"}
    np.testing.assert_allclose(
        VarianceScaling(2.0, "fan_in", "normal")(shape, F8, **at), HeNormal()(shape, F8, **at)
    )
    glorot = VarianceScaling(1.0, "fan_mean", "uniform")(shape, F8, **at)
    np.testing.assert_allclose(glorot, GlorotUniform()(shape, F8, **at))


@pytest.mark.parametrize(
    "config",
    [
        {"name": "orthogonal", "gain": 0},
        {"name": "identity", "gain": math.inf},
        {"name": "sparse", "sparsity": 1.0},
        {"name": "truncated_normal", "bound": 0},
        {"name": "variance_scaling", "mode": "fan"},
        {"name": "variance_scaling", "form": "gauss"},
        {"name": "variance_scaling", "scale": -1},
    ],
)
def test_a_setting_out_of_range_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        initialisers.get(config)
