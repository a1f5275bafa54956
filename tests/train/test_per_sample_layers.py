"""Per-sample gradients of every layer: those of each row in its batch, and of each row alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute import evaluate
from pullback.graph import Node, as_node
from pullback.nn.mode import Mode, mode
from tests.nn.cases import CASES, Case

SEED, STEP, ROWS = 3, 5, 4
RANDOM = np.random.default_rng(8)


def images(network: pb.nn.Module) -> np.ndarray:
    return RANDOM.normal(size=(ROWS, 6, 6, 2))


def series(network: pb.nn.Module) -> np.ndarray:
    return RANDOM.normal(size=(ROWS, 5, 3))


def table(network: pb.nn.Module) -> np.ndarray:
    return RANDOM.normal(size=(ROWS, 3))


def text(network: pb.nn.Module) -> np.ndarray:
    return RANDOM.integers(0, 7, (ROWS, 5))


class Both(pb.nn.Module):
    """Two inputs: features, and words."""

    def __init__(self) -> None:
        self.words, self.drop = pb.nn.Embedding(7, 4), pb.nn.Dropout(0.3)
        self.age, self.out = pb.nn.Linear(3, 4), pb.nn.Linear(4, 2)

    def forward(self, age: Node, words: Node) -> Node:
        return self.out(pb.tanh(self.age(age) + self.drop(self.words(words).mean(axis=1))))


def both(network: pb.nn.Module) -> dict[str, np.ndarray]:
    return {"age": table(network), "words": text(network)}


# Each with dropout where it is used, before and after layers that move axes.
NETWORKS: dict[str, tuple[Callable[[], pb.nn.Module], Callable[..., Any]]] = {
    "dense": (
        lambda: pb.nn.Sequential(
            pb.nn.Dropout(0.4), pb.nn.Linear(3, 4), "relu", pb.nn.Dropout(0.4), pb.nn.Linear(4, 2)
        ),
        table,
    ),
    "convolution": (
        lambda: pb.nn.Sequential(
            pb.nn.Conv2d(2, 4, 3, padding=1),
            pb.nn.GroupNorm(4, 2),
            "silu",
            pb.nn.MaxPool2d(2),
            pb.nn.Dropout(0.4),
            pb.nn.Flatten(),
            pb.nn.Linear(36, 2),
        ),
        images,
    ),
    "augmented": (
        lambda: pb.nn.Sequential(
            pb.nn.RandomFlip(), pb.nn.RandomShift(1), pb.nn.Flatten(), pb.nn.Linear(72, 2)
        ),
        images,
    ),
    "lstm": (
        lambda: pb.nn.Sequential(
            pb.nn.LSTM(3, 4, layers=2, dropout=0.4, last=True), pb.nn.Linear(4, 2)
        ),
        series,
    ),
    "attention": (
        lambda: pb.nn.Sequential(
            pb.nn.Embedding(7, 4),
            pb.nn.TransformerBlock(4, 2, dropout=0.4, causal=True),
            pb.nn.GlobalAvgPool(),
            pb.nn.Linear(4, 2),
        ),
        text,
    ),
    "two inputs": (Both, both),
}


def in_batch(
    network: pb.nn.Module, loss: pb.losses.Loss, x: Any, y: Any, training: bool, weights: Any = None
) -> dict[str, np.ndarray]:
    """The gradient of the batch's summed loss, as one batch."""
    parameters = {path: p for path, p in network.parameters().items() if p.trainable}
    inputs = x if isinstance(x, dict) else {"": x}
    nodes = [as_node(a if a.dtype.kind in "iu" else a.astype("float64")) for a in inputs.values()]
    with mode(Mode(training, as_node(SEED), as_node(STEP))):
        total = loss(network(*nodes), y, weights, reduction="sum")
    return dict(zip(parameters, evaluate(pb.gradient(total, [*parameters.values()])), strict=True))


def each_row(*args: Any, **settings: Any) -> dict[str, np.ndarray]:
    return pb.per_sample_gradients(*args, seed=SEED, step=STEP, **settings)


