"""Rows that come in chunks, anew for every pass: data larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pullback.data.ahead import loaded_ahead
from pullback.errors import ConfigError, DataError


class Stream:
    """Chunks of rows, each `(X, y)` or `(X, y, weights)`.

    Args:
        chunks: A sequence of chunks, or of functions that each load one: every epoch has an order
            of its own. Or a function that returns an iterable of chunks, or an object that can be
            iterated anew: their order stays. Or an iterator, which is taken once: one epoch, not
            shuffled, that cannot be resumed.
        window: How many rows are held at a time and shuffled among each other.
        prefetch: How many chunks are loaded ahead, by a thread of their own, while the rows before
            them are trained on. 0 loads each when it is needed, in the thread that trains; so does
            an iterator, which would lose what is loaded in vain.

    Raises:
        DataError: It cannot be iterated.
        ConfigError: The window is no positive whole number, or `prefetch` is negative.

    Example:
        >>> import numpy as np
        >>> stream = Stream([lambda i=i: (np.full((2, 1), i), np.zeros(2)) for i in range(3)])
        >>> [int(X[0, 0]) for _, (X, y) in stream.passed([2, 0, 1])]
        [2, 0, 1]
    """

    def __init__(self, chunks: Any, *, window: int = 10_000, prefetch: int = 1) -> None:
        if not hasattr(window, "__index__") or isinstance(window, bool) or window < 1:
            raise ConfigError(
                "the window of a stream is a positive number of rows", repr(window), "Use 10_000."
            )
        if not hasattr(prefetch, "__index__") or isinstance(prefetch, bool) or prefetch < 0:
            raise ConfigError(
                "a stream loads a number of chunks ahead, at least 0", repr(prefetch), "Use 1."
            )
        if not callable(chunks) and not hasattr(chunks, "__iter__"):
            raise DataError(
                "a stream is made of an iterable of chunks, or of a function that returns one",
                type(chunks).__name__,
                "Pass for instance a list of functions that each load one chunk (X, y).",
            )
        self.chunks = chunks
        self.window = int(window)
        self.prefetch = int(prefetch)

    @property
    def once(self) -> bool:
        """Whether it can be iterated once only."""
        return hasattr(self.chunks, "__next__")

    @property
    def indexed(self) -> int | None:
        """How many chunks there are, where they can be reached in any order; else None."""
        return len(self.chunks) if isinstance(self.chunks, Sequence) else None

    def passed(self, order: Sequence[int] | None = None) -> Iterator[tuple[int, Any]]:
        """One pass over the chunks, each with its number, some loaded ahead.

        Args:
            order: The numbers in the order wanted, where chunks can be reached in any order.
        """
        return loaded_ahead(self._loaded(order), 0 if self.once else self.prefetch)

    def _loaded(self, order: Sequence[int] | None) -> Iterator[tuple[int, Any]]:
        if isinstance(self.chunks, Sequence):
            for number in range(len(self.chunks)) if order is None else order:
                chunk = self.chunks[number]
                yield int(number), chunk() if callable(chunk) else chunk
            return
        made = self.chunks() if callable(self.chunks) else self.chunks
        if made is None or not hasattr(made, "__iter__"):
            raise DataError(
                "the function of a stream must return an iterable of chunks",
                type(made).__name__,
                "Let it yield (X, y) chunk by chunk.",
            )
        yield from enumerate(made)


def is_stream(data: Any) -> bool:
    """Whether data come in chunks: a `Stream`, or something to iterate that is no array or pair.

    Example:
        >>> is_stream(([1], [2])), is_stream(iter([]))
        (False, True)
    """
    if isinstance(data, Stream):
        return True
    plain = isinstance(data, (tuple, list, dict, str, bytes)) or hasattr(data, "__array__")
    return not plain and hasattr(data, "__iter__") and not hasattr(data, "columns")
