"""Names, variants, metrics of one's own, several at once, and reports."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from pullback import metrics
from pullback.errors import ConfigError, PullbackError, UnknownNameError
from pullback.metrics import Metric, as_metric, evaluate, get, register, registry, report

P = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
Y = np.array([0, 1, 1, 1])


@pytest.mark.parametrize("name", list(registry()))
def test_declared_in_full(name: str) -> None:
    metric = registry()[name]
    assert metric.name == name
    assert metric.task in ("classification", "multilabel", "regression")
    assert metric.better in ("higher", "lower")
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.needs in ("probabilities", "labels", "values")
    assert metric.__name__ in metrics.__all__
    for section in ("Shape:", "Raises:", "Example:", "References:", "$"):
        assert section in (metric.__doc__ or ""), section
    for alias in (name, name.upper(), *metric.aliases):
        assert type(get(alias)) is metric


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy'"):
        get("acuracy")


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("top_3", "top_3", {"k": 3}),
        ("TOP_1", "top_1", {"k": 1}),
        ("top_3_accuracy", "top_3", {"k": 3}),
        ("specificity_macro", "specificity_macro", {"average": "macro"}),
        ("multilabel_f1_micro", "multilabel_f1_micro", {"average": "micro"}),
        ("bits_per_character", "bits", {}),
        ("f1_macro", "f1_macro", {"average": "macro"}),
        ("sensitivity_weighted", "recall_weighted", {"average": "weighted"}),
        ("R2", "r2", {}),
    ],
)
def test_variants_by_name(text: str, name: str, settings: dict[str, object]) -> None:
    metric = get(text)
    assert metric.name == name
    assert vars(metric).items() >= settings.items()
    assert type(get(metric.name)) is type(metric)


@pytest.mark.parametrize("text", ["top_0", "top_", "f1_", "_macro", "macro", "f1_mean", ""])
def test_no_such_variant(text: str) -> None:
    with pytest.raises(PullbackError):
        get(text)


def test_settings_of_another_metric_are_refused() -> None:
    with pytest.raises(ConfigError, match="accuracy takes other settings"):
        get("accuracy", k=3)


def test_the_table_is_read_only_and_names_are_unique() -> None:
    with pytest.raises(TypeError):
        registry()["mine"] = Metric  # type: ignore[index]
    for taken in ("accuracy", "AUC"):
        with pytest.raises(ConfigError, match="taken"):
            register(type("Mine", (Metric,), {"name": taken, "better": "higher"}))
    for unusable in ("loss", "epoch", "two words", "<lambda>", ""):
        with pytest.raises(ConfigError, match="until="):
            register(type("Mine", (Metric,), {"name": unusable, "better": "higher"}))
    assert "mine" not in registry()


def test_a_function_of_ones_own() -> None:
    def worst(predictions, targets):
        return np.abs(predictions - targets).max()

    metric = as_metric(worst, better="lower", task="regression", bounds=(0.0, math.inf))
    assert (metric.name, metric.better, metric.bounds) == ("worst", "lower", (0.0, math.inf))
    assert metric([[1.0], [5.0]], [[1.0], [2.0]], [2.0, 2.0]) == 3
    assert metric([[1.0], [5.0]], [[1.0], [2.0]], [1.0, 0.0]) == 0
    assert math.isnan(metric([[math.nan]], [[1.0]]))
    with pytest.raises(ConfigError, match="parameter named weights"):
        metric([[1.0], [5.0]], [[1.0], [2.0]], [1.0, 2.0])


def test_a_function_with_weights_is_given_them() -> None:
    def weighted(predictions, targets, weights):
        return float((weights * targets).sum())

    assert as_metric(weighted)(P, Y, [1, 1, 1, 5]) == 7


def test_a_function_without_a_signature_or_a_name() -> None:
    with pytest.raises(ConfigError, match="<lambda>"):
        as_metric(lambda p, t: 1.0)
    assert as_metric(lambda p, t: 1.0, name="one")(P, Y) == 1
    assert as_metric(math.dist, name="distance")([1.0, 2.0], [1.0, 4.0]) == 2


@pytest.mark.parametrize("value", [np.ones(3), "good", None, 1j])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="one number"):
        as_metric(lambda p, t: value, name="mine")(P, Y)


def test_a_metric_of_ones_own_is_a_small_class() -> None:
    class Sure(Metric):
        """How often the largest probability is above 0.75."""

        name, better = "sure", "higher"

        def compute(self, predictions, targets, weights):
            return (weights * (predictions.max(axis=1) > 0.75)).sum() / weights.sum()

    assert evaluate([Sure, "acc"], P, Y) == {"sure": 0.5, "accuracy": 0.75}
    assert Sure()(P, Y, [1, 0, 0, 1]) == 0.5


@pytest.mark.parametrize("item", [3, None, ["accuracy"]])
def test_what_cannot_be_a_metric(item: object) -> None:
    with pytest.raises(ConfigError, match="a metric must be"):
        as_metric(item)  # type: ignore[arg-type]


def test_several_at_once_keep_their_order() -> None:
    found = evaluate(["roc_auc", "accuracy"], P, Y, [1, 2, 3, 4])
    assert list(found.items()) == [("roc_auc", 1.0), ("accuracy", 0.8)]
    assert evaluate("acc", P, Y) == {"accuracy": 0.75}
    assert evaluate([], P, Y) == {}


def test_two_variants_side_by_side_need_two_names() -> None:
    with pytest.raises(ConfigError, match="'f1' twice"):
        evaluate(["f1", get("f1", average="micro")], P, Y)
    found = evaluate(["f1", get("f1", average="micro").named("f1_all")], P, Y)
    assert list(found) == ["f1", "f1_all"]
    plain = get("f1")
    assert plain.named("other").name == "other"
    assert plain.name == "f1"


def test_a_matrix_is_not_evaluated_beside_numbers() -> None:
    with pytest.raises(ConfigError, match="is an array"):
        evaluate(["confusion_matrix"], P, Y)


def test_a_metric_of_the_other_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="'r2', which is for regression"):
        metrics.as_metrics(["accuracy", "r2"], task="classification")
    assert metrics.as_metrics([as_metric(max, name="mine")], task="regression")


@pytest.mark.parametrize(("task", "classes"), [("classification", 2), ("classification", 3)])
def test_defaults_can_be_measured(task: str, classes: int) -> None:
    chosen = metrics.defaults(task, classes)  # type: ignore[arg-type]
    p = np.eye(classes)[np.arange(6) % classes]
    found = evaluate(chosen.shown, p, np.arange(6) % classes)
    assert set(found.values()) == {1.0}
    assert (chosen.decides, chosen.better) == ("loss", "lower")


def test_defaults_of_regression_and_of_nothing() -> None:
    assert metrics.as_metrics(metrics.defaults("regression").shown, task="regression")
    with pytest.raises(UnknownNameError):
        metrics.defaults("clustering")  # type: ignore[arg-type]


def test_a_report_agrees_with_the_metrics() -> None:
    rng = np.random.default_rng(4)
    p, y, w = rng.random((50, 3)), rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    table = report(p, y, w, names=["a", "b", "c"])
    for index, row in enumerate(table.rows):
        assert row.name == "abc"[index]
        assert row.precision == pytest.approx(get("precision", positive=index)(p, y, w))
        assert row.recall == pytest.approx(get("recall", positive=index)(p, y, w))
        assert row.f1 == pytest.approx(get("f1", positive=index)(p, y, w))
        assert row.support == w[y == index].sum()
    assert table.accuracy == pytest.approx(get("accuracy")(p, y, w))
    np.testing.assert_array_equal(table.matrix, get("confusion_matrix")(p, y, w))


def test_a_report_is_plain_data() -> None:
    plain = report(P, Y).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["rows"][1]["name"] == "1"
    broken = report(P * np.nan, Y).as_dict()
    assert broken["accuracy"] is None
    assert broken["rows"][0]["precision"] is None


def test_a_report_wants_a_name_for_each_class() -> None:
    with pytest.raises(ConfigError, match="3 names for 2 classes"):
        report(P, Y, names=["a", "b", "c"])


def test_metrics_import_numpy_alone() -> None:
    code = (
        "import sys, pullback.metrics\n"
        "heavy = {'scipy', 'sklearn', 'polars', 'narwhals', 'rich', 'click', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
