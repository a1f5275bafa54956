"""Whose step is traced: that of a network on a batch, or a step of a `pb.Training`.

Both say of which layers they are made, which arrays they are fed with, and how they are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from pullback import optim
from pullback.errors import ConfigError, DataError
from pullback.execute import State
from pullback.graph.dtypes import INT64, Array
from pullback.insight.recording import Recording
from pullback.insight.subject import check_network, title_of
from pullback.memory import must_fit
from pullback.nn.module import Module
from pullback.nn.structure import key_of, tells_all
from pullback.train.forward import Forward
from pullback.train.given import feeds_of
from pullback.train.objective import Objective
from pullback.train.own_step import OwnStep
from pullback.train.settings import LARGEST_SEED
from pullback.train.step import Batch, Recipe
from pullback.train.tracing import SEED, STEP
from pullback.train.update import check_patterns

Feeds = dict[str, Array]


class NetworkStep:
    """The step of a network on a batch.

    Args:
        network: With values.
        loss: A loss, its name, or one for each output by name.
        optimizer: The rule of the update; None makes none.
        training: Whether the network is called as in training; None: where there is an optimizer.
        total_steps: How many steps the schedule spans; None where it is not known.
        per_sample: Whether rows have gradients of their own.

    Raises:
        ConfigError: No network with values, or an update of a network that is not in training.
    """

    def __init__(
        self,
        network: Module,
        loss: Any,
        optimizer: optim.Optimizer | str | None,
        training: bool | None,
        total_steps: int | None,
        per_sample: bool,
    ) -> None:
        if not isinstance(network, Module):
            raise ConfigError(
                "what is traced is a network, or a step of a pb.Training",
                type(network).__name__,
                "Pass a pb.nn.Module.",
            )
        if loss is None:
            raise ConfigError(
                "a step of a network is traced with a loss", "none", 'Pass for instance loss="mse".'
            )
        self.of = self.layers = network
        self.objective = Objective.named(loss)
        self.optimizer = None if optimizer is None else _rule(optimizer)
        if self.optimizer is not None and training is False:
            raise ConfigError(
                "an update is that of a step of training",
                f"training=False with {self.optimizer.name}",
                "Leave one of them out.",
            )
        self.training = bool(training) or self.optimizer is not None
        self.total_steps = total_steps
        self.per_sample = per_sample

    @property
    def key(self) -> Hashable | None:
        """What it is, but for the network; None where that is not known."""
        parts = tuple(map(key_of, (self.objective.losses, self.objective.weights, self.optimizer)))
        more = (self.training, self.total_steps, self.per_sample)
        return None if None in parts else (*parts, *more)

    @property
    def is_plain(self) -> bool:
        """Whether the layers' structure tells of every change that another step would come of."""
        return tells_all(self.layers)

    def fed(self, data: Any) -> tuple[Feeds, Any]:
        """The arrays of a batch, and the form for which a program is planned."""
        feeds = feeds_of(self.of, data)
        return feeds, Batch.of_feeds(feeds)

    def keyed(self, seed: int, step: int) -> dict[str, Array]:
        """The slots that key the random numbers."""
        return {SEED: _whole("seed", seed), STEP: _whole("step", step)}

    def recorded(self, feeds: Feeds, form: Any, kind: str) -> Recording:
        """A program for arrays like these."""
        check_network(self.of)
        rule = self.optimizer or optim.SGD()
        check_patterns(rule, (), self.of.parameters())
        recipe = Recipe(self.of, self.objective, rule, self.total_steps)
        rows = len(next(iter(feeds.values())))
        if self.per_sample:
            check_rows(recipe, rows)
        return Recording(
            Forward.of(recipe, form, training=self.training).inside(),
            State(recipe.initial_state(0)),
            kind,
            title=title_of(self.objective, rows),
            rows=rows,
            updated=self.optimizer is not None,
            per_sample=self.per_sample,
            bring=_bringing(recipe),
        )


