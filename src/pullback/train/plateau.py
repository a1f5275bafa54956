"""Learning rates that fall when a value has not improved for some epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pullback.errors import FileFormatError
from pullback.metrics import Better
from pullback.optim.plateau import ReduceOnPlateau


class Plateau:
    """What `ReduceOnPlateau` asks of the loop: after each epoch, whether the rates fall.

    Args:
        schedule: The settings.
        metric: What is watched, with its part: `validation.loss`.
        better: Whether "higher" or "lower" is better.

    Example:
        >>> rule = Plateau(ReduceOnPlateau(patience=1), "validation.loss", "lower")
        >>> [rule.update(value) for value in (0.5, 0.6, 0.5, 0.4)]
        [False, False, True, False]
    """

    def __init__(self, schedule: ReduceOnPlateau, metric: str, better: Better) -> None:
        self.schedule = schedule
        self.metric = metric
        self.better: Better = better
        self.best: float | None = None
        self.waited = 0
        self.cooling = 0

    def update(self, value: float) -> bool:
        """Take the value of an epoch; whether the rates are to fall now."""
        if self._improves(value):
            self.best, self.waited = float(value), 0
        else:
            self.waited += 1
        if self.cooling:
            self.cooling -= 1
            self.waited = 0
        if self.waited <= self.schedule.patience:
            return False
        self.waited, self.cooling = 0, self.schedule.cooldown
        return True

    def lowered(self, rate: float, peak: float) -> float:
        """A rate after a reduction."""
        return min(rate, max(rate * self.schedule.gamma, self.schedule.least * peak))

    def state(self) -> dict[str, Any]:
        """What a resume needs, for JSON."""
        return {"best": self.best, "waited": self.waited, "cooling": self.cooling}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`.

        Raises:
            FileFormatError: Not such a state.
        """
        best, waited, cooling = (state.get(key) for key in ("best", "waited", "cooling"))
        counts = type(waited) is int and type(cooling) is int and min(waited, cooling) >= 0
        if not counts or not (best is None or (type(best) is float and math.isfinite(best))):
            raise FileFormatError(
                "the state of a plateau must hold best, waited and cooling",
                f"best {best!r}, waited {waited!r}, cooling {cooling!r}",
                "Resume from an earlier checkpoint; this one is damaged.",
            )
        self.best, self.waited, self.cooling = best, int(waited or 0), int(cooling or 0)

    def _improves(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        margin = self.schedule.threshold * abs(self.best)
        gain = value - self.best if self.better == "higher" else self.best - value
        return gain > margin
