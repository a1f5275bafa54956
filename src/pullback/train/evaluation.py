"""The loss and the metrics of a part of the data, in the mode for use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pullback.data.targets import Target
from pullback.execute import Executor, State, executor
from pullback.graph.dtypes import Array
from pullback.losses.classes import IGNORED
from pullback.metrics import ClassReport, Metric, evaluate, report
from pullback.metrics.checks import each_target
from pullback.nn.head import Head
from pullback.train.interrupt import Interrupt
from pullback.train.parts import Rows
from pullback.train.step import Batch, Recipe

BATCH = 1024


@dataclass
class Evaluator:
    """Measures a recipe's network on parts of the data; programs are kept by batch shape."""

    recipe: Recipe
    state: State
    head: Head
    metrics: Sequence[Metric]
    kind: str = "numpy"

    def __post_init__(self) -> None:
        self._programs: dict[Batch, Executor] = {}

    def measure(self, part: Rows, interrupt: Interrupt | None = None) -> dict[str, float]:
        """The loss and every metric on one part, by name.

        Raises:
            Interrupted: A signal came meanwhile.
        """
        outputs, loss = self.outputs(part, interrupt)
        found = {"loss": loss}
        if self.metrics:
            found |= evaluate(self.metrics, *self._known(part, outputs))
        return found

    def attempt(self, part: Rows) -> None:
        """Measure a few rows for nothing, so that a metric that cannot work shows early."""
        chosen = part.take(np.linspace(0, len(part) - 1, min(len(part), BATCH)).astype(np.int64))
        scores, targets, weights = self._known(chosen, self.outputs(chosen)[0])
        if self.metrics and len(targets) and (weights is None or weights.any()):
            evaluate(self.metrics, scores, targets, weights)

    def report(self, part: Rows) -> ClassReport:
        """How each class fares in one part, with the confusion matrix."""
        scores, targets, weights = self._known(part, self.outputs(part)[0])
        return report(scores, targets, weights, names=self.head.classes)

    def _known(self, part: Rows, outputs: Array) -> tuple[Array, Array, Array | None]:
        """Scores, targets and weights of what is not to be ignored; of a sequence each place."""
        scores, targets, weights = self.head.scores(outputs), self.targets(part), part.weights
        if self.head.task == "classification" and targets.ndim > 1:
            return each_target(scores, targets, weights)
        if self.head.task != "classification" or (targets != IGNORED).all():
            return scores, targets, weights
        kept = targets != IGNORED
        return scores[kept], targets[kept], None if weights is None else weights[kept]

    def targets(self, part: Rows) -> Array:
        """The targets as metrics take them: class indices, or values in their own units."""
        return targets_of(self.head, part.y)

    def outputs(self, part: Rows, interrupt: Interrupt | None = None) -> tuple[Array, float]:
        """The raw outputs for all rows, and their mean loss."""
        pieces, total, weight = [], 0.0, 0.0
        for start in range(0, len(part.x), BATCH):
            rows = np.arange(start, min(start + BATCH, len(part.x)))
            if interrupt is not None:
                interrupt.check()
            feeds = part.feeds(rows)
            batch = Batch.of(feeds["x"], feeds["y"], feeds.get("weights"))
            if batch not in self._programs:
                step = self.recipe.evaluation_step(batch)
                self._programs[batch] = executor(step, self.state, self.kind)
            found = self._programs[batch].run(feeds)
            pieces.append(found["output"])
            total += float(found["loss"])
            weight += float(found["weight"])
        return np.concatenate(pieces), total / weight if weight else 0.0


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
