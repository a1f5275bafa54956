"""Training on an iterator, whose rows come once: one epoch, in their order."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pullback.data.stream import Stream
from pullback.errors import ConfigError, DataError
from pullback.graph.dtypes import Array
from pullback.nn.head import Heads
from pullback.nn.module import Module
from pullback.nn.several import ONE
from pullback.train.given import Given
from pullback.train.labels import form_of
from pullback.train.objective import Objective
from pullback.train.parts import Parts, Rows
from pullback.train.sources import (
    Source,
    brought_validation,
    class_weighted,
    head_of,
    losses_of,
    weights_of_losses,
)
from pullback.train.streaming import LOOKED_AT, Chunks, check_alike, cut

UNKNOWN = sys.maxsize
Feeds = dict[str, Array]


class Passing:
    """Training rows that come once; how many they are shows when they end.

    Args:
        source: The chunks.
        first: The first chunk.
        coming: The chunks after it.
    """

    def __init__(self, source: Chunks, first: Given, coming: Iterator[tuple[int, Given]]) -> None:
        rows = source.rows(0, first)
        self._source, self._given, self._coming = source, first, coming
        self._begin = rows
        self.first = rows.take(np.arange(min(len(rows), LOOKED_AT)))

    def __len__(self) -> int:
        return UNKNOWN

    def some(self, count: int) -> Rows:
        """A few of the rows."""
        return self.first.some(count)

    def label_ranges(self) -> dict[str, tuple[int, int]]:
        """The smallest and the largest label of each output in the first chunk."""
        return self._begin.label_ranges()

    def batches(self, size: int) -> Iterator[Feeds]:
        """The feeds for all rows, once."""
        return cut((rows.arrays for rows in self._rows()), itertools.repeat(size))

    def _rows(self) -> Iterator[Rows]:
        yield self._begin
        for number, given in self._coming:
            check_alike(number, given, self._given)
            yield self._source.rows(number, given)


class FromOnce:
    """The plan for rows that come once: a batch is held back until it is known to be not the last.

    Args:
        part: The rows.
        batch_size: How many rows make a batch.
        least: The fewest rows that the network can be trained on.
    """

    def __init__(self, part: Passing, batch_size: int, least: int) -> None:
        self.least = least
        self.per_epoch = UNKNOWN
        self._batch_size = batch_size
        self._coming = part.batches(batch_size)
        self._step = -1
        self._feeds: Feeds = {}
        self._next: Feeds | None = next(self._coming)

    def epoch_of(self, step: int) -> int:
        return 0

    def feeds(self, step: int) -> Feeds:
        if step != self._step:
            assert self._next is not None
            self._feeds, self._step = self._next, step
            self._next = next(self._coming, None)
            if self._next is not None and len(next(iter(self._next.values()))) < self.least:
                joined = ((label, [a, self._next[label]]) for label, a in self._feeds.items())
                self._feeds = {label: np.concatenate(both) for label, both in joined}
                self._next = None
            if self._next is None:
                self.per_epoch = step + 1
        return self._feeds

    def row(self, step: int, place: int) -> int | None:
        return step * self._batch_size + place


def once_source(
    data: Stream,
    network: Module,
    *,
    validation: Any,
    loss: Any,
    class_weight: Any,
    loss_weights: Mapping[str, float] | None = None,
) -> Source:
    """The data of a training on an iterator, of which the first chunk is looked at.

    Raises:
        DataError: No chunks, or labels that are no numbers: those that come later are not known.
    """
    source = Chunks(data, network)
    coming = source.given()
    _, first = next(coming, (0, None))
    if first is None:
        raise DataError("an iterator must give chunks of rows", "none", "Was it used before?")
    source.losses = losses_of(loss, first.y)
    for name, y in first.y.items():
        source.classes[name] = None
        if y.dtype.kind not in "iuf":
            raise DataError(
                "the labels of data that come once are numbers from 0: others are not known yet",
                f"an array of dtype {y.dtype}",
                "Encode them, or pass data that can be iterated anew: pb.data.Stream(make).",
            )
    if validation is not None and not hasattr(validation, "__len__"):
        raise ConfigError(
            "the validation rows of a stream are brought along",
            f"validation={validation!r}",
            "Pass validation=(X, y).",
        )
    if class_weight == "balanced":
        raise ConfigError(
            "class weights of a stream are numbers", "'balanced'", "Pass a number for each class."
        )
    part = Passing(source, first, coming)
    heads = {n: head_of(form_of(source.losses[n], y), None) for n, y in first.y.items()}
    held = None
    if validation is not None:
        held = brought_validation(validation, first, heads, source.losses, network)
    weighted = class_weighted(source.losses, class_weight, part.first, heads)
    objective = Objective(weighted, weights_of_losses(loss_weights, source.losses))
    head = heads[ONE] if ONE in heads else Heads(heads)
    return Source(Parts(part, held), head, objective, None, {"kind": "once"})
