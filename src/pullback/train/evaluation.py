"""The loss and the metrics of a part of the data, in the mode for use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from pullback.execute import Executor, State, default_executor, executor
from pullback.graph.dtypes import Array
from pullback.metrics import ClassReport, report
from pullback.nn.head import Head, Heads, heads_by_output
from pullback.nn.several import unlabelled
from pullback.train.known import Known, targets_of
from pullback.train.measures import Measure, measured
from pullback.train.parts import Part, Rows
from pullback.train.step import Batch, Recipe

BATCH = 1024
TOKENS = 1 << 14
"""Of rows of tokens, so many tokens are computed at a time: each becomes a whole vector."""
MOST_REPORTED = 200
"""Of more classes than this no table of confusions is kept: it grows with their square."""
MOST_OUTPUTS = 50_000_000
"""So many numbers of outputs are kept for the metrics at most; beyond that, some rows speak."""

Watch: TypeAlias = Callable[[float], None]
"""What is told which share of the rows is done."""


@dataclass
class Evaluator:
    """Measures a recipe's network on parts of the data; programs are kept by batch shape."""

    recipe: Recipe
    state: State
    head: Head | Heads
    metrics: Sequence[Measure]
    kind: str = field(default_factory=default_executor)

    def __post_init__(self) -> None:
        self._programs: dict[Batch, Executor] = {}

    def measure(self, part: Part, watch: Watch | None = None) -> dict[str, float]:
        """The loss and every metric on one part, by name; of several outputs each one's too."""
        known, losses = self.known(part, watch)
        return losses | measured(self.metrics, known)

    def measure_with_classes(
        self, part: Part, watch: Watch | None = None
    ) -> tuple[dict[str, float], dict[str, ClassReport]]:
        """What `measure` gives, and how each class fares by output, from one pass over the rows."""
        known, losses = self.known(part, watch)
        return losses | measured(self.metrics, known), _reports(known)

    def attempt(self, part: Part) -> None:
        """Measure a few rows for nothing, so that a metric that cannot work shows early."""
        chosen = part.some(_at_a_time(part))
        known, _ = self.known(chosen)
        countable = {name: rows for name, rows in known.items() if rows.countable}
        measured([m for m in self.metrics if m.output in countable], countable)

    def known(
        self, part: Part, watch: Watch | None = None
    ) -> tuple[dict[str, Known], dict[str, float]]:
        """What metrics take, by output; the objective, and the mean loss of each output."""
        part = self.seen(part)
        pieces: dict[str, list[Array]] = {}
        sums: dict[str, float] = {}
        done = 0
        for feeds in part.batches(_at_a_time(part)):
            if watch is not None:
                watch(done / len(part))
            found = self._run(feeds)
            done += len(next(iter(feeds.values())))
            for label, array in (*feeds.items(), *found.items()):
                kind = label.partition(".")[0]
                if kind in ("output", "y", "weights"):
                    pieces.setdefault(label, []).append(array)
                elif kind != "x":
                    sums[label] = sums.get(label, 0.0) + float(array)
        if watch is not None:
            watch(1.0)
        joined = {label: np.concatenate(arrays) for label, arrays in pieces.items()}
        return self._meant(joined), self._losses(sums)

    def seen(self, part: Part) -> Part:
        """The rows that are measured: all, or as many as keep the outputs within bounds."""
        if not isinstance(part, Rows) or len(part) <= _at_a_time(part):
            return part
        first = self._run(next(part.batches(1)))
        numbers = sum(array.size for label, array in first.items() if label.startswith("output"))
        most = max(MOST_OUTPUTS // max(numbers, 1), _at_a_time(part))
        return part if len(part) <= most else part.some(most)

    def _meant(self, joined: Mapping[str, Array]) -> dict[str, Known]:
        """What metrics take, from outputs, targets and weights by label."""
        heads, targets = heads_by_output(self.head), unlabelled("y", joined)
        weights = joined.get("weights")
        return {
            name: Known.of(heads[name], said, targets_of(heads[name], targets[name]), weights)
            for name, said in unlabelled("output", joined).items()
        }

    def _losses(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The objective and the mean loss of each output, from the sums over all batches."""
        weights = unlabelled("weight", sums)
        means = {
            name: total / weights[name] if weights[name] else 0.0
            for name, total in unlabelled("loss", sums).items()
        }
        losses = {"loss": self.recipe.objective.total(means)}
        return losses | {f"{name}.loss": mean for name, mean in means.items() if name}

    def _run(self, feeds: dict[str, Array]) -> dict[str, Array]:
        batch = Batch.of_feeds(feeds)
        if batch not in self._programs:
            step = self.recipe.evaluation_step(batch)
            self._programs[batch] = executor(step, self.state, self.kind)
        return self._programs[batch].run(feeds)


def _reports(known: Mapping[str, Known]) -> dict[str, ClassReport]:
    """How each class fares, with the confusion matrix, by output."""
    return {
        name: report(rows.scores, rows.targets, rows.weights, names=rows.head.classes)
        for name, rows in known.items()
        if rows.head.task == "classification" and rows.scores.shape[-1] <= MOST_REPORTED
    }


def _at_a_time(part: Part) -> int:
    """How many rows are computed at a time."""
    for label, array in part.some(1).arrays.items():
        if label.partition(".")[0] == "x" and array.dtype.kind in "iu":
            return max(1, min(BATCH, TOKENS // max(1, int(np.prod(array.shape[1:])))))
    return BATCH
