"""One network is fitted once at a time; different ones are fitted in several threads."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError
from pullback.train.alone import _TRAINED
from tests.train.trainings import SETTINGS, data, network

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


class Do(pb.Callback):
    """Calls a function at the first step."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def on_step(self, session: Any) -> None:
        if session.step == 1:
            self.function()


def fitted(made: pb.nn.Module, function: Callable[[], Any] = lambda: None, **given: Any) -> pb.Run:
    return pb.fit(made, (X, X[:, :1]), epochs=2, callbacks=[Do(function)], **given)


@pytest.fixture(autouse=True)
def nothing_stays() -> Any:
    yield
    assert not _TRAINED


def test_not_within_its_own_callback() -> None:
    made = pb.nn.dense(3, [4], 1)
    with pytest.raises(ConfigError, match="one fit at a time") as caught:
        fitted(made, lambda: fitted(made))
    assert caught.value.received == (
        "a Sequential of 21 parameters, which this thread is training already"
    )
    fitted(made)  # what failed has let it go


def test_not_what_a_resume_trains(tmp_path: Any) -> None:
    made = pb.nn.dense(3, [4], 1)
    path = fitted(made, save=tmp_path).path

    class Again(pb.Callback):
        def on_step(self, session: Any) -> None:
            fitted(session.network)

    with pytest.raises(ConfigError, match="one fit at a time"):
        pb.resume(path, epochs=3, callbacks=[Again()])


def test_not_in_another_thread() -> None:
    made, caught = pb.nn.dense(3, [4], 1), []

    def other() -> None:
        try:
            fitted(made)
        except ConfigError as error:
            caught.append(error.received)

    def start() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    fitted(made, start)
    assert caught == ["a Sequential of 21 parameters, which thread 'MainThread' is training"]


@pytest.mark.parametrize("size", [(3, 4), (4,)], ids=["built", "open"])
def test_not_a_part_of_it(size: Any) -> None:
    part = pb.nn.Linear(*size)
    whole = pb.nn.Sequential(part, "tanh", pb.nn.Linear(4, 1))
    with pytest.raises(ConfigError, match="'0' of which this thread"):
        fitted(whole, lambda: fitted(pb.nn.Sequential(part, pb.nn.Linear(4, 1))))
    with pytest.raises(ConfigError, match="which this thread"):
        fitted(whole, lambda: pb.fit(part, (X, X @ np.ones((3, 4), "float32")), epochs=1))


def test_a_tied_value_belongs_to_it() -> None:
    one, other = pb.nn.Linear(3, 1), pb.nn.Linear(3, 1)
    other.weight = one.weight
    with pytest.raises(ConfigError, match="'weight' of which this thread"):
        fitted(one, lambda: fitted(other))


def test_a_copy_a_frozen_part_and_predicting_are_no_matter() -> None:
    frozen = pb.nn.Linear(3, 4).initialise(0)
    frozen.freeze()
    one, other = (pb.nn.Sequential(frozen, "tanh", pb.nn.Linear(4, 1)) for _ in range(2))

    def use() -> None:
        assert fitted(other).ending == "finished"
        assert fitted(copy.deepcopy(one)).ending == "finished"
        assert one.predict(X).shape == (40,)

    assert fitted(one, use).ending == "finished"


def test_different_networks_in_two_threads(tmp_path: Any) -> None:
    """To the bits of the same trainings one after the other."""
    names = ["plain", "momentum in parts", "weights and best", "running statistics"]
    gate = threading.Barrier(len(names))
    found: dict[str, pb.Run] = {}

    def train(name: str, save: Any = None) -> pb.Run:
        return pb.fit(network(name), data(name), batch_size=16, save=save, **SETTINGS[name])

    def one(name: str) -> None:
        gate.wait()
        found[name] = train(name, tmp_path / name)

    threads = [threading.Thread(target=one, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        alone, run = train(name), found[name]
        assert run.losses.tobytes() == alone.losses.tobytes()
        for path, value in alone.network.state().items():
            assert run.network.state()[path].numpy().tobytes() == value.numpy().tobytes()
