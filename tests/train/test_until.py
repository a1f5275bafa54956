"""`until=` expressions: read, written again, refused with a marker, reached."""

from __future__ import annotations

import contextlib
import math
import operator
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.errors import ConfigError, PullbackError, UnknownNameError
from pullback.metrics import as_metric, registry
from pullback.train.rules import Condition, Until

NAN = math.nan
SCALARS = [name for name, metric in registry().items() if metric.scalar]


@pytest.mark.parametrize(
    ("text", "canonical", "keys"),
    [
        ("accuracy >= 0.95", "accuracy >= 0.95", ["validation.accuracy"]),
        ("accuracy>=.95", "accuracy >= 0.95", ["validation.accuracy"]),
        ("  ACC \n ≥ 95 % ", "accuracy >= 0.95", ["validation.accuracy"]),
        ("accuracy => 97.3%", "accuracy >= 0.973", ["validation.accuracy"]),
        ("accuracy >= 99.9%", "accuracy >= 0.999", ["validation.accuracy"]),
        ("accuracy >= 9.73e1%", "accuracy >= 0.973", ["validation.accuracy"]),
        ("accuracy >= 100%", "accuracy >= 1", ["validation.accuracy"]),
        ("val.auc > 0.9", "roc_auc > 0.9", ["validation.roc_auc"]),
        ("train.R2 > 90%", "train.r2 > 0.9", ["train.r2"]),
        ("training.r2 > -1", "train.r2 > -1", ["train.r2"]),
        ("loss ≤ 1e-3", "loss <= 0.001", ["validation.loss"]),
        ("loss =< -2.5e+1", "loss <= -25", ["validation.loss"]),
        ("top_3 >= 0.9", "top_3 >= 0.9", ["validation.top_3"]),
        ("f1_macro >= 0.9", "f1_macro >= 0.9", ["validation.f1_macro"]),
        ("epoch >= 5", "epoch >= 5", ["epoch"]),
        ("Step > 1000", "step > 1000", ["step"]),
        ("time >= 60", "time >= 60s", ["time"]),
        ("time >= 2min", "time >= 120s", ["time"]),
        ("time >= 1.5 hours or epoch > 3", "time >= 5400s or epoch > 3", ["time", "epoch"]),
        ("time > 250ms and epoch > 3", "time > 0.25s and epoch > 3", ["time", "epoch"]),
        (
            "validation.loss < 0.1 AND epoch >= 5 Or time > 2 min",
            "loss < 0.1 and epoch >= 5 or time > 120s",
            ["validation.loss", "epoch", "time"],
        ),
    ],
)
def test_read_and_written_again(text: str, canonical: str, keys: list[str]) -> None:
    until = Until.parse(text)
    assert str(until) == canonical
    assert list(until.keys()) == keys
    assert until.notes == ()
    assert Until.parse(str(until)) == until


