"""One step of an optimizer that evaluates the gradient where it likes, such as L-BFGS.

The program of the gradient reads the parameters as feeds, not from the state, and writes nothing.
So a point that is only tried leaves no trace, and the state changes once, when the step is done.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pullback.execute import Executor, NonFiniteOrigin, State, executor, find_origin
from pullback.graph.dtypes import FLOAT64, Array
from pullback.graph.node import as_node
from pullback.nn.inference import dtype_of
from pullback.optim.driver import Driver, NonFinitePointError
from pullback.plan import Step
from pullback.train.step import Batch, Recipe
from pullback.train.tracing import AT, STEP
from pullback.train.update import RATE

Feeds = Mapping[str, Array]


class Driving:
    """Steps of a recipe whose optimizer is a `Driver`.

    Args:
        recipe: What is trained, and by which rule.
        state: The slots: parameters, the optimizer's memory, the number of the step.
        kind: Which executor runs the gradient.
    """

    def __init__(self, recipe: Recipe, state: State, kind: str) -> None:
        assert isinstance(recipe.optimizer, Driver)
        self.recipe = recipe
        self.optimizer = recipe.optimizer
        self.state = state
        self._kind = kind
        self._programs: dict[Batch, Executor] = {}
        self._shapes = {path: p.shape for path, p in recipe.update.trainable.items()}
        self._dtype = dtype_of(recipe.network)

    def prepare(self, feeds: Feeds) -> Executor:
        """The program of the gradient for feeds of these shapes."""
        batch = Batch.of_feeds(feeds)
        if batch not in self._programs:
            step = self.recipe.gradient_step(batch)
            self._programs[batch] = executor(step, self.state, self._kind)
        return self._programs[batch]

    def step(self, feeds: Feeds) -> tuple[dict[str, Array], NonFiniteOrigin | None, bool]:
        """One step on a batch.

        Returns:
            Loss, weight and learning rate of the step; where something that is not finite arose;
            and whether the step was made. If it was not, the state is as it was.
        """
        program = self.prepare(feeds)
        first: dict[str, Array] = {}

        def evaluate(point: Array) -> tuple[float, Array]:
            found = program.run({**feeds, **self._split(point)})
            first.update({} if first else found)
            return float(found["objective"]), self._joined(found, "gradient/")

        memory = {name: self.state[f"optimizer/{name}"] for name in self._names()}
        rate = self._rate()
        try:
            point, new = self.optimizer.drive(evaluate, self._point(), memory, rate)
        except NonFinitePointError as error:
            return first, self._origin(feeds, error.point), False
        if not np.isfinite(point).all():
            return first, self._origin(feeds, point), False
        self._write(point, new, first)
        return {**first, RATE: np.asarray(rate)}, None, True

    def _rate(self) -> float:
        """The learning rate of this step, by the schedule."""
        peak = as_node(self.state[RATE].astype(FLOAT64))
        now = as_node(self.state[STEP] + 1)
        return float(self.optimizer.rate(peak, now, self.recipe.total_steps).numpy())

    def _names(self) -> list[str]:
        return [*self.optimizer.memory(0, self._dtype)]

    def _point(self) -> Array:
        return self._joined(self.state, "")

    def _joined(self, arrays: Mapping[str, Array], at: str) -> Array:
        """The arrays of all trainable parameters as one vector."""
        parts = [arrays[f"{at}{path}"].reshape(-1) for path in self._shapes]
        return np.concatenate(parts)

    def _split(self, point: Array) -> dict[str, Array]:
        """A vector as the feeds of all trainable parameters."""
        found, start = {}, 0
        for path, shape in self._shapes.items():
            size = int(np.prod(shape, dtype=np.int64))
            found[f"{AT}{path}"] = point[start : start + size].reshape(shape)
            start += size
        return found

    def _write(self, point: Array, memory: Mapping[str, Array], first: Mapping[str, Array]) -> None:
        for label, array in self._split(point).items():
            self.state[label.removeprefix(AT)] = array
        for name, array in memory.items():
            self.state[f"optimizer/{name}"] = array
        for label, array in first.items():  # running statistics are those at the step's beginning
            if label.startswith("statistics/"):
                self.state[label.removeprefix("statistics/")] = array
        self.state[STEP] = self.state[STEP] + 1

    def _origin(self, feeds: Feeds, point: Array) -> NonFiniteOrigin | None:
        """Where the NaN or inf of a point arose: its gradient is computed again, all recorded."""
        step: Step = self.recipe.gradient_step(Batch.of_feeds(feeds))
        return find_origin(step, self.state, {**feeds, **self._split(point)}, self._kind)
