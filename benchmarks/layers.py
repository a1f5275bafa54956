"""The layers of workloads: what shape they make of a row, their weights, and what they compute.

They say nothing about any library. Images and kernels are channels-last, and sequences have their
features last; shapes are those of a row, without the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

Shape = tuple[int, ...]
Activation = Literal["relu", "tanh", "gelu"]


class Parameter(NamedTuple):
    """A weight or bias: its shape, and the number around which its first values lie."""

    shape: Shape
    about: float = 0.0


def _dense(inputs: int, outputs: int) -> list[Parameter]:
    return [Parameter((inputs, outputs)), Parameter((outputs,))]


def _norm(features: int) -> list[Parameter]:
    return [Parameter((features,), 1.0), Parameter((features,))]


@dataclass(frozen=True)
class Dense:
    """Weighted sums of all numbers of a row, or of a place, (in, out), and a bias."""

    features: int
    activation: Activation | None = None

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.features)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return _dense(shape[-1], self.features)

    def flops(self, shape: Shape) -> int:
        return 2 * math.prod(shape) * self.features


@dataclass(frozen=True)
class Conv:
    """A convolution with a square kernel, (kernel, kernel, in, out), and a bias."""

    channels: int
    kernel: int
    padding: int
    activation: Activation | None = None

    def output(self, shape: Shape) -> Shape:
        height, width, _ = shape
        lost = self.kernel - 1 - 2 * self.padding
        return (height - lost, width - lost, self.channels)

    def parameters(self, shape: Shape) -> list[Parameter]:
        kernel = (self.kernel, self.kernel, shape[2], self.channels)
        return [Parameter(kernel), Parameter((self.channels,))]

    def flops(self, shape: Shape) -> int:
        return 2 * math.prod(self.output(shape)) * self.kernel**2 * shape[2]


@dataclass(frozen=True)
class Pool:
    """The largest number, or the average, of every square window."""

    kind: Literal["max", "average"]
    size: int

    def output(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return (height // self.size, width // self.size, channels)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return []

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Flatten:
    """Each row as one vector."""

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return []

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Embedding:
    """A vector, (features,), for each of `count` tokens."""

    count: int
    features: int

    def output(self, shape: Shape) -> Shape:
        return (*shape, self.features)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter((self.count, self.features))]

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Positions:
    """A vector for each place of a sequence, added to what stands there."""

    def output(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter(shape)]

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory, from a state of zeros; what it gives at every step.

    Weights of the input, (in, 4 hidden), of the state, (hidden, 4 hidden), and a bias; the columns
    are those of the gates input, forget, candidate, output.
    """

    hidden: int

    def output(self, shape: Shape) -> Shape:
        return (shape[0], self.hidden)

    def parameters(self, shape: Shape) -> list[Parameter]:
        recurrent = Parameter((self.hidden, 4 * self.hidden))
        weight, bias = _dense(shape[1], 4 * self.hidden)
        return [weight, recurrent, bias]

    def flops(self, shape: Shape) -> int:
        return 2 * shape[0] * (shape[1] + self.hidden) * 4 * self.hidden


@dataclass(frozen=True)
class Norm:
    """Each place brought to mean 0 and variance 1, then scaled and shifted; epsilon is 1e-5."""

    def output(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> list[Parameter]:
        return _norm(shape[-1])

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Block:
    """A causal transformer block, the norm first, with 4 times the features of gelu inside.

    Weights in order: a norm; query, key, value and output of the attention; a norm; the two layers.
    """

    heads: int

    def output(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> list[Parameter]:
        n = shape[1]
        attention = [p for _ in range(4) for p in _dense(n, n)]
        return [*_norm(n), *attention, *_norm(n), *_dense(n, 4 * n), *_dense(4 * n, n)]

    def flops(self, shape: Shape) -> int:
        time, n = shape
        pairs = time * (time + 1) // 2  # of a place with itself or one before it
        return 2 * (time * 12 * n * n + 2 * pairs * n)


Layer = Dense | Conv | Pool | Flatten | Embedding | Positions | LSTM | Norm | Block
