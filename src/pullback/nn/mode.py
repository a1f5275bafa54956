"""How a network is being called: for training or for use, and what keys its random numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.errors import ConfigError, ShapeError
from pullback.execute import evaluate
from pullback.graph.node import Node, Operand, as_node
from pullback.graph.origin import current_scope
from pullback.ops import philox, stop_gradient

if TYPE_CHECKING:
    from pullback.nn.buffer import Buffer


@dataclass
class Mode:
    """One way of calling a network.

    Attributes:
        training: Whether dropout drops and batch statistics are the batch's own.
        seed: Keys all random numbers.
        step: The number of the training step, which keys them too.
        row: The number of the batch's first row within the logical batch.
        calls: How often each place has drawn a stream, so that a layer used twice draws twice.
        assigned: The new values of buffers, as the forward pass left them.
    """

    training: bool = False
    seed: Node = field(default_factory=lambda: as_node(0))
    step: Node = field(default_factory=lambda: as_node(0))
    row: Node = field(default_factory=lambda: as_node(0))
    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    assigned: dict[Buffer, Node] = field(default_factory=dict)

    def stream(self, purpose: str) -> int:
        """The stream of random numbers for `purpose` at the module that is being called."""
        place = (purpose, current_scope().path)
        number = self.calls.get(place, 0)
        self.calls[place] = number + 1
        return philox.stream(*place, number)

    def assign(self, buffer: Buffer, value: Operand) -> None:
        """Give a buffer a new value, computed in this forward pass; a frozen one keeps its own.

        A training step writes it with the update, under the same condition: loss, gradients and
        new values are finite. Outside a step it is written where the `mode` block ends.

        Raises:
            ConfigError: The network is not called for training.
            ShapeError: The value has another shape than the buffer.
        """
        if not self.training:
            raise ConfigError(
                "a buffer is assigned in a forward pass of training",
                "a network that is called for use",
                "Ask first: if current_mode().training.",
            )
        node = as_node(value)
        if node.shape != buffer.shape:
            raise ShapeError(
                f"a buffer of shape {buffer.shape} keeps its shape",
                f"a value of shape {node.shape} from {node.origin}",
                "Reduce or reshape the value, or make the buffer of another shape.",
            )
        if not buffer.frozen:
            self.assigned[buffer] = stop_gradient(node).astype(buffer.dtype)

    def write(self) -> None:
        """Write the new values of the buffers into them."""
        buffers = list(self.assigned)
        values = evaluate([self.assigned.pop(buffer) for buffer in buffers])
        for buffer, value in zip(buffers, values, strict=True):
            buffer.assign(value)


_MODE: ContextVar[Mode] = ContextVar("pullback_mode")


def current_mode() -> Mode:
    """The mode of the innermost `mode(...)` block; for use, outside any."""
    return _MODE.get(None) or Mode()


@contextlib.contextmanager
def mode(value: Mode | None = None, *, training: bool = False, seed: int = 0) -> Iterator[Mode]:
    """Networks called inside the block are called in this mode.

    Running statistics that a network updates in training are written when the block ends, unless
    by an error; a mode that is passed leaves that to its maker.

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
    if value is None:
        entered.write()
