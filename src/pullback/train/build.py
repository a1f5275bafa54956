"""From settings, network and data to a session that can run, with every check before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pullback import optim
from pullback.errors import ConfigError, LabelError, ShapeError, unknown
from pullback.execute import State
from pullback.graph.dtypes import Array
from pullback.memory import must_fit
from pullback.metrics import Metric, MetricLike, as_metrics, defaults
from pullback.nn.head import Head
from pullback.nn.module import Module
from pullback.optim.layers import check_found
from pullback.train.batches import Batches
from pullback.train.evaluation import Evaluator
from pullback.train.loop import Session
from pullback.train.parts import Rows
from pullback.train.rules import EarlyStopping, Until
from pullback.train.settings import Settings
from pullback.train.sources import Source
from pullback.train.step import Batch, Recipe


def metrics_of(metrics: Iterable[MetricLike] | None, head: Head) -> list[Metric]:
    """What is measured after every epoch; the task's defaults where nothing is asked for."""
    count = None if head.classes is None else len(head.classes)
    wanted = list(defaults(head.task, count).shown) if metrics is None else metrics
    return list(as_metrics(wanted, head.task))


def prepared_network(network: Module, seed: int, x: Array) -> list[str]:
    """Give a network the sizes and values that it lacks; returns what the user should know.

    Args:
        network: The network.
        seed: Keys the initial values.
        x: The features, whose shape tells the sizes that the network leaves open.
    """
    if not network.is_built:
        network.build(x[:1])
    parameters = network.parameters().values()
    if not any(p.trainable for p in parameters):
        raise ConfigError(
            "a network to train needs parameters that are not frozen",
            f"{len(parameters)} frozen ones" if parameters else "no parameters",
            "Add a layer such as pb.nn.Linear, or set parameter.trainable = True.",
        )
    must_fit(
        sum(v.size * v.dtype.itemsize for v in network.state().values()),
        "the network",
        "Use fewer units.",
    )
    notes = []
    if network.is_initialised:
        notes = [
            "the network had values and went on from them; the optimizer's moments, the schedule "
            "and the count of steps began anew"
        ]
    network.initialise(seed)
    return notes


def session_of(
    network: Module,
    source: Source,
    optimizer: optim.Optimizer,
    settings: Settings,
    metrics: Sequence[Metric],
    total_steps: int | None = None,
) -> Session:
    """A session at its first step.

    Args:
        network: With values.
        source: The data, the loss and what outputs mean.
        optimizer: The rule of the update.
        settings: How training goes.
        metrics: What to measure; what `until` and `monitor` name comes on top.
        total_steps: The length of the schedule; found from the settings when None.
    """
    check_found(optimizer.layers or (), network.parameters(), "the optimizer's layers")
    batches = Batches(len(source.parts.train), settings.batch_size, settings.seed, settings.shuffle)
    recipe = Recipe(
        network,
        source.loss,
        optimizer,
        total_steps or _total_steps(settings, batches),
        settings.clip_norm,
        settings.l1,
        settings.l2,
        settings.accumulate,
    )
    state = State(recipe.initial_state(settings.seed))
    until, measured = _until(settings, source, metrics)
    stopping, measured = _early_stopping(settings, source, measured)
    evaluator = Evaluator(recipe, state, source.head, measured, settings.executor)
    return Session(recipe, state, source.parts, settings, evaluator, batches, until, stopping)


def _total_steps(settings: Settings, batches: Batches) -> int | None:
    budget = settings.budget()
    spans = [budget.steps, budget.epochs and budget.epochs * batches.per_epoch]
    return min((s for s in spans if s), default=None)


def _until(
    settings: Settings, source: Source, metrics: Sequence[Metric]
) -> tuple[Until | None, list[Metric]]:
    """The level at which to stop, and the metrics with those that it names."""
    if settings.until is None:
        return None, list(metrics)
    held = source.parts.validation is not None
    task = source.head.task
    until = Until.parse(settings.until, metrics=metrics, task=task, validation=held)
    missing = [n for n in until.metrics() if n not in {m.name for m in metrics}]
    return until, [*metrics, *as_metrics(missing, task)]


def _early_stopping(
    settings: Settings, source: Source, metrics: list[Metric]
) -> tuple[EarlyStopping | None, list[Metric]]:
    """The rule that waits for improvement, and the metrics with the one that it watches."""
    if settings.patience is None:
        return None, metrics
    part, _, name = settings.monitor.rpartition(".")
    if not part:
        part = "train" if source.parts.validation is None else "validation"
    if part not in ("train", "validation"):
        raise unknown("part of the data to monitor", part, ["train", "validation"])
    if part == "validation" and source.parts.validation is None:
        raise ConfigError(
            "early stopping on validation needs a validation part",
            f"monitor={settings.monitor!r} without validation",
            "Pass validation=0.1, or monitor='train.loss'.",
        )
    known = {m.name: m for m in metrics}
    if name != "loss" and name not in known:
        (found,) = as_metrics([name], source.head.task)
        if found.name not in known:
            metrics = [*metrics, found]
        name, known = found.name, {**known, found.name: found}
    better = "lower" if name == "loss" else known[name].better
    rule = EarlyStopping(f"{part}.{name}", better, settings.patience, settings.min_delta)
    return rule, metrics


def check_fits(session: Session) -> None:
    """Trace what will be run before anything is written, so that misfits show at once.

    Raises:
        ShapeError: Network, loss and data do not fit together.
        LabelError: A label beyond the network's outputs.
    """
    for name in ("train", "validation", "test"):
        part: Rows | None = getattr(session.parts, name)
        if part is not None:
            _check_part(session, name, part)
    session.prepare()
    for name in ("train", "validation", "test"):
        part = getattr(session.parts, name)
        if part is not None:
            session.evaluator.attempt(part)


def _check_part(session: Session, name: str, part: Rows) -> None:
    feeds = part.feeds(np.arange(min(len(part), session.batches.batch_size)))
    step = session.recipe.evaluation_step(Batch.of(feeds["x"], feeds["y"], feeds.get("weights")))
    rows, outputs = len(feeds["x"]), step.outputs["output"]
    if not outputs.shape or outputs.shape[0] != rows:
        raise ShapeError(
            "a network gives one row of outputs a row of inputs",
            f"{rows} rows in, shape {outputs.shape} out",
            "Keep the first axis as the batch.",
        )
    if session.recipe.loss.task != "classification" or part.y.dtype.kind not in "iu":
        return
    low, high, classes = int(part.y.min()), int(part.y.max()), outputs.shape[-1]
    if low < -1 or high >= classes:
        raise LabelError(
            f"class labels must be from 0 to {classes - 1}: the network has {classes} outputs",
            f"labels from {low} to {high} in the {name} rows",
            "Give the last layer one output a class.",
        )
