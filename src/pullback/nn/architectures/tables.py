"""Networks for tables."""

from __future__ import annotations

import math
from typing import ClassVar

from pullback.named import register
from pullback.nn import activations
from pullback.nn.architectures.base import Architecture, Inputs
from pullback.nn.linear import Flatten
from pullback.nn.sequential import Sequential, dense


@register
class Dense(Architecture):
    """Layers of neurons, each connected to all of the layer before: for tables.

    Args:
        hidden: The width of each hidden layer; none for a linear model.
        activation: Of the hidden layers.
        dropout: Probability of dropping a hidden number while training.

    References:
        D. Rumelhart, G. Hinton and R. Williams, 1986, "Learning representations by
        back-propagating errors".

    Example:
        >>> len(Dense((16,)).build(Inputs((4,)), 3))
        3
    """

    name: ClassVar[str] = "dense"
    aliases: ClassVar[tuple[str, ...]] = ("mlp",)
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    dropout: float = 0.0

    def check(self) -> None:
        """Check the settings."""
        self.check_sizes("hidden")
        self.check_number("dropout", least=0, most=1)
        activations.get(self.activation)

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        if inputs.tokens:
            raise self.unfit(inputs, "numbers, not tokens", "lstm or transformer")
        body = dense(
            math.prod(inputs.shape),
            self.hidden,
            outputs,
            activation=self.activation,
            dropout=self.dropout,
        )
        return Sequential(Flatten(), *body) if len(inputs.shape) > 1 else body
