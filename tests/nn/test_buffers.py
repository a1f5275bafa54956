"""Buffers: values that training updates and gradients do not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.container import write_tensors
from pullback.errors import ConfigError, FileFormatError, ShapeError, TraceError
from pullback.execute import State, default_executor, executor
from pullback.nn.mode import current_mode, mode
from pullback.nn.storage import KIND, contents
from pullback.nn.summary import rows, summary
from pullback.train.step import Batch, Recipe
from pullback.train.tracing import PART
from tests.train.trainings import Stop, table

RATE = 0.25


class Centred(pb.nn.Module):
    """Less the batch's mean in training, less the running mean in use."""

    def __init__(self, features: int, calls: int = 1) -> None:
        self.scale = pb.nn.Parameter(features, pb.nn.initialisers.Ones())
        self.mean = pb.nn.Buffer(features, 0.5)
        self.calls = calls

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        here = current_mode()
        if not here.training:
            return (x - self.mean) * self.scale
        for _ in range(self.calls):
            here.assign(self.mean, self.mean + RATE * (x.mean(0) - self.mean))
        return (x - x.mean(0)) * self.scale


def network() -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(4, 3), Centred(3), "tanh", pb.nn.Linear(3, 3))


def moved(mean: np.ndarray, *batches: np.ndarray) -> np.ndarray:
    for x in batches:
        mean = mean + RATE * (x.mean(0) - mean)
    return mean


X = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
HALF = np.full(3, 0.5, np.float32)


def test_paths() -> None:
    made = network().initialise()
    assert list(made.buffers()) == ["1.mean"]
    assert list(made.parameters()) == ["0.weight", "0.bias", "1.scale", "3.weight", "3.bias"]
    assert list(made.state()) == [
        "0.weight", "0.bias", "1.scale", "1.mean", "3.weight", "3.bias",
    ]  # fmt: skip
    assert made["1.mean"] is made.buffers()["1.mean"]
    np.testing.assert_array_equal(made["1.mean"].numpy(), HALF)
    assert repr(made["1.mean"]) == "Buffer(shape=(3,), dtype=float32)"
    layer = Centred(3)
    layer.mean = None
    assert not layer.buffers()


def test_first_values() -> None:
    assert (pb.nn.Buffer(2, "ones").initialiser, pb.nn.Buffer(2, np.float32(3)).initialiser) == (
        pb.nn.initialisers.Ones(),
        pb.nn.initialisers.Constant(3.0),
    )


def test_a_mode_block_writes_at_its_end_and_once() -> None:
    layer = Centred(3).initialise()
    with mode(training=True):
        y = layer(X)
        np.testing.assert_array_equal(layer.mean.numpy(), HALF)
    wanted = moved(HALF, X)
    np.testing.assert_allclose(layer.mean.numpy(), wanted, rtol=1e-6)
    for _ in range(3):
        y.numpy()
        (y * 2).numpy()
    np.testing.assert_allclose(layer.mean.numpy(), wanted, rtol=1e-6)
    layer(X).numpy()
    np.testing.assert_allclose(layer.mean.numpy(), wanted, rtol=1e-6)
    np.testing.assert_allclose(layer(X).numpy(), X - wanted, rtol=1e-5, atol=1e-6)


def test_a_second_call_builds_on_the_first() -> None:
    layer = Centred(3).initialise()
    with mode(training=True):
        layer(X[:4])
        layer(X[4:])
    np.testing.assert_allclose(layer.mean.numpy(), moved(HALF, X[:4], X[4:]), rtol=1e-6)


def test_an_error_in_the_block_writes_nothing() -> None:
    layer = Centred(3).initialise()
    with pytest.raises(ShapeError), mode(training=True):
        layer(layer(X) @ np.ones((3, 2)))
    np.testing.assert_array_equal(layer.mean.numpy(), HALF)


def test_no_derivative_passes_through_an_assignment() -> None:
    layer = Centred(3).initialise()
    x = pb.tensor(X)
    with mode(training=True):
        layer(x)
        loss = (layer.mean.__node__() * x).sum()
        (x_bar,) = pb.gradient(loss, [x])
    np.testing.assert_allclose(x_bar.numpy(), np.broadcast_to(layer.mean.numpy(), X.shape))


def test_what_is_refused() -> None:
    layer = Centred(3).initialise()
    with pytest.raises(ConfigError, match="for use"):
        current_mode().assign(layer.mean, np.zeros(3))
    with mode(training=True) as here, pytest.raises(ShapeError, match=r"\(3,\) keeps its shape"):
        here.assign(layer.mean, np.zeros((1, 3)))
    with pytest.raises(ConfigError, match="a buffer of shape"):
        Centred(3)(X)

    class Looks(Centred):
        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return x - self.mean.numpy()

    with pytest.raises(TraceError, match="buffer's value must be known"):
        pb.fit(Looks(4), (table()[0], table()[0]), steps=1)


def recipe(made: pb.nn.Module, **more: Any) -> Recipe:
    made.initialise(1)
    return Recipe(made, pb.losses.get("mse"), pb.optim.Adam(0.1), **more)


def test_it_has_no_slots_and_no_gradient() -> None:
    made = network()
    labels = recipe(made, accumulate=2).initial_state(0)
    about = [label for label in labels if "1.mean" in label]
    assert about == ["1.mean", f"{PART}1.mean"]


