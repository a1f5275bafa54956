"""Every registered metric against samples done by hand and against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.metrics import Metric, TopK, get, registry
from pullback.metrics.probabilities import ranked_above
from tests.metrics.definitions import NAN, area, top_k
from tests.metrics.tables import DEFINITIONS, EXPECTED

NAMES = list(registry())
CLASSIFICATION = [name for name in NAMES if registry()[name].task == "classification"]
REGRESSION = [name for name in NAMES if registry()[name].task == "regression"]
# How a metric of values changes when predictions and targets are scaled: by which power.
UNITS = {
    "explained_variance": 0,
    "mae": 1,
    "mape": 0,
    "max_error": 1,
    "median_absolute_error": 1,
    "mse": 2,
    "pearson": 0,
    "r2": 0,
    "rmse": 1,
    "spearman": 0,
}
SAMPLES = [(name, *sample) for name in NAMES for sample in EXPECTED.get(name, [])]
seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, task: str | None, classes: int = 6, rows: int | None = None):
    """Rows of small numbers, so that ties, absent classes and constants come often."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 12)) if rows is None else rows
    weights = rng.integers(1, 4, rows).astype(float)
    if task == "multilabel":
        labels = rng.integers(0, 2, (rows, classes))
        return rng.integers(0, 5, (rows, classes)) / 4, labels, weights
    if task == "regression":
        values = rng.integers(-3, 4, (2, rows, rng.integers(1, 3))).astype(float)
        return values[0], values[1], weights
    parts = rng.integers(0, 4, (rows, classes)) + 1e-3
    targets = rng.integers(0, rng.integers(1, classes + 1), rows)
    return parts / parts.sum(axis=1, keepdims=True), targets, weights


@pytest.mark.parametrize("table", [DEFINITIONS, EXPECTED], ids=["definition", "samples"])
def test_every_registered_metric_has_its(table: dict[str, object]) -> None:
    assert set(table) == set(registry())


@pytest.mark.parametrize(("name", "predictions", "targets", "weights", "expected"), SAMPLES)
def test_sample_by_hand(name, predictions, targets, weights, expected) -> None:
    value = get(name)(predictions, targets, weights)
    np.testing.assert_allclose(value, expected, rtol=1e-14, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds, classes=st.sampled_from([2, 3, 6]))
def test_equals_its_definition(name: str, seed: int, classes: int) -> None:
    classes = 6 if name == "top_k" else classes
    p, t, w = draw(seed, get(name).task, classes)
    expected = DEFINITIONS[name](p.tolist(), t.tolist(), w.tolist())
    np.testing.assert_allclose(get(name)(p, t, w), expected, rtol=1e-12, atol=1e-12, equal_nan=True)
    ones = [1.0] * len(t)
    expected = DEFINITIONS[name](p.tolist(), t.tolist(), ones)
    np.testing.assert_allclose(get(name)(p, t), expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1, width=16), st.booleans(), st.floats(0.01, 9)), min_size=2
    )
)
def test_area_by_ranks_is_the_area_by_pairs(rows) -> None:
    scores, positive, weights = map(np.array, zip(*rows, strict=True))
    if positive.all() or not positive.any():
        positive[0] = not positive[0]
    value = ranked_above(scores, positive, weights)
    assert value == pytest.approx(area(scores, positive, weights), abs=1e-12)
    assert 0 <= value <= 1


