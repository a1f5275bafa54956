"""From settings, network and data to a session that can run, with every check before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pullback import optim
from pullback.errors import ConfigError, LabelError, ShapeError, unknown
from pullback.execute import State
from pullback.memory import must_fit
from pullback.metrics import Better, Metric
from pullback.nn.head import Heads, heads_by_output
from pullback.nn.module import Module, uses_batch_statistics
from pullback.nn.several import ONE, passed, unlabelled
from pullback.train.batches import Batches, FromRows, Plan
from pullback.train.evaluation import Evaluator
from pullback.train.loop import Session
from pullback.train.measures import Measure, measures_of
from pullback.train.objective import Objective
from pullback.train.once import UNKNOWN, FromOnce, Passing
from pullback.train.parts import PARTS, Part, Rows
from pullback.train.plateau import Plateau
from pullback.train.probes import Probes
from pullback.train.rules import EarlyStopping, Until
from pullback.train.settings import Settings, check_together
from pullback.train.sources import Source
from pullback.train.step import Batch, Recipe
from pullback.train.streaming import FromStream, Streamed
from pullback.train.update import check_patterns


def prepared_network(network: Module, seed: int, rows: Part) -> list[str]:
    """Give a network the sizes and values that it lacks; returns what the user should know.

    Args:
        network: The network.
        seed: Keys the initial values.
        rows: What it is trained on: its shape tells the sizes that the network leaves open.
    """
    if not network.is_built:
        inputs = unlabelled("x", rows.some(1).arrays)
        placed, by_name = passed(network, inputs)
        network.build(*placed, **by_name)
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
    metrics: Sequence[Measure],
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
    check_patterns(optimizer, settings.constraints or (), network.parameters())
    check_together(optimizer, settings)
    plan = _plan(source, network, settings)
    total = total_steps or _total_steps(settings, plan)
    recipe = recipe_of(network, source.objective, optimizer, settings, total)
    state = State(recipe.initial_state(settings.seed))
    until, measured = _until(settings, source, metrics)
    stopping, measured = _early_stopping(settings, source, measured)
    plateau, measured = _plateau(optimizer, source, measured)
    evaluator = Evaluator(recipe, state, source.head, measured, settings.executor)
    return Session(recipe, state, source.parts, settings, evaluator, plan, until, stopping, plateau)


def recipe_of(
    network: Module,
    objective: Objective,
    optimizer: optim.Optimizer,
    settings: Settings,
    total_steps: int | None,
) -> Recipe:
    """What is trained and by which rule, as the settings say."""
    constraints = (settings.constraints or {}).items()
    return Recipe(
        network,
        objective,
        optimizer,
        total_steps,
        clip_norm=settings.clip_norm,
        l1=settings.l1,
        l2=settings.l2,
        accumulate=settings.accumulate,
        clip_value=settings.clip_value,
        clip_each_norm=settings.clip_each_norm,
        constraints={pattern: optim.constraints.get(rule) for pattern, rule in constraints},
        ema=settings.ema,
        probes=Probes.of(settings.probes),
    )


def _plan(source: Source, network: Module, settings: Settings) -> Plan:
    """Which batch each step is given; none of one row where layers use a batch's statistics."""
    rows, least = source.parts.train, 2 if uses_batch_statistics(network) else 1
    if isinstance(rows, Passing):
        return FromOnce(rows, settings.batch_size, least)
    batches = Batches(len(rows), settings.batch_size, settings.seed, settings.shuffle, least)
    if isinstance(rows, Streamed):
        return FromStream(rows, batches)
    assert isinstance(rows, Rows)
    return FromRows(rows, batches)


def _total_steps(settings: Settings, plan: Plan) -> int | None:
    budget = settings.budget()
    whole = budget.epochs * plan.per_epoch if budget.epochs and plan.per_epoch < UNKNOWN else None
    spans = [budget.steps, whole]
    return min((s for s in spans if s), default=None)


def _until(
    settings: Settings, source: Source, metrics: Sequence[Measure]
) -> tuple[Until | None, list[Measure]]:
    """The level at which to stop, and the measures with those that it names."""
    if settings.until is None:
        return None, list(metrics)
    heads = heads_by_output(source.head)
    several = isinstance(source.head, Heads)
    until = Until.parse(
        settings.until,
        metrics={measure.metric.name: measure.metric for measure in metrics}.values(),
        task=None if several else heads[ONE].task,
        validation=source.parts.validation is not None,
        outputs={name: head.task for name, head in heads.items()} if several else None,
    )
    missing = [n for n in until.metrics() if n not in {m.name for m in metrics}]
    own = {m.metric.name: m.metric for m in metrics}
    return until, [*metrics, *(_measure(name, source, own) for name in missing)]


