"""Every metric beside scikit-learn, to 1e-10; where it has none, beside SciPy or its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.metrics import get, registry

pytestmark = pytest.mark.peers


def classes(rng: np.random.Generator, count: int) -> tuple[Any, Any, Any]:
    p = rng.dirichlet(np.ones(count), 60).round(2)  # some ties
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    p = np.abs(p) / np.abs(p).sum(axis=1, keepdims=True)
    t = rng.integers(0, count, 60)
    t[:count] = np.arange(count)
    return p, t, rng.integers(1, 4, 60).astype(float)


def chosen(p: Any) -> Any:
    return p.argmax(axis=1)


def of_classes(name: str, **settings: Any) -> Any:
    """A score of scikit-learn of predicted classes; of two classes of the last."""

    def score(m: Any, p: Any, t: Any, w: Any) -> Any:
        if "average" in settings:
            settings["average"] = "binary" if p.shape[1] == 2 else "macro"
        return getattr(m, name)(t, chosen(p), sample_weight=w, **settings)

    return score


def specificity(m: Any, p: Any, t: Any, w: Any) -> Any:
    def of(c: int) -> Any:
        return m.recall_score(t != c, chosen(p) != c, sample_weight=w)

    return of(1) if p.shape[1] == 2 else np.mean([of(c) for c in range(p.shape[1])])


def roc_auc(m: Any, p: Any, t: Any, w: Any) -> Any:
    scores = [m.roc_auc_score(t == c, p[:, c], sample_weight=w) for c in range(p.shape[1])]
    return scores[1] if p.shape[1] == 2 else np.mean(scores)


def average_precision(m: Any, p: Any, t: Any, w: Any) -> Any:
    scores = [
        m.average_precision_score(t == c, p[:, c], sample_weight=w) for c in range(p.shape[1])
    ]
    return scores[1] if p.shape[1] == 2 else np.mean(scores)


def brier(m: Any, p: Any, t: Any, w: Any) -> Any:
    if p.shape[1] == 2:
        return m.brier_score_loss(t, p[:, 1], sample_weight=w)
    return sum(m.brier_score_loss(t == c, p[:, c], sample_weight=w) for c in range(p.shape[1]))


def calibration_error(m: Any, p: Any, t: Any, w: Any) -> Any:
    from sklearn.calibration import calibration_curve

    repeated = np.repeat(np.arange(len(t)), w.astype(int))
    confidence, hit = p.max(axis=1)[repeated], (chosen(p) == t)[repeated]
    true, said = calibration_curve(hit, confidence, n_bins=15)
    places = np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence)
    sizes = np.bincount(places, minlength=15)
    return (sizes[sizes > 0] * np.abs(true - said)).sum() / sizes.sum()


def top_k(m: Any, p: Any, t: Any, w: Any) -> Any:
    labels = list(range(p.shape[1]))
    return m.top_k_accuracy_score(t, p, k=2, sample_weight=w, labels=labels)


def log_loss(m: Any, p: Any, t: Any, w: Any) -> Any:
    return m.log_loss(t, p, sample_weight=w)


CLASSES: dict[str, Any] = {
    "accuracy": of_classes("accuracy_score"),
    "average_precision": average_precision,
    "balanced_accuracy": of_classes("balanced_accuracy_score"),
    "bits": lambda m, p, t, w: log_loss(m, p, t, w) / np.log(2),
    "brier": brier,
    "calibration_error": calibration_error,
    "cohen_kappa": of_classes("cohen_kappa_score"),
    "confusion_matrix": of_classes("confusion_matrix"),
    "f1": of_classes("f1_score", average="macro"),
    "log_loss": log_loss,
    "mcc": of_classes("matthews_corrcoef"),
    "perplexity": lambda m, p, t, w: np.exp(log_loss(m, p, t, w)),
    "precision": of_classes("precision_score", average="macro"),
    "recall": of_classes("recall_score", average="macro"),
    "roc_auc": roc_auc,
    "specificity": specificity,
    "top_k": top_k,
}


def of_values(name: str) -> Any:
    return lambda m, p, t, w: getattr(m, name)(t, p, sample_weight=w)


def by_copies(name: str) -> Any:
    """A correlation of SciPy, which knows no weights: of rows repeated."""

    def score(m: Any, p: Any, t: Any, w: Any) -> Any:
        import scipy.stats

        rows = np.repeat(np.arange(len(t)), w.astype(int))
        columns = zip(p[rows].T, t[rows].T, strict=True)
        return np.mean([getattr(scipy.stats, name)(a, b).statistic for a, b in columns])

    return score


def median(m: Any, p: Any, t: Any, w: Any) -> Any:
    rows = np.repeat(np.arange(len(t)), w.astype(int))
    return m.median_absolute_error(t[rows], p[rows])


VALUES: dict[str, Any] = {
    "explained_variance": of_values("explained_variance_score"),
    "mae": of_values("mean_absolute_error"),
    "mape": of_values("mean_absolute_percentage_error"),
    "max_error": lambda m, p, t, w: np.mean(
        [m.max_error(a, b) for a, b in zip(t.T, p.T, strict=True)]
    ),
    "median_absolute_error": median,
    "mse": of_values("mean_squared_error"),
    "pearson": by_copies("pearsonr"),
    "r2": of_values("r2_score"),
    "rmse": of_values("root_mean_squared_error"),
    "spearman": by_copies("spearmanr"),
}


def of_labels(name: str, **settings: Any) -> Any:
    return lambda m, p, t, w: getattr(m, name)(t, p > 0.5, sample_weight=w, **settings)


LABELS: dict[str, Any] = {
    "hamming_loss": of_labels("hamming_loss"),
    "multilabel_average_precision": lambda m, p, t, w: m.average_precision_score(
        t, p, average="macro", sample_weight=w
    ),
    "multilabel_f1": of_labels("f1_score", average="macro"),
    "multilabel_precision": of_labels("precision_score", average="macro"),
    "multilabel_recall": of_labels("recall_score", average="macro"),
    "multilabel_roc_auc": lambda m, p, t, w: m.roc_auc_score(
        t, p, average="macro", sample_weight=w
    ),
    "subset_accuracy": of_labels("accuracy_score"),
}


def test_every_metric_has_a_peer() -> None:
    assert {*CLASSES, *VALUES, *LABELS} == set(registry())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_of_classes(name: str, count: int, seed: int) -> None:
    from sklearn import metrics as theirs

    p, t, w = classes(np.random.default_rng(seed), count)
    if name == "top_k":  # of ties, ours takes the first class; there must be three to rank
        p = np.random.default_rng(seed).dirichlet(np.ones(count + 1), 60)
    ours = get("top_2" if name == "top_k" else name)
    for weights in (w, np.ones(60)):
        expected = CLASSES[name](theirs, p, t, weights)
        np.testing.assert_allclose(ours(p, t, weights), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_averages(name: str, average: str) -> None:
    from sklearn import metrics as theirs

    p, t, w = classes(np.random.default_rng(1), 4)
    score = getattr(theirs, f"{name}_score")
    expected = score(t, chosen(p), average=average, sample_weight=w)
    np.testing.assert_allclose(get(f"{name}_{average}")(p, t, w), expected, rtol=1e-10)
    p, t = (
        np.random.default_rng(2).random((60, 4)),
        np.random.default_rng(3).integers(0, 2, (60, 4)),
    )
    expected = score(t, p > 0.5, average=average, sample_weight=w)
    np.testing.assert_allclose(get(f"multilabel_{name}_{average}")(p, t, w), expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", sorted(VALUES))
def test_of_values(name: str, seed: int) -> None:
    from sklearn import metrics as theirs

    rng = np.random.default_rng(seed)
    p, t = rng.normal(size=(2, 40, 3)).round(1) + 0.05
    for w in (rng.integers(1, 4, 40).astype(float), np.ones(40)):
        expected = VALUES[name](theirs, p, t, w)
        np.testing.assert_allclose(get(name)(p, t, w), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", sorted(LABELS))
def test_of_labels(name: str, seed: int) -> None:
    from sklearn import metrics as theirs

    rng = np.random.default_rng(seed)
    p, t = rng.random((50, 4)).round(2), rng.integers(0, 2, (50, 4))
    for w in (rng.integers(1, 4, 50).astype(float), np.ones(50)):
        expected = LABELS[name](theirs, p, t, w)
        np.testing.assert_allclose(get(name)(p, t, w), expected, rtol=1e-10, atol=1e-10)
