"""Ctrl-C and SIGTERM: a flag that training looks at between steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupted(BaseException):
    """Raised to leave off something that can be done again; no `except Exception` stops it."""


class Interrupt:
    """Catches the signals while its block runs; a second Ctrl-C goes through as usual.

    Outside the main thread nothing is caught, since Python delivers signals there alone.

    Attributes:
        reason: The signal that came, as text; empty while none has come.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._old: dict[signal.Signals, Any] = {}
        self._at_once = False

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in NAMES:
                self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._old.clear()

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.reason:
            raise Interrupted

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside the block a signal raises Interrupted: what is done there leaves no trace."""
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.reason and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = NAMES[signal.Signals(number)]
        if self._at_once:
            raise Interrupted