def _measure(name: str, source: Source, own: Mapping[str, Metric]) -> Measure:
    """The measure of a name such as `rmse`, or `age.rmse` where there are several outputs."""
    output, _, metric = name.rpartition(".")
    heads = heads_by_output(source.head)
    if output not in heads:
        if output:
            raise unknown("output of the network", output, list(heads))
        raise ConfigError(
            "a metric must name its output, where there are several",
            repr(name),
            f"Write for instance {next(iter(heads))}.{name}.",
        )
    (found,) = measures_of({output: [own.get(metric, metric)]}, source.head)
    return found


def _early_stopping(
    settings: Settings, source: Source, metrics: list[Measure]
) -> tuple[EarlyStopping | None, list[Measure]]:
    """The rule that waits for improvement, and the measures with the one that it watches."""
    if settings.patience is None:
        return None, metrics
    name, better, metrics = _watched(settings.monitor, source, metrics, "early stopping")
    return EarlyStopping(name, better, settings.patience, settings.min_delta), metrics


def _plateau(
    optimizer: optim.Optimizer, source: Source, metrics: list[Measure]
) -> tuple[Plateau | None, list[Measure]]:
    """The rule that lowers learning rates, if the schedule has one, and the measures likewise."""
    schedule = optim.schedules.get(optimizer.schedule).plateau()
    if not isinstance(schedule, optim.ReduceOnPlateau):
        return None, metrics
    name, better, metrics = _watched(schedule.monitor, source, metrics, "waiting for a plateau")
    return Plateau(schedule, name, better), metrics


def _watched(
    monitor: str, source: Source, metrics: list[Measure], what: str
) -> tuple[str, Better, list[Measure]]:
    """A value with its part, what is better, and the measures with it; a bare name is held out."""
    heads = heads_by_output(source.head)
    part, _, name = monitor.partition(".")
    if not name or part in heads:
        part = "train" if source.parts.validation is None else "validation"
        name = monitor
    if part not in ("train", "validation"):
        raise unknown("part of the data to monitor", part, ["train", "validation"])
    if part == "validation" and source.parts.validation is None:
        raise ConfigError(
            f"{what} on validation needs a validation part",
            f"monitor={monitor!r} without validation",
            "Pass validation=0.1, or monitor='train.loss'.",
        )
    losses = ["loss", *(f"{output}.loss" for output in heads if output)]
    better: Better = "lower"
    if name not in losses:
        known = {m.name: m for m in metrics}
        found = known.get(name) or _measure(name, source, {})
        if found.name not in known:
            metrics = [*metrics, found]
        name, better = found.name, found.better
    return f"{part}.{name}", better, metrics


def check_fits(session: Session) -> None:
    """Trace what will be run before anything is written, so that misfits show at once.

    Raises:
        ShapeError: Network, loss and data do not fit together.
        LabelError: A label beyond the network's outputs.
    """
    if isinstance(session.parts.train, Passing) and session.wants_training_metrics():
        raise ConfigError(
            "metrics of training rows need rows that can be looked at again",
            "an iterator",
            "Use the loss, or bring validation rows: validation=(X, y).",
        )
    for name in PARTS:
        part: Part | None = getattr(session.parts, name)
        if part is not None:
            _check_part(session, name, part)
    session.prepare()
    for name in PARTS:
        part = getattr(session.parts, name)
        if part is not None:
            session.evaluator.attempt(part)


def _check_part(session: Session, part_name: str, part: Part) -> None:
    few = part.some(session.settings.batch_size)
    feeds, ranges = few.feeds(np.arange(len(few))), part.label_ranges()
    step = session.recipe.evaluation_step(Batch.of_feeds(feeds))
    rows = len(next(iter(feeds.values())))
    for name, outputs in unlabelled("output", step.outputs).items():
        if not outputs.shape or outputs.shape[0] != rows:
            raise ShapeError(
                "a network gives one row of outputs a row of inputs",
                f"{rows} rows in, shape {outputs.shape} out",
                "Keep the first axis as the batch.",
            )
        task = session.recipe.objective.losses[name].task
        if task == "classification" and name in ranges:
            what = f"{name} of " if name else ""
            _check_labels(ranges[name], outputs.shape[-1], f"{what}the {part_name} rows")


def _check_labels(found: tuple[int, int], classes: int, where: str) -> None:
    low, high = found
    if low < -1 or high >= classes:
        raise LabelError(
            f"class labels must be from 0 to {classes - 1}: the network has {classes} outputs",
            f"labels from {low} to {high} in {where}",
            "Give the last layer one output a class.",
        )
