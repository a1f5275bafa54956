"""For every loss: settings, how inputs are drawn, and its definition in plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import losses
from pullback.losses import Loss
from tests.losses.cases_classes import CASES_CLASSES
from tests.losses.cases_pairs import CASES_PAIRS
from tests.losses.cases_values import CASES_VALUES
from tests.losses.drawing import (
    Array,
    Case,
    binary_rows,
    by_elements,
    by_targets,
    class_rows,
    real_rows,
)


def huber(loss: Any, y: float, t: float) -> float:
    d = abs(y - t)
    return 0.5 * d * d if d <= loss.delta else loss.delta * d - 0.5 * loss.delta**2


def binary(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    losses = []
    for zs, ts in zip(*(a.reshape(len(a), -1) for a in (logits, targets)), strict=True):
        total = 0.0
        for place, (z, t) in enumerate(zip(zs, ts, strict=True)):
            v, p = loss.pos_weight, 1 / (1 + math.exp(-z))
            v = v[place % len(v)] if isinstance(v, tuple) else v
            total += -v * t * math.log(p) - (1 - t) * math.log(1 - p)
        losses.append(total / len(zs))
    return np.ones(len(logits)), np.array(losses)


def cross_entropy(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    weights, weighted = [], []
    for z, target in zip(logits, targets, strict=True):
        q = np.exp(z) / np.exp(z).sum()
        k, epsilon = len(z), loss.label_smoothing
        v = np.array(loss.class_weights or np.ones(k))
        if targets.ndim == 2:
            p = (1 - epsilon) * target + epsilon / k
            weights.append(1.0)
            weighted.append(-sum(v * p * np.log(q)))
        elif target == -1:
            weights.append(0.0)
            weighted.append(0.0)
        else:
            smooth = epsilon / k * sum(v * np.log(q))
            weights.append(v[target])
            weighted.append(-(1 - epsilon) * v[target] * math.log(q[target]) - smooth)
    return np.array(weights), np.array(weighted)


CASES: dict[str, Case] = {
    **CASES_CLASSES,
    **CASES_PAIRS,
    **CASES_VALUES,
    "mse": Case((losses.MSE(),), real_rows, by_elements(lambda _, y, t: (y - t) ** 2)),
    "mae": Case((losses.MAE(),), real_rows, by_elements(lambda _, y, t: abs(y - t))),
    "huber": Case((losses.Huber(), losses.Huber(delta=0.3)), real_rows, by_elements(huber)),
    "cross_entropy": Case(
        (
            losses.CrossEntropy(),
            losses.CrossEntropy(label_smoothing=0.1),
            losses.CrossEntropy(class_weights=(0.5, 2.0, 1.0)),
            losses.CrossEntropy(label_smoothing=0.2, class_weights=(3.0, 0.5)),
        ),
        class_rows,
        by_targets(cross_entropy),
    ),
    "binary_cross_entropy_with_logits": Case(
        (
            losses.BinaryCrossEntropyWithLogits(),
            losses.BinaryCrossEntropyWithLogits(2.5),
            losses.BinaryCrossEntropyWithLogits((0.5, 2.0)),
        ),
        binary_rows,
        binary,
    ),
}

SAMPLES = 32
"""How many inputs are drawn for each loss, over its settings in turn."""


def drawn(name: str, number: int, rows: int | None = None) -> tuple[Loss, Array, Array, Array]:
    """One sample: the loss, outputs, targets and weights of rows."""
    case = CASES[name]
    random = np.random.default_rng([number, len(name)])
    loss = case.settings[number % len(case.settings)]
    count = int(random.integers(1, 5)) if rows is None else rows
    outputs, targets = case.draw(loss, random, count)
    if targets.dtype.kind == "i":  # at least one label that counts
        targets[0] = np.maximum(targets[0], 0)
    return loss, outputs, targets, random.uniform(0.2, 2.0, count)
