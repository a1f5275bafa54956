"""Metrics of the errors of predicted values beside their squares: medians, extremes, shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array
from pullback.metrics.values import mean_rows, scale_of


@register
class MedianAbsoluteError(Metric):
    r"""The median of the absolute errors, in the target's units.

    $\mathrm{median}_i |p_i - t_i|$, the mean over outputs: half of the errors are smaller, and a
    few wild ones do not move it. Of an even number it is the mean of the two in the middle; a
    weight counts as that many rows.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> MedianAbsoluteError()([[1.0], [2.0], [3.0]], [[1.0], [4.0], [90.0]])
        2.0

    References:
        Hampel (1974), The influence curve and its role in robust estimation.
    """

    name, aliases = "median_absolute_error", ("medae",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        errors = np.abs(predictions - targets)
        order = np.argsort(errors, axis=0, kind="stable")
        ordered = np.take_along_axis(errors, order, axis=0)
        below = np.cumsum(weights[order], axis=0)  # sums of weights up to each error
        half = below[-1] / 2
        low = np.take_along_axis(ordered, (below >= half).argmax(axis=0)[None], axis=0)[0]
        high = np.take_along_axis(ordered, (below > half).argmax(axis=0)[None], axis=0)[0]
        return np.where(low == high, low, low / 2 + high / 2).mean()


@register
class Mape(Metric):
    r"""The mean absolute error relative to the target, as a fraction: 0.1 is ten per cent.

    $\sum_i w_i |p_i - t_i| / |t_i| / \sum_i w_i$, the mean over outputs. Where a target is 0 it
    is inf, unless the prediction is 0 too, which counts 0.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Mape()([[1.0], [50.0]], [[2.0], [40.0]])
        0.375

    References:
        de Myttenaere et al. (2016), Mean absolute percentage error for regression models.
    """

    name, aliases = "mape", ("mean_absolute_percentage_error",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        errors = np.abs(predictions - targets)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            relative = np.where(errors == 0, 0.0, errors / np.abs(targets))
        return mean_rows(relative, weights).mean()


@register
class MaxError(Metric):
    r"""The largest absolute error, in the target's units.

    $\max_i |p_i - t_i|$, the mean over outputs; weights do not matter, but for rows of weight 0.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> MaxError()([[1.0], [2.0]], [[1.5], [2.0]])
        0.5

    References:
        Chebyshev (1854), Théorie des mécanismes connus sous le nom de parallélogrammes.
    """

    name, aliases = "max_error", ("maximum_error",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore"):
            return np.abs(predictions - targets).max(axis=0).mean()


@register
class ExplainedVariance(Metric):
    r"""The share of the targets' variance that the predictions explain, but for a constant.

    $1 - \mathrm{Var}(t - p) / \mathrm{Var}(t)$ with weighted variances, the mean over outputs.
    It is `r2` where the errors' mean is 0, and more where it is not: a constant error costs
    nothing.

    NaN when the targets of an output are all equal.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> ExplainedVariance()([[11.0], [12.0], [13.0]], [[1.0], [2.0], [3.0]])
        1.0

    References:
        Achen (1982), Interpreting and using regression.
    """

    name, aliases = "explained_variance", ("explained_variance_score",)
    task, needs = "regression", "values"
    better, bounds = "higher", (-math.inf, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            moved = targets - targets[0]  # a constant target gives zeros, without rounding
            scale = scale_of(moved)
            shares = []
            for values in (predictions - targets, moved):
                spread = (values - values[0]) / scale
                shares.append(mean_rows((spread - mean_rows(spread, weights)) ** 2, weights))
            varies = (moved != 0).any(axis=0)
            return np.where(varies, 1 - shares[0] / shares[1], math.nan).mean()
