"""Metrics of class probabilities: how they rank, and how much they are to be believed."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array


@register
class RocAuc(Metric):
    r"""The probability that a positive row is ranked above a negative one.

    $\sum_{i \in P} \sum_{j \in N} w_i w_j ([s_i > s_j] + \tfrac12 [s_i = s_j]) /
    \sum_{i \in P} \sum_{j \in N} w_i w_j$, exact, with ties counted half, in the time of one
    sort. With two classes $s$ is the probability of the last. With more, the plain mean over the
    classes among the targets of each class against the rest.

    NaN when the targets hold a single class: there is no pair to rank, so that neither 0 nor
    0.5 would be true.

    Shape:
        predictions `(rows, classes)`, probabilities; targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> RocAuc()([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], [0, 0, 1, 1])
        0.75

    References:
        Hanley and McNeil (1982), The meaning and use of the area under a receiver operating
        characteristic (ROC) curve.
        Fawcett (2006), An introduction to ROC analysis.
    """

    name, aliases = "roc_auc", ("auc", "auroc", "roc_auc_ovr")
    task, needs = "classification", "probabilities"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        present = np.unique(targets)
        if len(present) < 2:
            return math.nan
        if predictions.shape[1] == 2:
            return ranked_above(predictions[:, 1], targets == 1, weights)
        areas = [ranked_above(predictions[:, c], targets == c, weights) for c in present]
        return sum(areas) / len(areas)


@register
class AveragePrecision(Metric):
    r"""The mean precision along the recalls: the area under the precision-recall curve, in steps.

    $\sum_n (R_n - R_{n-1})\, P_n$ over the thresholds, from the highest score down, with rows of
    equal scores taken together; nothing is interpolated. With two classes the scores are those of
    the last. With more, the plain mean over the classes among the targets of each class against
    the rest. Guessing gives the share of the positives.

    NaN when the targets hold a single class, as `roc_auc`.

    Shape:
        predictions `(rows, classes)`, probabilities; targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> AveragePrecision()([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], [0, 0, 1, 1])
        0.8333333333333333

    References:
        Zhu (2004), Recall, precision and average precision.
        Davis and Goadrich (2006), The relationship between precision-recall and ROC curves.
    """

    name, aliases = "average_precision", ("pr_auc", "auprc")
    task, needs = "classification", "probabilities"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        present = np.unique(targets)
        if len(present) < 2:
            return math.nan
        if predictions.shape[1] == 2:
            return precision_along_recall(predictions[:, 1], targets == 1, weights)
        scores = [precision_along_recall(predictions[:, c], targets == c, weights) for c in present]
        return sum(scores) / len(scores)


def precision_along_recall(scores: Array, positive: Array, weights: Array) -> float:
    """The mean of the precision over the positives, each at its own score.

    Shape:
        scores, positive (booleans, one true at least) and weights: `(rows,)`.
    """
    values, place = np.unique(-scores, return_inverse=True)  # the highest score first
    hits = np.bincount(place, weights * positive, len(values))
    said = np.bincount(place, weights, len(values))
    precision = np.cumsum(hits) / np.cumsum(said)
    return min(float((hits * precision).sum() / hits.sum()), 1.0)


def ranked_above(scores: Array, positive: Array, weights: Array) -> float:
    """The weighted fraction of (positive, negative) pairs in order; a tie counts half.

    Shape:
        scores, positive (booleans, both values present) and weights: `(rows,)`.
    """
    values, place = np.unique(scores, return_inverse=True)
    up = np.bincount(place, weights * positive, len(values))
    down = np.bincount(place, weights * ~positive, len(values))
    # Negatives strictly below each score, and half of those beside it.
    beaten = np.cumsum(down) - down + down / 2
    return min(float((up * beaten).sum() / (up.sum() * down.sum())), 1.0)


@register
class LogLoss(Metric):
    r"""The mean negative logarithm of the probability given to the true class.

    $-\sum_i w_i \ln p_{i, t_i} / \sum_i w_i$, in nats. Certainty about a wrong class would cost
    infinitely much: probabilities are raised to `epsilon` first, so that one such row
    costs about 36.

    Args:
        epsilon: The smallest probability, $2^{-52}$ by default; 0 lets the loss be inf.

    Shape:
        predictions `(rows, classes)`, probabilities; targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an epsilon outside [0, 1).

    Example:
        >>> round(LogLoss()([[0.5, 0.5], [0.75, 0.25]], [1, 0]), 4)
        0.4904

    References:
        Good (1952), Rational decisions.
    """

    name = "log_loss"
    aliases: tuple[str, ...] = ("logloss", "nll")
    task, needs = "classification", "probabilities"
    better, bounds = "lower", (0.0, math.inf)

    def __init__(self, epsilon: float = 2.0**-52) -> None:
        if not 0 <= epsilon < 1:
            raise ConfigError(
                "epsilon must be at least 0 and below 1", repr(epsilon), "Use 2**-52 or so."
            )
        self.epsilon = epsilon

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        given = predictions[np.arange(len(targets)), targets]
        with np.errstate(divide="ignore"):
            # A softmax in float32 can round above 1; the loss is never negative.
            costs = -np.log(np.clip(given, self.epsilon, 1.0))
        return abs((weights * costs).sum() / weights.sum())


@register
class TopK(Metric):
    r"""The fraction of rows whose class is among the `k` with the largest scores.

    $\sum_i w_i [r_i < k] / \sum_i w_i$, where $r_i$ is the number of classes ranked above the
    true one. Of equal scores the class that comes first ranks higher, as in `argmax`, so that
    k = 1 is accuracy.

    Args:
        k: How many classes count, 5 by default. `get("top_3")` means k = 3, and so does
            `get("top_3_accuracy")`.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says; ConfigError when k is below 1 or above the
            number of classes.

    Example:
        >>> TopK(k=2)([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2])
        0.5

    References:
        Russakovsky et al. (2015), ImageNet large scale visual recognition challenge.
    """

    name, aliases = "top_k", ("top_k_accuracy",)
    task, needs = "classification", "labels"
    better, bounds = "higher", (0.0, 1.0)

    def __init__(self, k: int = 5) -> None:
        if type(k) is not int or k < 1:
            raise ConfigError("k must be an integer of at least 1", repr(k), "Use 5 or so.")
        self.k = k

    @classmethod
    def from_name(cls, text: str, **settings: Any) -> Metric | None:
        """Also `top_3` (or `top_3_accuracy`), with k = 3, and its like."""
        found = re.fullmatch(r"top_?(\d{1,9})(_accuracy)?", text.casefold())
        if found is None:
            return super().from_name(text, **settings)
        return cls(k=int(found[1]), **settings).named(f"top_{int(found[1])}")

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        classes = predictions.shape[1]
        if self.k > classes:
            raise ConfigError(
                "k must be at most the number of classes",
                f"k={self.k} for {classes} classes",
                "Use a smaller k, for instance the metric top_2.",
            )
        own = predictions[np.arange(len(targets)), targets][:, None]  # (rows, 1)
        earlier = np.arange(classes) < targets[:, None]  # (rows, classes)
        above = (predictions > own) | ((predictions == own) & earlier)
        hits = above.sum(axis=1) < self.k
        return (weights * hits).sum() / weights.sum()