def close(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for path in wanted:
        np.testing.assert_allclose(found[path], wanted[path], rtol=1e-10, atol=1e-12, err_msg=path)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_row_of_a_batch(name: str, training: bool) -> None:
    """With dropout every row drops what it drops in the batch: a weight of 0 hides the others."""
    make, draw = NETWORKS[name]
    network = make().initialise(seed=1).astype("float64")
    x, y = draw(network), np.array([0, 1, 1, 0])
    rows = each_row(network, "cross_entropy", x, y, training=training)
    wanted = in_batch(network, pb.losses.cross_entropy, x, y, training)
    close({path: bars.sum(axis=0) for path, bars in rows.items()}, wanted)
    for i in range(ROWS):
        row = in_batch(network, pb.losses.cross_entropy, x, y, training, np.eye(ROWS)[i])
        close({path: bars[i] for path, bars in rows.items()}, row)
    if training:
        still = each_row(network, "cross_entropy", x, y)
        assert any(not np.allclose(rows[path], still[path]) for path in rows)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_row_alone(name: str) -> None:
    make, draw = NETWORKS[name]
    network = make().initialise(seed=1).astype("float64")
    x, y = draw(network), RANDOM.normal(size=(ROWS, 2))
    rows = each_row(network, "huber", x, y)
    for i in range(ROWS):
        part = {n: a[i : i + 1] for n, a in x.items()} if isinstance(x, dict) else x[i : i + 1]
        wanted = in_batch(network, pb.losses.huber, part, y[i : i + 1], False)
        close({path: bars[i] for path, bars in rows.items()}, wanted)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_norms_are_those_of_the_gradients(name: str, training: bool) -> None:
    make, draw = NETWORKS[name]
    network = make().initialise(seed=1).astype("float64")
    x, y, weights = draw(network), np.array([0, 1, 1, 0]), np.array([1.0, 0.0, 2.5, 0.1])
    for given in (None, weights):
        args = (network, "cross_entropy", x, y, given)
        rows = each_row(*args, training=training)
        wanted = np.sqrt(sum(np.square(g).reshape(ROWS, -1).sum(axis=1) for g in rows.values()))
        found = pb.per_sample_norms(*args, training=training, seed=SEED, step=STEP)
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


class Scaled(pb.nn.Module):
    """A layer before a parameter, so that one without parameters has a gradient to look at."""

    def __init__(self, layer: pb.nn.Module) -> None:
        self.layer, self.scale = layer, pb.nn.Parameter((), pb.nn.initialisers.get("ones"))

    def forward(self, *inputs: Node) -> Node:
        return self.layer(*inputs) * self.scale


def example(cases: list[Case]) -> tuple[pb.nn.Module, tuple[np.ndarray, ...]]:
    """Rows for the first case of a layer that takes rows and gives as many."""
    for case in cases:
        for shape in case.shapes:
            drawn = [case.draw(np.random.default_rng(seed), shape) for seed in (1, 2)]
            arrays = tuple(np.concatenate(parts) for parts in zip(*drawn, strict=True) if shape)
            if not arrays or any(a.ndim < 2 or not a.size for a in arrays):
                continue
            network = Scaled(case.make()).initialise(seed=1).astype("float64")
            y = network(*arrays)
            if y.ndim > 1 and y.shape[0] == len(arrays[0]) and y.size:
                return network, arrays
    raise AssertionError("no case with rows")


@pytest.mark.parametrize("name", sorted({*pb.nn.layers()}))
def test_every_layer(name: str) -> None:
    network, arrays = example(CASES[name])
    y = np.zeros(network(*arrays).shape)
    x = arrays[0] if len(arrays) == 1 else arrays
    rows = each_row(network, "mse", x, y)
    for i in range(len(y)):
        total = pb.losses.mse(network(*(a[i : i + 1] for a in arrays)), y[i : i + 1])
        parameters = network.parameters()
        wanted = evaluate(pb.gradient(total, [*parameters.values()]))
        close({path: bars[i] for path, bars in rows.items()}, dict(zip(rows, wanted, strict=True)))


def test_sequences_of_targets() -> None:
    network = pb.nn.Sequential(pb.nn.LSTM(3, 4), pb.nn.Linear(4, 2)).initialise(0).astype("float64")
    x, y = series(network), RANDOM.integers(-1, 2, (ROWS, 5))
    rows = each_row(network, "cross_entropy", x, y)
    wanted = in_batch(network, pb.losses.cross_entropy, x, y, False)
    close({path: bars.sum(axis=0) for path, bars in rows.items()}, wanted)
