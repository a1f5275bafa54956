"""Many steps in one call: the same bits as one by one, and nothing is passed over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.train import strides
from tests.native.helpers import module

pytestmark = pytest.mark.native

X = np.random.default_rng(0).normal(size=(103, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class EveryStep(pb.Callback):
    """Wants to be called after each step."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_step(self, session: Any) -> None:
        self.steps.append(session.step)


class Now(EveryStep):
    """Is content to be called now and then."""

    every_step = False


def trained(callback: Any = (), **settings: Any) -> Any:
    module()
    network = pb.nn.dense(4, [8], 2).initialise(3)
    given = {"epochs": 3, "batch_size": 10, "executor": "native", **settings}
    return pb.fit(
        network, (X, Y), loss="cross_entropy", callbacks=callback, progress=False, **given
    )


@pytest.mark.parametrize("settings", [{}, {"steps": 17}, {"shuffle": False}, {"batch_size": 103}])
def test_the_same_bits_and_records_as_step_by_step(settings: Any) -> None:
    looked, left = EveryStep(), Now()
    one, many = trained(looked, **settings), trained(left, **settings)
    assert len(left.steps) < len(looked.steps) or settings == {"batch_size": 103}
    for path, value in one.model.network.state().items():
        np.testing.assert_array_equal(value.numpy(), many.model.network.state()[path].numpy())
    for a, b in zip(one.steps, many.steps, strict=True):
        assert (a.step, a.epoch, a.loss, a.learning_rate) == (
            b.step,
            b.epoch,
            b.loss,
            b.learning_rate,
        )
    times = [s.time for s in many.steps]
    assert times == sorted(times)


def test_a_nan_stops_at_its_step() -> None:
    bad = X.copy()
    bad[7, 2] = np.nan
    steps = []
    for callback in (EveryStep(), Now()):
        network = pb.nn.dense(4, [8], 2).initialise(3)
        settings: dict[str, Any] = {"epochs": 2, "batch_size": 10, "executor": "native"}
        with pytest.raises(pb.errors.PullbackError) as caught:
            pb.fit(network, (bad, Y), loss="cross_entropy", callbacks=callback, **settings)
        steps.append(str(caught.value))
    assert steps[0] == steps[1]


def test_a_stride_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stride begins another step once its time is up."""
    monkeypatch.setattr(strides, "SECONDS", 0.0)
    left = Now()
    run = trained(left)
    assert left.steps == [s.step for s in run.steps]


def test_numbers_of_a_dtype_that_is_not_native_are_fed_step_by_step() -> None:
    """Tokens of 32 bits, as texts have them."""
    module()
    tokens = np.random.default_rng(0).integers(0, 9, (40, 5)).astype(np.int32)
    found = []
    for kind in ("native", "numpy"):
        network = pb.nn.Sequential(pb.nn.Embedding(9, 6), pb.nn.Flatten(), pb.nn.Linear(30, 2))
        run = pb.fit(
            network.initialise(3),
            (tokens, tokens[:, 0] % 2),
            loss="cross_entropy",
            executor=kind,
            epochs=3,
            batch_size=10,
            progress=False,
        )
        found.append([step.loss for step in run.steps])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
