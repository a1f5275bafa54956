"""How a network is being called: for training or for use, and what keys its random numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from pullback.graph.node import Node, as_node
from pullback.graph.origin import current_scope
from pullback.ops import philox


@dataclass
class Mode:
    """One way of calling a network.

    Attributes:
        training: Whether dropout drops and batch statistics are the batch's own.
        seed: Keys all random numbers.
        step: The number of the training step, which keys them too.
        row: The number of the batch's first row within the logical batch.
        calls: How often each place has drawn a stream, so that a layer used twice draws twice.
    """

    training: bool = False
    seed: Node = field(default_factory=lambda: as_node(0))
    step: Node = field(default_factory=lambda: as_node(0))
    row: Node = field(default_factory=lambda: as_node(0))
    calls: dict[tuple[str, str], int] = field(default_factory=dict)

    def stream(self, purpose: str) -> int:
        """The stream of random numbers for `purpose` at the module that is being called."""
        place = (purpose, current_scope().path)
        number = self.calls.get(place, 0)
        self.calls[place] = number + 1
        return philox.stream(*place, number)


_MODE: ContextVar[Mode] = ContextVar("pullback_mode")


def current_mode() -> Mode:
    """The mode of the innermost `mode(...)` block; for use, outside any."""
    return _MODE.get(None) or Mode()


@contextlib.contextmanager
def mode(value: Mode | None = None, *, training: bool = False, seed: int = 0) -> Iterator[Mode]:
    """Networks called inside the block are called in this mode.

    Example:
        >>> import pullback as pb
        >>> dropout = pb.nn.Dropout(0.5)
        >>> with pb.nn.mode(training=True, seed=1):
        ...     y = dropout(pb.ones(4))
        >>> sorted(set(y.numpy().tolist())) in ([0.0, 2.0], [2.0], [0.0])
        True
    """
    entered = value or Mode(training=training, seed=as_node(seed))
    token = _MODE.set(entered)
    try:
        yield entered
    finally:
        _MODE.reset(token)
