"""The next step of a training, taken on the side: what it makes of one number.

It is the training's own step, run by the engine on a copy of its state. So the optimizer's rule
and memory, the schedule, clipping, penalties and constraints are those of the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np

from pullback import optim
from pullback.execute import State, executor
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, as_node
from pullback.insight.columns import Index
from pullback.nn.module import Module
from pullback.train.driving import Driving
from pullback.train.given import feeds_of
from pullback.train.objective import Objective
from pullback.train.probes import Probes
from pullback.train.step import Batch, Recipe
from pullback.train.tracing import PART, STEP


@dataclass(frozen=True)
class Move:
    """What the next step makes of one element of a parameter.

    Attributes:
        before: Its value in the training.
        after: Its value after the step; `before` where the step is held back.
        optimizer: The name of the rule.
        step: The number of the step, 1 for the first of all.
        rate: The learning rate of the element's parameter in that step.
        weight_decay: That of its parameter.
        clipping: How gradients are limited, in words; empty where they are not.
        constraint: What the parameter must fulfil, in words; empty where nothing.
        held_back: Whether the step is not made, since something in it is not finite.
        memory: Where the optimizer's memory is from, in words, where that needs saying.
    """

    before: float
    after: float
    optimizer: str
    step: int
    rate: float
    weight_decay: float = 0.0
    clipping: str = ""
    constraint: str = ""
    held_back: bool = False
    memory: str = ""

    @property
    def by(self) -> float:
        """By how much the element is moved."""
        return self.after - self.before


@dataclass(frozen=True, eq=False)
class Upcoming:
    """A step that a training would take.

    Attributes:
        recipe: What is trained, and by which rule.
        state: Every slot before the step.
        feeds: The batch.
        kind: The executor.
        memory: Where the optimizer's memory is from, where that needs saying.
    """

    recipe: Recipe
    state: Mapping[str, Array]
    feeds: Mapping[str, Array]
    kind: str
    memory: str = ""

    def moves(self, path: str) -> bool:
        """Whether the step moves the parameter of that path."""
        return path in self.recipe.update.trainable

    def of(self, path: str, index: Index) -> Move:
        """What the step makes of one element of a parameter that it moves."""
        state, norm = self._taken
        update, number = self.recipe.update, int(self.state[STEP]) + 1
        rates = {label: float(node.numpy()) for label, node in self._rates(number).items()}
        return Move(
            before=float(self.state[path][index]),
            after=float(state[path][index]),
            optimizer=self.recipe.optimizer.name,
            step=number,
            rate=rates[update.peak_of(path)],
            weight_decay=update.rules[path].weight_decay,
            clipping=_clipping(update.clipping, norm),
            constraint=", ".join(
                rule.name for p, rule in update.constraints.items() if fnmatchcase(path, p)
            ),
            held_back=int(state[STEP]) != number,
            memory=self.memory,
        )

    def _rates(self, number: int) -> dict[str, Node]:
        """The learning rates of the step, computed from the peaks in the state."""
        rule, total = self.recipe.optimizer, self.recipe.total_steps
        peaks = {label: self.state[label] for label in self.recipe.update.peaks()}
        return {label: rule.rate(_node(p), _node(number), total) for label, p in peaks.items()}

    @cached_property
    def _taken(self) -> tuple[State, float | None]:
        """The state after the step, and the norm of all gradients where it was found."""
        state = State(self.state)
        if isinstance(self.recipe.optimizer, optim.Driver):
            Driving(self.recipe, state, self.kind).step(dict(self.feeds))
            return state, None
        step = self.recipe.training_step(Batch.of_feeds(self.feeds))
        ran = executor(step, state, self.kind)
        program = getattr(ran, "program", None)
        labels = self.feeds if program is None else program.feeds
        found = ran.run({label: self.feeds[label] for label in labels})
        norm = found.get("gradient_norm")
        return state, None if norm is None else float(norm)


def first_step(
    network: Module, data: Any, loss: Any, optimizer: Any, seed: int, kind: str
) -> Upcoming:
    """The first step of a training by an optimizer, from the values that the network has.

    Raises:
        UnknownNameError: There is no such optimizer; the nearest is named.
        ConfigError: Its schedule must know the length of a run.
    """
    rule = optim.get(optimizer)
    recipe = Recipe(network, Objective.named(loss), rule, probes=Probes(()))
    return Upcoming(recipe, recipe.initial_state(seed), feeds_of(network, data), kind)


def next_step(
    recipe: Recipe,
    state: Mapping[str, Array],
    feeds: Mapping[str, Array],
    kind: str,
    memory: str = "",
) -> Upcoming:
    """The step behind a state, in one piece even where the training cuts batches in parts."""
    whole = replace(recipe, accumulate=1, probes=Probes(()))
    kept = {label: array for label, array in state.items() if not label.startswith(PART)}
    return Upcoming(whole, kept, feeds, kind, memory)


def _node(value: Any) -> Node:
    return as_node(np.asarray(value))


def _clipping(clipping: optim.Clipping, norm: float | None) -> str:
    limits = {
        "each number": clipping.value,
        "each parameter's norm": clipping.each_norm,
        "the norm of all": clipping.norm,
    }
    said = [f"{what} to {limit:g}" for what, limit in limits.items() if limit is not None]
    if said and norm is not None:
        said[-1] += f", which is {norm:.3g}"
    return "; ".join(said)
