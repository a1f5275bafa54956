"""Shortcuts, branches, shared layers and tied weights in whole networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, FileFormatError, ShapeError, UnknownNameError
from pullback.nn.description import describe, rebuild
from tests.train.trainings import Stop, table

X, Y = table()


def bits(network: pb.nn.Module) -> dict[str, bytes]:
    return {path: value.numpy().tobytes() for path, value in network.state().items()}


class Decoder(pb.nn.Module):
    """An autoencoder whose decoder has the encoder's weight, and a second layer that has a bias."""

    def __init__(self, width: int) -> None:
        self.encoder = pb.nn.Linear(4, width)
        self.decoder = pb.nn.Tied(self.encoder)
        self.first, self.second = pb.nn.Linear(4, 4), pb.nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        x = self.second(pb.tanh(self.first(x)))
        y: pb.Tensor = self.decoder(pb.tanh(self.encoder(x)))
        return y


def shared() -> pb.nn.Module:
    norm = pb.nn.BatchNorm()
    layer = pb.nn.Linear(4)
    return pb.nn.Sequential(
        layer, norm, "tanh", layer, norm, pb.nn.Residual(layer), pb.nn.Linear(3)
    )


def branched() -> pb.nn.Module:
    return pb.nn.Sequential(
        pb.nn.Parallel(pb.nn.Linear(3), pb.nn.Sequential(pb.nn.Linear(5), "relu")),
        pb.nn.Residual(pb.nn.Linear(6), shortcut=pb.nn.Linear(6)),
        pb.nn.Reshape((2, 3)),
        pb.nn.Flatten(),
        pb.nn.Linear(3),
    )


@pytest.mark.parametrize("make", [shared, branched])
def test_trained_saved_loaded_resumed(make: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 8, "batch_size": 16, "optimizer": pb.optim.Adam(0.02)}
    whole = pb.fit(make(), (X, Y), save=tmp_path, **settings)
    assert whole.losses[-3:].mean() < whole.losses[:3].mean()
    again = pb.load(whole.path).network
    assert bits(again) == bits(whole.network)
    assert again.predict(X).tobytes() == whole.network.predict(X).tobytes()
    cut = pb.fit(make(), (X, Y), save=tmp_path, callbacks=[Stop(3)], **settings)
    assert bits(pb.resume(cut.path).network) == bits(whole.network)


def test_a_shared_layer_has_its_values_once() -> None:
    made = shared().build((4,))
    assert list(made.state()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_variance",
        "6.weight", "6.bias",
    ]  # fmt: skip
    assert made["5.body"] is made[3] is made[0]


