"""Tracing a network for a step: while it is traced, parameters stand for slots of the state."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pullback import ops, optim
from pullback.autodiff import gradient
from pullback.graph.node import Node, Slot, placeholder, slot
from pullback.graph.order import depends_on, topological
from pullback.graph.origin import scope
from pullback.nn.activations import Activation
from pullback.nn.buffer import Buffer
from pullback.nn.mode import Mode, mode
from pullback.nn.module import Module
from pullback.nn.observing import Output, outputs_seen, outside_loops
from pullback.nn.parameter import Value, bound
from pullback.nn.several import outputs_by_name, unlabelled
from pullback.plan import Site, Step
from pullback.train.objective import check_targets
from pullback.train.per_sample import check_samples, gradients_of_samples, norms_by_rows
from pullback.train.probes import SAMPLE_NORMS
from pullback.train.sample_norms import Traced, squared_norms
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
        self._within = contextlib.ExitStack()
        self._seen: dict[str, Output] = {}
        self.given: dict[str, Node] = {}

    def __enter__(self) -> None:
        self._within.enter_context(mode(self._here))
        self._within.enter_context(bound(self.nodes))
        self._seen = self._within.enter_context(outputs_seen())

    def __exit__(self, *error: object) -> None:
        self._within.close()

    @property
    def outputs(self) -> dict[str, Output]:
        """The layers that were called, with their outputs, by place."""
        return outside_loops(self._seen, {*self.given.values(), *self.nodes.values()})

    def forward(self, batch: Batch) -> tuple[dict[str, Node], dict[str, Node], Node | None]:
        """The network's outputs for a batch, with its targets by output, and its weights."""
        given = batch.placeholders()
        self.given = given
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

    def gradients(self, objective: Node) -> tuple[tuple[Node, ...], dict[str, Node]]:
        """The gradients of what is trained, and the cotangents that come up on the way, by place.

        A cotangent that no gradient needs is left out.
        """
        active = depends_on(topological([objective]), self.trained)
        places = {p: node for p, (_, node) in self.outputs.items() if node in active}
        found = gradient(objective, [*self.trained, *places.values()])
        count = len(self.trained)
        return found[:count], dict(zip(places, found[count:], strict=True))

    def sample_norms(self, loss: Node, weight: Node | None) -> Node:
        """The norm of the gradient of each row's own loss, penalties not counted, (rows,).

        Args:
            loss: Of the batch; a sum over the rows, or a mean.
            weight: What was divided by for a mean.

        Raises:
            ConfigError: An output for one row depends on the others.
        """
        network = self.recipe.network
        check_samples(network, training=True)
        rows = next(iter(self.given.values())).shape[0]
        found = squared_norms(Traced(loss, self.trained, rows), self._larger(rows + 1))
        if found is not None:
            norms = ops.sqrt(found)
            return norms if weight is None else norms * weight.astype(norms.dtype)
        return norms_by_rows(network, self.recipe.objective, self.nodes, self.given, self._here)

    def sample_gradients(self) -> dict[str, Node]:
        """The gradient of each row's own loss, penalties not counted, (rows, *shape), by path.

        Raises:
            ConfigError: An output for one row depends on the others.
        """
        network, here = self.recipe.network, self._here
        check_samples(network, training=here.training)
        return gradients_of_samples(network, self.recipe.objective, self.nodes, self.given, here)

    def _larger(self, rows: int) -> Traced:
        """The loss of a batch of so many rows."""
        given = {
            label: placeholder(label, (rows, *a.shape[1:]), a.dtype)
            for label, a in self.given.items()
        }
        here = Mode(True, self._here.seed, self._here.step, self._here.row)
        with bound(self.nodes), mode(here):
            outputs = outputs_by_name(self.recipe.network, unlabelled("x", given))
            targets = {name: unlabelled("y", given)[name] for name in outputs}
            loss, _ = self.recipe.objective.mean(outputs, targets, given.get("weights"))
        return Traced(loss, self.trained, rows)

    def updated(
        self,
        loss: Node,
        weight: Node,
        gradients: Sequence[Node],
        statistics: Mapping[str, Node],
        name: str,
        cotangents: Mapping[str, Node] | None = None,
        sample_norms: Node | None = None,
    ) -> Step:
        """The step that ends in an update, unless a loss, gradient or new value is not finite."""
        recipe, outputs = self.recipe, {"loss": loss, "weight": weight}
        with scope(role="update"):
            finite = [loss, *gradients]
            clipped, norm = recipe.update.clipping(gradients)
            if norm is not None:
                outputs["gradient_norm"] = norm
                finite.append(norm)
            now = self.step + 1
            rates = recipe.update.rates(now)
            outputs[RATE] = rates[RATE]
            assigns = {STEP: now, **statistics, **recipe.update.assigns(clipped, rates, now)}
        slots = (n for n in topological([*assigns.values()]) if isinstance(n.op, Slot))
        read = {n.op.label: n for n in slots}  # type: ignore[attr-defined]
        parameters = {path: read[path] for path in self.trainable if path in read}
        bars = dict(zip(self.trainable, gradients, strict=True))
        sites = {
            **self.output_sites(cotangents or {}),
            **recipe.probes.of_parameters(parameters, bars, assigns),
        }
        if sample_norms is not None:
            outputs[SAMPLE_NORMS] = sample_norms
            sites[SAMPLE_NORMS] = recipe.probes.site(sample_norms)
        return Step(outputs, assigns, finite=finite, name=name, sites=sites)

    def output_sites(self, cotangents: Mapping[str, Node] | None = None) -> dict[str, Site]:
        """What probes look at of the layers' outputs."""
        seen = {place: (node, _bounds(module)) for place, (module, node) in self.outputs.items()}
        return self.recipe.probes.of_outputs(seen, cotangents or {})


def _bounds(module: Module) -> tuple[float, float] | None:
    """Between which numbers the output of a layer lies, if it does."""
    return module.bounds if isinstance(module, Activation) else None
