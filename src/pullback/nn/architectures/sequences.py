"""Networks for series and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pullback.named import register
from pullback.nn.architectures.base import Architecture, Inputs
from pullback.nn.dropout import Dropout
from pullback.nn.embedding import Embedding
from pullback.nn.linear import Linear
from pullback.nn.module import Module
from pullback.nn.normalisation import LayerNorm
from pullback.nn.positions import LearnedPositions
from pullback.nn.rnn import GRU, LSTM, RNN, Last
from pullback.nn.sequential import Sequential
from pullback.nn.transformer import TransformerBlock

CELLS = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


@dataclass(frozen=True)
class Recurrent(Architecture):
    """A recurrent network over a series or a text."""

    hidden: int = 128
    layers: int = 1
    embedding: int = 64
    dropout: float = 0.0

    def check(self) -> None:
        """Check the settings."""
        for setting in ("hidden", "layers", "embedding"):
            self.check_whole(setting, least=1)
        self.check_number("dropout", least=0, most=1)

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        features = _sequence(self, inputs)
        first: list[Module] = []
        if inputs.tokens:
            first, features = [Embedding(inputs.tokens, self.embedding)], self.embedding
        cell = CELLS[self.name](
            features,
            self.hidden,
            layers=self.layers,
            dropout=self.dropout,
            last=inputs.tokens is None,
        )
        rest = [Dropout(self.dropout)] if self.dropout else []
        return Sequential(*first, cell, *rest, Linear(self.hidden, outputs))


def _sequence(architecture: Architecture, inputs: Inputs) -> int:
    """How many numbers a step of the sequence has."""
    if inputs.tokens:
        return inputs.tokens
    if not inputs.series:
        raise architecture.unfit(inputs, "series and texts", "dense, or convnet for pictures")
    return inputs.shape[1]


@register
class LSTMNetwork(Recurrent):
    """A long short-term memory over a series or a text.

    Args:
        hidden: Numbers in the state.
        layers: How many recurrent layers.
        embedding: Numbers for each token of a text.
        dropout: Probability of dropping a number between layers while training.

    References:
        S. Hochreiter and J. Schmidhuber, 1997, "Long short-term memory".

    Example:
        >>> import pullback as pb
        >>> network = LSTMNetwork(hidden=8).build(Inputs((5,), tokens=20), 20).initialise()
        >>> network(pb.tensor([[0, 1, 2, 3, 4]])).shape
        (1, 5, 20)
    """

    name: ClassVar[str] = "lstm"


@register
class GRUNetwork(Recurrent):
    """Gated recurrent units over a series or a text.

    Args:
        hidden: Numbers in the state.
        layers: How many recurrent layers.
        embedding: Numbers for each token of a text.
        dropout: Probability of dropping a number between layers while training.

    References:
        K. Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder for
        statistical machine translation".

    Example:
        >>> GRUNetwork().build(Inputs((10, 3), series=True), 1).initialise().is_initialised
        True
    """

    name: ClassVar[str] = "gru"


@register
class RNNNetwork(Recurrent):
    """A simple recurrent network over a series or a text.

    Args:
        hidden: Numbers in the state.
        layers: How many recurrent layers.
        embedding: Numbers for each token of a text.
        dropout: Probability of dropping a number between layers while training.

    References:
        J. Elman, 1990, "Finding structure in time".

    Example:
        >>> RNNNetwork().build(Inputs((10, 3), series=True), 1).initialise().is_initialised
        True
    """

    name: ClassVar[str] = "rnn"


@register
class Transformer(Architecture):
    """Blocks in which every place looks at itself and those before it: for texts and series.

    Args:
        features: Numbers at each place.
        heads: Heads of attention.
        blocks: How many blocks.
        dropout: Probability of dropping a number while training.

    References:
        A. Vaswani et al., 2017, "Attention is all you need"; A. Radford et al., 2019, "Language
        models are unsupervised multitask learners", for the normalisation before each part.

    Example:
        >>> import pullback as pb
        >>> network = Transformer(8, 2, 1).build(Inputs((5,), tokens=20), 20).initialise()
        >>> network(pb.tensor([[0, 1, 2, 3, 4]])).shape
        (1, 5, 20)
    """

    name: ClassVar[str] = "transformer"
    features: int = 128
    heads: int = 4
    blocks: int = 2
    dropout: float = 0.0

    def check(self) -> None:
        """Check the settings."""
        for setting in ("features", "heads", "blocks"):
            self.check_whole(setting, least=1)
        self.check_number("dropout", least=0, most=1)

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        width = _sequence(self, inputs)
        layers: list[Module] = [
            Embedding(width, self.features) if inputs.tokens else Linear(width, self.features),
            LearnedPositions(inputs.shape[0], self.features),
        ]
        for _ in range(self.blocks):
            layers.append(
                TransformerBlock(self.features, self.heads, causal=True, dropout=self.dropout)
            )
        layers.append(LayerNorm(self.features))
        last = [] if inputs.tokens else [Last()]
        return Sequential(*layers, *last, Linear(self.features, outputs))
