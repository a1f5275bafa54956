"""Going on with a run that was stopped, to the same bits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pullback import named, optim
from pullback.errors import (
    ConfigError,
    DataError,
    FileFormatError,
    PullbackError,
    UnknownNameError,
)
from pullback.graph.dtypes import Array
from pullback.large import opened
from pullback.metrics import MetricLike, as_metric
from pullback.nn.description import rebuild
from pullback.nn.head import Head, Heads, head_from_config, heads_by_output
from pullback.nn.module import Module
from pullback.nn.several import ONE, unlabelled
from pullback.runs.checkpoint import Checkpoint
from pullback.runs.store import RunStore
from pullback.train.alone import alone
from pullback.train.build import session_of
from pullback.train.callbacks import Callback, as_callbacks
from pullback.train.conclude import trained
from pullback.train.history import EpochRecord
from pullback.train.loop import Session
from pullback.train.measures import Measure, measures_of
from pullback.train.model import encoder_of
from pullback.train.objective import Objective
from pullback.train.parts import Parts
from pullback.train.progress import Show
from pullback.train.progress import progress as shown
from pullback.train.run import Run
from pullback.train.settings import Settings
from pullback.train.sources import Source, source_of


def resume(
    path: str | os.PathLike[str],
    *,
    data: Any = None,
    validation: Any = None,
    step: int | None = None,
    custom: Iterable[Any] = (),
    metrics: Iterable[MetricLike] = (),
    callbacks: Callback | Sequence[Callback] = (),
    progress: Show | bool = "auto",
    epochs: int | None = None,
    steps: int | None = None,
    time: float | str | None = None,
    until: str | None = None,
    patience: int | None = None,
) -> Run:
    """Go on with a run that was stopped, from its last checkpoint, to the same bits.

    Args:
        path: The run's folder.
        data: What was passed to `fit`; only for data too large to be kept in the run.
        validation: The rows for validation, likewise, if arrays were passed for them.
        step: From the checkpoint of this step instead; everything after it is deleted.
        custom: Layer, loss and optimizer classes of one's own that the run was made with.
        metrics: The metrics of one's own that the run was made with.
        callbacks: As for `fit`; the run does not keep them.
        progress: As for `fit`.
        epochs: More epochs than the run was to have at first, those before counted; schedules
            of the learning rate then span the new length, and the run's notes say so.
        steps: More steps, likewise.
        time: More seconds, likewise.
        until: Another level at which to stop.
        patience: More epochs to wait for an improvement.

    Raises:
        FileFormatError: The run is damaged; an earlier intact checkpoint is named.
        ConfigError: The run is finished, or another process trains it.
    """
    callbacks = as_callbacks(callbacks)
    shower = shown(progress)
    wanted = {"epochs": epochs, "steps": steps, "time": time, "until": until, "patience": patience}
    changed = {name: value for name, value in wanted.items() if value is not None}
    with RunStore.open(path, write=True) as store:
        checkpoint = store.load_checkpoint(step)
        with shower.doing("preparing the rows and the network"), as_fit_wrote_it(store.path):
            session, source = resumed_session(
                store, checkpoint, (data, validation), list(custom), metrics, changed
            )
        over = session.why_over()
        if over and store.status.state == "finished":
            raise ConfigError(
                "a run that is resumed must have something left to do",
                over,
                f"Give it more to do: {_more(session)}, or an earlier step=...",
            )
        store.rewind(checkpoint)
        store.telemetry.append_event(checkpoint.step, "resumed", "")
        notes = [f"resumed after step {checkpoint.step:,}", *_spans(session, store)]
        with alone(session.network):
            return trained(session, source, store, callbacks, shower, notes)


def resumed_session(
    store: RunStore,
    checkpoint: Checkpoint,
    given: tuple[Any, Any],
    custom: Sequence[Any],
    metrics: Iterable[MetricLike],
    changed: Mapping[str, Any],
) -> tuple[Session, Source]:
    """The session as it was at a checkpoint, and its data."""
    config = store.record.get("training")
    if not isinstance(config, dict):
        raise FileFormatError(
            f"{store.path} must be the run of a training", "no settings in run.json", "Train again."
        )
    position = dict(checkpoint.state)
    first = Settings.from_config(config["settings"])
    settings = Settings.from_config(
        {**config["settings"], **position.get("changed", {}), **changed}
    )
    same = (settings.epochs, settings.steps) == (first.epochs, first.steps)
    total = config["total_steps"] if same else None  # of another length: found anew
    network = _resumed_network(config, checkpoint.tensors, custom)
    head = head_from_config(config["head"])
    measured = _resumed_metrics(settings, metrics, head)
    source = _resumed_source(store, config, head, given, network, custom)
    rule = named.get(optim.Optimizer, config["optimizer"], custom)
    session = session_of(network, source, rule, settings, measured, total)
    session.state.restore(checkpoint.tensors)
    session.epochs = [EpochRecord(**e) for e in position.pop("epochs", [])]
    session.restore(position)
    _restore_best(session, store, position.get("best_step"))
    return session, source


def _more(session: Session) -> str:
    """Which settings would let a finished run go on, by the rules that ended it."""
    budget, stopping, until = session.budget, session.stopping, session.until
    spent = {
        "epochs=...": budget.epochs is not None and session.epoch >= budget.epochs,
        "steps=...": budget.steps is not None and session.step >= budget.steps,
        "time=...": budget.time is not None and session.elapsed >= budget.time,
        "patience=...": stopping is not None and stopping.waited() >= stopping.patience,
        "another until=...": until is not None
        and set(until.keys()) <= set(session.values)
        and until.reached(session.values),
    }
    return " and ".join(name for name, over in spent.items() if over)


def _spans(session: Session, store: RunStore) -> list[str]:
    """A note where the schedule of the learning rate has got another length."""
    before, now = store.record["training"]["total_steps"], session.recipe.total_steps
    schedule = session.recipe.optimizer.schedule
    if before == now or isinstance(schedule, optim.Constant):
        return []
    return [f"the schedule of the learning rate spans {now or 0:,} steps, at first {before or 0:,}"]


@contextlib.contextmanager
def as_fit_wrote_it(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside on a record that was changed by hand into our own error."""
    try:
        yield
    except PullbackError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"the record of {path} must be as it was written",
            f"{type(error).__name__}: {error}",
            "Resume from an earlier checkpoint, or train again.",
        ) from error


