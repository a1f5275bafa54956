"""What a training remembers of itself: a record of every step and of every epoch."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
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
        >>> log.extend(1, 1, np.array([0.5, 0.4]), np.array([0.01, 0.01]), np.array([0.2, 0.3]))
        >>> len(log), log[-1].step, log[-1].loss, log.losses
        (2, 2, 0.4, array([0.5, 0.4]))
    """

    def __init__(self) -> None:
        self._whole = (array("q"), array("q"))
        self._real = (array("d"), array("d"), array("d"))

    def extend(
        self, first: int, epoch: int, losses: Array, learning_rates: Array, times: Array
    ) -> None:
        """Add the records of steps that follow on each other, in one epoch.

        Args:
            first: The number of the first of them.
            epoch: The number of their epoch.
            losses: The loss of each, float64, as are the others.
            learning_rates: The learning rate of each.
            times: When each was done.
        """
        numbers = np.arange(first, first + len(losses))
        for whole, n in zip(self._whole, (numbers, np.full_like(numbers, epoch)), strict=True):
            whole.frombytes(n.tobytes())
        for real, x in zip(self._real, (losses, learning_rates, times), strict=True):
            real.frombytes(x.tobytes())

    @property
    def losses(self) -> Array:
        """The loss of every step."""
        return np.array(self._real[0])

    def columns(self) -> dict[str, Array]:
        """The records as columns, by the names of `StepRecord`."""
        names = [field.name for field in fields(StepRecord)]
        return {n: np.array(a) for n, a in zip(names, (*self._whole, *self._real), strict=True)}

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
