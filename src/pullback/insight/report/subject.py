"""What a report is about: all that a run's folder tells, and what of it is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pullback.errors import PullbackError
from pullback.insight.figures.history import History, stored_history
from pullback.metrics import get as metric_named
from pullback.nn.description import rebuild
from pullback.nn.module import Module
from pullback.runs.recorded import recorded
from pullback.runs.status import Status
from pullback.runs.store import MODEL, RunStore
from pullback.runs.telemetry import Event
from pullback.train.model import Model, load
from pullback.train.readings import Readings, looks_of


@dataclass
class Told:
    """A run, as far as its folder can be read.

    Attributes:
        store: The open run.
        status: How it stands.
        record: What was run.
        history: Its numbers; empty where the telemetry is lost.
        events: What befell it.
        network: The final network, or, before there is one, one of the same layers; None where it
            cannot be rebuilt.
        model: The final network with its encoder.
        readings: What probes saw.
        problems: What is lost, a sentence each.
    """

    store: RunStore
    status: Status
    record: Mapping[str, Any]
    history: History
    events: list[Event]
    network: Module | None
    model: Model | None
    readings: Readings
    problems: list[str] = field(default_factory=list)

    @property
    def training(self) -> Mapping[str, Any]:
        """Network, loss, optimizer and settings, as plain data."""
        found = self.record.get("training", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the training."""
        found = self.training.get("settings", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def data(self) -> Mapping[str, Any]:
        """What was read and decided about the data."""
        found = self.record.get("data", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def scores(self) -> dict[str, float | None]:
        """The final scores by part and name."""
        return dict(self.status.summary.get("scores", {}))

    @property
    def input_shape(self) -> Any:
        """The shape of one row of input, where it is known."""
        if self.model is not None and self.model.encoder is not None:
            return self.model.encoder.input_shape
        return None

    def arrays(self) -> dict[str, str]:
        """Shape and dtype of the arrays that the run keeps, by part and label."""
        try:
            kept = self.store.load_data() or {}
        except PullbackError:
            return {}
        return {label: f"{a.dtype} of shape {a.shape}" for label, a in kept.items()}

    def best(self) -> tuple[int, str, float] | None:
        """Where in the history the best epoch is, by which column, and its value there."""
        column = self._monitored()
        if column is None:
            return None
        values, steps = self.history.epochs[column], self.history.epochs["step"]
        known = np.isfinite(values)
        if not known.any():
            return None
        place = np.flatnonzero(steps == self.history.best)
        if len(place):
            return int(place[0]), column, float(values[place[0]])
        sign = -1.0 if self._higher(column) else 1.0
        at = int(np.argmin(np.where(known, sign * values, np.inf)))
        return at, column, float(values[at])

    def _monitored(self) -> str | None:
        """The column by which epochs are compared."""
        name = str(self.settings.get("monitor", "loss"))
        wanted = [name, *(f"{part}.{name}" for part in ("validation", "train"))]
        return next((n for n in wanted if n in self.history.names), None)

    @staticmethod
    def _higher(column: str) -> bool:
        name = column.rpartition(".")[2]
        try:
            return name != "loss" and metric_named(name).better == "higher"
        except (PullbackError, TypeError, ValueError):  # one of the user's own
            return False

    def has_best_weights(self) -> bool | None:
        """Whether the final network has the weights of the best epoch; None if not known."""
        try:
            best = self.store.load_best()
        except PullbackError:
            return None
        if best is None or self.model is None:
            return None
        state = self.model.network.state()
        return all(
            path in best.tensors and np.array_equal(value.numpy(), best.tensors[path])
            for path, value in state.items()
        )


def told(store: RunStore, custom: Iterable[Any]) -> Told:
    """Read a run's folder; what of it is damaged is left out and named.

    Args:
        store: The open run.
        custom: Layer classes of one's own that the network is made of.
    """
    seen = recorded(store)
    problems = store.problems(seen)
    history = stored_history(store, seen.steps, seen.epochs)
    events, readings = list(seen.events), Readings(looks_of(seen.looks))
    network, model = None, None
    layers = [c for c in custom if isinstance(c, type) and issubclass(c, Module)]
    try:
        if (store.path / MODEL).exists():
            model = load(store.path, layers)
            network = model.network
        else:
            network = rebuild(store.record["training"]["network"], layers)
    except (PullbackError, KeyError, TypeError, ValueError) as error:
        said = error.received if isinstance(error, PullbackError) else type(error).__name__
        problems.append(f"the network cannot be shown: {said}")
    return Told(
        store, store.status, store.record, history, events, network, model, readings, problems
    )
