"""What the tables of losses share: what a case is, and how rows are drawn and summed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
    weights = getattr(loss, "class_weights", None)
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
