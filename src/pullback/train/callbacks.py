"""The interface through which a user's own code takes part in training.

A callback may read anything and must change nothing but through `session.stop`. It is called
between steps, at whole steps only, so what it sees is always consistent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pullback.train.loop import Session


class Callback:
    """Override what you need; every method is called with the session of training.

    Useful in a session: `network`, `step`, `epoch`, `last_loss`, `values` (the metrics by name,
    such as `validation.accuracy`), `elapsed`, and `stop(reason)`.

    Example:
        >>> class StopAtMidnight(Callback):
        ...     def on_epoch(self, session):
        ...         import datetime
        ...         if datetime.datetime.now().hour == 0:
        ...             session.stop("it is midnight")
    """

    def on_start(self, session: Session) -> None:
        """Before the first step, or the first after a resume."""

    def on_step(self, session: Session) -> None:
        """After every step."""

    def on_epoch(self, session: Session) -> None:
        """After every epoch, when its metrics are known."""

    def on_stop(self, session: Session) -> None:
        """After the last step, when `session.reason` says why."""
