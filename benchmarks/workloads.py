"""The workloads: which network, on what batches, trained by which rule.

Each is a small record that says nothing about any library; a runner in `ours.py` or `peers/` makes
the network of it. `layers.py` has the layers; `inputs.py` draws the values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.layers import (
    LSTM,
    Activation,
    Block,
    Conv,
    Dense,
    Embedding,
    Flatten,
    Layer,
    Norm,
    Parameter,
    Pool,
    Positions,
    Shape,
)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum, the rate outside the momentum."""

    learning_rate: float
    momentum: float = 0.9


@dataclass(frozen=True)
class Adam:
    """Adam with the usual moments (0.9, 0.999) and epsilon (1e-8)."""

    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Workload:
    """One network and how it is trained, float32.

    Attributes:
        number: Its place in the table.
        title: What it is called there.
        input: The shape of a row.
        layers: The layers in order.
        batch: Rows a step.
        batches: Steps an epoch; the rows come in the same order in every one.
        optimizer: The rule of the update.
        loss: `cross_entropy` of logits and labels, or `mse`, the mean over rows and outputs.
        asked: How many times as fast as the best of a library Pullback must be.
    """

    number: int
    title: str
    input: Shape
    layers: tuple[Layer, ...]
    batch: int
    batches: int
    optimizer: SGD | Adam
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    asked: Mapping[str, float] = field(default_factory=dict)

    @property
    def shapes(self) -> list[Shape]:
        """The shape of a row before each layer, and after the last."""
        found = [self.input]
        for layer in self.layers:
            found.append(layer.output(found[-1]))
        return found

    @property
    def parameters(self) -> list[Parameter]:
        """All weights and biases, in order."""
        before = zip(self.layers, self.shapes, strict=False)
        return [p for layer, shape in before for p in layer.parameters(shape)]

    @property
    def weights(self) -> int:
        """How many numbers are trained."""
        return sum(math.prod(parameter.shape) for parameter in self.parameters)

    @property
    def outputs(self) -> int:
        """How many numbers come out for a row, or for each place of it."""
        return self.shapes[-1][-1]

    @property
    def has_images(self) -> bool:
        """Whether a row is an image."""
        return len(self.input) == 3

    @property
    def tokens(self) -> int:
        """Of how many tokens a row is a sequence; 0 where it has other numbers."""
        first = self.layers[0]
        return first.count if isinstance(first, Embedding) else 0

    @property
    def activations(self) -> set[str]:
        """The names of the activations that occur."""
        return {getattr(layer, "activation", None) or "" for layer in self.layers} - {""}

    @property
    def flops(self) -> int:
        """Multiplications and additions of a step's products, forward and backward.

        The gradient by the weights costs as much as the layer, and so does that by its input,
        which the first layer does not need.
        """
        each = [layer.flops(s) for layer, s in zip(self.layers, self.shapes, strict=False)]
        return self.batch * (3 * sum(each) - each[0])


def dense(
    number: int,
    title: str,
    sizes: list[int],
    activation: Activation,
    batch: int,
    batches: int,
    optimizer: SGD | Adam,
    loss: Literal["cross_entropy", "mse"] = "cross_entropy",
    asked: Mapping[str, float] | None = None,
) -> Workload:
    """Dense layers, the activation after each but the last."""
    hidden = [Dense(n, activation) for n in sizes[1:-1]]
    layers = (*hidden, Dense(sizes[-1]))
    return Workload(
        number, title, (sizes[0],), layers, batch, batches, optimizer, loss, asked or {}
    )


def _lenet() -> tuple[Layer, ...]:
    return (
        *(Conv(6, 5, 2, "relu"), Pool("average", 2)),
        *(Conv(16, 5, 0, "relu"), Pool("average", 2)),
        *(Flatten(), Dense(120, "relu"), Dense(84, "relu"), Dense(10)),
    )


def _convolutional() -> tuple[Layer, ...]:
    return (
        *(Conv(32, 3, 1, "relu"), Conv(32, 3, 1, "relu"), Pool("max", 2)),
        *(Conv(64, 3, 1, "relu"), Conv(64, 3, 1, "relu"), Pool("max", 2)),
        *(Flatten(), Dense(10)),
    )


def _asked(torch: float, jax: float | None = None) -> dict[str, float]:
    return {"torch": torch} if jax is None else {"torch": torch, "jax": jax}


WORKLOADS = (
    dense(
        *(1, "2-8-8-2 tanh, 10 rows, SGD", [2, 8, 8, 2], "tanh", 10, 200, SGD(0.05)),
        asked=_asked(50, 2.5),
    ),
    dense(
        *(2, "4-16-3 relu, 16 rows, Adam", [4, 16, 3], "relu", 16, 200, Adam()),
        asked=_asked(50, 2.5),
    ),
    dense(
        *(3, "784-128-10 relu, 64 rows, SGD", [784, 128, 10], "relu", 64, 128, SGD(0.01)),
        asked=_asked(2.5, 1.5),
    ),
    # At 1e-3, 20 steps make 1.2e-4 of float32's rounding, in JAX on AVX-512.
    dense(
        *(4, "784-512-512-10 relu, 128 rows, Adam", [784, 512, 512, 10], "relu", 128, 64),
        Adam(3e-4),
        asked=_asked(1.25, 1.5),
    ),
    dense(
        *(5, "5 x 1024 gelu, 512 rows, Adam", [1024] * 5, "gelu", 512, 8, Adam(), "mse"),
        asked=_asked(1.0, 1.4),
    ),
    dense(
        *(6, "64 wide, 16 deep, tanh, 128 rows, Adam", [64] * 17, "tanh", 128, 64, Adam(), "mse"),
        asked=_asked(5, 2.5),
    ),
    Workload(
        *(7, "LeNet-5, 64 rows, Adam", (28, 28, 1), _lenet(), 64, 32, Adam()),
        asked=_asked(2.5),
    ),
    # At 1e-3 its first step overshoots, and 20 steps make 5e-4 of float32's rounding.
    Workload(
        *(8, "conv 32-32-64-64, 64 rows, Adam", (32, 32, 3), _convolutional(), 64, 8, Adam(1e-4)),
        asked=_asked(1.1),
    ),
)

TOKENS = 62  # the characters of an English text

# Language models, measured by themselves: `python -m benchmarks sequences`.
SEQUENCES = (
    Workload(
        *(9, "LSTM of 128, 64 tokens, 32 rows, Adam", (64,)),
        (Embedding(TOKENS, 128), LSTM(128), Dense(TOKENS)),
        *(32, 8, Adam()),
        asked=_asked(1.5),
    ),
    Workload(
        *(10, "transformer, 4 x 128, 128 tokens, 16 rows, Adam", (128,)),
        (Embedding(TOKENS, 128), Positions(), *[Block(4)] * 4, Norm(), Dense(TOKENS)),
        *(16, 8, Adam()),
        asked=_asked(1.1),
    ),
)
