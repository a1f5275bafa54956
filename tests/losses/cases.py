"""For every loss: settings, how inputs are drawn, and its definition in plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pullback import losses
from pullback.losses import Loss

Array = npt.NDArray[Any]
Random = np.random.Generator


@dataclass(frozen=True)
class Case:
    """How one loss is tested; `define` gives each row's weight and weight times loss."""

    settings: tuple[Loss, ...]
    draw: Callable[[Loss, Random, int], tuple[Array, Array]]
    define: Callable[[Any, Array, Array], tuple[Array, Array]]


def real_rows(loss: Loss, random: Random, rows: int) -> tuple[Array, Array]:
    shape = ((rows,), (rows, 1), (rows, 2), (rows, 2, 1))[random.integers(4)]
    return random.normal(size=shape), random.normal(size=shape)


def class_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    weights = loss.class_weights
    classes = len(weights) if weights else int(random.integers(2, 4))
    places = ((rows,), (rows, 3), (rows, 2, 2))[random.integers(3)]
    logits = 2 * random.normal(size=(*places, classes))
    if random.integers(3) == 0:
        return logits, random.dirichlet(np.ones(classes), places)
    return logits, random.integers(-1, classes, places)


def binary_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    labels = len(loss.pos_weight) if isinstance(loss.pos_weight, tuple) else 3
    shape = ((rows, labels), (rows, 2, labels))[random.integers(2)]
    if labels == 3 and random.integers(2):
        shape = ((rows,), (rows, 1))[random.integers(2)]
    targets = random.integers(0, 2, shape).astype(float)
    return 3 * random.normal(size=shape), targets if random.integers(2) else random.random(shape)


def by_elements(f: Callable[[Any, float, float], float]) -> Callable[..., tuple[Array, Array]]:
    """The definition of a loss that is the mean of `f` over the elements of a row."""

    def define(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
        rows = len(outputs)
        pairs = zip(outputs.reshape(rows, -1), targets.reshape(rows, -1), strict=True)
        means = [
            sum(f(loss, y, t) for y, t in zip(ys, ts, strict=True)) / len(ys) for ys, ts in pairs
        ]
        return np.ones(rows), np.array(means)

    return define


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


def by_targets(define: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    """The definition of a loss of classes for sequences: sums over each row's targets."""

    def define_rows(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
        soft = targets.ndim == outputs.ndim
        sums = []
        for z, t in zip(outputs, targets, strict=True):
            places = t.reshape(-1, t.shape[-1]) if soft else t.reshape(-1)
            found = define(loss, z.reshape(-1, z.shape[-1]), places)
            sums.append([part.sum() for part in found])
        return np.array(sums)[:, 0], np.array(sums)[:, 1]

    return define_rows


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
