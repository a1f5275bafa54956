"""Metrics of several labels a row, each with its own yes or no: yes where p is above 1/2."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array
from pullback.metrics.classes import ratio
from pullback.metrics.probabilities import precision_along_recall, ranked_above
from pullback.metrics.scores import Average, ClassScore


@register
class SubsetAccuracy(Metric):
    r"""The fraction of rows of which every label is right.

    $\sum_i w_i \prod_j [\hat t_{ij} = t_{ij}] / \sum_i w_i$ with $\hat t_{ij} = [p_{ij} > 1/2]$.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> SubsetAccuracy()([[0.9, 0.1], [0.6, 0.6]], [[1, 0], [1, 0]])
        0.5

    References:
        Tsoumakas and Katakis (2007), Multi-label classification: an overview.
    """

    name, aliases = "subset_accuracy", ("exact_match",)
    task, needs = "multilabel", "labels"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits = ((predictions > 0.5) == targets).all(axis=1)
        return (weights * hits).sum() / weights.sum()


@register
class HammingLoss(Metric):
    r"""The fraction of labels that are wrong.

    $\sum_i w_i \frac1k \sum_j [\hat t_{ij} \ne t_{ij}] / \sum_i w_i$ over the k labels, with
    $\hat t_{ij} = [p_{ij} > 1/2]$.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> HammingLoss()([[0.9, 0.1], [0.6, 0.6]], [[1, 0], [1, 0]])
        0.25

    References:
        Tsoumakas and Katakis (2007), Multi-label classification: an overview.
    """

    name = "hamming_loss"
    task, needs = "multilabel", "labels"
    better, bounds = "lower", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        wrong = ((predictions > 0.5) != targets).sum(axis=1) / targets.shape[1]
        return (weights * wrong).sum() / weights.sum()


class LabelScore(ClassScore):
    """A score of each label, averaged: precision, recall and F1 of several labels.

    Args:
        average: "macro" (the plain mean over the labels that occur among targets or predictions),
            "weighted" (by how often a label is in the targets) or "micro" (one score of the summed
            counts). Where nothing occurs at all, NaN.
    """

    task, needs = "multilabel", "labels"

    def __init__(self, average: Average = "macro") -> None:
        super().__init__(average)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        said, column = predictions > 0.5, weights[:, None]
        hits = (column * (said & (targets == 1))).sum(axis=0)
        predicted, actual = (column * said).sum(axis=0), (column * targets).sum(axis=0)
        occurs = predicted + actual > 0
        if not occurs.any():
            return math.nan
        if self.average == "micro":
            total = len(hits) * weights.sum()
            return self.score(hits.sum(), predicted.sum(), actual.sum(), total)
        scores = self.score(hits, predicted, actual, weights.sum())
        if self.average == "weighted":
            return (actual * scores).sum() / actual.sum() if actual.any() else 0.0
        return scores[occurs].mean()


@register
class MultilabelPrecision(LabelScore):
    r"""The fraction of the yeses predicted for a label that are right, averaged over labels.

    $TP / (TP + FP)$ of each label, and 0 where it is never predicted; `LabelScore` says how
    labels are averaged.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an unknown average.

    Example:
        >>> MultilabelPrecision()([[0.9, 0.1], [0.6, 0.6]], [[1, 0], [0, 1]])
        0.75

    References:
        Sorower (2010), A literature survey on algorithms for multi-label learning.
    """

    name = "multilabel_precision"

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(hits, predicted)


@register
class MultilabelRecall(LabelScore):
    r"""The fraction of a label's yeses that are predicted, averaged over labels.

    $TP / (TP + FN)$ of each label, and 0 where it never is; `LabelScore` says how labels are
    averaged.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an unknown average.

    Example:
        >>> MultilabelRecall()([[0.9, 0.1], [0.6, 0.4]], [[1, 0], [1, 1]])
        0.5

    References:
        Sorower (2010), A literature survey on algorithms for multi-label learning.
    """

    name = "multilabel_recall"

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(hits, actual)


@register
class MultilabelF1(LabelScore):
    r"""The harmonic mean of precision and recall of each label, averaged over labels.

    $2 TP / (2 TP + FP + FN)$ of each label; `LabelScore` says how labels are averaged.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an unknown average.

    Example:
        >>> MultilabelF1()([[0.9, 0.1], [0.6, 0.4]], [[1, 0], [1, 1]])
        0.5

    References:
        Sorower (2010), A literature survey on algorithms for multi-label learning.
    """

    name = "multilabel_f1"

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(2 * hits, predicted + actual)


@register
class MultilabelRocAuc(Metric):
    r"""The probability that a row with a label is ranked above one without, mean over labels.

    For each label as `roc_auc` of two classes; labels of which all targets are equal are left
    out. NaN when all are.

    $\frac1k \sum_j \mathrm{AUC}_j$ over the k labels that have both.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> MultilabelRocAuc()([[0.9, 0.2], [0.6, 0.4]], [[1, 1], [0, 0]])
        0.5

    References:
        Fawcett (2006), An introduction to ROC analysis.
    """

    name = "multilabel_roc_auc"
    task, needs = "multilabel", "probabilities"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        return _mean_over_labels(ranked_above, predictions, targets, weights)


@register
class MultilabelAveragePrecision(Metric):
    r"""The average precision of each label, mean over labels ("mAP").

    For each label as `average_precision` of two classes; labels of which all targets are equal
    are left out. NaN when all are.

    $\frac1k \sum_j \mathrm{AP}_j$ over the k labels that have both.

    Shape:
        predictions `(rows, labels)`, probabilities; targets `(rows, labels)`, 0 or 1.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> MultilabelAveragePrecision()([[0.9, 0.2], [0.6, 0.4]], [[1, 1], [0, 0]])
        0.75

    References:
        Everingham et al. (2010), The PASCAL visual object classes (VOC) challenge.
    """

    name, aliases = "multilabel_average_precision", ("mean_average_precision",)
    task, needs = "multilabel", "probabilities"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        return _mean_over_labels(precision_along_recall, predictions, targets, weights)


def _mean_over_labels(
    score: Callable[[Array, Array, Array], float],
    predictions: Array,
    targets: Array,
    weights: Array,
) -> float:
    """The mean score of the labels that have both a yes and a no; NaN where none has."""
    both = [j for j in range(targets.shape[1]) if len(np.unique(targets[:, j])) == 2]
    scores = [score(predictions[:, j], targets[:, j] == 1, weights) for j in both]
    return sum(scores) / len(scores) if scores else math.nan
