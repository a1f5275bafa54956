"""Eigenvalues of the Hessian beside those of the whole matrix; the gradient noise scale."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from pullback.insight.curvature import hessian_product
from pullback.insight.subject import of_network
from tests.insight.test_fidelity import built


def hessian(network: nn.Module, data: Any, loss: str) -> np.ndarray:
    """All of it, column by column."""
    subject = of_network(network, data, loss)
    product, size = hessian_product(subject, {p: subject.node(p) for p in network.parameters()})
    return np.stack([product(row) for row in np.eye(size)])


@pytest.mark.parametrize("name", ["dense", "normalised", "lstm"])
def test_eigenvalues_are_those_of_the_matrix(name: str) -> None:
    network, data = built(name, "float64")
    whole = hessian(network, data, "cross_entropy")
    np.testing.assert_allclose(whole, whole.T, atol=1e-10)
    values = np.linalg.eigvalsh(whole)
    found = pb.curvature(network, data, loss="cross_entropy", count=3, tolerance=1e-8)
    np.testing.assert_allclose(found.eigenvalues, values[::-1][:3], rtol=1e-6, atol=1e-9)
    assert found.lowest >= values[0] - 1e-9
    assert (found.errors <= 1e-8 * values[-1] + 1e-12).all()
    assert found.sharpness == found.eigenvalues[0]


def test_eigenvectors_are_those_of_the_matrix() -> None:
    network, data = built("dense", "float64")
    whole = hessian(network, data, "cross_entropy")
    found = pb.curvature(network, data, loss="cross_entropy", count=3, tolerance=1e-4)
    for value, error, by_path in zip(
        found.eigenvalues, found.errors, found.eigenvectors, strict=True
    ):
        assert {p: v.shape for p, v in by_path.items()} == {
            p: v.shape for p, v in network.parameters().items()
        }
        vector = np.concatenate([part.ravel() for part in by_path.values()])
        assert np.linalg.norm(vector) == pytest.approx(1)
        off = np.linalg.norm(whole @ vector - value * vector)
        assert off == pytest.approx(error, rel=1e-3, abs=1e-9)


def test_the_plain_data_holds_no_vectors() -> None:
    network, data = built("dense", "float32")
    found = pb.curvature(network, data, loss="cross_entropy", learning_rate=0.1)
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["eigenvalues"] == found.eigenvalues.tolist()
    assert plain["critical_rate"] == found.critical_rate
    assert plain["learning_rate"] == 0.1


def test_few_products_give_bounds_that_hold() -> None:
    network, data = built("dense", "float64")
    values = np.linalg.eigvalsh(hessian(network, data, "cross_entropy"))
    found = pb.curvature(network, data, loss="cross_entropy", count=2, products=6)
    assert found.products == 6
    for value, error in zip(found.eigenvalues, found.errors, strict=True):
        assert np.abs(values - value).min() <= error + 1e-12


def test_gradient_descent_is_stable_below_the_critical_rate() -> None:
    """Of a linear model: just below 2 / lambda the loss falls, just above it grows."""
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 3))
    y = x @ np.array([[1.0], [2.0], [-1.0]])
    network = nn.Linear(3, 1, bias=False).astype("float64").initialise(seed=0)
    rate = pb.curvature(network, (x, y), loss="mse", tolerance=1e-10).critical_rate
    for factor, falls in ((0.98, True), (1.02, False)):
        made = nn.Linear(3, 1, bias=False).astype("float64").initialise(seed=0)
        run = pb.fit(
            made, (x, y), validation=None, loss="mse", optimizer=pb.optim.SGD(factor * rate),
            batch_size=30, shuffle=False, epochs=300, progress="none",
        )  # fmt: skip
        assert (run.losses[-1] < run.losses[0]) == falls


def test_the_words_compare_the_rate() -> None:
    network, data = built("dense", "float32")
    text = str(pb.curvature(network, data, loss="cross_entropy", learning_rate=1e6))
    assert "BEYOND" in text
    assert "within it" in str(pb.curvature(network, data, loss="cross_entropy", learning_rate=1e-6))


def test_bad_counts_are_refused() -> None:
    network, data = built("dense", "float32")
    with pytest.raises(errors.ConfigError, match="positive"):
        pb.curvature(network, data, loss="cross_entropy", count=0)
    network.freeze()
    with pytest.raises(errors.ConfigError, match="trainable"):
        pb.curvature(network, data, loss="cross_entropy")


def test_the_noise_scale_is_its_definition() -> None:
    network, (x, y) = built("dense", "float64")
    found = pb.noise_scale(network, (x, y), loss="cross_entropy")
    each = pb.per_sample_gradients(network, "cross_entropy", x, y)
    flat = np.concatenate([g.reshape(len(x), -1) for g in each.values()], axis=1)
    variance = np.trace(np.cov(flat.T))
    assert found.variance == pytest.approx(variance)
    norm = np.square(flat.mean(0)).sum() - variance / len(x)
    assert found.squared_norm == pytest.approx(max(norm, 0))
    assert found.rows == len(x)


def test_the_noise_scale_of_one_row_is_refused() -> None:
    network, (x, y) = built("dense", "float64")
    with pytest.raises(errors.DataError, match="at least 2"):
        pb.noise_scale(network, (x[:1], y[:1]), loss="cross_entropy")
