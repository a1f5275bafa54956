"""The step that a saved run would take next, on any batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pullback import named, optim
from pullback.errors import ConfigError, FileFormatError, UnknownNameError
from pullback.graph.dtypes import Array
from pullback.insight.upcoming import Upcoming, next_step
from pullback.nn.module import Module
from pullback.runs.checkpoint import Checkpoint
from pullback.runs.store import RunStore
from pullback.train.build import recipe_of
from pullback.train.given import feeds_of
from pullback.train.objective import Objective
from pullback.train.resume import as_fit_wrote_it
from pullback.train.run import Run
from pullback.train.settings import Settings
from pullback.train.step import Recipe


def step_of_run(
    run: Run | str | os.PathLike[str],
    network: Module,
    data: Any,
    loss: Any,
    kind: str,
    custom: Iterable[Any] = (),
) -> Upcoming:
    """The step that a run would take next, if the batch were this one.

    The optimizer's memory is that of the checkpoint whose weights the network has; where none has
    them, since the weights of the best epoch were put back, that of the last one.

    Raises:
        ConfigError: The run was not saved, or the network is not that of the run.
        FileFormatError: It is damaged, or no training.
        UnknownNameError: An optimizer of one's own was not passed.
    """
    path = run.path if isinstance(run, Run) else run
    if path is None:
        raise ConfigError(
            "a run whose next step is told must have been saved",
            "a run without a folder",
            'Train with pb.fit(..., save="runs"), or pass optimizer=... for a first step.',
        )
    with RunStore.open(path) as store:
        config = store.record.get("training")
        if not isinstance(config, dict):
            raise FileFormatError(
                f"{store.path} must be the run of a training", "no settings", "Train again."
            )
        with as_fit_wrote_it(store.path):
            rule = _rule(config["optimizer"], tuple(custom))
            last = store.load_checkpoint()
            settings = Settings.from_config({**config["settings"], **last.state.get("changed", {})})
            total = _total(config, settings)
            recipe = recipe_of(network, Objective.named(loss), rule, settings, total)
            _check_is_of(recipe, last, store.name)
            found = _with_weights_of(recipe, store) or last
    known = {path: value.numpy() for path, value in network.state().items()}
    whole = found is not last or _has_weights(recipe, last, known)
    state = dict(found.tensors) if whole else {**found.tensors, **known}
    memory = "" if whole else f"the optimizer's memory is that of step {found.step:,}"
    return next_step(recipe, state, feeds_of(network, data), kind, memory)


def _rule(config: Any, custom: tuple[Any, ...]) -> optim.Optimizer:
    try:
        return named.get(optim.Optimizer, config, custom)
    except UnknownNameError as error:
        error.do = "Pass its class: pb.explain(..., run=..., custom=[...])."
        raise


def _total(config: Mapping[str, Any], settings: Settings) -> int | None:
    """How many steps the schedule spans, also where a resume gave the run another length."""
    first, total = Settings.from_config(config["settings"]), config["total_steps"]
    if total is None or (settings.epochs, settings.steps) == (first.epochs, first.steps):
        return total
    each = total // first.epochs if first.epochs and total % first.epochs == 0 else None
    whole = settings.epochs * each if settings.epochs and each else None
    return min((s for s in (settings.steps, whole) if s), default=None)


def _check_is_of(recipe: Recipe, last: Checkpoint, name: str) -> None:
    for path, value in recipe.network.state().items():
        if path not in last.tensors or last.tensors[path].shape != value.shape:
            raise ConfigError(
                f"the network must be that of the run {name}",
                f"a network with {path} of shape {value.shape}",
                "Pass the run's own network: pb.load(path).network.",
            )


def _with_weights_of(recipe: Recipe, store: RunStore) -> Checkpoint | None:
    """The newest checkpoint whose weights are those of the network."""
    known = {path: value.numpy() for path, value in recipe.network.state().items()}
    for step in reversed(store.checkpoints()):
        try:
            found = store.load_checkpoint(step)
        except FileFormatError:
            continue
        if _has_weights(recipe, found, known):
            return found
    return None


def _has_weights(recipe: Recipe, found: Checkpoint, known: Mapping[str, Array]) -> bool:
    label = recipe.update.evaluated
    return all(np.array_equal(found.tensors.get(label(p)), value) for p, value in known.items())  # type: ignore[arg-type]