# text: what must hold, the column that the marker points at, and what to do
MISTAKES = {
    "": ("must start with a metric", 0, "accuracy >= 0.95"),
    "   ": ("must start with a metric", 0, "accuracy >= 0.95"),
    "0.95 <= accuracy": ("must start with a metric", 0, "accuracy >= 0.95"),
    "(accuracy > 0.9)": ("must start with a metric", 0, "Parentheses"),
    "accuracy > 0.9 and": ("must start with a metric", 18, ""),
    "accuracy > 0.9 or or epoch > 3": ("must start with a metric", 18, ""),
    "accuracy": ("one of >=, >, <=, < must follow", 8, ""),
    "accuracy 0.9": ("one of >=, >, <=, < must follow", 9, ""),
    "accuracy == 0.9": ("one of >=, >, <=, < must follow", 9, ">= or <="),
    "accuracy != 0.9": ("one of >=, >, <=, < must follow", 9, ">= or <="),
    "accuracy >= ": ("a number must follow", 11, ""),
    "accuracy >= > 0.9": ("a number must follow", 12, ""),
    "accuracy >= high": ("a number must follow", 12, ""),
    "loss < nan": ("a number must follow", 7, ""),
    "loss < -inf": ("a number must follow", 7, ""),
    "loss < 1e999": ("must be finite", 7, ""),
    "accuracy < 1e999%": ("must be finite", 11, ""),
    "time < 1e308d": ("must be finite", 7, ""),
    "loss < 0.1 epoch > 3": ("'and' or 'or' must stand between", 11, ""),
    "loss < 0.1, epoch > 3": ("'and' or 'or' must stand between", 10, ""),
    "loss < 0.1; import os": ("'and' or 'or' must stand between", 10, ""),
    "__import__('os')": ("unknown metric", 0, ""),
    "loss < 5%": ("loss is not a fraction of 1", 8, ""),
    "epoch > 5%": ("epoch is not a fraction of 1", 9, ""),
    "epoch > 5s": ("epoch has no unit", 9, ""),
    "time > 5 parsecs": ("unknown unit of time", 9, "min"),
    "acuracy >= 0.9": ("unknown metric 'acuracy'", 0, "'accuracy'"),
    "epoch > 3 and train.los < 1": ("unknown metric 'los'", 14, "'loss'"),
    "epch > 3": ("unknown metric 'epch'", 0, "'epoch'"),
    "test.accuracy > 0.9": ("train or validation", 0, "kept for the end"),
    "epoch.accuracy > 0.9": ("train or validation", 0, ""),
    "confusion_matrix > 3": ("no single number", 0, ""),
    "accuracy >= 1.5": ("accuracy is never >= 1.5: it lies between 0 and 1", 12, ""),
    "accuracy > 1": ("accuracy is never > 1", 11, ""),
    "accuracy >= 95": ("accuracy is never >= 95", 12, "95%"),
    "accuracy >= 101%": ("accuracy is never >= 1.01", 12, ""),
    "accuracy < 0": ("accuracy is never < 0", 11, ""),
    "rmse <= -1": ("rmse is never <= -1: it is at least 0", 8, ""),
    "r2 > 1": ("r2 is never > 1: it is at most 1", 5, ""),
    "epoch < 1": ("epoch is never < 1", 8, ""),
    "time < 0s": ("time is never < 0", 7, ""),
    "epoch > 3 or mse < 0": ("mse is never < 0", 19, ""),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_shown_where_it_stands(text: str) -> None:
    must, column, do = MISTAKES[text]
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        Until.parse(text)
    assert must in caught.value.must
    assert do in caught.value.do
    lines = str(caught.value).splitlines()
    received = next(i for i, line in enumerate(lines) if line.startswith("  received: "))
    assert lines[received] == "  received: " + " ".join(text.split())
    assert lines[received + 1].index("^") - len("  received: ") == column


@pytest.mark.parametrize("value", [None, 0.95, ["accuracy >= 0.9"]])
def test_until_is_text(value: object) -> None:
    with pytest.raises(ConfigError, match="until must be text"):
        Until.parse(value)  # type: ignore[arg-type]


@given(st.text(alphabet="acurloses.<>=≥0159e-%()'s mintorpchd_\t\n\0é", max_size=40))
def test_any_text_is_read_or_refused_by_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(PullbackError):
        until = Until.parse(text)
        assert Until.parse(str(until)) == until


@pytest.mark.parametrize("name", SCALARS)
def test_every_metric_can_be_a_target(name: str) -> None:
    metric = registry()[name]
    low, high = metric.bounds
    best, op, beyond = (high, ">=", high + 1) if metric.better == "higher" else (low, "<=", low - 1)
    until = Until.parse(f"train.{name} {op} {best}", task=metric.task)
    assert until.metrics() == (name,)
    assert until.reached({f"train.{name}": best})
    with pytest.raises(ConfigError, match="never"):
        Until.parse(f"{name} {op} {beyond}")
    other = "regression" if metric.task == "classification" else "classification"
    with pytest.raises(ConfigError, match=f"{name} is for {metric.task}"):
        Until.parse(f"{name} {op} {best}", task=other)


@given(
    groups=st.lists(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from([">=", ">", "<=", "<"])), min_size=1
        ),
        min_size=1,
        max_size=4,
    ),
    values=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, NAN])] * 3),
)
def test_and_binds_closer_than_or(groups, values) -> None:
    """Against Python's own reading of the same expression."""
    value = dict(zip("abc", values, strict=True))
    text = " or ".join(" and ".join(f"{n} {op} 0.5" for n, op in group) for group in groups)
    compare = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
    expected = any(all(compare[op](value[n], 0.5) for n, op in group) for group in groups)
    own = [as_metric(lambda p, t: 0.0, name=name) for name in "abc"]
    until = Until.parse(text, metrics=own)
    measured = {f"validation.{name}": v for name, v in value.items()}
    assert until.reached(measured) is expected
    assert bool(until.reason(measured)) is expected


