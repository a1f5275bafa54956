"""PyTorch: eager, fused optimizer, compiled, channels-last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.inputs import Array, Inputs
from benchmarks.layers import (
    LSTM,
    Block,
    Conv,
    Dense,
    Embedding,
    Flatten,
    Norm,
    Pool,
    Positions,
    Shape,
)
from benchmarks.peers import torch_layers
from benchmarks.runner import Runner
from benchmarks.workloads import SGD, Workload

ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU}


def layer(one: Any, shape: Shape) -> torch.nn.Module:
    """A layer, before its activation, for rows of that shape."""
    match one:
        case Dense():
            return torch.nn.Linear(shape[-1], one.features)
        case Conv():
            return torch.nn.Conv2d(shape[2], one.channels, one.kernel, padding=one.padding)
        case Pool():
            return (torch.nn.MaxPool2d if one.kind == "max" else torch.nn.AvgPool2d)(one.size)
        case Embedding():
            return torch.nn.Embedding(one.count, one.features)
        case Positions():
            return torch_layers.Positions(*shape)
        case LSTM():
            return torch_layers.LSTM(shape[-1], one.hidden)
        case Norm():
            return torch.nn.LayerNorm(shape[-1])
        case Block():
            return torch_layers.Block(shape[-1], one.heads)
    return torch.nn.Flatten()


def network(workload: Workload) -> torch.nn.Sequential:
    """The workload's network."""
    made: list[torch.nn.Module] = []
    for one, shape in zip(workload.layers, workload.shapes, strict=False):
        made.append(layer(one, shape))
        if getattr(one, "activation", None):
            made.append(ACTIVATIONS[one.activation]())
    return torch.nn.Sequential(*made)


def parameters(workload: Workload, inputs: Inputs) -> list[Array]:
    """The first weights in PyTorch's layouts: (out, in), and channels before places."""
    found: list[Array] = []
    given = iter(inputs.parameters)
    image: Shape | None = None  # the shape that the present layer's rows were flattened from
    for one, shape in zip(workload.layers, workload.shapes, strict=False):
        if isinstance(one, Flatten):
            image = shape
        if isinstance(one, Conv):
            found += [next(given).transpose(3, 2, 0, 1), next(given)]
        elif isinstance(one, Dense):
            weight = next(given)
            if image is not None:
                weight = weight.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(shape[0], -1)
            found += [weight.T, next(given)]
            image = None
        elif isinstance(one, LSTM):
            found += [next(given).T, next(given).T, next(given)]
        elif isinstance(one, Block):
            found += block(given)
        elif isinstance(one, Embedding | Positions | Norm):
            found += [next(given) for _ in one.parameters(shape)]
    return found


def block(given: Iterator[Array]) -> list[Array]:
    """The weights of a block: query, key and value become one map."""
    norm = [next(given), next(given)]
    maps = [(next(given).T, next(given)) for _ in range(4)]
    weights, biases = zip(*maps[:3], strict=True)
    packed = [np.concatenate(weights), np.concatenate(biases)]
    other = [next(given), next(given)]
    dense = [p for _ in range(2) for p in (next(given).T, next(given))]
    return [*norm, *packed, *maps[3], *other, *dense]


class Torch(Runner):
    """One training loop in PyTorch.

    Args:
        workload: What is trained.
        inputs: The first weights, and the rows.
        fused: Whether the optimizer is one kernel.
        compiled: Whether network and loss are compiled.
        channels_last: Whether images and kernels have their channels last in memory.
    """

    def __init__(
        self,
        workload: Workload,
        inputs: Inputs,
        fused: bool = False,
        compiled: bool = False,
        channels_last: bool = False,
    ) -> None:
        super().__init__(workload, inputs)
        memory = torch.channels_last if channels_last else torch.contiguous_format
        self.batches = []
        for x, y in inputs.batches(workload.batch):
            rows = torch.from_numpy(x)
            if workload.has_images:
                rows = rows.permute(0, 3, 1, 2).contiguous(memory_format=memory)
            self.batches.append((rows, torch.from_numpy(y)))
        made = network(workload)
        trained = [p for p in made.parameters() if p.requires_grad]
        with torch.no_grad():
            for p, first in zip(trained, parameters(workload, inputs), strict=True):
                p.copy_(torch.from_numpy(np.ascontiguousarray(first)))
        made.to(memory_format=memory)
        rule = workload.optimizer
        if isinstance(rule, SGD):
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                trained, rule.learning_rate, momentum=rule.momentum, fused=fused
            )
        else:
            self.optimizer = torch.optim.Adam(trained, rule.learning_rate, fused=fused)
        measure = functional.cross_entropy if workload.loss != "mse" else functional.mse_loss

        def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            found = made(x)
            return (
                measure(found.flatten(0, 1), y.flatten()) if workload.tokens else measure(found, y)
            )

        self.loss = torch.compile(loss) if compiled else loss

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """One step; returns the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, y)
        loss.backward()
        self.optimizer.step()
        return loss

    def losses(self, steps: int) -> list[float]:
        return [self.step(*self.batches[k % len(self.batches)]).item() for k in range(steps)]

    def epoch(self) -> None:
        for x, y in self.batches:
            self.step(x, y)


runner = Torch