def _resumed_network(
    config: dict[str, Any], tensors: Mapping[str, Array], custom: Sequence[Any]
) -> Module:
    classes = [c for c in custom if isinstance(c, type) and issubclass(c, Module)]
    network = rebuild(config["network"], classes)
    frozen = config.get("frozen", ())
    for path, value in network.state().items():
        if path not in tensors:
            raise FileFormatError(
                "a checkpoint must hold every parameter and buffer of the network",
                f"none for {path}",
                "Pass custom classes as they were when the run was made.",
            )
        value.dtype = tensors[path].dtype
        value.assign(tensors[path])
        value.frozen = path in frozen
    return network


def _restore_best(session: Session, store: RunStore, step: int | None) -> None:
    """Give the session the best weights that it knew of at its checkpoint.

    They may be newer: those of the checkpoint's own epoch, which is then measured once more.
    """
    if step is None:
        return
    best = store.load_best(up_to=session.step)
    if best is None or best.step < step:
        raise FileFormatError(
            f"the best weights, those of step {step}, must be in the run's folder",
            "none" if best is None else f"those of step {best.step}",
            "Resume from an earlier checkpoint, with step=...",
        )
    session.best = best.step, best.tensors


def _resumed_metrics(
    settings: Settings, given: Iterable[MetricLike], head: Head | Heads
) -> list[Measure]:
    own = {metric.name: metric for metric in map(as_metric, given)}
    wanted: dict[str, list[MetricLike]] = {name: [] for name in heads_by_output(head)}
    for label in settings.metrics or ():
        output, _, name = label.rpartition(".")
        wanted[output].append(own.get(name, name))
    try:
        return measures_of(wanted, head)
    except UnknownNameError as error:
        error.do = "Pass metrics of your own again: pb.resume(path, metrics=[...])."
        raise


def _opened(files: Mapping[str, Any]) -> dict[str, Array]:
    return {label: opened(place) for label, place in files.items()}


def _given_again(arrays: Mapping[str, Array]) -> tuple[Any, Any]:
    """Data and validation as `fit` takes them, from arrays by label."""

    def data(labelled: Mapping[str, Array]) -> Any:
        x, y = (unlabelled(kind, labelled) for kind in ("x", "y"))
        return x.get(ONE, x), y.get(ONE, y), labelled.get("weights")

    held = unlabelled("validation", arrays)
    return data(arrays), data(held) if held else None


def _resumed_source(
    store: RunStore,
    config: dict[str, Any],
    head: Head | Heads,
    given: tuple[Any, Any],
    network: Module,
    custom: Sequence[Any],
) -> Source:
    """The data as the run had them: from its folder, or passed again and compared."""
    arrays = store.load_data()
    objective = Objective.from_config(config["loss"], custom)
    encoder = encoder_of(store.load_encoder())
    record = store.record.get("data", {})
    if record.get("kind") == "once":
        raise ConfigError(
            "a training on an iterator cannot be gone on with: its rows are gone",
            "a run of one",
            "Fit the network further: pb.fit(pb.load(path).network, data), on data that come anew.",
        )
    files = record.get("files", {})
    if arrays is not None and not files:
        return Source(Parts.of_arrays(arrays), head, objective, encoder, record)
    data, validation = given
    if data is None and files and (arrays is not None or not record["kept"]):
        data, validation = _given_again({**(arrays or {}), **_opened(files)})
    if data is None:
        raise ConfigError(
            "the data of this run was too large to be kept in it",
            f"nothing, for {record.get('path', 'arrays')}",
            "Pass it again: pb.resume(path, data=...).",
        )
    fraction = config.get("held_out")
    source = source_of(
        data,
        network,
        validation=validation if fraction is None else fraction,
        loss=dict(objective.losses) if objective.only is None else objective.only,
        loss_weights=objective.weights or None,
        class_weight=None,
        seed=config["settings"]["seed"],
    )
    if source.parts.fingerprint() != config["rows"]:
        raise DataError(
            "a run goes on with the data that it was started with",
            "other rows, columns, numbers or parts",
            "Pass what was passed to fit, data and validation alike.",
        )
    return replace(source, head=head, objective=objective, encoder=encoder)
