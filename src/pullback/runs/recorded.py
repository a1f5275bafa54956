"""What a run's telemetry tells, where it can be read: one answer to damage for all who show a run.

A run outlives its telemetry. So what shows a run goes on without it, and says what is lost; what
asks for nothing but the telemetry (`Telemetry` itself, `Readings.of`) fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pullback.errors import FileFormatError
from pullback.runs.telemetry import STEP_COLUMNS, TELEMETRY, Event, Looked

if TYPE_CHECKING:
    from pullback.runs.store import RunStore

Columns = dict[str, NDArray[Any]]


def _no_steps() -> Columns:
    return {name: np.array([]) for name in STEP_COLUMNS}


def _no_epochs() -> Columns:
    return {name: np.array([], np.int64) for name in ("epoch", "step")}


@dataclass(frozen=True, eq=False)
class Recorded:
    """All that the telemetry holds; none of it where any is damaged.

    Attributes:
        steps: As `Telemetry.history` gives them.
        epochs: As `Telemetry.metrics` gives them.
        events: What befell the run.
        looks: What probes saw.
        lost: What became of the telemetry, if it cannot be read; else empty.
    """

    steps: Columns = field(default_factory=_no_steps)
    epochs: Columns = field(default_factory=_no_epochs)
    events: tuple[Event, ...] = ()
    looks: tuple[Looked, ...] = ()
    lost: str = ""


def recorded(store: RunStore) -> Recorded:
    """What the telemetry of a run tells; nothing, and why, where it is damaged or another run's."""
    try:
        found = store.telemetry
        return Recorded(
            found.history(), found.metrics(), tuple(found.events()), tuple(found.looks())
        )
    except FileFormatError as error:
        return Recorded(lost=f"{TELEMETRY} is lost: {error.received}")
