"""`pb.replay`: any step of a run again, with everything in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.insight.derivation import Derivation
from pullback.insight.recording import Recording
from pullback.insight.subject import title_of
from pullback.insight.trace import Trace
from pullback.insight.upcoming import Upcoming, next_step
from pullback.metrics import MetricLike
from pullback.runs.recorded import recorded
from pullback.runs.store import RunStore
from pullback.train.forward import Forward
from pullback.train.loop import Session
from pullback.train.resume import as_fit_wrote_it, resumed_session
from pullback.train.run import Run
from pullback.train.step import Batch


class Replay(Trace):
    """A step of a run, recorded: see `Trace`.

    Attributes:
        step: Which step, counted from 1.
        start: The checkpoint from which it was computed again.
        recorded: The loss that the run recorded for that step; None where it recorded none.
        lost: What became of the run's telemetry, if it cannot be read; else empty.
        upcoming: The step itself, to tell what it makes of an element.
    """

    step: int = 0
    start: int = 0
    recorded: float | None = None
    lost: str = ""
    upcoming: Upcoming | None = None
    _mean: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether the loss is that of the run, to the bit."""
        return self.recorded == self._mean

    def explain(
        self, place: str, *, learning_rate: float | None = None, open_fused: bool = False
    ) -> Derivation:
        """The derivation of one element's gradient, and what the step made of the element."""
        found = super().explain(place, learning_rate=learning_rate, open_fused=open_fused)
        name, index = found.place.name, found.place.index
        if learning_rate is not None or self.upcoming is None or not self.upcoming.moves(name):
            return found
        return replace(found, move=self.upcoming.of(name, index))

    def __repr__(self) -> str:
        said = "to the bit" if self.is_exact else "NOT to the bit"
        if self.recorded is None:
            said = f"of which the run recorded {'a loss that is lost' if self.lost else 'no loss'}"
        return f"step {self.step}, {said}, from checkpoint {self.start}\n{super().__repr__()}"


def replay(
    run: Run | str | os.PathLike[str],
    step: int,
    *,
    data: Any = None,
    validation: Any = None,
    custom: Iterable[Any] = (),
    metrics: Iterable[MetricLike] = (),
) -> Replay:
    """A step of a finished or stopped run again, with everything in it.

    The run's folder is only read. The nearest checkpoint before the step is loaded and the steps
    behind it are taken again, with the same batches and random numbers; then the step itself is
    recorded rather than taken: its values, cotangents and gradients are those before its update,
    and the updates those that it made.

    Args:
        run: A run that was saved, or its folder.
        step: Which step, counted from 1.
        data: What was passed to `fit`; only for data too large to be kept in the run.
        validation: The rows for validation, likewise, if arrays were passed for them.
        custom: Layer, loss and optimizer classes of one's own that the run was made with.
        metrics: The metrics of one's own that the run was made with.

    Returns:
        A `Replay`: `replayed["1.output"].cotangent`, `replayed.explain("0.weight[3,7]")`.
        `is_exact` says whether its loss is the one that the run recorded.

    Raises:
        ConfigError: The run took no such step, was not saved, or cannot be taken apart (several
            micro-batches a step, an optimizer that drives the steps itself).
        FileFormatError: The run is damaged, or its data is gone.
        DataError: The data is not what the run was trained on.

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> run = pb.fit(pb.nn.dense(1, [4], 1), (x, x), epochs=3, loss="mse", save="runs")
        >>> again = pb.replay(run, step=2)
        >>> again.step, again.is_exact
        (2, True)
    """
    path = run.path if isinstance(run, Run) else run
    if path is None:
        raise ConfigError(
            "a run that is looked into again must have been saved",
            "a run without a folder",
            'Train with pb.fit(..., save="runs").',
        )
    with RunStore.open(path) as store:
        seen = recorded(store)
        taken = seen.steps["step"]
        last = int(taken.max(initial=0))
        if seen.lost:
            last = max(store.status.step, *store.checkpoints())
        if (
            isinstance(step, bool)
            or not isinstance(step, (int, np.integer))
            or not 1 <= step <= last
        ):
            raise ConfigError(
                f"the run {store.name} took steps 1 to {last:,}", f"step {step!r}", "Choose one."
            )
        kept = store.checkpoints()
        start = max((s for s in kept if s < step), default=0)
        checkpoint = store.load_checkpoint(start)
        # A resume may have changed the length, and schedules with it: what held is known behind.
        behind = next((s for s in kept if s >= step), start)
        changed = store.load_checkpoint(behind).state.get("changed", {})
        with as_fit_wrote_it(store.path):
            session, _ = resumed_session(
                store, checkpoint, (data, validation), list(custom), metrics, changed
            )
        if session.driving is not None or session.settings.accumulate > 1:
            raise ConfigError(
                "a step that is looked into is one forward and one backward pass",
                "micro-batches" if session.driving is None else type(session.driving).__name__,
                "Look into a batch: pb.trace_step(network, (X, y), loss=...).",
            )
        session.advance(int(step) - 1)
        losses = dict(zip(taken.tolist(), seen.steps["loss"].tolist(), strict=True))
    feeds = session.plan.feeds(int(step) - 1)
    found = Replay(_recording(session, feeds), feeds, {})
    state, kind = session.state.snapshot(), session.settings.executor
    found.upcoming = next_step(session.recipe, state, feeds, kind)
    found.step, found.start, found.recorded = int(step), start, losses.get(int(step))
    found.lost = seen.lost
    # The run records the loss without penalties, as its own step computes it.
    outputs = session.programs.step(feeds).run_again(feeds)
    found._mean = float(outputs["loss"])
    return found


def _recording(session: Session, feeds: Mapping[str, Array]) -> Recording:
    """The next step of a session, from its state, with everything in it."""
    recipe, rows = session.recipe, len(next(iter(feeds.values())))
    return Recording(
        Forward.of(recipe, Batch.of_feeds(feeds)).inside(),
        session.state,
        session.settings.executor,
        title=title_of(recipe.objective, rows),
        rows=rows,
        updated=True,
    )
