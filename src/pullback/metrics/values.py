"""Metrics of predicted values, in the targets' original units.

With several outputs each metric is the plain mean of that of each output.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array


def mean_rows(values: Array, weights: Array) -> Array:
    """The weighted mean over rows: `(rows, outputs)` and `(rows,)` to `(outputs,)`."""
    return np.asarray((weights[:, None] * values).sum(axis=0) / weights.sum())


def scale_of(values: Array) -> Array:
    """The largest magnitude of each output, 1 where that is 0 or inf: `(outputs,)`.

    Squares are taken of values divided by it, so that none overflows or vanishes.
    """
    largest = np.abs(values).max(axis=0)
    return np.where((largest > 0) & np.isfinite(largest), largest, 1.0)


@register
class Mse(Metric):
    r"""The mean squared error, in squared units of the target.

    $\sum_i w_i (p_i - t_i)^2 / \sum_i w_i$, the mean over outputs.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Mse()([[1.0], [2.0]], [[1.0], [4.0]])
        2.0

    References:
        Gauss (1809), Theoria motus corporum coelestium.
    """

    name, aliases = "mse", ("mean_squared_error",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore"):
            return mean_rows((predictions - targets) ** 2, weights).mean()


@register
class Rmse(Metric):
    r"""The root of the mean squared error, in the target's units.

    $\sqrt{\sum_i w_i (p_i - t_i)^2 / \sum_i w_i}$, the mean over outputs of the root of each.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Rmse()([[1.0], [2.0]], [[4.0], [6.0]]) == 12.5**0.5
        True

    References:
        Gauss (1809), Theoria motus corporum coelestium.
    """

    name, aliases = "rmse", ("root_mean_squared_error",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore"):
            errors = predictions - targets
            scale = scale_of(errors)
            return (scale * np.sqrt(mean_rows((errors / scale) ** 2, weights))).mean()


@register
class Mae(Metric):
    r"""The mean absolute error, in the target's units.

    $\sum_i w_i |p_i - t_i| / \sum_i w_i$, the mean over outputs.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Mae()([[1.0], [2.0]], [[1.0], [4.0]])
        1.0

    References:
        Willmott and Matsuura (2005), Advantages of the mean absolute error (MAE) over the
        root mean square error (RMSE) in assessing average model performance.
    """

    name, aliases = "mae", ("mean_absolute_error",)
    task, needs = "regression", "values"
    better, bounds = "lower", (0.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore"):
            return mean_rows(np.abs(predictions - targets), weights).mean()


@register
class R2(Metric):
    r"""The share of the targets' variance that the predictions explain.

    $1 - \sum_i w_i (p_i - t_i)^2 / \sum_i w_i (t_i - \bar t)^2$ with the weighted mean
    $\bar t$; the mean over outputs. 1 is perfect, 0 as good as always predicting the mean,
    and there is no lower bound.

    NaN when the targets of an output are all equal (one row included): there is no variance to
    explain, and neither 0 nor 1 would be true.

    Shape:
        predictions and targets `(rows, outputs)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> R2()([[1.0], [2.0], [4.0]], [[1.0], [2.0], [3.0]])
        0.5

    References:
        Wright (1921), Correlation and causation.
    """

    name, aliases = "r2", ("r2_score", "r_squared")
    task, needs = "regression", "values"
    better, bounds = "higher", (-math.inf, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            # Taken from the first row, a constant target gives zeros and no rounding error.
            moved = targets - targets[0]
            scale = scale_of(moved)
            spread = moved / scale
            centred = spread - mean_rows(spread, weights)
            unexplained = mean_rows(((predictions - targets) / scale) ** 2, weights)
            total = mean_rows(centred**2, weights)
            varies = (moved != 0).any(axis=0)
            return np.where(varies, 1 - unexplained / total, math.nan).mean()
