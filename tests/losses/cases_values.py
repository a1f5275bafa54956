"""Losses of values: relative, lopsided, smooth, and likelihoods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import losses
from pullback.losses import Loss
from tests.losses.drawing import Array, Case, Random, by_elements, real_rows


def wide_rows(loss: Loss, random: Random, rows: int) -> tuple[Array, Array]:
    outputs, targets = real_rows(loss, random, rows)
    return 3 * outputs, targets


def positive_rows(loss: Loss, random: Random, rows: int) -> tuple[Array, Array]:
    outputs, targets = real_rows(loss, random, rows)
    return np.exp(outputs), np.exp(targets)


def count_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    outputs, targets = real_rows(loss, random, rows)
    return outputs if loss.log_input else np.exp(outputs), 3 * np.exp(targets)


def mean_and_variance_rows(loss: Loss, random: Random, rows: int) -> tuple[Array, Array]:
    places = ((rows,), (rows, 2))[random.integers(2)]
    values = int(random.integers(1, 3))
    return random.normal(size=(*places, 2 * values)), random.normal(size=(*places, values))


def smooth_l1(loss: Any, y: float, t: float) -> float:
    d = abs(y - t)
    return d * d / (2 * loss.beta) if d < loss.beta else d - loss.beta / 2


def quantile(loss: Any, y: float, t: float) -> float:
    return loss.quantile * (t - y) if t > y else (1 - loss.quantile) * (y - t)


def poisson(loss: Any, y: float, t: float) -> float:
    rate = math.exp(y) if loss.log_input else y
    value = rate - t * (y if loss.log_input else math.log(y + loss.epsilon))
    if loss.full and t > 1:
        value += t * math.log(t) - t + math.log(2 * math.pi * t) / 2
    return value


def gaussian(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
    k = targets.shape[-1]
    mean, variance = outputs[..., :k], np.maximum(np.exp(outputs[..., k:]), loss.epsilon)
    each = 0.5 * (np.log(variance) + (targets - mean) ** 2 / variance)
    each = each + 0.5 * math.log(2 * math.pi) * loss.full
    rows = len(outputs)
    return np.ones(rows), each.reshape(rows, -1).mean(axis=1)


CASES_VALUES: dict[str, Case] = {
    "smooth_l1": Case(
        (losses.SmoothL1(), losses.SmoothL1(beta=0.3)), real_rows, by_elements(smooth_l1)
    ),
    "log_cosh": Case(
        (losses.LogCosh(),), wide_rows, by_elements(lambda _, y, t: math.log(math.cosh(y - t)))
    ),
    "quantile": Case((losses.Quantile(), losses.Quantile(0.9)), real_rows, by_elements(quantile)),
    "mape": Case(
        (losses.MAPE(), losses.MAPE(epsilon=2.0)),
        positive_rows,
        by_elements(lambda loss, y, t: abs(y - t) / max(abs(t), loss.epsilon)),
    ),
    "msle": Case(
        (losses.MSLE(),),
        positive_rows,
        by_elements(lambda _, y, t: (math.log(1 + y) - math.log(1 + t)) ** 2),
    ),
    "poisson_nll": Case(
        (
            losses.PoissonNLL(),
            losses.PoissonNLL(full=True),
            losses.PoissonNLL(log_input=False, epsilon=0.01),
        ),
        count_rows,
        by_elements(poisson),
    ),
    "gaussian_nll": Case(
        (losses.GaussianNLL(), losses.GaussianNLL(full=True), losses.GaussianNLL(epsilon=0.7)),
        mean_and_variance_rows,
        gaussian,
    ),
}
