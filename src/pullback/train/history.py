"""What a training remembers of itself: a record of every step and of every epoch."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from pullback.graph.dtypes import Array


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What is kept of every step."""

    step: int
    epoch: int
    loss: float
    learning_rate: float
    time: float


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What is kept of every epoch: values by part and name, such as `validation.accuracy`."""

    epoch: int
    step: int
    values: dict[str, float]
    time: float


class StepLog(Sequence[StepRecord]):
    """The records of many steps, in 40 bytes each.

    Example:
        >>> log = StepLog()
        >>> log.append(1, 1, 0.5, 0.01, 0.2)
        >>> len(log), log[-1].loss, log.losses
        (1, 0.5, array([0.5]))
    """

    def __init__(self) -> None:
        self._whole = (array("q"), array("q"))
        self._real = (array("d"), array("d"), array("d"))

    def append(self, step: int, epoch: int, loss: float, learning_rate: float, time: float) -> None:
        """Add the record of one step."""
        (steps, epochs), (losses, rates, times) = self._whole, self._real
        steps.append(step)
        epochs.append(epoch)
        losses.append(loss)
        rates.append(learning_rate)
        times.append(time)

    @property
    def losses(self) -> Array:
        """The loss of every step."""
        return np.array(self._real[0])

    def __len__(self) -> int:
        return len(self._whole[0])

    @overload
    def __getitem__(self, place: int) -> StepRecord: ...

    @overload
    def __getitem__(self, place: slice) -> list[StepRecord]: ...

    def __getitem__(self, place: int | slice) -> StepRecord | list[StepRecord]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        (steps, epochs), (losses, rates, times) = self._whole, self._real
        return StepRecord(steps[place], epochs[place], losses[place], rates[place], times[place])
