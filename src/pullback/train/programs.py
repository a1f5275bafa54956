"""The programs of one training: a step for each size of batch, planned when it first comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pullback.execute import Executor, NonFiniteOrigin, State, executor, find_origin
from pullback.graph.dtypes import Array
from pullback.plan import Step
from pullback.train.step import Batch, Recipe
from pullback.train.tracing import PART

Feeds = dict[str, Array]


class Programs:
    """Plans and keeps the programs that train a network.

    Args:
        recipe: What is trained, and by which rule.
        state: The slots that they read and write.
        executor: Which executor runs them.
    """

    def __init__(self, recipe: Recipe, state: State, executor: str) -> None:
        self.recipe = recipe
        self.state = state
        self._executor = executor
        self._made: dict[tuple[str, int], Executor] = {}

    def step(self, feeds: Feeds) -> Executor:
        """The program of a whole step."""
        return self._program("step", feeds)

    def planned(self, rows: int) -> Executor | None:
        """The program of a whole step on so many rows, if there has been one."""
        return self._made.get(("step", rows))

    def part(self, feeds: Feeds) -> Executor:
        """The program of a micro-batch, which adds to the sums of its batch."""
        return self._program("part", feeds)

    def weight(self, feeds: Feeds) -> Executor:
        """The program that finds the weights of a whole batch, for the parts it is cut into."""
        return self._program("weight", feeds)

    def update(self) -> Executor:
        """The program that makes one step of the sums over all micro-batches."""
        return self._program("update", {})

    def _program(self, kind: str, feeds: Feeds) -> Executor:
        """Within one training, feeds of as many rows have the same shapes and dtypes."""
        key = (kind, len(next(iter(feeds.values()))) if feeds else 0)
        found = self._made.get(key)
        if found is None:
            found = executor(self._traced(kind, feeds), self.state, self._executor)
            self._made[key] = found
        return found

    def _traced(self, kind: str, feeds: Feeds) -> Step:
        if kind == "update":
            return self.recipe.apply_step()
        batch = Batch.of_feeds({label: a for label, a in feeds.items() if a.ndim})
        if kind == "weight":
            return self.recipe.weight_step(batch)
        return self.recipe.part_step(batch) if kind == "part" else self.recipe.training_step(batch)

    def origin(self, fed: Sequence[Feeds]) -> NonFiniteOrigin | None:
        """Where a step that was held back went wrong: it is run again, with everything recorded.

        Args:
            fed: The batch, or its micro-batches; the state is still that before the step.
        """
        if self.recipe.accumulate == 1:
            return self._find("step", fed[0])
        self.clear_sums()
        try:
            for feeds in fed:
                found = self._find("part", feeds)
                if found is not None:
                    return found
                self.part(feeds).run(feeds)
            return self._find("update", {})
        finally:
            self.clear_sums()

    def _find(self, kind: str, feeds: Feeds) -> NonFiniteOrigin | None:
        first = int(feeds["row"]) if "row" in feeds else 0
        return find_origin(self._traced(kind, feeds), self.state, feeds, self._executor, first)

    def clear_sums(self) -> None:
        """Forget the sums over micro-batches."""
        for label in self.state:
            if label.startswith(PART):
                self.state[label] = np.zeros_like(self.state[label])
