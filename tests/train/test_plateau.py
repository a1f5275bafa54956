"""Learning rates that fall when a value does not improve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, FileFormatError, UnknownNameError
from pullback.optim import ReduceOnPlateau
from pullback.train.plateau import Plateau

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)


def falls(schedule: ReduceOnPlateau, values: list[float], better: Any = "lower") -> list[int]:
    rule = Plateau(schedule, "validation.loss", better)
    return [i for i, value in enumerate(values) if rule.update(value)]


def test_patience_threshold_and_cooldown() -> None:
    flat = [1.0] * 12
    assert falls(ReduceOnPlateau(patience=2), flat) == [3, 6, 9]
    assert falls(ReduceOnPlateau(patience=0), flat) == list(range(1, 12))
    assert falls(ReduceOnPlateau(patience=1, cooldown=3), flat) == [2, 7]
    slow = [1.0, 0.99, 0.98, 0.97]
    assert falls(ReduceOnPlateau(patience=0, threshold=0.0), slow) == []
    assert falls(ReduceOnPlateau(patience=0, threshold=0.1), slow) == [1, 2, 3]
    assert falls(ReduceOnPlateau(patience=0), [-x for x in slow], "higher") == []
    assert falls(ReduceOnPlateau(patience=0), [1.0, float("nan"), float("-inf")]) == [1, 2]


def fitted(schedule: Any, **more: Any) -> pb.Run:
    layers = {"2.*": {"learning_rate": 0.02}}
    settings = {"optimizer": pb.optim.SGD(0.1, schedule=schedule, layers=layers), "epochs": 6}
    network = pb.nn.dense(3, [4], 2).astype("float64")
    data = {"batch_size": 10, "progress": "none", "validation": (X, 1 - Y)}
    return pb.fit(network, (X, Y), **(data | settings | more))


class Rates(pb.Callback):
    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_epoch(self, session: Any) -> None:
        rates = session.recipe.update.peaks()
        self.seen.append({label: float(session.state[label]) for label in rates})


def test_every_rate_of_the_state_falls() -> None:
    """The validation labels are wrong, so that its loss rises from the first epoch on."""
    rates = Rates()
    run = fitted(ReduceOnPlateau(0.5, patience=1, least=0.2), callbacks=[rates])
    assert (np.diff(run.history("validation.loss")) > 0).all()
    want = [1, 1, 0.5, 0.5, 0.25, 0.25]
    for number, seen in enumerate(rates.seen):
        assert seen["learning_rate"] == pytest.approx(0.1 * want[number])
        assert seen["learning_rate/2.*"] == pytest.approx(0.02 * want[number])
    assert [s.learning_rate for s in run.steps[::2]] == pytest.approx(
        [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]
    )


def test_no_rate_falls_below_the_least_or_rises() -> None:
    rates = Rates()
    fitted(ReduceOnPlateau(0.5, patience=0, least=0.4), callbacks=[rates])
    assert [s["learning_rate"] / 0.1 for s in rates.seen] == pytest.approx(
        [1, 0.5, 0.4, 0.4, 0.4, 0.4]
    )


def test_it_may_follow_a_warm_up_and_watch_any_measure() -> None:
    schedule = pb.optim.WarmUp(2, then=ReduceOnPlateau(0.5, patience=0, monitor="train.accuracy"))
    run = fitted(schedule, validation=None, metrics=["f1"])
    assert run.steps[0].learning_rate == pytest.approx(0.05)
    assert run.steps[-1].learning_rate < 0.1
    assert "train.accuracy" in run.epochs[0].values


@pytest.mark.parametrize(
    ("schedule", "error"),
    [
        (ReduceOnPlateau(monitor="validation.loss"), ConfigError),
        (ReduceOnPlateau(monitor="test.loss"), UnknownNameError),
        (ReduceOnPlateau(monitor="acuracy"), UnknownNameError),
    ],
)
def test_what_cannot_be_watched_is_refused(schedule: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        fitted(schedule, validation=None)


@pytest.mark.parametrize(
    "state", [{}, {"best": "x", "waited": 0, "cooling": 0}, {"waited": -1, "cooling": 0}]
)
def test_a_damaged_state_is_refused(state: dict[str, Any]) -> None:
    rule = Plateau(ReduceOnPlateau(), "validation.loss", "lower")
    with pytest.raises(FileFormatError):
        rule.restore(state)
