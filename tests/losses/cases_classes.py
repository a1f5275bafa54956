"""Losses of classes and labels beside cross-entropy: likelihoods, focal, margins, overlap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import losses
from tests.losses.drawing import (
    Array,
    Case,
    Random,
    by_elements,
    by_targets,
    class_rows,
)


def log_probability_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    logits, targets = class_rows(loss, random, rows)
    if getattr(loss, "log_target", False):
        targets = np.log(random.dirichlet(np.ones(logits.shape[-1]), logits.shape[:-1]))
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)), targets


def label_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    logits, targets = class_rows(loss, random, rows)
    if targets.dtype.kind == "f":
        targets = random.integers(-1, logits.shape[-1], logits.shape[:-1])
    return logits, targets


def answer_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    shape = ((rows,), (rows, 1), (rows, 3), (rows, 2, 2))[random.integers(4)]
    targets = random.integers(0, 2, shape).astype(float)
    return 3 * random.normal(size=shape), targets if random.integers(2) else random.random(shape)


def probability_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    logits, targets = answer_rows(loss, random, rows)
    return 1 / (1 + np.exp(-logits)), targets


def one_by_one(f: Any) -> Any:
    """Weight and weighted loss of each target, from the loss of one target before its weight."""

    def define(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
        weights, weighted = [], []
        for z, target in zip(outputs, targets, strict=True):
            v = np.array(getattr(loss, "class_weights", None) or np.ones(len(z)))
            if targets.ndim == 2:
                weights.append(1.0)
                weighted.append(f(loss, z, target, v))
            else:
                weights.append(0.0 if target == -1 else v[target])
                weighted.append(weights[-1] and v[target] * f(loss, z, target, None))
        return np.array(weights), np.array(weighted)

    return by_targets(define)


def nll(loss: Any, log_p: Array, target: Any, v: Any) -> float:
    return -log_p[target] if v is None else -sum(v * target * log_p)


def kl(loss: Any, log_q: Array, target: Any, v: Any) -> float:
    if v is None:
        return -log_q[target]
    p = np.exp(target) if loss.log_target else target
    return sum(a * (math.log(a) - b) for a, b in zip(p, log_q, strict=True))


def focal(loss: Any, z: Array, target: Any, v: Any) -> float:
    q = (np.exp(z) / np.exp(z).sum())[target]
    return -((1 - q) ** loss.gamma) * math.log(q)


def multi_margin(loss: Any, z: Array, target: Any, v: Any) -> float:
    others = [c for c in range(len(z)) if c != target]
    return sum(max(0, loss.margin - z[target] + z[c]) ** loss.power for c in others) / len(z)


def binary(loss: Any, p: float, t: float) -> float:
    return -t * math.log(p) - (1 - t) * math.log(1 - p)


def binary_focal(loss: Any, z: float, t: float) -> float:
    p, gamma = 1 / (1 + math.exp(-z)), loss.gamma
    a, b = (1, 1) if loss.alpha is None else (loss.alpha, 1 - loss.alpha)
    return -a * t * (1 - p) ** gamma * math.log(p) - b * (1 - t) * p**gamma * math.log(1 - p)


def hinge(loss: Any, y: float, t: float) -> float:
    return t * max(0, 1 - y) + (1 - t) * max(0, 1 + y)


def squared_hinge(loss: Any, y: float, t: float) -> float:
    return t * max(0, 1 - y) ** 2 + (1 - t) * max(0, 1 + y) ** 2


def overlap_of(loss: Any, p: Array, t: Array) -> float:
    both, s = (p * t).sum(), loss.smooth
    if "dice" in loss.name:
        return (2 * both + s) / (p.sum() + t.sum() + s)
    false, missed = (p * (1 - t)).sum(), ((1 - p) * t).sum()
    return (both + s) / (both + loss.alpha * false + loss.beta * missed + s)


def class_overlap(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    weights, found = [], []
    for z, target in zip(logits, targets, strict=True):
        k = z.shape[-1]
        q = (np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)).reshape(-1, k)
        if targets.ndim < logits.ndim:
            labels = target.reshape(-1)
            q, hit = q[labels >= 0], np.eye(k)[labels[labels >= 0]]
            weights.append(float(len(q) > 0))
        else:
            hit = target.reshape(-1, k)
            weights.append(1.0)
        overlaps = [overlap_of(loss, q[:, c], hit[:, c]) for c in range(k)]
        found.append(1 - sum(overlaps) / k)
    return np.array(weights), np.array(found)


def binary_overlap(loss: Any, logits: Array, targets: Array) -> tuple[Array, Array]:
    p = 1 / (1 + np.exp(-logits))
    found = [1 - overlap_of(loss, a, b) for a, b in zip(p, targets, strict=True)]
    return np.ones(len(p)), np.array(found)


CASES_CLASSES: dict[str, Case] = {
    "nll": Case(
        (losses.NLL(), losses.NLL(class_weights=(0.5, 2.0, 1.0))),
        log_probability_rows,
        one_by_one(nll),
    ),
    "kl_divergence": Case(
        (losses.KLDivergence(), losses.KLDivergence(log_target=True)),
        log_probability_rows,
        one_by_one(kl),
    ),
    "focal": Case(
        (
            losses.Focal(),
            losses.Focal(gamma=0.0),
            losses.Focal(gamma=1.5, class_weights=(0.5, 2.0, 1.0)),
        ),
        label_rows,
        one_by_one(focal),
    ),
    "multi_margin": Case(
        (
            losses.MultiMargin(),
            losses.MultiMargin(margin=0.5, power=2),
            losses.MultiMargin(class_weights=(0.5, 2.0)),
        ),
        label_rows,
        one_by_one(multi_margin),
    ),
    "binary_cross_entropy": Case(
        (losses.BinaryCrossEntropy(),), probability_rows, by_elements(binary)
    ),
    "binary_focal": Case(
        (losses.BinaryFocal(), losses.BinaryFocal(gamma=0.5, alpha=0.25)),
        answer_rows,
        by_elements(binary_focal),
    ),
    "hinge": Case((losses.Hinge(),), answer_rows, by_elements(hinge)),
    "squared_hinge": Case((losses.SquaredHinge(),), answer_rows, by_elements(squared_hinge)),
    "dice": Case((losses.Dice(), losses.Dice(smooth=0.1)), class_rows, class_overlap),
    "tversky": Case((losses.Tversky(), losses.Tversky(0.6, 0.2, 0.5)), class_rows, class_overlap),
    "binary_dice": Case((losses.BinaryDice(),), answer_rows, binary_overlap),
    "binary_tversky": Case(
        (losses.BinaryTversky(), losses.BinaryTversky(0.6, 0.2, 0.5)), answer_rows, binary_overlap
    ),
}
