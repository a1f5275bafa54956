"""The interface through which a user's own code takes part in training.

A callback may read anything and must change nothing but through `session.stop`. It is called
between steps, at whole steps only, so what it sees is always consistent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pullback.errors import ConfigError

if TYPE_CHECKING:
    from pullback.train.loop import Session


MOMENTS = ("on_start", "on_step", "on_measure", "on_epoch", "on_stop")


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

    every_step: ClassVar[bool] = True
    """Whether `on_step` must come after each step; if not, it may come once after several."""

    def on_start(self, session: Session) -> None:
        """Before the first step, or the first after a resume."""

    def on_step(self, session: Session) -> None:
        """After every step."""

    def on_measure(self, session: Session, part: str, share: float) -> None:
        """While a part is measured, after an epoch and at the end: how much of it is done."""

    def on_epoch(self, session: Session) -> None:
        """After every epoch, when its metrics are known."""

    def on_stop(self, session: Session) -> None:
        """After the last step, when `session.reason` says why."""


def as_callbacks(given: Any) -> list[Any]:
    """The callbacks that a user passed: one or several, of any class that has one of the methods.

    Raises:
        ConfigError: Something that is never called; a class instead of an instance.
    """
    single = any(hasattr(given, moment) for moment in MOMENTS)
    several = list(given) if isinstance(given, Iterable) and not single else [given]
    for callback in several:
        hooks = [h for h in (getattr(callback, m, None) for m in MOMENTS) if h is not None]
        if isinstance(callback, type) or not hooks or not all(map(callable, hooks)):
            raise ConfigError(
                f"a callback must have at least one of the methods {', '.join(MOMENTS)}",
                repr(callback)[:100],
                "Derive its class from pb.Callback, and pass an instance.",
            )
    return several
