"""The training step as a graph: forward pass, loss, backward pass, update.

A step is a pure function of the batch and the state. It says which slots get which new values;
the planner and the executor do the rest. It is traced once for each shape of batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from pullback import losses, ops, optim
from pullback.autodiff import gradient
from pullback.graph.collecting import collector_paused
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, placeholder, slot
from pullback.graph.origin import scope
from pullback.nn.inference import dtype_of
from pullback.nn.module import Module
from pullback.nn.parameter import Value
from pullback.nn.several import ONE, labelled
from pullback.plan import Step
from pullback.train.forward import Forward
from pullback.train.objective import Objective, average
from pullback.train.parts import Arrays, Rows
from pullback.train.probes import SAMPLE_NORMS, Probes
from pullback.train.tracing import (
    AT,
    INT64,
    LOSS,
    PART,
    PART_LOSS,
    PART_WEIGHT,
    SEED,
    STEP,
    Tracing,
)
from pullback.train.update import Update


@dataclass(frozen=True)
class Batch:
    """The shapes and dtypes of one batch, by label: a step is traced for each."""

    arrays: tuple[tuple[str, Shape, Dtype], ...]

    @classmethod
    def of(cls, x: Arrays, y: Arrays, weights: Array | None) -> Batch:
        """The shapes and dtypes of these arrays."""
        rows = Rows.of(x, y, weights)
        return cls.of_feeds(rows.feeds(np.arange(len(rows))))

    @classmethod
    def of_feeds(cls, feeds: Mapping[str, Array]) -> Batch:
        """The shapes and dtypes of what a step is fed with."""
        return cls(tuple((label, array.shape, array.dtype) for label, array in feeds.items()))

    def placeholders(self) -> dict[str, Node]:
        """A node for each array, by label."""
        return {label: placeholder(label, shape, dtype) for label, shape, dtype in self.arrays}


@dataclass(frozen=True)
class Recipe:
    """What is trained, and by which rule.

    Attributes:
        network: The network.
        loss: What it should make small; an `Objective` where there are several outputs.
        optimizer: How gradients become updates, with the schedule of the learning rate.
        total_steps: How many steps the schedule spans; None where it is not known.
        clip_norm: The largest global norm of the gradient; None does not clip.
        l1: Coefficient of the sum of absolute weights in the loss.
        l2: Coefficient of the sum of squared weights in the loss.
        accumulate: Into how many micro-batches a batch is cut.
        clip_value: The largest size of an element of the gradient.
        clip_each_norm: The largest norm of each parameter's gradient.
        constraints: What parameters must fulfil, by patterns of their paths.
        ema: How much of a running average of the weights is kept at each step.
        probes: Which values of the step can be looked at.
    """

    network: Module
    loss: losses.Loss | Objective
    optimizer: optim.Optimizer
    total_steps: int | None = None
    clip_norm: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    accumulate: int = 1
    clip_value: float | None = None
    clip_each_norm: float | None = None
    constraints: Mapping[str, optim.Constraint] = field(default_factory=dict)
    ema: float | None = None
    probes: Probes = field(default_factory=Probes)

    @cached_property
    def update(self) -> Update:
        """What follows the backward pass."""
        clipping = optim.Clipping(self.clip_value, self.clip_each_norm, self.clip_norm)
        return Update(
            self.network, self.optimizer, self.total_steps, clipping, self.constraints, self.ema
        )

    @property
    def objective(self) -> Objective:
        """The loss of each output."""
        return Objective.of(self.loss)

    def initial_state(self, seed: int) -> dict[str, Array]:
        """Every slot of the training with its first value."""
        dtype = dtype_of(self.network)
        state = {path: value.numpy() for path, value in self.network.state().items()}
        state |= self.update.initial(state)
        state[STEP] = np.asarray(0, INT64)
        state[SEED] = np.asarray(seed, INT64)
        if self.accumulate > 1:
            summed = {**self.update.trainable, **self.network.buffers()}
            state |= {f"{PART}{path}": np.zeros(v.shape, v.dtype) for path, v in summed.items()}
            state[PART_LOSS] = np.zeros((), dtype)
            state[PART_WEIGHT] = np.zeros((), dtype)
        return state

    @collector_paused()
    def training_step(self, batch: Batch) -> Step:
        """The whole step for one shape of batch."""
        forward = Forward.of(self, batch)
        tracing = forward.tracing
        self.probes.check(tracing.outputs, tracing.trainable)
        gradients, cotangents = tracing.gradients(forward.objective)
        norms = None
        if self.probes.samples:  # of a mean: the sum's are so many times as large
            norms = tracing.sample_norms(forward.loss, forward.weight)
        return tracing.updated(
            forward.loss,
            forward.weight,
            forward.followed(gradients),
            tracing.statistics(),
            "training step",
            cotangents,
            norms,
        )

    def gradient_step(self, batch: Batch) -> Step:
        """The objective and its gradient where trainable parameters have the values that are fed.

        Those are fed as `at/PATH`; nothing is written. Weight decay is part of the objective, as
        half its strength times the sum of squares.
        """
        parameters = self.update.trainable.items()
        at: dict[Value, Node] = {
            p: placeholder(f"{AT}{path}", p.shape, p.dtype) for path, p in parameters
        }
        forward = Forward.of(self, batch, at=at)
        objective = forward.objective
        with scope(path=LOSS):
            for path, p in parameters:
                strength = self.update.rules[path].weight_decay
                if strength:
                    decay = optim.penalty([at[p]], l2=0.5 * strength)
                    objective = objective + decay.astype(objective.dtype)
        found = {"loss": forward.loss, "weight": forward.weight, "objective": objective}
        bars = gradient(objective, forward.tracing.trained)
        found |= {f"gradient/{path}": g for (path, _), g in zip(parameters, bars, strict=True)}
        statistics = forward.tracing.statistics()
        found |= {f"statistics/{path}": new for path, new in statistics.items()}
        return Step(found, name="gradient")

    def part_step(self, batch: Batch) -> Step:
        """One micro-batch: adds its sums of losses, weights and gradients to the state's.

        Buffers change by what the parts before it changed, which is kept beside them until the
        update: a batch that is held back leaves no statistics of its parts.

        Of several outputs each has a sum of weights of its own, by which the batch's sum of its
        losses is divided: it is fed as `weight.NAME`, see `weight_step`.
        """
        tracing = Tracing(self, training=True, row=placeholder("row", (), INT64))
        with tracing:
            outputs, y, weights = tracing.forward(batch)
            with scope(path=LOSS):
                sums = self.objective.sums(outputs, y, weights)
                total, weight = sums[ONE] if ONE in sums else self._parts_of_means(sums)
        self.probes.check(tracing.outputs, tracing.trainable, cotangents=False)
        gradients = gradient(total, tracing.trained)
        with scope(role="update"):
            assigns = {
                f"{PART}{path}": slot(f"{PART}{path}", p.shape, p.dtype) + g
                for (path, p), g in zip(tracing.trainable.items(), gradients, strict=True)
            }
            assigns |= {
                f"{PART}{path}": new - slot(path, new.shape, new.dtype)
                for path, new in tracing.statistics().items()
            }
            dtype = total.dtype
            assigns[PART_LOSS] = slot(PART_LOSS, (), dtype) + total
            assigns[PART_WEIGHT] = slot(PART_WEIGHT, (), dtype) + weight.astype(dtype)
        outputs, sites = {"loss": total}, tracing.output_sites()
        if self.probes.samples:
            outputs[SAMPLE_NORMS] = tracing.sample_norms(total, None)
            sites[SAMPLE_NORMS] = self.probes.site(outputs[SAMPLE_NORMS])
        return Step(outputs, assigns, name="micro-batch", sites=sites)

    def _parts_of_means(self, sums: Mapping[str, tuple[Node, Node]]) -> tuple[Node, Node]:
        """What a micro-batch adds to the objective of its batch, and to the batch's weight."""
        means = {}
        for name, (total, weight) in sums.items():
            whole = placeholder(f"weight.{name}", (), weight.dtype)
            means[name] = losses.divided(total, whole.astype(total.dtype))
        return self.objective.weighed(means), average({n: w for n, (_, w) in sums.items()})

    def weight_step(self, batch: Batch) -> Step:
        """The sum of weights of each output's loss in a whole batch, before it is cut in parts."""
        tracing = Tracing(self, training=False)
        with tracing:
            sums = self.objective.sums(*tracing.forward(batch))
        return Step({f"weight.{name}": w for name, (_, w) in sums.items()}, name="weights")

    def apply_step(self) -> Step:
        """The update from the sums of all micro-batches of a batch; sets the sums to zero."""
        tracing = Tracing(self, training=True)
        with tracing:
            total = slot(PART_LOSS, (), dtype_of(self.network))
            weight = slot(PART_WEIGHT, (), dtype_of(self.network))
            one = ops.where(weight == 0, 1, weight)
            if self.objective.only is None:  # the parts were divided by the batch's weights
                one = ops.ones((), weight.dtype)
            sums = [
                slot(f"{PART}{path}", p.shape, p.dtype) for path, p in tracing.trainable.items()
            ]
            gradients = [g / one for g in sums]
            with scope(path=LOSS):
                penalty = tracing.penalty()
        if penalty is not None:
            bars = gradient(penalty, tracing.trained)
            gradients = [g + b for g, b in zip(gradients, bars, strict=True)]
        statistics = {path: tracing.so_far(path, b) for path, b in tracing.buffers.items()}
        step = tracing.updated(total / one, weight, gradients, statistics, "update of a batch")
        zeros = {
            f"{PART}{path}": ops.zeros(v.shape, v.dtype)
            for path, v in (*tracing.trainable.items(), *tracing.buffers.items())
        }
        zeros |= {label: ops.zeros((), total.dtype) for label in (PART_LOSS, PART_WEIGHT)}
        return replace(step, assigns={**step.assigns, **zeros})

    def evaluation_step(self, batch: Batch) -> Step:
        """Outputs and the loss's two sums for one batch, in the mode for use."""
        tracing = Tracing(self, training=False)
        with tracing:
            outputs, y, weights = tracing.forward(batch)
            with scope(path=LOSS):
                sums = self.objective.sums(outputs, y, weights)
        found = labelled("output", outputs)
        found |= labelled("loss", {name: total for name, (total, _) in sums.items()})
        found |= labelled("weight", {name: weight for name, (_, weight) in sums.items()})
        return Step(found, name="evaluation")
