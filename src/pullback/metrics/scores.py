"""Metrics of each predicted class, averaged over the classes: precision, recall and their like."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from pullback.errors import ConfigError, LabelError
from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array, Task
from pullback.metrics.classes import class_sums, ratio

Average: TypeAlias = Literal["macro", "micro", "weighted"]


class ClassScore(Metric):
    """A score of each class, averaged: the family of precision, recall and F1.

    Args:
        average: "macro" (the plain mean over the classes that occur among targets or
            predictions), "weighted" (by the targets' sums of weights) or "micro" (one score of
            the summed counts). None: with two classes the positive class alone, else macro.
        positive: The positive class, scored against all others; by default the last of two.

    Raises:
        ConfigError: Both are given, or an unknown average.
        LabelError: The positive class is not among the classes.
    """

    task: Task | None = "classification"
    needs = "labels"
    better, bounds = "higher", (0.0, 1.0)

    def __init__(self, average: Average | None = None, positive: int | None = None) -> None:
        if average is not None and average not in get_args(Average):
            raise ConfigError(
                "average must be 'macro', 'micro', 'weighted' or None",
                repr(average),
                "Choose one of these.",
            )
        if average is not None and positive is not None:
            raise ConfigError(
                "an average over classes has no positive class",
                f"average={average!r}, positive={positive!r}",
                "Give one of the two.",
            )
        self.average = average
        self.positive = positive

    @classmethod
    def from_name(cls, text: str, **settings: Any) -> Metric | None:
        """Also `precision_macro`, `recall_micro`, `f1_weighted` and their like."""
        for average in get_args(Average):
            suffix = f"_{average}"
            if text.casefold().endswith(suffix):
                found = super().from_name(text[: -len(suffix)], average=average, **settings)
                return found and found.named(cls.name + suffix)
        return super().from_name(text, **settings)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits, predicted, actual = class_sums(predictions, targets, weights)
        if self.average == "micro":
            total = len(hits) * weights.sum()
            return self.score(hits.sum(), predicted.sum(), actual.sum(), total)
        scores = self.score(hits, predicted, actual, weights.sum())
        if self.average == "weighted":
            return (actual * scores).sum() / actual.sum()
        if self.average == "macro" or (self.positive is None and len(scores) > 2):
            return scores[(predicted + actual) > 0].mean()
        positive = 1 if self.positive is None else self.positive
        if not 0 <= positive < len(scores):
            raise LabelError(
                f"the positive class must be in 0 to {len(scores) - 1}",
                f"positive={positive}",
                "Give the index of one of the classes.",
            )
        return scores[positive]

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        """The score of each class from its sums of weights, and the sum over all rows."""
        raise NotImplementedError(f"{type(self).__name__} must define score")


@register
class Precision(ClassScore):
    r"""The fraction of the rows predicted as a class that are of it.

    $TP / (TP + FP)$, and 0 where nothing is predicted as the class. `ClassScore` says
    how classes are averaged.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` and `ClassScore` say.

    Example:
        >>> Precision()([[0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], [1, 0, 0, 1])
        0.3333333333333333

    References:
        van Rijsbergen (1979), Information Retrieval.
    """

    name = "precision"

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(hits, predicted)


@register
class Recall(ClassScore):
    r"""The fraction of the rows of a class that are predicted as it.

    $TP / (TP + FN)$, and 0 where no row is of the class. `ClassScore` says how classes
    are averaged.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` and `ClassScore` say.

    Example:
        >>> Recall()([[0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], [1, 0, 0, 1])
        0.5

    References:
        van Rijsbergen (1979), Information Retrieval.
    """

    name, aliases = "recall", ("sensitivity",)

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(hits, actual)


@register
class Specificity(ClassScore):
    r"""The fraction of the rows of other classes that are not predicted as the class.

    $TN / (TN + FP)$, the recall of 'not this class', and 0 where every row is of the class.
    `ClassScore` says how classes are averaged.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` and `ClassScore` say.

    Example:
        >>> Specificity()([[0.1, 0.9], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3]], [1, 0, 0, 1])
        0.5

    References:
        Yerushalmy (1947), Statistical problems in assessing methods of medical diagnosis.
    """

    name, aliases = "specificity", ("true_negative_rate",)

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(total - actual - (predicted - hits), total - actual)


@register
class F1(ClassScore):
    r"""The harmonic mean of precision and recall.

    $2 TP / (2 TP + FP + FN)$, and 0 where the class occurs on neither side. `ClassScore`
    says how classes are averaged.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` and `ClassScore` say.

    Example:
        >>> F1()([[0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], [1, 0, 0, 1])
        0.4

    References:
        van Rijsbergen (1979), Information Retrieval.
    """

    name, aliases = "f1", ("f1_score",)

    def score(self, hits: Array, predicted: Array, actual: Array, total: float) -> Array:
        return ratio(2 * hits, predicted + actual)