@given(seed=seeds, k=st.integers(1, 6))
def test_top_k_for_each_k(seed: int, k: int) -> None:
    p, t, w = draw(seed, "classification")
    assert TopK(k)(p, t, w) == pytest.approx(top_k(p.tolist(), t.tolist(), w.tolist(), k))
    if k == 1:
        assert TopK(1)(p, t, w) == get("accuracy")(p, t, w)
    if k == 6:
        assert TopK(6)(p, t, w) == 1


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    p, t, w = draw(seed, get(name).task)
    order = np.random.default_rng(seed).permutation(len(t))
    moved = get(name)(p[order], t[order], w[order])
    np.testing.assert_allclose(moved, get(name)(p, t, w), rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
def test_a_weight_is_a_number_of_copies(name: str, seed: int) -> None:
    p, t, w = draw(seed, get(name).task)
    w[1:] -= 1  # some rows not at all
    copies = np.repeat(np.arange(len(t)), w.astype(int))
    repeated = get(name)(p[copies], t[copies])
    np.testing.assert_allclose(get(name)(p, t, w), repeated, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", [name for name in NAMES if get(name).scalar])
@given(seed=seeds, power=st.integers(-20, 20))
def test_only_the_ratio_of_weights_matters(name: str, seed: int, power: int) -> None:
    p, t, w = draw(seed, get(name).task)
    np.testing.assert_equal(get(name)(p, t, w * 2.0**power), get(name)(p, t, w))


def test_every_metric_of_values_has_its_units() -> None:
    assert set(UNITS) == set(REGRESSION)


@pytest.mark.parametrize(("name", "degree"), UNITS.items(), ids=UNITS)
@given(seed=seeds, power=st.sampled_from([-300, -20, 3, 300]))
def test_units_scale_the_metric(name: str, degree: int, seed: int, power: int) -> None:
    """Powers of two scale without rounding, also where squares would overflow or vanish."""
    power = power // degree if degree else power * 2
    p, t, w = draw(seed, "regression")
    scaled = get(name)(p * 2.0**power, t * 2.0**power, w)
    np.testing.assert_allclose(scaled, get(name)(p, t, w) * 2.0 ** (power * degree), rtol=1e-13)


@pytest.mark.parametrize("name", [name for name in NAMES if get(name).scalar])
@given(seed=seeds)
def test_values_lie_within_the_bounds(name: str, seed: int) -> None:
    metric = get(name)
    p, t, w = draw(seed, metric.task)
    w = w / 10
    value = metric(p, t, w)
    assert np.isnan(value) or metric.bounds[0] <= value <= metric.bounds[1]


@pytest.mark.parametrize("name", [name for name in NAMES if get(name).scalar])
def test_perfect_predictions_reach_the_better_bound(name: str) -> None:
    metric = get(name)
    targets = np.arange(12) % 6
    perfect = np.eye(6)[targets]
    if metric.task == "multilabel":
        targets = perfect
    best = metric.bounds[metric.better == "higher"]
    value = metric(perfect, perfect if metric.task == "regression" else targets)
    assert value == best


def test_the_three_class_scores_average_as_asked() -> None:
    p, t, _ = draw(7, "classification", classes=3, rows=40)
    for name in ("precision", "recall", "f1"):
        one = [get(name, positive=c)(p, t) for c in range(3)]
        share = np.bincount(t, minlength=3) / len(t)
        assert get(f"{name}_macro")(p, t) == pytest.approx(np.mean(one)) == get(name)(p, t)
        assert get(f"{name}_weighted")(p, t) == pytest.approx(np.dot(share, one))
        assert get(f"{name}_micro")(p, t) == pytest.approx(get("accuracy")(p, t))


def test_two_classes_mean_the_last_unless_an_average_is_asked_for() -> None:
    p, t, _ = draw(3, "classification", classes=2, rows=30)
    both = [get("precision", positive=c)(p, t) for c in (0, 1)]
    assert both[0] != both[1] == get("precision")(p, t)
    assert get("precision_macro")(p, t) == pytest.approx(sum(both) / 2)


@given(seed=seeds)
def test_balanced_accuracy_does_not_see_how_common_a_class_is(seed: int) -> None:
    p, t, _ = draw(seed, "classification", classes=3)
    copies = np.repeat(np.arange(len(t)), np.where(t == 0, 5, 1))
    metric = get("balanced_accuracy")
    assert metric(p[copies], t[copies]) == pytest.approx(metric(p, t))


@given(seed=seeds)
def test_area_reads_only_the_order_of_scores(seed: int) -> None:
    p, t, w = draw(seed, "classification", classes=2)
    squared = np.column_stack([1 - p[:, 1] ** 2, p[:, 1] ** 2])
    np.testing.assert_equal(get("auc")(squared, t, w), get("auc")(p, t, w))
    reversed_area = get("auc")(p[:, ::-1], t, w)
    np.testing.assert_allclose(reversed_area, 1 - get("auc")(p, t, w), atol=1e-12)


def test_logits_serve_where_only_the_largest_counts() -> None:
    p, t, w = draw(11, "classification", rows=20)
    for name in CLASSIFICATION:
        metric: Metric = get(name)
        if metric.needs == "labels":
            np.testing.assert_array_equal(metric(np.log(p) * 3, t, w), metric(p, t, w))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_predictions_in_single_precision_are_measured_in_double(dtype: type) -> None:
    value = get("mae")(np.full((3, 1), 0.1, dtype), np.zeros((3, 1)))
    assert value == float(dtype(0.1))
    assert isinstance(value, float)


def test_log_loss_can_be_told_to_be_infinite() -> None:
    assert get("log_loss", epsilon=0.0)([[1.0, 0.0]], [1]) == np.inf


def test_one_undefined_output_makes_the_mean_undefined() -> None:
    value = get("r2")([[1.0, 1.0], [2.0, 1.0]], [[1.0, 1.0], [2.0, 1.0]])
    np.testing.assert_equal(value, NAN)
