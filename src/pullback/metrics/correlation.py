"""Metrics of predicted values that look at how they move with the targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array
from pullback.metrics.values import mean_rows, scale_of


@register
class Pearson(Metric):
    r"""The linear correlation of predictions with targets; the mean over outputs.

    $\frac{\sum_i w_i (p_i - \bar p)(t_i - \bar t)}
    {\sqrt{\sum_i w_i (p_i - \bar p)^2} \sqrt{\sum_i w_i (t_i - \bar t)^2}}$ with weighted means:
    1 for values on a rising line, whatever its slope and height.

    NaN when the predictions or the targets of an output are all equal, or a prediction is
    infinite.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Pearson()([[1.0], [2.0], [3.0]], [[10.0], [20.0], [30.0]])
        1.0

    References:
        Pearson (1896), Regression, heredity and panmixia.
    """

    name, aliases = "pearson", ("pearson_correlation", "correlation")
    task, needs = "regression", "values"
    better, bounds = "higher", (-1.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        return correlation(predictions, targets, weights).mean()


@register
class Spearman(Metric):
    r"""The correlation of the ranks of predictions with those of targets; the mean over outputs.

    Pearson's correlation of the ranks, $\rho = \mathrm{corr}(\mathrm{rank}\, p,
    \mathrm{rank}\, t)$; rows of equal value share their mean rank, and a weight counts as that
    many rows. 1 where predictions rise with the targets, however crookedly.

    NaN when the predictions or the targets of an output are all equal.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Spearman()([[1.0], [10.0], [100.0]], [[1.0], [2.0], [3.0]])
        1.0

    References:
        Spearman (1904), The proof and measurement of association between two things.
    """

    name, aliases = "spearman", ("spearman_correlation", "rank_correlation")
    task, needs = "regression", "values"
    better, bounds = "higher", (-1.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        ranks = [
            np.stack([ranks_of(column, weights) for column in side.T], axis=1)
            for side in (predictions, targets)
        ]
        return correlation(ranks[0], ranks[1], weights).mean()


def correlation(a: Array, b: Array, weights: Array) -> Array:
    """Pearson's correlation of each column; NaN where a column is constant or not finite."""
    with np.errstate(all="ignore"):
        moved = [side - side[0] for side in (a, b)]  # a constant gives zeros, without rounding
        varies = np.logical_and(*((side != 0).any(axis=0) for side in moved))
        first, second = (side / scale_of(side) for side in moved)
        first = first - mean_rows(first, weights)
        second = second - mean_rows(second, weights)
        below = np.sqrt(mean_rows(first**2, weights)) * np.sqrt(mean_rows(second**2, weights))
        found = np.clip(mean_rows(first * second, weights) / below, -1.0, 1.0)
    return np.where(varies, found, math.nan)


def ranks_of(values: Array, weights: Array) -> Array:
    """The mean rank of each value, where a weight counts as that many rows; but for a constant."""
    _, place = np.unique(values, return_inverse=True)
    sizes = np.bincount(place, weights)
    return np.asarray((np.cumsum(sizes) - sizes / 2)[place])
