"""Tracing a network for a step: while it is traced, parameters stand for slots of the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pullback import optim
from pullback.graph.node import Node, slot
from pullback.graph.origin import scope
from pullback.nn.buffer import Buffer
from pullback.nn.mode import Mode, mode
from pullback.nn.parameter import Value, bound
from pullback.nn.several import outputs_by_name, unlabelled
from pullback.plan import Step
from pullback.train.objective import check_targets
from pullback.train.update import RATE

if TYPE_CHECKING:
    from pullback.train.step import Batch, Recipe

INT64 = np.dtype(np.int64)
STEP, SEED = "step", "seed"
LOSS = "loss"  # the place, beside the layers, to which the loss and the penalties belong
AT = "at/"  # values of parameters that are fed
PART = "sum/"  # sums over the micro-batches of one batch
PART_LOSS, PART_WEIGHT = f"{PART}loss", f"{PART}weight"


class Tracing:
    """Binds the network's parameters and buffers to slots of the state while a step is built."""

    def __init__(
        self,
        recipe: Recipe,
        *,
        training: bool,
        row: Node | None = None,
        at: Mapping[Value, Node] | None = None,
    ) -> None:
        self.recipe = recipe
        network = recipe.network
        label = str if training else recipe.update.evaluated
        self.nodes = {v: slot(label(path), v.shape, v.dtype) for path, v in network.state().items()}
        self.nodes |= at or {}
        self.trainable = recipe.update.trainable
        self.buffers = {path: b for path, b in network.buffers().items() if not b.frozen}
        self.trained = [self.nodes[p] for p in self.trainable.values()]
        self.step = slot(STEP, (), INT64)
        self._here = Mode(training, slot(SEED, (), INT64), self.step)
        if row is not None:
            self._here.row = row
            self.nodes |= {b: self.so_far(path, b) for path, b in self.buffers.items()}
        self._mode = mode(self._here)
        self._bound = bound(self.nodes)

    def __enter__(self) -> None:
        self._mode.__enter__()
        self._bound.__enter__()

    def __exit__(self, *error: object) -> None:
        self._bound.__exit__(None, None, None)
        self._mode.__exit__(None, None, None)

    def forward(self, batch: Batch) -> tuple[dict[str, Node], dict[str, Node], Node | None]:
        """The network's outputs for a batch, with its targets by output, and its weights."""
        given = batch.placeholders()
        outputs = outputs_by_name(self.recipe.network, unlabelled("x", given))
        targets = unlabelled("y", given)
        check_targets(outputs, targets)
        return outputs, {name: targets[name] for name in outputs}, given.get("weights")

    def so_far(self, path: str, buffer: Buffer) -> Node:
        """A buffer as the parts of the batch so far left it."""
        change = slot(f"{PART}{path}", buffer.shape, buffer.dtype)
        return slot(path, buffer.shape, buffer.dtype) + change

    def statistics(self) -> dict[str, Node]:
        """The new values of the buffers that the forward pass assigned, by path."""
        new = self._here.assigned
        return {path: new[b] for path, b in self.buffers.items() if b in new}

    def penalty(self) -> Node | None:
        """The penalty on the weights, None where there is none."""
        if not (self.recipe.l1 or self.recipe.l2):
            return None
        weights = [n for n in self.trained if n.ndim > 1]
        return optim.penalty(weights, l1=self.recipe.l1, l2=self.recipe.l2)

    def with_penalty(self, loss: Node) -> Node:
        """The loss with the penalty on the weights."""
        penalty = self.penalty()
        return loss if penalty is None else loss + penalty

    def updated(
        self,
        loss: Node,
        weight: Node,
        gradients: Sequence[Node],
        statistics: Mapping[str, Node],
        name: str,
    ) -> Step:
        """The step that ends in an update, unless a loss, gradient or new value is not finite."""
        recipe, outputs = self.recipe, {"loss": loss, "weight": weight}
        with scope(role="update"):
            finite = [loss, *gradients]
            bars, norm = recipe.update.clipping(gradients)
            if norm is not None:
                outputs["gradient_norm"] = norm
                finite.append(norm)
            now = self.step + 1
            rates = recipe.update.rates(now)
            outputs[RATE] = rates[RATE]
            assigns = {STEP: now, **statistics, **recipe.update.assigns(bars, rates, now)}
        return Step(outputs, assigns, finite=finite, name=name)
