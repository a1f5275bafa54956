"""What metrics do with input that is empty, misshapen, out of range or NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pullback.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError
from pullback.metrics import TopK, as_metric, get, registry

NAMES = list(registry())
CLASSIFICATION = [name for name in NAMES if registry()[name].task == "classification"]
REGRESSION = [name for name in NAMES if registry()[name].task == "regression"]
MULTILABEL = [name for name in NAMES if registry()[name].task == "multilabel"]
P6 = np.full((3, 6), 1 / 6)
Y6 = np.array([0, 1, 5])
V = np.array([[1.0], [2.0], [4.0]])


def valid(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name in MULTILABEL:
        return P6, np.eye(6, dtype=int)[Y6]
    return (P6, Y6) if name in CLASSIFICATION else (V, V + 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", ["none", "all of weight 0"])
def test_nothing_to_measure_is_an_error(name: str, rows: str) -> None:
    p, t = valid(name)
    weights = np.zeros(len(t))
    if rows == "none":
        p, t, weights = p[:0], t[:0], weights[:0]
    with pytest.raises(DataError, match="at least one row"):
        get(name)(p, t, weights)


@pytest.mark.parametrize("name", NAMES)
def test_a_list_of_nothing_is_an_error_of_ours(name: str) -> None:
    with pytest.raises((DataError, ShapeError)):
        get(name)([], [])


@pytest.mark.parametrize("name", NAMES)
def test_nan_predictions_give_nan(name: str) -> None:
    p, t = valid(name)
    for place in ((0, 0), (len(p) - 1, p.shape[1] - 1)):
        broken = p.copy()
        broken[place] = np.nan
        assert np.isnan(get(name)(broken, t)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_weight_0_is_not_looked_at(name: str) -> None:
    p, t = valid(name)
    broken = np.vstack([p, np.full((1, p.shape[1]), np.nan)])
    longer = np.concatenate([t, t[:1]])
    weights = np.r_[np.ones(len(t)), 0.0]
    np.testing.assert_equal(get(name)(broken, longer, weights), get(name)(p, t))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ([1.0, 1.0], ShapeError),
        ([[1.0], [1.0], [1.0]], ShapeError),
        ([1.0, -1.0, 1.0], DataError),
        ([1.0, math.nan, 1.0], DataError),
        ([1.0, math.inf, 1.0], DataError),
        (["a", "b", "c"], DtypeError),
    ],
)
def test_weights_that_cannot_be(name: str, weights: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="weights"):
        get(name)(*valid(name), weights)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("shapes", [((3,), (3, 1)), ((3, 1), (3,)), ((3, 1), (3, 2)), ((1, 1), V)])
def test_edge_10_nothing_is_broadcast(name: str, shapes: tuple) -> None:
    p, t = (np.ones(shape) if isinstance(shape, tuple) else shape for shape in shapes)
    with pytest.raises(ShapeError, match="nothing is broadcast"):
        get(name)(p, t)


@pytest.mark.parametrize("name", REGRESSION)
def test_values_must_be_flat_and_finite(name: str) -> None:
    with pytest.raises(ShapeError, match="outputs"):
        get(name)(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    with pytest.raises(DataError, match="row 1"):
        get(name)(V, [[1.0], [np.nan], [2.0]])
    with pytest.raises(DtypeError):
        get(name)([["a"]], [[1.0]])


@pytest.mark.parametrize("name", ["mse", "rmse", "mae"])
def test_an_infinite_prediction_is_infinitely_wrong(name: str) -> None:
    assert get(name)([[math.inf], [0.0]], [[1.0], [0.0]]) == math.inf
    assert get("r2")([[math.inf], [0.0]], [[1.0], [0.0]]) == -math.inf


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("label", [-1, 6, -100, 2**62])
def test_edge_9_labels_out_of_range(name: str, label: int) -> None:
    with pytest.raises(LabelError, match="row 2"):
        get(name)(P6, [0, 1, label])


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize(
    ("predictions", "targets", "error"),
    [
        (P6[:, 0], Y6, ShapeError),  # no class axis
        (P6[:, :1], Y6 * 0, ShapeError),  # one sigmoid output
        (P6[None], Y6, ShapeError),
        (P6, Y6[:, None], ShapeError),
        (P6, np.eye(6)[Y6], ShapeError),  # one-hot
        (P6, Y6[:2], ShapeError),
        (P6, Y6.astype(float), DtypeError),
        (P6, ["a", "b", "c"], DtypeError),
        (P6.astype(complex), Y6, DtypeError),
    ],
)
def test_classes_that_cannot_be(name, predictions, targets, error) -> None:
    with pytest.raises(error):
        get(name)(predictions, targets)


@pytest.mark.parametrize("name", [n for n in CLASSIFICATION if get(n).needs == "probabilities"])
@pytest.mark.parametrize(
    "row",
    [[2.0, -1, 0, 0, 0, 0], [5.0, 3, 1, 0, 0, 0], [0.0] * 6, [np.inf, 0, 0, 0, 0, 0]],
    ids=["negative", "logits", "zeros", "infinite"],
)
def test_what_reads_probabilities_refuses_others(name: str, row: list[float]) -> None:
    with pytest.raises(DataError, match=r"row 1: \[.* sum"):
        get(name)([P6[0], row], [0, 1])


@pytest.mark.parametrize("name", [n for n in CLASSIFICATION if get(n).needs == "probabilities"])
def test_a_float32_softmax_over_many_classes_is_probabilities(name: str) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (4, 5000)).astype(np.float32)
    p = np.exp(logits)
    assert np.isfinite(get(name)(p / p.sum(axis=1, keepdims=True), [0, 1, 2, 3]))


def test_boolean_targets_are_two_classes() -> None:
    assert get("accuracy")([[0.1, 0.9], [0.9, 0.1]], [True, False]) == 1


def test_k_above_the_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="k=5 for 2 classes"):
        get("top_k")([[0.5, 0.5]], [0])
    for k in (0, -1, 1.5, True):
        with pytest.raises(ConfigError):
            TopK(k)


def test_settings_that_contradict() -> None:
    with pytest.raises(ConfigError):
        get("f1", average="micro", positive=1)
    with pytest.raises(ConfigError):
        get("f1", average="mean")
    with pytest.raises(LabelError):
        get("f1", positive=6)(P6, Y6)
    with pytest.raises(ConfigError):
        get("log_loss", epsilon=1.0)


def test_a_metric_for_any_task_still_wants_equal_rows() -> None:
    metric = as_metric(lambda p, t: 0.0, name="mine")
    with pytest.raises(ShapeError):
        metric(np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(ShapeError):
        metric(1.0, 1.0)


def test_input_is_left_as_it_was() -> None:
    for name in NAMES:
        p, t = valid(name)
        weights = np.array([1.0, 2.0, 0.0])
        before = p.copy(), t.copy(), weights.copy()
        get(name)(p, t, weights)
        for was, now in zip(before, (p, t, weights), strict=True):
            np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_every_place_of_a_sequence_counts(name: str) -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(6), (3, 4))
    t = rng.integers(0, 6, (3, 4))
    t[0, 1:] = -1
    kept = t >= 0
    w = np.array([1.0, 2.0, 0.0])
    flat = np.broadcast_to(w[:, None], t.shape)[kept]
    np.testing.assert_equal(get(name)(p, t, w), get(name)(p[kept], t[kept], flat))
    with pytest.raises(DataError, match="at least one row"):
        get(name)(p, np.full_like(t, -1))
    with pytest.raises(LabelError):
        get(name)(p, np.full_like(t, 6))


@pytest.mark.parametrize("name", MULTILABEL)
@pytest.mark.parametrize(
    ("predictions", "targets", "error", "said"),
    [
        (P6, np.array([0, 1, 5]), ShapeError, r"\(rows, labels\)"),
        (P6, np.full((3, 6), 2), LabelError, "0 or 1"),
        (P6, np.full((3, 6), -1), LabelError, "0 or 1"),
        (P6, np.full((3, 6), 0.5), LabelError, "0 or 1"),
        (P6 - 1, np.ones((3, 6)), DataError, "sigmoid"),
        (P6 * 12, np.ones((3, 6)), DataError, "from 2 to 2"),
    ],
)
def test_labels_that_cannot_be(name, predictions, targets, error, said) -> None:
    with pytest.raises(error, match=said):
        get(name)(predictions, targets)


def test_averages_over_labels() -> None:
    p = np.array([[0.9, 0.1, 0.9], [0.9, 0.9, 0.1], [0.1, 0.9, 0.9]])
    t = np.array([[1, 0, 0], [1, 1, 1], [1, 1, 0]])
    assert get("multilabel_precision_micro")(p, t) == 4 / 6
    assert get("multilabel_recall_micro")(p, t) == 4 / 6
    assert get("multilabel_recall_weighted")(p, t) == pytest.approx((3 * 2 / 3 + 2 * 1 + 0) / 6)
    with pytest.raises(ConfigError):
        get("multilabel_f1", average="samples")