class TrainingStep:
    """A step of a `pb.Training`, from its state as it is.

    Args:
        step: The step.
    """

    key: Hashable | None = ()
    is_plain = True  # the training itself traces a step once for each form of its arguments

    def __init__(self, step: OwnStep) -> None:
        self.of = step
        self.layers = step.training.networks

    def fed(self, data: Any) -> tuple[Feeds, Any]:
        """The arrays among the step's arguments, and the form for which a program is planned.

        Raises:
            DataError: The arguments are neither a tuple nor a dict.
        """
        if not isinstance(data, (tuple, list, dict)):
            raise DataError(
                "a step is traced with its arguments, as a tuple, or as a dict by name",
                type(data).__name__,
                f"Pass for instance pb.trace_step({self.of.name}, (x, y)).",
            )
        placed, named = ((), data) if isinstance(data, dict) else (data, {})
        feeds, form = self.of.taken(placed, named)
        if not self.layers.is_built:
            self.of.inside(form)  # finds the sizes
        return feeds, (form, id(self.of.training.state))

    def keyed(self, seed: int, step: int) -> dict[str, Array]:
        """None: the training has its own seed and number of steps.

        Raises:
            ConfigError: Others are asked for.
        """
        if seed or step:
            raise ConfigError(
                "a step of a training is traced with the training's seed, as its next step",
                f"seed={seed}, step={step}",
                "Leave them out.",
            )
        return {}

    def recorded(self, feeds: Feeds, form: Any, kind: str) -> Recording:
        """A program for arrays like these."""
        training = self.of.training
        title = f"the next step of {self.of.name!r}"
        return Recording(self.of.inside(form[0]), training.state, kind, title=title, updated=True)


def check_rows(recipe: Recipe, rows: int) -> None:
    """Refuse gradients of single rows that memory cannot hold.

    Raises:
        DataError: They do not fit.
    """
    each = sum(p.size * p.dtype.itemsize for p in recipe.update.trainable.values())
    must_fit(
        rows * each,
        f"the gradients of {rows:,} single rows",
        "Pass fewer rows, or ask pb.per_sample_norms for their norms alone.",
    )


def _rule(given: optim.Optimizer | str) -> optim.Optimizer:
    """An optimizer whose step is one gradient and one update.

    Raises:
        ConfigError: It takes several gradients a step.
    """
    rule = optim.get(given)
    if isinstance(rule, optim.Driver):
        raise ConfigError(
            "a step that is traced asks for the gradient once",
            f"{rule.name}, which asks for it several times",
            "Name another optimizer, or none.",
        )
    return rule


def _bringing(recipe: Recipe) -> Callable[[State], None]:
    """What writes the present values of a network, and of slots that begin with them.

    It must not keep the network alive.
    """
    values, update = recipe.network.state(), recipe.update
    rules = {path: rule for path, rule in update.rules.items() if _follows_values(rule)}
    labels = {path: update.remembered(path) for path in rules}

    def bring(state: State) -> None:
        for path, value in values.items():
            value.read_into(state.writable(path))
        for path, rule in rules.items():
            for name, first in rule.initial(state[path]).items():
                state.writable(f"{labels[path]}.{name}")[...] = first

    return bring


def _follows_values(rule: optim.Optimizer) -> bool:
    """Whether what the rule remembers of a parameter may begin with the parameter's value."""
    return type(rule).initial is not optim.Optimizer.initial


def _whole(name: str, number: Any) -> Array:
    """A key of random numbers.

    Raises:
        ConfigError: It is no whole number of 0 or more.
    """
    whole = hasattr(number, "__index__") and not isinstance(number, bool)
    if not whole or not 0 <= number <= LARGEST_SEED:
        raise ConfigError(f"{name} must be a whole number of 0 or more", repr(number), "Use 0.")
    return np.asarray(number, INT64)
