"""What a person sees while a training is prepared, goes on and is scored: a bar, or lines."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Literal

from pullback.errors import unknown
from pullback.train.callbacks import Callback
from pullback.train.loop import Session
from pullback.train.run import headline

Counted = Callable[[int], None]
Show = Literal["auto", "bar", "plain", "none"]
SHOWS: tuple[Show, ...] = ("auto", "bar", "plain", "none")
LINE_SECONDS = 1.0
QUIET_SECONDS = 1.0
"""What takes no longer than this is not spoken of."""
SCORING_SECONDS = 10.0
"""Between two lines that say how far the scoring is."""
BAR_WIDTH = 35
"""Columns that the bar takes, with the share that is done and the time left."""


def progress(show: Show | bool = "auto", stream: IO[str] | None = None) -> Shower:
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
    return Shower() if show == "none" else Lines(out)


class Shower(Callback):
    """Shows nothing; those below show what is done outside the steps too."""

    every_step = False

    def doing(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Inside the block, it is shown what is being done, if that takes over a second."""
        return contextlib.nullcontext()

    def counting(self, what: str, total: int) -> contextlib.AbstractContextManager[Counted]:
        """Inside the block, it is shown how many of `total` are done, as the block says it."""
        return contextlib.nullcontext(lambda done: None)


@contextlib.contextmanager
def _later(show: Callable[[], None]) -> Iterator[None]:
    """Call `show` from another thread, unless the block ends within a second."""
    timer = threading.Timer(QUIET_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class Lines(Shower):
    """A line about the newest epoch, at most one a second; none for what takes no second."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._last = 0.0
        self._began = (0.0, 0.0)
        self._scoring = 0.0

    def doing(self, what: str) -> contextlib.AbstractContextManager[None]:
        return _later(lambda: self._print(f"{what} ..."))

    @contextlib.contextmanager
    def counting(self, what: str, total: int) -> Iterator[Counted]:
        due = time.monotonic() + QUIET_SECONDS

        def tell(done: int) -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + SCORING_SECONDS
                self._print(f"{what}: {done / total:.0%}")

        yield tell

    def on_start(self, session: Session) -> None:
        self._last = time.monotonic()
        self._began = (self._last, done(session))

    def on_step(self, session: Session) -> None:
        self._scoring = time.monotonic() + SCORING_SECONDS

    def on_measure(self, session: Session, part: str, share: float) -> None:
        if time.monotonic() >= self._scoring:
            self._scoring = time.monotonic() + SCORING_SECONDS
            self._print(scoring(part, share))

    def on_epoch(self, session: Session) -> None:
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            share, rate = done(session), done(session) - self._began[1]
            left = (1 - share) * (now - self._began[0]) / rate if rate > 0 else 0.0
            self._print(f"epoch {session.epoch}  {status(session)}  at most {left:.0f} s left")

    def on_stop(self, session: Session) -> None:
        self._scoring = time.monotonic() + QUIET_SECONDS

    def _print(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


class Bar(Shower):
    """A bar with loss, metric and the time left."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._shown: Any = None
        self._task: Any = None
        self._room = 0
        self._last = 0.0
        self._scoring = 0.0

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        shown: list[Any] = []

        def show() -> None:
            from rich.console import Console

            shown.append(Console(file=self.stream).status(f"{what} ..."))
            shown[0].start()

        try:
            with _later(show):
                yield
        finally:
            for spinner in shown:
                spinner.stop()

    @contextlib.contextmanager
    def counting(self, what: str, total: int) -> Iterator[Counted]:
        due = time.monotonic() + QUIET_SECONDS

        def tell(done: int) -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + 0.1
                if self._shown is None:
                    self._start(done / total, lambda: what)
                else:
                    self._shown.update(self._task, completed=done / total)

        try:
            yield tell
        finally:
            if self._shown is not None:
                self._shown.stop()
                self._shown = None

    def on_start(self, session: Session) -> None:
        self._start(done(session), lambda: status(session, self._room))

    def _start(self, share: float, said: Callable[[], str]) -> None:
        """Show the bar; `said` is asked once its room is known."""
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
        self._task = self._shown.add_task("", total=1.0, completed=share, status=said())

    def on_step(self, session: Session) -> None:
        now = time.monotonic()
        self._scoring = now + QUIET_SECONDS
        if now - self._last >= 0.1:
            self._last = now
            said = status(session, self._room)
            self._shown.update(self._task, completed=done(session), status=said)

    def on_measure(self, session: Session, part: str, share: float) -> None:
        now, said = time.monotonic(), scoring(part, share)
        if now < self._scoring:
            return
        self._scoring = now + 0.1
        if self._shown is None:  # training is over
            self._start(share, lambda: said)
        elif session.reason:
            self._shown.update(self._task, completed=share, status=said)
        else:  # the bar stays where training is
            self._shown.update(self._task, status=said)

    def on_stop(self, session: Session) -> None:
        self._scoring = time.monotonic() + QUIET_SECONDS
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


def scoring(part: str, share: float) -> str:
    """Which rows are being measured, and how far that is.

    Example:
        >>> scoring("train", 0.25)
        'scoring the training rows: 25%'
    """
    return f"scoring the {'training' if part == 'train' else part} rows: {share:.0%}"


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
    words = [f"loss {session.last_loss:.4f}" if len(session.steps) else "the first step"]
    name, value = headline(session.values)
    if value is not None and not name.endswith(".loss"):
        words.append(f"{name.replace('.', ' ').replace('_', ' ')} {value:.3f}")
    if "validation.loss" in session.values:
        words.append(f"validation loss {session.values['validation.loss']:.4f}")
    while len(words) > 1 and len("  ".join(words)) > room:
        words.pop()
    return "  ".join(words)
