"""Metrics of predicted classes that take account of what chance would get right."""

from __future__ import annotations

import math
from typing import Any

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array
from pullback.metrics.classes import class_sums


@register
class MatthewsCorrelation(Metric):
    r"""The correlation of predicted with true classes: 1 is perfect, 0 no better than chance.

    With the sums of weights s of all rows, h of hits, and $p_c$ and $t_c$ of rows predicted as
    and of class c:
    $\frac{h s - \sum_c p_c t_c}{\sqrt{s^2 - \sum_c p_c^2} \sqrt{s^2 - \sum_c t_c^2}}$. For two
    classes it is Matthews' coefficient phi. 0 where every row is predicted as one class.

    NaN when the targets hold a single class: there is nothing to correlate with.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> MatthewsCorrelation()([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], [0, 0, 1, 0])
        0.5773502691896258

    References:
        Matthews (1975), Comparison of the predicted and observed secondary structure of T4 phage
        lysozyme.
        Gorodkin (2004), Comparing two K-category assignments by a K-category correlation
        coefficient.
    """

    name, aliases = "mcc", ("matthews_correlation", "matthews_corrcoef")
    task, needs = "classification", "labels"
    better, bounds = "higher", (-1.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        # Shares instead of sums, so that no square overflows.
        hits, predicted, actual = (
            part / weights.sum() for part in class_sums(predictions, targets, weights)
        )
        if (actual > 0).sum() == 1:
            return math.nan
        if (predicted > 0).sum() == 1:
            return 0.0
        spread = math.sqrt((predicted * (1 - predicted)).sum() * (actual * (1 - actual)).sum())
        shared = hits.sum() - (predicted * actual).sum()
        return min(max(shared / spread, -1.0), 1.0)


@register
class CohenKappa(Metric):
    r"""The agreement of predicted with true classes beyond chance: 1 is perfect, 0 chance.

    $(a - e) / (1 - e)$, with the accuracy a and the accuracy $e = \sum_c p_c t_c$ that chance
    gives with the same shares of predicted and true classes.

    NaN when targets and predictions are all of one and the same class: chance is always right.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> CohenKappa()([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], [0, 0, 1, 0])
        0.5

    References:
        Cohen (1960), A coefficient of agreement for nominal scales.
    """

    name, aliases = "cohen_kappa", ("kappa",)
    task, needs = "classification", "labels"
    better, bounds = "higher", (-1.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits, predicted, actual = class_sums(predictions, targets, weights)
        if ((predicted > 0) | (actual > 0)).sum() == 1:
            return math.nan
        total = weights.sum()
        chance = ((predicted / total) * (actual / total)).sum()
        return (hits.sum() / total - chance) / (1 - chance)
