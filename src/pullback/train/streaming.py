"""Training on chunks of rows that come anew for every epoch."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pullback.data.stream import Stream
from pullback.errors import ConfigError, DataError, PullbackError
from pullback.graph.dtypes import Array
from pullback.large import Lazy
from pullback.losses import Loss
from pullback.nn.head import Heads
from pullback.nn.inference import dtype_of
from pullback.nn.module import Module
from pullback.nn.several import ONE
from pullback.ops import philox
from pullback.train.batches import Batches
from pullback.train.given import Given, arrays_of, rows_of
from pullback.train.labels import as_known, coded_targets, form_of
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

LOOKED_AT = 1024
"""Rows of the first chunk that are kept, to try things on before training."""
Feeds = dict[str, Array]


@dataclass
class Chunks:
    """A stream with what it takes to make rows of its chunks.

    Attributes:
        stream: Where the rows come from.
        network: It says in which dtypes it takes them.
        losses: By output: they say how targets are taken.
        classes: The labels of each output's classes, once they are known.
    """

    stream: Stream
    network: Module
    losses: dict[str, Loss] = field(default_factory=dict)
    classes: dict[str, tuple[Any, ...] | None] = field(default_factory=dict)

    def given(self, order: Any = None) -> Iterator[tuple[int, Given]]:
        """The chunks of one pass, checked by themselves."""
        for number, chunk in self.stream.passed(order):
            try:
                yield number, arrays_of(chunk, f"chunk {number}", self.network)
            except PullbackError as error:
                error.received += f", in chunk {number}"
                raise

    def rows(self, number: int, given: Given) -> Rows:
        """The rows of a chunk as the network and the losses take them."""
        dtype = dtype_of(self.network)
        y: dict[str, Array | Lazy] = {}
        try:
            for name, array in given.y.items():
                ignored = array.dtype.kind in "iu" and self.classes[name] is None
                if ignored and self.losses[name].task == "classification":
                    y[name] = array.astype(np.int64)  # a chunk may hold ignored labels alone
                else:
                    y[name] = as_known(array, self.classes[name], self.losses[name], dtype)
            return rows_of(given, y, self.network)
        except PullbackError as error:
            error.received += f", in chunk {number}"
            raise


@dataclass
class Streamed:
    """Training rows that come in chunks.

    Attributes:
        source: The chunks.
        first: The first rows, kept to try things on before training.
        sizes: How many rows each chunk has.
        digest: A hash of all rows.
        ranges: The smallest and the largest label of each output of classes.
    """

    source: Chunks
    first: Rows
    sizes: list[int]
    digest: str
    ranges: dict[str, tuple[int, int]]

    def __len__(self) -> int:
        return sum(self.sizes)

    def some(self, count: int) -> Rows:
        """A few of the rows."""
        return self.first.some(count)

    def label_ranges(self) -> dict[str, tuple[int, int]]:
        """The smallest and the largest label of each output whose targets are labels."""
        return self.ranges

    def batches(self, size: int) -> Iterator[Feeds]:
        """The feeds for all rows in order, so many at a time."""
        yield from cut((rows.arrays for rows in self._rows()), itertools.repeat(size))

    def _rows(self, order: Any = None) -> Iterator[Rows]:
        """The rows of one pass, chunk by chunk; a pass must give what was counted."""
        seen = 0
        for number, given in self.source.given(order):
            if number >= len(self.sizes) or len(given) != self.sizes[number]:
                counted = self.sizes[number] if number < len(self.sizes) else "none"
                raise _another_pass(f"{len(given)} rows in chunk {number}, at first {counted}")
            seen += len(given)
            yield self.source.rows(number, given)
        if seen != len(self):
            raise _another_pass(f"{seen} rows, at first {len(self)}")

    def shuffled(self, seed: int, epoch: int) -> Iterator[Feeds]:
        """The rows of an epoch: chunks in an order of its own, then shuffled within the window."""
        count = self.source.stream.indexed
        order = None
        if count is not None:
            order = philox.permutation(seed, philox.stream("chunks"), epoch, count).tolist()
        window = self.source.stream.window
        held = cut((rows.arrays for rows in self._rows(order)), itertools.repeat(window))
        for number, feeds in enumerate(held):
            rows = len(next(iter(feeds.values())))
            stream = philox.stream("window", number)
            chosen = philox.permutation(seed, stream, epoch, rows)
            yield {label: array.take(chosen, 0) for label, array in feeds.items()}

    def ordered(self) -> Iterator[Feeds]:
        """The rows of an epoch without shuffling."""
        return ({**rows.feeds(np.arange(len(rows)))} for rows in self._rows())


def _another_pass(received: str) -> DataError:
    return DataError(
        "a stream must give the same rows in every pass",
        received,
        "Let it start anew each time: pb.data.Stream(make), where make() opens the data.",
    )


def cut(blocks: Iterable[Mapping[str, Any]], sizes: Iterable[int]) -> Iterator[Feeds]:
    """Blocks of rows as blocks of other sizes, the last one smaller.

    Example:
        >>> blocks = [{"x": np.arange(3)}, {"x": np.arange(3, 7)}]
        >>> [part["x"].tolist() for part in cut(blocks, itertools.repeat(4))]
        [[0, 1, 2, 3], [4, 5, 6]]
    """
    wanted = iter(sizes)
    held: list[Feeds] = []
    count, size = 0, next(wanted)
    for block in blocks:
        held.append({label: np.asarray(array) for label, array in block.items()})
        count += len(next(iter(block.values())))
        while count >= size:
            whole = _joined(held)
            yield {label: array[:size] for label, array in whole.items()}
            held = [{label: array[size:] for label, array in whole.items()}]
            count -= size
            size = next(wanted, count + 1)
    if count:
        yield _joined(held)


def _joined(blocks: list[Feeds]) -> Feeds:
    if len(blocks) == 1:
        return blocks[0]
    return {label: np.concatenate([block[label] for block in blocks]) for label in blocks[0]}


class FromStream:
    """The plan for rows that come in chunks; to another step than the next it passes by rows."""

    def __init__(self, part: Streamed, batches: Batches) -> None:
        self.part = part
        self.batches = batches
        self._step = -1
        self._feeds: Feeds = {}
        self._coming: Iterator[Feeds] = iter(())

    @property
    def least(self) -> int:
        return self.batches.least

    @property
    def per_epoch(self) -> int:
        return self.batches.per_epoch

    def epoch_of(self, step: int) -> int:
        return self.batches.epoch_of(step)

    def feeds(self, step: int) -> Feeds:
        if step != self._step:
            if step != self._step + 1 or step % self.per_epoch == 0:
                self._coming = self._epoch(self.epoch_of(step))
                for _ in range(step % self.per_epoch):
                    next(self._coming)
            self._feeds, self._step = next(self._coming), step
        return self._feeds

    def row(self, step: int, place: int) -> int | None:
        """Known if chunks are not mixed."""
        return None if self.batches.shuffle else int(self.batches.at(step)[place])

    def _epoch(self, epoch: int) -> Iterator[Feeds]:
        plan, part = self.batches, self.part
        blocks = part.shuffled(plan.seed, epoch) if plan.shuffle else part.ordered()
        last = plan.rows - plan.batch_size * (plan.per_epoch - 1)
        return cut(blocks, [plan.batch_size] * (plan.per_epoch - 1) + [last])


def streamed_source(
    data: Stream,
    network: Module,
    *,
    validation: Any,
    loss: Any,
    class_weight: Any,
    loss_weights: Mapping[str, float] | None = None,
) -> Source:
    """The data of a training on a stream: one pass counts and checks the rows.

    Raises:
        DataError: No chunks, or chunks that do not belong together; the chunk is named.
    """
    source = Chunks(data, network)
    sizes, first, labels = _looked_through(source, loss)
    heads = {}
    for name, y in first.y.items():
        every = labels.get(name, y)
        loss_of = source.losses[name]
        source.classes[name] = coded_targets(every, loss_of, dtype_of(network))[1]
        form = form_of(loss_of, y)
        heads[name] = head_of(form, source.classes[name])
    part = _hashed(source, sizes)
    held = None
    if validation is not None and not hasattr(validation, "__len__"):
        raise ConfigError(
            "the validation rows of a stream are brought along",
            f"validation={validation!r}",
            "Pass validation=(X, y).",
        )
    if validation is not None:
        held = brought_validation(validation, first, heads, source.losses, network)
    if class_weight == "balanced":
        raise ConfigError(
            "class weights of a stream are numbers", "'balanced'", "Pass a number for each class."
        )
    weighted = class_weighted(source.losses, class_weight, part.first, heads)
    objective = Objective(weighted, weights_of_losses(loss_weights, source.losses))
    head = heads[ONE] if ONE in heads else Heads(heads)
    record = {"kind": "stream", "rows": len(part), "chunks": len(sizes)}
    return Source(Parts(part, held), head, objective, None, record)


def _looked_through(source: Chunks, loss: Any) -> tuple[list[int], Given, dict[str, Array]]:
    """One pass: how many rows each chunk has, the first chunk, and the labels of each output."""
    sizes: list[int] = []
    first: Given | None = None
    labels: dict[str, Array] = {}
    for number, given in source.given():
        if first is None:
            first = given
            source.losses = losses_of(loss, given.y)
        check_alike(number, given, first)
        sizes.append(len(given))
        for name, y in given.y.items():
            if y.dtype.kind != "f" and source.losses[name].task in ("classification", "binary"):
                known = labels.get(name, y[:0].reshape(-1))
                labels[name] = np.unique(np.concatenate([known, y.reshape(-1)]))
    if first is None:
        raise DataError("a stream must hold chunks of rows", "none", "Check where they come from.")
    return sizes, first, labels


def _hashed(source: Chunks, sizes: list[int]) -> Streamed:
    """A second pass, over rows as the network takes them: their hash, and their labels."""
    digest = hashlib.sha256()
    first: Rows | None = None
    ranges: dict[str, tuple[int, int]] = {}
    for number, given in source.given():
        rows = source.rows(number, given)
        first = first or rows.take(np.arange(min(len(rows), LOOKED_AT)))
        for label, array in rows.feeds(np.arange(len(rows))).items():
            digest.update(f"{label} {array.dtype} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
        for name, (low, high) in rows.label_ranges().items():
            least, most = ranges.get(name, (low, high))
            ranges[name] = min(low, least), max(high, most)
    assert first is not None
    return Streamed(source, first, sizes, digest.hexdigest(), ranges)


def check_alike(number: int, given: Given, first: Given) -> None:
    """Check that a chunk has the inputs, shapes and kinds of numbers of the first one."""
    for what, ours, theirs in (("X", given.x, first.x), ("y", given.y, first.y)):
        if set(ours) != set(theirs):
            raise DataError(
                f"every chunk must have the same arrays as {what}",
                f"{', '.join(ours) or 'one'} in chunk {number}, {', '.join(theirs) or 'one'} in 0",
                "Make all chunks alike.",
            )
        for name, array in ours.items():
            wanted = theirs[name]
            alike = array.shape[1:] == wanted.shape[1:]
            if not alike or (array.dtype.kind == "f") != (wanted.dtype.kind == "f"):
                label = f"{what}[{name!r}]" if name else what
                raise DataError(
                    f"every chunk must have rows of one shape and kind of numbers in {label}",
                    f"rows {array.shape[1:]} of {array.dtype} in chunk {number}, "
                    f"{wanted.shape[1:]} of {wanted.dtype} in chunk 0",
                    "Make all chunks alike.",
                )
    if (given.weights is None) != (first.weights is None):
        raise DataError(
            "either all chunks have weights, or none", f"chunk {number} differs", "Add them."
        )
