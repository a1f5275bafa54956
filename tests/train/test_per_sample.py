"""Per-sample gradients: row by row what one row gives alone, in the mean what the batch gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses, nn
from pullback.errors import ConfigError, DataError, PullbackError, ShapeError
from pullback.graph import Node

ROWS = 5
RANDOM = np.random.default_rng(6)
X = RANDOM.normal(size=(ROWS, 4))
IMAGES = RANDOM.normal(size=(ROWS, 6, 6, 2))
SERIES = RANDOM.normal(size=(ROWS, 4, 3))
WORDS = RANDOM.integers(0, 7, size=(ROWS, 4))
CLASSES = RANDOM.integers(0, 3, size=ROWS)
VALUES = RANDOM.normal(size=(ROWS, 1))


def ready(*layers: Any) -> nn.Module:
    return nn.Sequential(*layers).initialise(seed=1).astype("float64")


NETWORKS: dict[str, Any] = {
    "layers": lambda: (ready(nn.Linear(4, 6), "tanh", nn.Linear(6, 1)), "mse", X, VALUES),
    "classes": lambda: (ready(nn.Linear(4, 3)), "cross_entropy", X, CLASSES),
    "dropout": lambda: (
        ready(nn.Linear(4, 9), nn.Dropout(0.5), "relu", nn.Linear(9, 9), nn.Dropout(0.2),
              nn.Linear(9, 3)),
        "cross_entropy", X, CLASSES),
    "images": lambda: (
        ready(nn.Conv2d(2, 4, 3), "relu", nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)),
        "cross_entropy", IMAGES, CLASSES),
    "words": lambda: (
        ready(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 1)), "mse", WORDS, VALUES),
    "a target at every place": lambda: (
        ready(nn.Embedding(7, 5), nn.Linear(5, 7)), "cross_entropy", WORDS, WORDS[:, ::-1]),
    "a recurrent layer": lambda: (
        ready(nn.GRU(3, 4), nn.Last(), nn.Linear(4, 1)), "mse", SERIES, VALUES),
    "normalised": lambda: (
        ready(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 1)), "huber", X, VALUES),
}  # fmt: skip


def of_batch(network: Any, loss: Any, x: Any, y: Any, weights: Any = None) -> dict[str, Any]:
    """The gradient of the mean loss of the batch, in training, with seed 3."""
    parameters = network.parameters()
    with nn.mode(training=True, seed=3):
        mean = losses.get(loss)(network(pb.tensor(x)), y, weights)
    found = pb.gradient(mean, list(parameters.values()))
    return {path: bar.numpy() for path, bar in zip(parameters, found, strict=True)}


@pytest.mark.parametrize("name", NETWORKS)
def test_norms_are_those_of_the_gradients(name: str) -> None:
    network, loss, x, y = NETWORKS[name]()
    each = pb.per_sample_gradients(network, loss, x, y, training=True, seed=3).values()
    wanted = np.sqrt(sum(np.square(g).reshape(ROWS, -1).sum(axis=1) for g in each))
    found = pb.per_sample_norms(network, loss, x, y, training=True, seed=3)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_those_of_each_row_and_their_mean_is_that_of_the_batch(name: str) -> None:
    network, loss, x, y = NETWORKS[name]()
    found = pb.per_sample_gradients(network, loss, x, y, training=True, seed=3)
    assert set(found) == set(network.parameters())
    rows = [
        pb.per_sample_gradients(
            network, loss, x[i : i + 1], y[i : i + 1], training=True, seed=3, row=i
        )
        for i in range(ROWS)
    ]
    places = y[0].size if name == "a target at every place" else 1
    for path, whole in of_batch(network, loss, x, y).items():
        assert found[path].shape == (ROWS, *whole.shape)
        alone = np.concatenate([row[path] for row in rows])
        np.testing.assert_allclose(found[path], alone, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(
            found[path].mean(0) / places, whole, rtol=1e-11, atol=1e-13, err_msg=path
        )
        assert np.abs(found[path]).max() > 0


def test_weights() -> None:
    network, loss, x, y = NETWORKS["dropout"]()
    weights = np.array([2.0, 0.0, 1.0, 0.5, 1.5])
    found = pb.per_sample_gradients(network, loss, x, y, weights, training=True, seed=3)
    for path, whole in of_batch(network, loss, x, y, weights).items():
        np.testing.assert_allclose(found[path].sum(0) / weights.sum(), whole, rtol=1e-11)
        assert not found[path][1].any()


def test_dropout_draws_what_it_draws_in_the_whole_batch() -> None:
    """The gradient of a bias behind the mask is the mask."""
    x = np.zeros((ROWS, 8), "float32")
    network = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5)).initialise(seed=0)
    with nn.mode(training=True, seed=9):
        kept = nn.Sequential(nn.Identity(), nn.Dropout(0.5))(pb.ones((ROWS, 8))).numpy() > 0
    assert 0 < kept.sum() < kept.size
    found = pb.per_sample_gradients(network, Outputs(), x, x, training=True, seed=9)
    np.testing.assert_array_equal(found["0.bias"], np.where(kept, np.float32(2), 0))


class Outputs(losses.Loss):
    """The sum of the outputs."""

    def per_row(self, outputs: Node, targets: Node) -> Node:
        return outputs.sum(1)


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        self.left, self.right = nn.Linear(4, 1), nn.Linear(3, 2)

    def forward(self, a: Node, b: Node) -> dict[str, Node]:
        return {"size": self.left(a), "kind": self.right(b)}


def test_several_inputs_and_outputs() -> None:
    network = Two().initialise(seed=0).astype("float64")
    a, b = X, RANDOM.normal(size=(ROWS, 3))
    y = {"size": VALUES, "kind": CLASSES % 2}
    each = {"size": "mse", "kind": "cross_entropy"}
    found = pb.per_sample_gradients(network, each, {"a": a, "b": b}, y)
    size = pb.per_sample_gradients(network.left, "mse", a, VALUES)
    kind = pb.per_sample_gradients(network.right, "cross_entropy", b, CLASSES % 2)
    np.testing.assert_allclose(found["left.weight"], size["weight"], rtol=1e-12)
    np.testing.assert_allclose(found["right.bias"], kind["bias"], rtol=1e-12)


def test_frozen_parameters_have_none() -> None:
    network, loss, x, y = NETWORKS["layers"]()
    network["0"].freeze()
    assert set(pb.per_sample_gradients(network, loss, x, y)) == {"2.weight", "2.bias"}


def test_batch_statistics_are_refused_in_training_alone() -> None:
    network = ready(nn.Linear(4, 3), nn.BatchNorm(3), nn.Linear(3, 1))
    with pytest.raises(ConfigError, match="layer '1', BatchNorm"):
        pb.per_sample_gradients(network, "mse", X, VALUES, training=True)
    found = pb.per_sample_gradients(network, "mse", X, VALUES)
    assert found["1.weight"].shape == (ROWS, 3)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda n: pb.per_sample_gradients(n, "mse", X, VALUES[:2]), DataError, "number of rows"),
        (lambda n: pb.per_sample_gradients(n, "mse", X, VALUES[:, 0]), ShapeError, "mse"),
        (lambda n: pb.per_sample_gradients(n, {"a": "mse"}, X, VALUES), ConfigError, "its loss"),
        (
            lambda n: pb.per_sample_gradients(n.freeze(), "mse", X, VALUES),
            ConfigError,
            "trainable",
        ),
        (
            lambda n: pb.per_sample_gradients(nn.Linear(4, 1), "mse", X, VALUES),
            ConfigError,
            "needs values",
        ),
        (
            lambda n: pb.per_sample_gradients(n, "mse", X, VALUES, np.ones(2)),
            DataError,
            "one number a row",
        ),
    ],
)
def test_mistakes_are_named(call: Any, error: type[PullbackError], said: str) -> None:
    with pytest.raises(error, match=said):
        call(ready(nn.Linear(4, 1)))
