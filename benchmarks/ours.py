"""Pullback's runners: `fit` for whole epochs, a step called from one's own loop, a step recorded.

What is timed of `fit` is all that it does from the end of its first epoch to the end of its last:
batches, steps, records, epochs. Before lies the planning, which `further.py` measures.
"""

from __future__ import annotations

import time
from typing import Any

import pullback as pb
from benchmarks.inputs import Inputs
from benchmarks.layers import LSTM, Block, Conv, Dense, Embedding, Norm, Pool, Positions, Shape
from benchmarks.runner import Runner
from benchmarks.workloads import SGD, Workload


def network(workload: Workload, inputs: Inputs) -> pb.nn.Sequential:
    """The workload's network, with the first weights."""
    made = pb.nn.Sequential(*layers(workload)).astype(inputs.parameters[0].dtype)
    # `state` goes from layer to layer, the weight before the bias, as the workload does.
    for value, first in zip(made.parameters().values(), inputs.parameters, strict=True):
        value.assign(first)
    return made


def layers(workload: Workload) -> list[Any]:
    """The workload's layers and activations."""
    found: list[Any] = []
    for one, shape in zip(workload.layers, workload.shapes, strict=False):
        found.append(layer(one, shape))
        if getattr(one, "activation", None):
            found.append(one.activation)
    return found


def layer(one: Any, shape: Shape) -> pb.nn.Module:
    """A layer, before its activation, for rows of that shape."""
    match one:
        case Dense():
            return pb.nn.Linear(shape[-1], one.features)
        case Conv():
            return pb.nn.Conv2d(shape[2], one.channels, one.kernel, padding=one.padding)
        case Pool():
            return (pb.nn.MaxPool2d if one.kind == "max" else pb.nn.AvgPool2d)(one.size)
        case Embedding():
            return pb.nn.Embedding(one.count, one.features)
        case Positions():
            return pb.nn.LearnedPositions(*shape)
        case LSTM():
            return pb.nn.LSTM(shape[-1], one.hidden)
        case Norm():
            return pb.nn.LayerNorm(shape[-1])
        case Block():
            return pb.nn.TransformerBlock(shape[-1], one.heads, causal=True)
    return pb.nn.Flatten()


def optimizer(workload: Workload) -> pb.optim.Optimizer:
    """The workload's optimizer."""
    rule = workload.optimizer
    if isinstance(rule, SGD):
        return pb.optim.SGD(rule.learning_rate, momentum=rule.momentum)
    return pb.optim.Adam(rule.learning_rate)


class Clock(pb.Callback):
    """Stops a training when enough time has passed since the end of its first epoch."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.elapsed = 0.0
        self.steps = 0
        self._first: tuple[float, int] | None = None

    def on_epoch(self, session: Any) -> None:
        now = time.perf_counter()
        if self._first is None:
            self._first = now, session.step
            return
        self.elapsed, self.steps = now - self._first[0], session.step - self._first[1]
        if self.elapsed >= self.seconds:
            session.stop("that was long enough")


class Fit(Runner):
    """`pb.fit`, the rows in their order."""

    def __init__(
        self, workload: Workload, inputs: Inputs, executor: str, probes: Any = None
    ) -> None:
        super().__init__(workload, inputs)
        self.executor = executor
        self.probes = probes

    def losses(self, steps: int) -> list[float]:
        return [float(x) for x in self._fit(steps=steps).losses]

    def epoch(self) -> None:
        self._fit(epochs=1)

    def timed(self, seconds: float) -> tuple[float, int]:
        clock = Clock(seconds)
        self._fit(epochs=10**9, callbacks=clock)
        return clock.elapsed, clock.steps

    def _fit(self, **limits: Any) -> pb.Run:
        return pb.fit(
            network(self.workload, self.inputs),
            (self.inputs.x, self.inputs.y),
            loss=self.workload.loss,
            optimizer=optimizer(self.workload),
            batch_size=self.workload.batch,
            shuffle=False,
            metrics=(),
            progress="none",
            executor=self.executor,
            probes=self.probes,
            **limits,
        )


class Step(Runner):
    """A step of `pb.Training`, called for one batch after the other."""

    def __init__(self, workload: Workload, inputs: Inputs, executor: str) -> None:
        super().__init__(workload, inputs)
        self.batches = list(inputs.batches(workload.batch))
        trained = network(workload, inputs)
        loss = pb.losses.get(workload.loss)
        training = pb.Training(network=trained, executor=executor)
        self.step = training.step(
            lambda x, y: loss(trained(x), y), optimizer=optimizer(workload), name="step"
        )

    def losses(self, steps: int) -> list[float]:
        return [self.step(*self.batches[k % len(self.batches)]) for k in range(steps)]

    def epoch(self) -> None:
        for x, y in self.batches:
            self.step(x, y)


class Traced(Step):
    """A step recorded with everything in it, updates too, for one batch after the other.

    The network keeps its weights in that; the first losses are those of plain steps.
    """

    def __init__(self, workload: Workload, inputs: Inputs, executor: str) -> None:
        super().__init__(workload, inputs, executor)
        self.tracer = pb.Tracer(
            network(workload, inputs),
            loss=workload.loss,
            optimizer=optimizer(workload),
            executor=executor,
        )

    def epoch(self) -> None:
        for batch in self.batches:
            self.tracer(batch)


def runner(
    workload: Workload,
    inputs: Inputs,
    kind: str,
    executor: str,
    dtype: str = "float32",
    probes: Any = None,
) -> Runner:
    """The runner of that kind, `fit`, `step` or `trace`; it computes in `dtype`.

    `probes` are what `fit` looks at on the way.
    """
    if kind == "fit":
        return Fit(workload, inputs.astype(dtype), executor, probes)
    return (Traced if kind == "trace" else Step)(workload, inputs.astype(dtype), executor)
