"""Early stopping and budgets: when they stop, why, and how they go on after a resume."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.errors import ConfigError, FileFormatError
from pullback.train.rules import Budget, EarlyStopping, Until, seconds

NAN = math.nan


def progress(rule: EarlyStopping, values: list[float], start: int = 1) -> str:
    """One letter for each epoch: improved, waiting, stop."""
    return "".join(rule.update(epoch, v)[0] for epoch, v in enumerate(values, start))


@pytest.mark.parametrize(
    ("better", "settings", "values", "expected"),
    [
        ("lower", {"patience": 2}, [3, 2, 2, 1, 1.5, 1], "iiwiws"),
        ("higher", {"patience": 2}, [1, 2, 3, 3, 2], "iiiws"),
        ("lower", {"patience": 1}, [1, 2], "is"),
        ("lower", {"patience": 2}, [NAN, 5, NAN, NAN], "wiws"),
        ("lower", {"patience": 2}, [NAN, NAN], "ws"),
        ("lower", {"patience": 2}, [math.inf, -math.inf], "ws"),
        ("higher", {"patience": 2}, [1, math.inf, 2, NAN, NAN], "iwiws"),
        ("lower", {"patience": 2, "min_delta": 0.5}, [3, 2.5, 2.4, 2.0, 1.9], "iwiws"),
        ("higher", {"patience": 2, "min_delta": 0.5}, [1, 1.5, 1.75, 2.0, 2.25], "iwiws"),
        ("lower", {"patience": 2, "warm_up": 3}, [1, 2, 2, 2, 2], "iwwws"),
        ("lower", {"patience": 2, "warm_up": 3}, [1, 2, 2, 2, 0.5, 1, 1], "iwwwiws"),
        ("lower", {"patience": 2, "warm_up": 3}, [NAN] * 5, "wwwws"),
    ],
)
def test_early_stopping(better, settings, values, expected) -> None:
    assert progress(EarlyStopping("loss", better, **settings), values) == expected


def test_patience_counts_epochs_where_validation_is_rare() -> None:
    rule = EarlyStopping("loss", "lower", patience=10)
    found = [rule.update(epoch, 1.0) for epoch in (5, 10, 15)]
    assert found == ["improved", "waiting", "stop"]


@pytest.mark.parametrize(
    ("metric", "values", "reason"),
    [
        (
            "loss",
            [2, 0.08123, 1, 1],
            "no better validation loss for 2 epochs (best 0.08123 at epoch 2)",
        ),
        ("validation.loss", [2, 3], "no better validation loss for 1 epoch (best 2 at epoch 1)"),
        ("train.log_loss", [2, 3], "no better training log loss for 1 epoch (best 2 at epoch 1)"),
        ("loss", [NAN], "no better validation loss for 1 epoch (none was finite)"),
    ],
)
def test_the_reason_of_early_stopping(metric, values, reason) -> None:
    rule = EarlyStopping(metric, "lower", patience=5)
    progress(rule, values)
    assert rule.reason() == reason


numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=16), max_size=30)


@given(
    before=numbers,
    after=numbers,
    better=st.sampled_from(["lower", "higher"]),
    patience=st.integers(1, 8),
    min_delta=st.sampled_from([0.0, 0.125]),
    warm_up=st.integers(0, 8),
)
def test_a_resume_goes_on_exactly(before, after, better, patience, min_delta, warm_up) -> None:
    def new() -> EarlyStopping:
        return EarlyStopping("loss", better, patience, min_delta, warm_up)

    whole, resumed = new(), new()
    progress(whole, before)
    resumed.restore(json.loads(json.dumps(whole.state(), allow_nan=False)))
    assert resumed.state() == whole.state()
    start = len(before) + 1
    assert progress(resumed, after, start) == progress(whole, after, start)
    assert resumed.state() == whole.state()
    assert resumed.reason() == whole.reason()


STATE = {"metric": "loss", "better": "lower", "best": 0.5, "best_epoch": 2, "epoch": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"best": "0.5"},
        {"best": NAN},
        {"best": None},
        {"best": True},
        {"best_epoch": 4},
        {"best_epoch": -1},
        {"best_epoch": 0},
        {"best_epoch": 1.5},
        {"epoch": None},
        {"epoch": "3"},
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(change: dict[str, object]) -> None:
    rule = EarlyStopping("loss", "lower", patience=2)
    rule.restore(STATE)
    with pytest.raises(FileFormatError):
        rule.restore(STATE | change)
    with pytest.raises(FileFormatError):
        rule.restore({})
    assert rule.state() == STATE


@pytest.mark.parametrize("change", [{"metric": "accuracy"}, {"better": "higher"}])
def test_the_state_of_another_rule_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="watches loss"):
        EarlyStopping("loss", "lower", patience=2).restore(STATE | change)


def test_epochs_come_once_and_in_order() -> None:
    rule = EarlyStopping("loss", "lower", patience=2)
    rule.update(3, 1.0)
    for epoch in (3, 2, 0):
        with pytest.raises(ConfigError, match="in order"):
            rule.update(epoch, 0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 0},
        {"patience": -1},
        {"patience": 1.5},
        {"patience": True},
        {"patience": "3"},
        {"warm_up": -1},
        {"min_delta": -0.1},
        {"min_delta": NAN},
        {"min_delta": math.inf},
        {"better": "up"},
    ],
)
def test_settings_of_early_stopping(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        EarlyStopping(**({"metric": "loss", "better": "lower", "patience": 2} | settings))


# ---------------------------------------------------------------- budget


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (60, 60.0),
        (0.5, 0.5),
        ("60", 60.0),
        ("60s", 60.0),
        (" 5 min ", 300.0),
        ("5MIN", 300.0),
        ("1h", 3600.0),
        ("1.5 hours", 5400.0),
        (".5d", 43200.0),
        ("250ms", 0.25),
        ("1e2s", 100.0),
    ],
)
def test_time(time: float | str, expected: float) -> None:
    assert seconds(time) == expected
    assert Budget(time=time).time == expected
    assert Until.parse(f"time >= {time}").reached({"time": expected})


@pytest.mark.parametrize(
    "time",
    [0, -1, NAN, math.inf, True, "", "s", "-5s", "0s", "5 parsecs", "1.2.3s", ".", "1e999", "5s5"],
)
def test_no_time(time: float | str) -> None:
    with pytest.raises(ConfigError, match="a time must be positive"):
        seconds(time)
    with pytest.raises(ConfigError, match="a time must be positive"):
        Budget(time=time)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(), ""),
        (Budget(epochs=51, steps=901, time=61), ""),
        (Budget(epochs=50), "the budget of 50 epochs is used up"),
        (Budget(epochs=1), "the budget of 1 epoch is used up"),
        (Budget(steps=900), "the budget of 900 steps is used up"),
        (Budget(time="1min"), "the budget of 60 s is used up, at epoch 50"),
        (Budget(epochs=51, time="1min"), "the budget of 60 s is used up, at epoch 50"),
    ],
)
def test_budget(budget: Budget, reason: str) -> None:
    assert budget.spent(epoch=50, step=900, elapsed=60.0) == reason


@pytest.mark.parametrize("name", ["epochs", "steps"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True])
def test_no_budget(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1"):
        Budget(**{name: value})
