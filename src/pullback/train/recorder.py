"""Keeps a training in a run's folder: telemetry, checkpoints, the best weights, the model."""

from __future__ import annotations

import time
from typing import Any

from pullback.runs.store import RunStore
from pullback.train.callbacks import Callback
from pullback.train.loop import Session
from pullback.train.run import headline

SAVE_SECONDS = 5.0
# Saving takes at most one part in so many of the time.
SAVE_SHARE = 20


class Recorder(Callback):
    """Writes down what happens; the last callback, so that it sees what the others did.

    Args:
        store: The run, open for writing.
        checkpoint_steps: Save after so many steps; None saves every few seconds.
    """

    every_step = False

    def __init__(self, store: RunStore, checkpoint_steps: int | None = None) -> None:
        self.store = store
        self.checkpoint_steps = checkpoint_steps
        self._next_save = time.monotonic() + SAVE_SECONDS
        self._saved_step = -1
        self._noted = 0
        self._saved_best: int | None = None

    def on_step(self, session: Session) -> None:
        for s in session.steps[self._noted :]:
            self.store.telemetry.append_step(s.step, s.epoch, s.loss, s.learning_rate, s.time)
        self._noted = len(session.steps)
        for look in session.looks:
            self.store.telemetry.append_look(
                look.step, look.places, look.seen.statistics, look.seen.bins
            )
        session.looks.clear()  # the run's folder has them now
        if self._is_due(session):
            self.save(session)

    def on_epoch(self, session: Session) -> None:
        record = session.epochs[-1]
        splits: dict[str, dict[str, float]] = {}
        for key, value in record.values.items():
            part, _, name = key.partition(".")
            if name:
                splits.setdefault(part, {})[name] = value
        for part, metrics in splits.items():
            self.store.telemetry.append_epoch(record.epoch, record.step, part, metrics)

    def on_stop(self, session: Session) -> None:
        self.store.telemetry.append_event(session.step, session.ending, session.reason)
        self.save(session)

    def save(self, session: Session) -> None:
        """Save a checkpoint; the best weights that it knows of are on the disk before it."""
        began = time.monotonic()
        if session.best is not None and session.best[0] != self._saved_best:
            self.store.save_best(session.best[0], session.best[1], {})
            self._saved_best = session.best[0]
        position = {**session.position(), "epochs": [_epoch(e) for e in session.epochs]}
        metric, value = headline(session.values)
        summary = {"metric": metric, "best": value}
        self.store.save_checkpoint(session.step, session.state.snapshot(), position, summary)
        self._saved_step, now = session.step, time.monotonic()
        self._next_save = now + max(SAVE_SECONDS, SAVE_SHARE * (now - began))

    def _is_due(self, session: Session) -> bool:
        if self.checkpoint_steps is not None:
            return session.step % self.checkpoint_steps == 0
        return time.monotonic() > self._next_save


def _epoch(record: Any) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        "step": record.step,
        "values": record.values,
        "time": record.time,
    }