def test_nan_reaches_nothing_and_a_missing_value_is_an_error() -> None:
    until = Until.parse("loss < 1 or loss >= 1 or epoch > 3")
    assert not until.reached({"validation.loss": NAN, "epoch": 1})
    assert until.reached({"validation.loss": NAN, "epoch": 4})
    with pytest.raises(UnknownNameError, match=re.escape("validation.loss")):
        until.reached({"train.loss": 0.5, "epoch": 4})


def test_a_bare_value_is_a_validation_value() -> None:
    assert Until.parse("validation.loss < 1").reached({"loss": 0.5, "train.loss": 2.0})
    assert not Until.parse("train.loss < 1").reached({"loss": 0.5, "train.loss": 2.0})


def test_without_a_validation_part_bare_names_mean_training_and_that_is_said() -> None:
    until = Until.parse("accuracy >= 0.9 or epoch > 5", validation=False)
    assert str(until) == "train.accuracy >= 0.9 or epoch > 5"
    assert until.notes == ("there is no validation part: accuracy means train.accuracy",)
    assert Until.parse("train.accuracy >= 0.9", validation=False).notes == ()
    with pytest.raises(ConfigError, match=r"write train\.accuracy"):
        Until.parse("validation.accuracy >= 0.9", validation=False)


def test_a_target_in_the_poor_direction_is_noted() -> None:
    until = Until.parse("accuracy < 0.5 and epoch >= 10")
    assert until.notes == ("'accuracy < 0.5' stops at a poor accuracy: higher is better",)
    assert Until.parse("loss > 10").notes == ("'loss > 10' stops at a poor loss: lower is better",)


def test_metrics_of_ones_own_and_what_must_be_measured() -> None:
    profit = as_metric(lambda p, t: 0.0, name="profit", bounds=(0.0, 50.0))
    until = Until.parse("profit > 40 and train.Profit > 45 and loss < 1", metrics=[profit])
    assert until.metrics() == ("profit",)
    assert until.keys() == ("validation.profit", "train.profit", "validation.loss")
    with pytest.raises(ConfigError, match="profit is never > 50"):
        Until.parse("profit > 50", metrics=[profit])
    with pytest.raises(UnknownNameError, match="'profit'"):
        Until.parse("proft > 50", metrics=[profit])


@pytest.mark.parametrize(
    ("text", "values", "reason"),
    [
        (
            "accuracy >= 0.97",
            {"validation.accuracy": 0.98123, "epoch": 14},
            "accuracy 0.981 reached the target accuracy >= 0.97 at epoch 14",
        ),
        (
            "accuracy > 0.97",
            {"validation.accuracy": 0.970012, "epoch": 14},
            "accuracy 0.97001 reached the target accuracy > 0.97 at epoch 14",
        ),
        (
            "train.loss < 0.1 and epoch >= 5",
            {"train.loss": 0.0512, "epoch": 6.0},
            "train.loss 0.0512 and epoch 6 reached the target train.loss < 0.1 and epoch >= 5",
        ),
        (
            "loss < 0.1 or time >= 1min",
            {"validation.loss": NAN, "time": 61.26, "epoch": 3},
            "time 61.3s reached the target time >= 60s at epoch 3",
        ),
        ("step >= 100", {"step": 100}, "step 100 reached the target step >= 100"),
        ("step > 100", {"step": 100}, ""),
    ],
)
def test_the_reason(text: str, values: dict[str, float], reason: str) -> None:
    assert Until.parse(text).reason(values) == reason


@given(value=st.floats(-2, 2), number=st.floats(-2, 2), op=st.sampled_from([">=", ">", "<=", "<"]))
def test_the_shown_value_never_contradicts_the_target(value, number, op) -> None:
    condition = Condition("train", "r2", op, number)
    assert condition.holds(float(condition.shown(value))) == condition.holds(value)
