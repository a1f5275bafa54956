"""The loss and the metrics of a part of the data, in the mode for use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pullback.execute import Executor, State, executor
from pullback.graph.dtypes import Array
from pullback.metrics import ClassReport, report
from pullback.nn.head import Head, Heads, heads_by_output
from pullback.nn.several import unlabelled
from pullback.train.interrupt import Interrupt
from pullback.train.known import Known, targets_of
from pullback.train.measures import Measure, measured
from pullback.train.parts import Rows
from pullback.train.step import Batch, Recipe

BATCH = 1024


@dataclass
class Evaluator:
    """Measures a recipe's network on parts of the data; programs are kept by batch shape."""

    recipe: Recipe
    state: State
    head: Head | Heads
    metrics: Sequence[Measure]
    kind: str = "numpy"

    def __post_init__(self) -> None:
        self._programs: dict[Batch, Executor] = {}

    def measure(self, part: Rows, interrupt: Interrupt | None = None) -> dict[str, float]:
        """The loss and every metric on one part, by name; of several outputs each one's too.

        Raises:
            Interrupted: A signal came meanwhile.
        """
        outputs, losses = self.outputs(part, interrupt)
        return losses | measured(self.metrics, self._known(part, outputs))

    def attempt(self, part: Rows) -> None:
        """Measure a few rows for nothing, so that a metric that cannot work shows early."""
        chosen = part.take(np.linspace(0, len(part) - 1, min(len(part), BATCH)).astype(np.int64))
        known = self._known(chosen, self.outputs(chosen)[0])
        countable = {name: rows for name, rows in known.items() if rows.countable}
        measured([m for m in self.metrics if m.output in countable], countable)

    def report(self, part: Rows) -> dict[str, ClassReport]:
        """How each class fares in one part, with the confusion matrix, by output."""
        known = self._known(part, self.outputs(part)[0])
        return {
            name: report(rows.scores, rows.targets, rows.weights, names=rows.head.classes)
            for name, rows in known.items()
            if rows.head.task == "classification"
        }

    def _known(self, part: Rows, outputs: Mapping[str, Array]) -> dict[str, Known]:
        """What metrics take, by output."""
        heads, targets = heads_by_output(self.head), part.targets
        return {
            name: Known.of(heads[name], said, targets_of(heads[name], targets[name]), part.weights)
            for name, said in outputs.items()
        }

    def outputs(
        self, part: Rows, interrupt: Interrupt | None = None
    ) -> tuple[dict[str, Array], dict[str, float]]:
        """The raw outputs for all rows by name; the objective, and the mean loss of each output."""
        pieces: dict[str, list[Array]] = {}
        sums: dict[str, float] = {}
        for start in range(0, len(part), BATCH):
            rows = np.arange(start, min(start + BATCH, len(part)))
            if interrupt is not None:
                interrupt.check()
            for label, array in self._run(part.feeds(rows)).items():
                if label.partition(".")[0] == "output":
                    pieces.setdefault(label, []).append(array)
                else:
                    sums[label] = sums.get(label, 0.0) + float(array)
        joined = {label: np.concatenate(arrays) for label, arrays in pieces.items()}
        weights = unlabelled("weight", sums)
        means = {
            name: total / weights[name] if weights[name] else 0.0
            for name, total in unlabelled("loss", sums).items()
        }
        losses = {"loss": self.recipe.objective.total(means)}
        losses |= {f"{name}.loss": mean for name, mean in means.items() if name}
        return unlabelled("output", joined), losses

    def _run(self, feeds: dict[str, Array]) -> dict[str, Array]:
        batch = Batch.of_feeds(feeds)
        if batch not in self._programs:
            step = self.recipe.evaluation_step(batch)
            self._programs[batch] = executor(step, self.state, self.kind)
        return self._programs[batch].run(feeds)
