"""What a person sees while training goes on: a bar on a terminal, or lines."""

from __future__ import annotations

import sys
import time
from typing import IO, Any, Literal

from pullback.errors import unknown
from pullback.train.callbacks import Callback
from pullback.train.loop import Session
from pullback.train.run import headline

Show = Literal["auto", "bar", "plain", "none"]
SHOWS: tuple[Show, ...] = ("auto", "bar", "plain", "none")
LINE_SECONDS = 1.0
BAR_WIDTH = 35
"""Columns that the bar takes, with the share that is done and the time left."""


def progress(show: Show | bool = "auto", stream: IO[str] | None = None) -> Callback:
    """The callback that shows progress.

    Args:
        show: `bar`, `plain`, `none` (or False); `auto` (or True) is a bar where the stream is a
            terminal, else plain lines.
        stream: Where it is shown; standard error when None.

    Raises:
        UnknownNameError: There is no such way to show it.
    """
    if isinstance(show, bool):
        show = "auto" if show else "none"
    if show not in SHOWS:
        raise unknown("progress display", show, SHOWS)
    out = stream or sys.stderr
    if show == "bar" or (show == "auto" and out.isatty()):
        return Bar(out)
    return Callback() if show == "none" else Lines(out)


class Lines(Callback):
    """A line about the newest epoch, at most one a second; none for what takes no second."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._last = 0.0
        self._began = (0.0, 0.0)

    def on_start(self, session: Session) -> None:
        self._last = time.monotonic()
        self._began = (self._last, done(session))

    def on_epoch(self, session: Session) -> None:
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            share, rate = done(session), done(session) - self._began[1]
            left = (1 - share) * (now - self._began[0]) / rate if rate > 0 else 0.0
            text = f"epoch {session.epoch}  {status(session)}  at most {left:.0f} s left"
            print(text, file=self.stream, flush=True)


class Bar(Callback):
    """A bar with loss, metric and the time left."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._shown: Any = None
        self._task: Any = None
        self._room = 0
        self._last = 0.0

    def on_start(self, session: Session) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=self.stream)
        self._room = console.width - BAR_WIDTH
        self._shown = Progress(
            BarColumn(bar_width=BAR_WIDTH - 15),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[status]}"),
            console=console,
            transient=True,
        )
        self._shown.start()
        self._task = self._shown.add_task(
            "training", total=1.0, completed=done(session), status=status(session, self._room)
        )

    def on_step(self, session: Session) -> None:
        if time.monotonic() - self._last >= 0.1:
            self._last = time.monotonic()
            said = status(session, self._room)
            self._shown.update(self._task, completed=done(session), status=said)

    def on_stop(self, session: Session) -> None:
        if self._shown is not None:
            self._shown.stop()


def done(session: Session) -> float:
    """Which part of the budget is used up, from 0 to 1."""
    budget = session.budget
    shares = [0.0]
    if budget.epochs is not None:
        shares.append(session.step / (budget.epochs * session.plan.per_epoch))
    if budget.steps is not None:
        shares.append(session.step / budget.steps)
    if budget.time is not None:
        shares.append(session.elapsed / budget.time)
    return min(1.0, max(shares))


def status(session: Session, room: int = 100) -> str:
    """The loss and the metric that matters, in at most `room` characters."""
    words = [f"loss {session.last_loss:.4f}"]
    name, value = headline(session.values)
    if value is not None and not name.endswith(".loss"):
        words.append(f"{name.replace('.', ' ').replace('_', ' ')} {value:.3f}")
    if "validation.loss" in session.values:
        words.append(f"validation loss {session.values['validation.loss']:.4f}")
    while len(words) > 1 and len("  ".join(words)) > room:
        words.pop()
    return "  ".join(words)
