"""Positions in a sequence: attention alone does not know which token came first."""

from __future__ import annotations

import math

import numpy as np

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, constant
from pullback.nn.initialisers import Normal
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive


def angles(length: int, waves: int, features: int, base: float) -> Array:
    r"""$t\,/\,b^{2i/f}$ for every position t and wave i, (length, waves)."""
    rates = base ** (-2 * np.arange(waves) / features)
    return np.asarray(np.arange(length)[:, None] * rates)


def rotated(x: Node, base: float = 10_000.0) -> Node:
    r"""Rotary position embedding: pairs of features turned by an angle that grows with position.

    Feature i and feature i + f/2 at position t are turned by $t / b^{2i/f}$. The product of a
    query and a key that were both turned depends on how far apart they stand alone.

    Shape:
        x and output: (..., time, features), an even number of features

    Example:
        >>> import pullback as pb
        >>> rotated(pb.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor([[1.      , 0.      ],
                [0.540302, 0.841471]])

    References:
        Su, Lu, Pan, Murtadha, Wen and Liu, 2021, "RoFormer: enhanced transformer with rotary
        position embedding".
    """
    time, features = x.shape[-2:]
    turn = angles(time, features // 2, features, base)
    cos, sin = (constant(np.concatenate([f(turn)] * 2, -1), x.dtype) for f in (np.cos, np.sin))
    first, second = x[..., : features // 2], x[..., features // 2 :]
    return x * cos + ops.concatenate([-second, first], axis=-1) * sin


def _check_sequence(layer: Module, x: Node, features: int | None = None) -> None:
    """Refuse what is no sequence of vectors (of so many features)."""
    if x.ndim < 2 or (features is not None and x.shape[-1] != features):
        raise ShapeError(
            f"{layer!r} takes sequences of vectors, (batch, time, {features or 'features'})",
            f"an input of shape {x.shape} from {x.origin}",
            "Give it what an Embedding or a Linear layer made of each place.",
        )


@register_layer
class SinusoidalPositions(Module):
    r"""Adds waves of many lengths: $y_t = x_t + P_t$.

    $P_{t,2i} = \sin(t / b^{2i/f})$ and $P_{t,2i+1} = \cos(t / b^{2i/f})$, with f features.
    Nothing is learned, and a sequence may be of any length.

    Args:
        base: b, which sets the longest wave, $2 \pi b$ places.

    Shape:
        x and output: (batch, time, features)

    Raises:
        ConfigError: The base is no positive whole number.
        ShapeError: The input is no sequence of vectors.

    Example:
        >>> import pullback as pb
        >>> pb.nn.SinusoidalPositions()(pb.zeros((1, 2, 2)))
        tensor([[[0.      , 1.      ],
                 [0.841471, 0.540302]]])

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, 2017,
        "Attention is all you need".
    """

    def __init__(self, base: int = 10_000) -> None:
        self.base = positive("SinusoidalPositions", "base", base)

    def forward(self, x: Node) -> Node:
        _check_sequence(self, x)
        time, features = x.shape[-2:]
        turn = angles(time, math.ceil(features / 2), features, self.base)
        waves = np.stack([np.sin(turn), np.cos(turn)], axis=-1).reshape((time, 2 * turn.shape[-1]))
        return x + constant(waves[:, :features], x.dtype)


@register_layer
class LearnedPositions(Module):
    r"""Adds a learned vector for each place: $y_t = x_t + W_t$.

    Args:
        length: The longest sequence there will be.
        features: How many numbers each place has.

    Shape:
        x and output: (batch, time, features), time at most length
        weight: (length, features), at first normal with deviation 0.02

    Raises:
        ConfigError: A size is no positive whole number.
        ShapeError: A sequence is longer, or has other features.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.LearnedPositions(64, 8).initialise(seed=0)
        >>> layer(pb.zeros((2, 10, 8))).shape
        (2, 10, 8)

    References:
        Gehring, Auli, Grangier, Yarats and Dauphin, 2017, "Convolutional sequence to sequence
        learning".
    """

    def __init__(self, length: int, features: int) -> None:
        self.length = positive("LearnedPositions", "length", length)
        self.features = positive("LearnedPositions", "features", features)
        self.weight = Parameter((self.length, self.features), Normal(0.02))

    def forward(self, x: Node) -> Node:
        _check_sequence(self, x, self.features)
        time = x.shape[-2]
        if time > self.length:
            raise ShapeError(
                f"{self!r}, made in {self._source}, knows {self.length} places",
                f"a sequence of {time} places, shape {x.shape} from {x.origin}",
                f"Make it LearnedPositions({time}, {self.features}), or cut the sequences.",
            )
        return x + self.weight[:time]