@pytest.mark.parametrize("kind", ["numpy", "reference"])
@pytest.mark.parametrize("calls", [1, 2])
def test_the_step_writes_it_with_the_update(kind: str, calls: int) -> None:
    made = Centred(3, calls)
    state = State(recipe(made).initial_state(0))
    step = recipe(made).training_step(Batch.of(X, X, None))
    run = executor(step, state, kind)
    run.run({"x": X, "y": X})
    np.testing.assert_allclose(state["mean"], moved(HALF, *[X] * calls), rtol=1e-6)
    before = {label: state[label].copy() for label in state}
    run.run({"x": np.full_like(X, np.inf), "y": X})
    for label, array in before.items():
        assert state[label].tobytes() == array.tobytes(), label


def test_parts_of_a_batch_update_one_after_the_other() -> None:
    made = Centred(3)
    plan = recipe(made, accumulate=2)
    state = State(plan.initial_state(0))

    def part(x: np.ndarray, row: int) -> None:
        step = plan.part_step(Batch.of(x, x, None))
        executor(step, state).run({"x": x, "y": x, "row": np.asarray(row)})

    part(X[:4], 0)
    part(X[4:], 4)
    np.testing.assert_array_equal(state["mean"], HALF)
    apply = executor(plan.apply_step(), state)
    apply.run({})
    wanted = moved(HALF, X[:4], X[4:])
    np.testing.assert_allclose(state["mean"], wanted, rtol=1e-6)
    assert not state[f"{PART}mean"].any()
    kept = state["mean"].tobytes()
    part(np.full_like(X, np.nan), 0)
    apply.run({})
    assert state["mean"].tobytes() == kept
    assert state["step"] == 1


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_batch_that_is_held_back_leaves_it(accumulate: int) -> None:
    x, y = table()
    made, fine = (network().initialise(0) for _ in range(2))
    for one in (made, fine):
        one["0.weight"].assign(np.full((4, 3), 3.0))
    bad = x.copy()
    bad[-1] = 3e38  # overflows in the first layer's product
    with pytest.raises(pb.errors.NonFiniteError) as caught:
        pb.fit(made, (bad, y), batch_size=15, shuffle=False, epochs=1, accumulate=accumulate)
    assert caught.value.run.step == 2
    pb.fit(fine, (x, y), batch_size=15, shuffle=False, steps=2, accumulate=accumulate)
    assert made["1.mean"].numpy().tobytes() == fine["1.mean"].numpy().tobytes()


def test_frozen_buffers_stay(tmp_path: Path) -> None:
    made = network().initialise(3)
    made[1].freeze()
    pb.fit(made, table(), epochs=1)
    np.testing.assert_array_equal(made["1.mean"].numpy(), HALF)
    made.save(tmp_path / "it")
    again = pb.load(tmp_path / "it", custom=[Centred]).network
    assert [path for path, v in again.state().items() if v.frozen] == ["1.scale", "1.mean"]
    made[1].unfreeze()
    pb.fit(made, table(), epochs=1)
    assert (made["1.mean"].numpy() != HALF).any()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_saved_loaded_and_resumed_to_the_same_bits(accumulate: int, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "batch_size": 16, "epochs": 3, "accumulate": accumulate, "checkpoint_steps": 1,
        "validation": 0.2, "patience": 1,
    }  # fmt: skip
    whole = pb.fit(network(), table(), save=tmp_path, **settings)
    wanted = {path: v.numpy().tobytes() for path, v in whole.network.state().items()}
    assert (whole.network["1.mean"].numpy() != HALF).any()
    for step in (1, 3, 5):
        cut = pb.fit(network(), table(), save=tmp_path, callbacks=[Stop(step)], **settings)
        again = pb.resume(cut.path, custom=[Centred])
        assert {path: v.numpy().tobytes() for path, v in again.network.state().items()} == wanted
    loaded = pb.load(whole.path, custom=[Centred])
    x = table()[0]
    assert loaded.predict(x).tolist() == whole.predict(x).tolist()
    # a program on the native executor adds up in another order than values that are looked at
    rtol, atol = (0.0, 0.0) if default_executor() == "numpy" else (1e-5, 1e-6)
    np.testing.assert_allclose(loaded.outputs(x), loaded.network(x).numpy(), rtol, atol)
    for copied in (copy.deepcopy(whole.network), loaded.network):
        assert {path: v.numpy().tobytes() for path, v in copied.state().items()} == wanted


def test_the_best_epoch_has_its_own_statistics() -> None:
    run = pb.fit(
        network(), table(), batch_size=16, epochs=30, validation=0.3, patience=3,
        optimizer=pb.optim.SGD(0.5),
    )  # fmt: skip
    assert run.best_step is not None
    again = pb.fit(
        network(), table(), batch_size=16, steps=run.best_step, validation=0.3,
        optimizer=pb.optim.SGD(0.5),
    )  # fmt: skip
    assert run.network["1.mean"].numpy().tobytes() == again.network["1.mean"].numpy().tobytes()


def test_conversion_and_table() -> None:
    made = network().initialise().astype("float64")
    assert made["1.mean"].numpy().dtype == np.float64
    assert pb.fit(made, table(), steps=2).network["1.mean"].dtype == np.float64
    assert "30 parameters and 3 in buffers, 264 B" in summary(made)
    assert [(r.parameters, r.buffers) for r in rows(made)] == [(15, 0), (3, 3), (0, 0), (12, 0)]


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("1.mean"),
        lambda tensors: tensors.update({"1.mean": np.zeros(4, np.float32)}),
        lambda tensors: tensors.update({"1.mean": np.zeros(3, np.int64)}),
    ],
)
def test_files_whose_buffers_do_not_fit(change: Any, tmp_path: Path) -> None:
    tensors, metadata = contents(network().initialise())
    change(tensors)
    write_tensors(tmp_path / "it", tensors, metadata, kind=KIND)
    with pytest.raises(FileFormatError, match=r"1\.mean"):
        pb.load(tmp_path / "it", custom=[Centred])
