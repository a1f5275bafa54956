"""PyTorch: eager, fused optimizer, compiled, channels-last."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.inputs import Array, Inputs
from benchmarks.runner import Runner
from benchmarks.workloads import SGD, Conv, Dense, Flatten, Pool, Shape, Workload

ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU}


def layer(one: Any, shape: Shape) -> torch.nn.Module:
    """A layer, before its activation, for rows of that shape."""
    if isinstance(one, Dense):
        return torch.nn.Linear(shape[0], one.features)
    if isinstance(one, Conv):
        return torch.nn.Conv2d(shape[2], one.channels, one.kernel, padding=one.padding)
    if isinstance(one, Pool):
        kind = torch.nn.MaxPool2d if one.kind == "max" else torch.nn.AvgPool2d
        return kind(one.size)
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
        if isinstance(one, Dense):
            weight = next(given)
            if image is not None:
                weight = weight.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(shape[0], -1)
            found += [weight.T, next(given)]
            image = None
    return found


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
        with torch.no_grad():
            for p, first in zip(made.parameters(), parameters(workload, inputs), strict=True):
                p.copy_(torch.from_numpy(np.ascontiguousarray(first)))
        made.to(memory_format=memory)
        rule = workload.optimizer
        if isinstance(rule, SGD):
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                made.parameters(), rule.learning_rate, momentum=rule.momentum, fused=fused
            )
        else:
            self.optimizer = torch.optim.Adam(made.parameters(), rule.learning_rate, fused=fused)
        measure = functional.cross_entropy if workload.loss != "mse" else functional.mse_loss

        def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return measure(made(x), y)

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
