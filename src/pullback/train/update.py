"""What follows the backward pass of a step: clipping, the optimizer, constraints, averages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np

from pullback import ops, optim
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, slot
from pullback.graph.origin import scope
from pullback.nn.inference import dtype_of
from pullback.nn.module import Module
from pullback.nn.parameter import Parameter
from pullback.optim.adam import collected
from pullback.optim.layers import check_found, rate_pattern

RATE = "learning_rate"


@dataclass(frozen=True)
class Update:
    """How gradients become new weights, and which slots of the state that takes.

    Attributes:
        network: Whose parameters are updated.
        optimizer: The rule, with the schedule of the learning rate.
        total_steps: How many steps the schedule spans; None where it is not known.
        clipping: The limits of gradients.
        constraints: What parameters must fulfil, by patterns of their paths; later ones act last.
        ema: How much of the running average of the weights is kept at each step; None keeps none.
        parts: The paths of the parts of the network that are updated; all of it when empty.
        prefix: Stands before the labels of what the update remembers.
    """

    network: Module
    optimizer: optim.Optimizer
    total_steps: int | None = None
    clipping: optim.Clipping = field(default_factory=optim.Clipping)
    constraints: Mapping[str, optim.Constraint] = field(default_factory=dict)
    ema: float | None = None
    parts: tuple[str, ...] = ()
    prefix: str = ""

    @cached_property
    def trainable(self) -> dict[str, Parameter]:
        """The parameters that are updated, by path."""
        found = {path: p for path, p in self.network.parameters().items() if p.trainable}
        if not self.parts:
            return found
        heads = tuple(f"{part}." for part in self.parts)
        return {path: p for path, p in found.items() if path.startswith(heads)}

    @cached_property
    def rules(self) -> dict[str, optim.Optimizer]:
        """The rule that updates each parameter, by its path."""
        tables = {where for where, module in self.network.modules() if module.takes_indices}
        return {
            path: self.optimizer.for_layer(path, indexed=path.rpartition(".")[0] in tables)
            for path in self.trainable
        }

    def evaluated(self, path: str) -> str:
        """The slot with the value that is evaluated, and kept in the end, at a path."""
        if path not in self.trainable:
            return path
        if self.ema is not None:
            return f"{self.prefix}ema/{path}"
        name = self.rules[path].evaluated
        return f"{self.remembered(path)}.{name}" if name else path

    def remembered(self, path: str) -> str:
        """Where the optimizer's slots of the parameter at a path are, but for their names."""
        return f"{self.prefix}optimizer/{path}"

    def initial(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """The slots of the update with their first values, for the parameters' first values."""
        state: dict[str, Array] = {}
        if isinstance(self.optimizer, optim.Driver):
            size = sum(p.size for p in self.trainable.values())
            memory = self.optimizer.memory(size, dtype_of(self.network))
            state |= {f"{self.prefix}optimizer/{name}": first for name, first in memory.items()}
        else:
            for path in self.trainable:
                first = self.rules[path].initial(values[path])
                state |= {
                    f"{self.prefix}optimizer/{path}.{name}": value for name, value in first.items()
                }
        if self.ema is not None:
            state |= {f"{self.prefix}ema/{path}": values[path] for path in self.trainable}
        with np.errstate(over="ignore"):  # the first step tells of a rate that is inf
            for label, rate in self.peaks().items():
                state[label] = np.asarray(rate, dtype_of(self.network))
        return state

    def peaks(self) -> dict[str, float]:
        """The peak learning rate of the network, and of the layers that have their own."""
        own = (self.optimizer.layers or {}).items()
        found = {f"{self.prefix}{RATE}/{p}": o[RATE] for p, o in own if RATE in o}
        return {f"{self.prefix}{RATE}": self.optimizer.learning_rate, **found}

    def peak_of(self, path: str) -> str:
        """The slot of the peak learning rate of the parameter at `path`."""
        pattern = rate_pattern(self.optimizer.layers, path)
        at = f"{self.prefix}{RATE}"
        return at if pattern is None else f"{at}/{pattern}"

    def rates(self, now: Node) -> dict[str, Node]:
        """The learning rates of step `now` by the slots of their peaks."""
        dtype = dtype_of(self.network)
        return {
            label: self.optimizer.rate(slot(label, (), dtype), now, self.total_steps)
            for label in self.peaks()
        }

    def assigns(
        self, gradients: Sequence[Node], rates: Mapping[str, Node], now: Node
    ) -> dict[str, Node]:
        """The new values of all parameters and of what belongs to them, by slot.

        Args:
            gradients: Of the trainable parameters, clipped.
            rates: As `rates` gives them.
            now: The number of this step, 1 for the first.
        """
        found: dict[str, Node] = {}
        for path, bar in zip(self.trainable, gradients, strict=True):
            with scope(path=path.rpartition(".")[0]):
                found |= self._moved(path, bar, rates[self.peak_of(path)], now)
        return found

    def _moved(self, path: str, bar: Node, rate: Node, now: Node) -> dict[str, Node]:
        p, rule, at = self.trainable[path], self.rules[path], f"{self.remembered(path)}."
        shapes = rule.slot_shapes(p.shape, p.dtype)
        old = {name: slot(at + name, shape, p.dtype) for name, shape in shapes.items()}
        before = slot(path, p.shape, p.dtype)
        new, slots = rule.update(before, bar, old, rate.astype(p.dtype), now)
        for pattern, constraint in self.constraints.items():
            if fnmatchcase(path, pattern):
                new = constraint.project(new)
        found = {path: new, **{at + name: value for name, value in slots.items()}}
        if self.ema is not None:
            found[f"{self.prefix}ema/{path}"] = self._averaged(path, new, now)
        return found

    def _averaged(self, path: str, new: Node, now: Node) -> Node:
        """The running average with the new weights; the first ones count in full.

        The share of the newest is that which makes up for the start, as in Adam: the average after
        s steps is that of s weights alone, without what the network began with.
        """
        old = slot(f"{self.prefix}ema/{path}", new.shape, new.dtype)
        kept = float(self.ema or 0.0)
        share = (1 - kept) / collected(kept, now.astype(new.dtype))
        return old + ops.minimum(share, 1) * (new - old)


def check_patterns(
    optimizer: optim.Optimizer, constraints: Iterable[str], paths: Iterable[str]
) -> None:
    """Refuse a pattern of an optimizer or a constraint that no parameter has.

    Raises:
        UnknownNameError: One that matches none; the nearest path is named.
    """
    known = list(paths)
    for what, patterns in {**optimizer.patterns(), "constraints": constraints}.items():
        check_found(patterns, known, what)
