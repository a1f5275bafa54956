"""Dropout."""

from __future__ import annotations

import numbers

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.node import Node
from pullback.nn.mode import current_mode
from pullback.nn.module import Module, register_layer


@register_layer
class Dropout(Module):
    r"""Sets numbers to zero at random while training, and does nothing in use.

    Each number is kept with probability $1 - p$ and then divided by it, so that its expectation
    stays. The mask is a function of seed, layer, call, step, row and element: micro-batches and
    replays draw the same.

    Args:
        p: The probability with which a number is dropped, from 0 to 1.

    Shape:
        x and output: any

    Raises:
        ConfigError: p is not within [0, 1].

    Example:
        >>> import pullback as pb
        >>> pb.nn.Dropout(0.5)(pb.tensor([1.0, 2.0]))
        tensor([1., 2.])

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014, "Dropout: a simple way
        to prevent neural networks from overfitting".
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p: float = float(p) if isinstance(p, numbers.Real) else float("nan")
        if not 0 <= self.p <= 1:
            raise ConfigError("the p of Dropout is a probability from 0 to 1", repr(p), "Use 0.5.")

    def forward(self, x: Node) -> Node:
        mode = current_mode()
        if not mode.training or self.p == 0:
            return x
        if self.p == 1:
            return ops.zeros(x.shape, x.dtype)
        drawn = ops.random_uniform(
            x.shape, mode.seed, stream=mode.stream("dropout"), step=mode.step, row=mode.row
        )
        return ops.where(drawn < self.p, 0, x * (1 / (1 - self.p)))
