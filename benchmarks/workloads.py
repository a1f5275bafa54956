"""The workloads: which network, on what batches, trained by which rule.

Each is a small record that says nothing about any library; a runner in `ours.py` or `peers/` makes
the network of it. Images and kernels are channels-last, as in `inputs.py`, which draws the values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
Activation = Literal["relu", "tanh", "gelu"]


@dataclass(frozen=True)
class Dense:
    """Weighted sums of all numbers of a row, (in, out), and a bias."""

    features: int
    activation: Activation | None = None

    def output(self, shape: Shape) -> Shape:
        return (self.features,)

    def parameters(self, shape: Shape) -> list[Shape]:
        return [(shape[0], self.features), (self.features,)]

    def flops(self, shape: Shape) -> int:
        return 2 * shape[0] * self.features


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

    def parameters(self, shape: Shape) -> list[Shape]:
        return [(self.kernel, self.kernel, shape[2], self.channels), (self.channels,)]

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

    def parameters(self, shape: Shape) -> list[Shape]:
        return []

    def flops(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Flatten:
    """Each row as one vector."""

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def parameters(self, shape: Shape) -> list[Shape]:
        return []

    def flops(self, shape: Shape) -> int:
        return 0


Layer = Dense | Conv | Pool | Flatten


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
    """

    number: int
    title: str
    input: Shape
    layers: tuple[Layer, ...]
    batch: int
    batches: int
    optimizer: SGD | Adam
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"

    @property
    def shapes(self) -> list[Shape]:
        """The shape of a row before each layer, and after the last."""
        found = [self.input]
        for layer in self.layers:
            found.append(layer.output(found[-1]))
        return found

    @property
    def parameters(self) -> list[Shape]:
        """The shapes of all weights and biases, in order."""
        before = zip(self.layers, self.shapes, strict=False)
        return [p for layer, shape in before for p in layer.parameters(shape)]

    @property
    def outputs(self) -> int:
        """How many numbers come out for a row."""
        return self.shapes[-1][0]

    @property
    def has_images(self) -> bool:
        """Whether a row is an image."""
        return len(self.input) == 3

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
) -> Workload:
    """Dense layers, the activation after each but the last."""
    hidden = [Dense(n, activation) for n in sizes[1:-1]]
    layers = (*hidden, Dense(sizes[-1]))
    return Workload(number, title, (sizes[0],), layers, batch, batches, optimizer, loss)


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


WORKLOADS = (
    dense(1, "2-8-8-2 tanh, 10 rows, SGD", [2, 8, 8, 2], "tanh", 10, 200, SGD(0.05)),
    dense(2, "4-16-3 relu, 16 rows, Adam", [4, 16, 3], "relu", 16, 200, Adam()),
    dense(3, "784-128-10 relu, 64 rows, SGD", [784, 128, 10], "relu", 64, 128, SGD(0.01)),
    # At 1e-3, 20 steps make 1.2e-4 of float32's rounding, in JAX on AVX-512.
    dense(
        4, "784-512-512-10 relu, 128 rows, Adam", [784, 512, 512, 10], "relu", 128, 64, Adam(3e-4)
    ),
    dense(5, "5 x 1024 gelu, 512 rows, Adam", [1024] * 5, "gelu", 512, 8, Adam(), "mse"),
    dense(6, "64 wide, 16 deep, tanh, 128 rows, Adam", [64] * 17, "tanh", 128, 64, Adam(), "mse"),
    Workload(7, "LeNet-5, 64 rows, Adam", (28, 28, 1), _lenet(), 64, 32, Adam()),
    # At 1e-3 its first step overshoots, and 20 steps make 5e-4 of float32's rounding.
    Workload(
        8, "conv 32-32-64-64, 64 rows, Adam", (32, 32, 3), _convolutional(), 64, 8, Adam(1e-4)
    ),
)
