"""Metrics of how far probabilities are to be believed, and how well they tell a sequence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array
from pullback.metrics.probabilities import LogLoss


@register
class Brier(Metric):
    r"""The mean squared error of the probabilities.

    Of two classes $\sum_i w_i (p_i - t_i)^2 / \sum_i w_i$ with the probability of the last and
    the target as 0 or 1; of more, the sum over classes, $\sum_c (p_{ic} - [t_i = c])^2$, which for
    two classes would be twice as much.

    Shape:
        predictions `(rows, classes)`, probabilities; targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Brier()([[0.5, 0.5], [0.75, 0.25]], [1, 0])
        0.15625

    References:
        Brier (1950), Verification of forecasts expressed in terms of probability.
    """

    name, aliases = "brier", ("brier_score", "brier_score_loss")
    task, needs = "classification", "probabilities"
    better, bounds = "lower", (0.0, 2.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        errors = predictions - np.eye(predictions.shape[1])[targets]
        each = errors[:, 1] ** 2 if errors.shape[1] == 2 else (errors**2).sum(axis=1)
        return (weights * each).sum() / weights.sum()


@register
class CalibrationError(Metric):
    r"""How far confidence is from accuracy, on average over bins of confidence.

    A row's confidence is its largest probability. With the rows sorted into M bins of equal width
    by it, $\sum_b \frac{|b|}{n} |\mathrm{accuracy}_b - \mathrm{confidence}_b|$, where sizes are
    sums of weights.

    Args:
        bins: M, 15 by default.

    Shape:
        predictions `(rows, classes)`, probabilities; targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says; ConfigError when `bins` is below 1.

    Example:
        >>> CalibrationError()([[0.25, 0.75], [0.25, 0.75]], [1, 0])
        0.25

    References:
        Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using
        Bayesian binning.
        Guo et al. (2017), On calibration of modern neural networks.
    """

    name, aliases = "calibration_error", ("ece", "expected_calibration_error")
    task, needs = "classification", "probabilities"
    better, bounds = "lower", (0.0, 1.0)

    def __init__(self, bins: int = 15) -> None:
        if type(bins) is not int or bins < 1:
            raise ConfigError("bins must be an integer of at least 1", repr(bins), "Use 15 or so.")
        self.bins = bins

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits = predictions.argmax(axis=1) == targets
        confidence = predictions.max(axis=1)
        place = np.searchsorted(np.arange(1, self.bins) / self.bins, confidence)
        gaps = np.bincount(place, weights * (hits - confidence), self.bins)
        return np.abs(gaps).sum() / weights.sum()


@register
class Perplexity(LogLoss):
    r"""The number of equally likely choices that would be as hard to guess: of sequences.

    $\exp\left(-\sum_i w_i \ln p_{i, t_i} / \sum_i w_i\right)$ over all places with a target:
    e to the power of `log_loss`. 1 is perfect, and guessing among k classes gives k.

    Args:
        epsilon: The smallest probability, as of `log_loss`.

    Shape:
        predictions `(rows, ..., classes)`, probabilities; targets `(rows, ...)`.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an epsilon outside [0, 1).

    Example:
        >>> Perplexity()([[[0.25, 0.75], [0.5, 0.5]]], [[0, -1]])
        4.0

    References:
        Jelinek et al. (1977), Perplexity: a measure of the difficulty of speech recognition tasks.
    """

    name, aliases = "perplexity", ("ppl",)
    bounds = (1.0, math.inf)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        with np.errstate(over="ignore"):
            return np.exp(super().compute(predictions, targets, weights))


@register
class Bits(LogLoss):
    r"""The mean number of bits that a target takes to tell: per token, or per character.

    $-\sum_i w_i \log_2 p_{i, t_i} / \sum_i w_i$ over all places with a target: `log_loss`
    divided by ln 2.

    Args:
        epsilon: The smallest probability, as of `log_loss`.

    Shape:
        predictions `(rows, ..., classes)`, probabilities; targets `(rows, ...)`.

    Raises:
        PullbackError: As `check_rows` says; ConfigError for an epsilon outside [0, 1).

    Example:
        >>> Bits()([[[0.25, 0.75], [0.5, 0.5]]], [[0, -1]])
        2.0

    References:
        Shannon (1951), Prediction and entropy of printed English.
    """

    name = "bits"
    aliases = ("bits_per_token", "bits_per_character", "bpc")

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        return super().compute(predictions, targets, weights) / math.log(2)