def test_tied_weights_learn_from_both_places(tmp_path: Path) -> None:
    run = pb.fit(Decoder(2), (X, X), epochs=3, save=tmp_path, optimizer=pb.optim.SGD(0.1))
    made = run.network
    assert list(made.parameters()) == [
        "encoder.weight", "encoder.bias", "decoder.bias", "first.weight", "first.bias",
        "second.bias",
    ]  # fmt: skip
    again = pb.load(run.path, custom=[Decoder]).network
    assert bits(again) == bits(made)
    assert again.second.weight is again.first.weight
    assert again["decoder.source"] is again.encoder
    w, x = made.encoder.weight, pb.tensor(X[:3])
    y = made.decoder(pb.tanh(made.encoder(x)))
    (bar,) = pb.gradient(y.sum(), [w.__node__()])
    h = np.tanh(X[:3] @ w.numpy() + made.encoder.bias.numpy())
    h_bar = np.ones((3, 4)) @ w.numpy() * (1 - h**2)
    wanted = X[:3].T @ h_bar + np.ones((4, 3)) @ h
    np.testing.assert_allclose(bar.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_an_embedding_tied_to_the_output(tmp_path: Path) -> None:
    words = pb.nn.Embedding(7, 5)
    made = pb.nn.Sequential(words, pb.nn.Flatten(), pb.nn.Linear(5, 5), pb.nn.Tied(words))
    tokens = np.arange(70)[:, None] % 7
    run = pb.fit(made, (tokens, (tokens[:, 0] + 1) % 7), epochs=150, save=tmp_path, patience=None)
    assert run.scores["train.accuracy"] == 1
    again = pb.load(run.path).network
    assert again["3.source"] is again[0]
    assert again.predict(tokens).tolist() == run.predict(tokens).tolist()
    assert describe(rebuild(describe(made))) == describe(made)


def test_ties_that_do_not_fit() -> None:
    a, b = pb.nn.Linear(4, 2), pb.nn.Linear(2, 4)
    with pytest.raises(ShapeError, match=r"weight of Linear\(2, 4\) has shape \(2, 4\)") as caught:
        b.weight = a.weight
    assert "Tied" in caught.value.do
    assert b.weight.shape == (2, 4)
    late = pb.nn.Linear(2)
    late.weight = a.weight
    with pytest.raises(ConfigError, match="sizes are known"):
        late.build((4,))
    for wrong in (pb.nn.Linear(3), pb.nn.ReLU(), pb.nn.BatchNorm(3), a.weight, None):
        with pytest.raises(ConfigError, match="a matrix called weight"):
            pb.nn.Tied(wrong)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="takes the 2 features"):
        pb.nn.Tied(a).initialise()(np.ones((1, 4)))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: pb.nn.Residual(pb.nn.Linear(3, 2)), (5, 3)),
        (lambda: pb.nn.Residual(pb.nn.Linear(3, 1)), (5, 3)),
        (lambda: pb.nn.Parallel(pb.nn.Linear(3, 1), "tanh", join="sum"), (5, 3)),
        (lambda: pb.nn.Parallel(pb.nn.Linear(3, 1), "tanh", join="stack"), (5, 3)),
        (lambda: pb.nn.Parallel(pb.nn.Flatten(), "tanh"), (5, 3, 2)),
        (lambda: pb.nn.Parallel("tanh", "tanh", axis=4), (5, 3)),
        (lambda: pb.nn.Reshape((2, 2)), (5, 3)),
        (lambda: pb.nn.Reshape((2, -1)), (5, 3)),
        (lambda: pb.nn.Reshape((2,)), ()),
    ],
)
def test_shapes_that_do_not_fit(make: Any, shape: tuple[int, ...]) -> None:
    """Nothing is broadcast silently."""
    with pytest.raises(ShapeError, match=r"test_wiring\.py"):
        make().initialise()(np.ones(shape, np.float32))


def test_two_inputs_that_do_not_fit() -> None:
    layer = pb.nn.Bilinear(3, 2, 1).initialise()
    for x, y in (((5, 2), (5, 3)), ((5, 3), (4, 2)), ((5, 3), (1, 2)), ((), (2,))):
        with pytest.raises(ShapeError, match="same leading axes"):
            layer(np.ones(x), np.ones(y))
    with pytest.raises(ShapeError, match="one shape but for that axis"):
        pb.nn.Concatenate()(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ShapeError, match="nothing"):
        pb.nn.Concatenate()()


@pytest.mark.parametrize(
    "make",
    [
        lambda: pb.nn.Residual(3),
        lambda: pb.nn.Residual("tanh", shortcut=pb.relu),
        lambda: pb.nn.Parallel(),
        lambda: pb.nn.Parallel("tanh", pb.tanh),
        lambda: pb.nn.Reshape((-1, -1)),
        lambda: pb.nn.Reshape((2.5,)),
        lambda: pb.nn.Reshape((-2, 3)),
        lambda: pb.nn.Bilinear(1, 0, 1),
    ],
)
def test_settings_that_are_none(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def test_a_join_that_is_none() -> None:
    with pytest.raises(UnknownNameError, match="sum"):
        pb.nn.Parallel("tanh", join="summ")  # type: ignore[arg-type]


def test_a_tie_to_a_layer_to_come() -> None:
    hostile = {"module": "Tied", "arguments": {"source": {"same_as": 0}}}
    with pytest.raises(FileFormatError):
        rebuild(hostile)
