"""Rows whose answers are known, as metrics take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pullback.data.targets import Target
from pullback.graph.dtypes import Array
from pullback.losses.classes import IGNORED
from pullback.metrics.checks import each_target
from pullback.nn.head import Head


@dataclass(frozen=True)
class Known:
    """What metrics take: scores, targets and weights of what has an answer.

    Attributes:
        head: What the output means.
        scores: Probabilities, or values in their own units.
        targets: Class indices, or values in their own units.
        weights: One weight a target; None for 1 each.
    """

    head: Head
    scores: Array
    targets: Array
    weights: Array | None = None

    @classmethod
    def of(cls, head: Head, outputs: Array, targets: Array, weights: Array | None = None) -> Known:
        """From raw outputs; labels to be ignored are left out, and of a sequence each place is one.

        Args:
            head: What the outputs mean.
            outputs: What the network said.
            targets: As `targets_of` gives them.
            weights: One weight a row.
        """
        scores = head.scores(outputs)
        if head.task == "classification" and targets.ndim > 1:
            return cls(head, *each_target(scores, targets, weights))
        if head.task != "classification" or (targets != IGNORED).all():
            return cls(head, scores, targets, weights)
        kept = targets != IGNORED
        return cls(head, scores[kept], targets[kept], None if weights is None else weights[kept])

    @property
    def countable(self) -> bool:
        """Whether there is anything to measure."""
        return bool(len(self.targets)) and (self.weights is None or bool(self.weights.any()))


def own_units(target: Target) -> Head:
    """What the standardised numbers of a table's target mean, whatever outputs mean."""
    return Head("values", None, target.scale, target.center)


def targets_of(head: Head, y: Array) -> Array:
    """Encoded targets as metrics take them: classes, labels, or values in their own units."""
    if head.task == "regression":
        return head.units(y).reshape(len(y), -1)
    if head.task == "embedding":
        return y
    if head.task == "multilabel":
        return (y > 0.5).astype(np.int64)
    if head.form in ("sigmoid", "probability"):
        return (y.reshape(len(y)) > 0.5).astype(np.int64)
    return y if y.dtype.kind in "iu" else y.argmax(axis=-1)
