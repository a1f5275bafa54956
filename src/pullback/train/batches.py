"""Which rows make which batch: a pure function of seed, epoch and place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.ops import philox
from pullback.train.parts import Rows

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Batches:
    """The order in which rows are seen.

    Every epoch goes once through all rows; the last batch of an epoch may be smaller, and joins
    the batch before it if it has fewer than `least` rows.

    Args:
        rows: How many rows there are.
        batch_size: How many rows make a batch.
        seed: Keys the shuffling.
        shuffle: Whether every epoch has an order of its own.
        least: The fewest rows that a network can be trained on: 2 for one with batch statistics.

    Raises:
        ConfigError: The batch is larger than the data, or not positive.

    Example:
        >>> batches = Batches(rows=5, batch_size=2, seed=0, shuffle=False)
        >>> batches.per_epoch, batches.at(2).tolist()
        (3, [4])
        >>> batches = Batches(rows=5, batch_size=2, seed=0, shuffle=False, least=2)
        >>> batches.per_epoch, batches.at(1).tolist()
        (2, [2, 3, 4])
    """

    rows: int
    batch_size: int
    seed: int
    shuffle: bool = True
    least: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(
                "the batch size must be a positive whole number", str(self.batch_size), "Use 32."
            )
        if self.batch_size > self.rows:
            raise ConfigError(
                "a batch cannot be larger than the training data",
                f"batch_size={self.batch_size}, {self.rows} training rows",
                f"Use batch_size={self.rows} for full batches, or fewer.",
            )

    @property
    def per_epoch(self) -> int:
        """How many batches make an epoch."""
        whole, left = divmod(self.rows, self.batch_size)
        return whole + (left >= min(self.least, self.batch_size) and left > 0)

    def epoch_of(self, step: int) -> int:
        """The epoch, from 0, to which the step with that number, from 0, belongs."""
        return step // self.per_epoch

    def at(self, step: int) -> Indices:
        """The rows of the batch of that step, both from 0."""
        number = step % self.per_epoch
        start = number * self.batch_size
        end = self.rows if number == self.per_epoch - 1 else start + self.batch_size
        return self.order(self.epoch_of(step))[start:end]

    def order(self, epoch: int) -> Indices:
        """The order of all rows in that epoch."""
        if not self.shuffle:
            return np.arange(self.rows, dtype=np.int64)
        return _permutation(self.seed, epoch, self.rows)


class Plan(Protocol):
    """Which batch a step is given: what the loop knows of where rows come from."""

    @property
    def least(self) -> int:
        """The fewest rows that the network can be trained on."""

    @property
    def per_epoch(self) -> int:
        """How many batches make an epoch."""

    def epoch_of(self, step: int) -> int:
        """The epoch, from 0, to which the step with that number, from 0, belongs."""

    def feeds(self, step: int) -> dict[str, Array]:
        """What the step of that number, from 0, is fed with."""

    def row(self, step: int, place: int) -> int | None:
        """The row of the training data at that place of a step's batch; None where unknown."""


@dataclass(frozen=True)
class FromRows:
    """The plan for rows that can be reached in any order."""

    rows: Rows
    batches: Batches

    @property
    def least(self) -> int:
        return self.batches.least

    @property
    def per_epoch(self) -> int:
        return self.batches.per_epoch

    def epoch_of(self, step: int) -> int:
        return self.batches.epoch_of(step)

    def feeds(self, step: int) -> dict[str, Array]:
        return self.rows.feeds(self.batches.at(step))

    def row(self, step: int, place: int) -> int | None:
        rows = self.batches.at(step)
        return int(rows[place]) if place < len(rows) else None


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, rows: int) -> Indices:
    return philox.permutation(seed, philox.stream("shuffle"), epoch, rows)
