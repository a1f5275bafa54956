"""Training as one call: `fit`, and `resume` for a run that was stopped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pullback import losses, optim
from pullback.errors import ConfigError, FileFormatError, LabelError, ShapeError
from pullback.execute import State
from pullback.execute.native import build_info
from pullback.metrics import MetricLike, as_metrics, defaults
from pullback.nn import storage
from pullback.nn.description import describe, rebuild
from pullback.nn.head import Head
from pullback.nn.inference import dtype_of
from pullback.nn.module import Module
from pullback.train.batches import Batches
from pullback.train.callbacks import Callback
from pullback.train.evaluation import Evaluator
from pullback.train.loop import EpochRecord, Session
from pullback.train.model import Model, encoder_of, stored_encoder
from pullback.train.parts import Parts
from pullback.train.progress import Show, progress as shown
from pullback.train.recorder import Recorder
from pullback.train.rules import EarlyStopping, Until
from pullback.train.run import Run
from pullback.train.settings import Settings
from pullback.train.sources import Source, source_of
from pullback.train.step import Batch, Recipe
from pullback.runs.store import RunStore


def fit(
    network: Module,
    data: Any,
    *,
    validation: Any = None,
    loss: losses.Loss | str | None = None,
    optimizer: optim.Optimizer | str = "adam",
    batch_size: int = 32,
    epochs: int | None = None,
    steps: int | None = None,
    time: float | str | None = None,
    until: str | None = None,
    patience: int | None = None,
    monitor: str = "loss",
    min_delta: float = 0.0,
    restore_best: bool = True,
    metrics: Iterable[MetricLike] | None = None,
    class_weight: Any = None,
    clip_norm: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    accumulate: int = 1,
    shuffle: bool = True,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    save: str | os.PathLike[str] | None = None,
    name: str = "run",
    checkpoint_steps: int | None = None,
    progress: Show = "auto",
    executor: str = "numpy",
    record: Mapping[str, Any] | None = None,
) -> Run:
    """Train a network until it is good enough, or the budget is used up.

    Args:
        network: What to train. Parameters without a value are initialised; a network that has
            values goes on from them, and the run's notes say so.
        data: `(X, y)`, `(X, y, weights)`, or what `pb.data.prepare` gives.
        validation: A fraction of the rows to hold out, or `(X, y)`.
        loss: A loss or its name; by default cross-entropy for labels, squared error for numbers.
        optimizer: An optimizer or its name.
        batch_size: Rows a step; the last batch of an epoch may be smaller.
        epochs: Times through the data, at most; 100 where neither steps nor time is given.
        steps: Steps, at most.
        time: Seconds, at most, or text such as "5min".
        until: A level at which to stop: "accuracy >= 0.95", "validation.loss < 0.1 and epoch >= 5".
        patience: Epochs without improvement of `monitor` after which to stop.
        monitor: What has to improve: "loss" or a metric; a bare name means validation.
        min_delta: By how much it has to improve.
        restore_best: Put the weights of the best epoch back at the end (with `patience`).
        metrics: Names, metrics or functions to measure after every epoch.
        class_weight: "balanced", or a weight for each class.
        clip_norm: Largest global norm of the gradient.
        l1: Coefficient of the sum of absolute weights.
        l2: Coefficient of the sum of squared weights.
        accumulate: Into how many micro-batches each batch is cut, to save memory.
        shuffle: Whether every epoch has an order of its own.
        seed: Keys initial values, split, shuffling and dropout: the same seed, the same bits.
        callbacks: Objects that are told of every step and epoch; see `pb.Callback`.
        save: A folder of runs (such as "runs") in which to keep the run; None keeps nothing.
        name: What the run's folder is called, before its number.
        checkpoint_steps: Save after so many steps; every few seconds when None.
        progress: "bar", "plain", "none", or "auto": a bar on a terminal.
        executor: "numpy", or "reference" for the slow oracle.
        record: More to keep in the run's record, as plain data.

    Returns:
        The run: scores, history, why it stopped. Print it for a table.

    Raises:
        NonFiniteError: NaN or inf arose; the weights before that step are kept. The error has
            the run as `run`.
        DataError: Data that cannot be trained on.
        ConfigError: A setting that cannot be used.
        ShapeError: Network, data and loss do not fit together.

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
        >>> network = pb.nn.dense(2, [16], 2, activation="tanh")
        >>> run = pb.fit(network, (x, y), epochs=200, until="train.accuracy >= 0.95",
        ...              optimizer=pb.optim.Adam(learning_rate=1e-2))
        >>> bool(run.scores["train.accuracy"] >= 0.95)
        True
    """
    if not isinstance(network, Module):
        raise ConfigError(
            "the first argument of fit is a network", type(network).__name__, "Pass a pb.nn.Module."
        )
    source = source_of(
        data,
        dtype_of(network),
        validation=validation,
        loss=loss,
        class_weight=class_weight,
        seed=seed,
    )
    measured = _metrics(metrics, source.head)
    settings = Settings(
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        time=time,  # type: ignore[arg-type]  # Settings turns text into seconds
        until=until,
        patience=patience,
        monitor=monitor,
        min_delta=min_delta,
        restore_best=restore_best,
        clip_norm=clip_norm,
        l1=l1,
        l2=l2,
        accumulate=accumulate,
        shuffle=shuffle,
        seed=seed,
        metrics=tuple(m.name for m in measured),
        checkpoint_steps=checkpoint_steps,
        executor=executor,
    )
    notes = _prepared_network(network, seed)
    session = _session(network, source, optim.get(optimizer), settings, measured)
    notes += list(session.until.notes) if session.until else []
    _check_fits(session)
    store = None
    if save is not None:
        store = _new_store(Path(save), name, session, source, dict(record or {}))
    return _trained(session, source, store, callbacks, progress, notes)


def resume(
    path: str | os.PathLike[str],
    *,
    data: Any = None,
    step: int | None = None,
    custom: Iterable[Any] = (),
    metrics: Iterable[MetricLike] = (),
    callbacks: Sequence[Callback] = (),
    progress: Show = "auto",
    epochs: int | None = None,
    until: str | None = None,
) -> Run:
    """Go on with a run that was stopped, from its last checkpoint, to the same bits.

    Args:
        path: The run's folder.
        data: What was passed to `fit`; only for data too large to be kept in the run.
        step: From the checkpoint of this step instead; everything after it is deleted.
        custom: Layer and loss classes of one's own that the run was made with.
        metrics: The metrics of one's own that the run was made with.
        callbacks: As for `fit`; the run does not keep them.
        progress: As for `fit`.
        epochs: More epochs than the run was to have at first.
        until: Another level at which to stop.

    Raises:
        FileFormatError: The run is damaged; an earlier intact checkpoint is named.
        ConfigError: The run is finished, or another process trains it.
    """
    with RunStore.open(path, write=True) as store:
        checkpoint = store.load_checkpoint(step)
        found, config = store.record, store.record.get("training")
        if not isinstance(config, dict):
            raise FileFormatError(
                f"{path} must be the run of a training", "no settings in run.json", "Train again."
            )
        classes = [c for c in custom if isinstance(c, type) and issubclass(c, Module)]
        network = rebuild(config["network"], classes)
        for parameter_path, parameter in network.parameters().items():
            parameter.dtype = checkpoint.tensors[parameter_path].dtype
            parameter.assign(checkpoint.tensors[parameter_path])
        settings = Settings.from_config(config["settings"])
        settings = replace(
            settings, epochs=epochs or settings.epochs, until=until or settings.until
        )
        head = Head.from_config(config["head"])
        network.head = head
        measured = _resumed_metrics(settings, metrics, head)
        source = _resumed_source(store, config, head, data, dtype_of(network))
        rule = optim.get(config["optimizer"])
        session = _session(network, source, rule, settings, measured, config["total_steps"])
        session.state.restore(checkpoint.tensors)
        position = dict(checkpoint.state)
        session.epochs = [EpochRecord(**e) for e in position.pop("epochs", [])]
        session.restore(position)
        if position.get("best_step") is not None:
            best = store.load_best(up_to=checkpoint.step)
            session.best = None if best is None else (best.step, best.tensors)
        if session.budget.spent(session.epoch, session.step, session.elapsed):
            raise ConfigError(
                "a run that is resumed must have something left to do",
                session.budget.spent(session.epoch, session.step, session.elapsed),
                "Give it more: --epochs, or resume from an earlier step with --step.",
            )
        store.rewind(checkpoint)
        store.telemetry.append_event(checkpoint.step, "resumed", "")
        notes = [f"resumed after step {checkpoint.step:,}"]
        del found
        return _trained(session, source, store, callbacks, progress, notes)


def _metrics(metrics: Iterable[MetricLike] | None, head: Head) -> list[Any]:
    count = None if head.classes is None else len(head.classes)
    wanted = list(defaults(head.task, count).shown) if metrics is None else metrics
    return list(as_metrics(wanted, head.task))


def _resumed_metrics(settings: Settings, given: Iterable[MetricLike], head: Head) -> list[Any]:
    own = {m.name: m for m in as_metrics(given, head.task)}
    names = settings.metrics or ()
    return list(as_metrics([own.get(n, n) for n in names], head.task))


def _prepared_network(network: Module, seed: int) -> list[str]:
    if not network.parameters():
        raise ConfigError(
            "a network to train needs parameters", "none", "Add a layer such as pb.nn.Linear."
        )
    notes = []
    if network.is_initialised:
        notes = ["the network had values and went on from them"]
    network.initialise(seed)
    return notes


def _session(
    network: Module,
    source: Source,
    optimizer: optim.Optimizer,
    settings: Settings,
    metrics: Sequence[Any],
    total_steps: int | None = None,
) -> Session:
    rows = len(source.parts.train)
    batches = Batches(rows, settings.batch_size, settings.seed, settings.shuffle)
    budget = settings.budget()
    if total_steps is None:
        spans = [budget.steps, budget.epochs and budget.epochs * batches.per_epoch]
        total_steps = min((s for s in spans if s), default=None)
    recipe = Recipe(
        network,
        source.loss,
        optimizer,
        total_steps,
        settings.clip_norm,
        settings.l1,
        settings.l2,
        settings.accumulate,
    )
    network.head = source.head
    state = State(recipe.initial_state(settings.seed))
    has_validation = source.parts.validation is not None
    until = None
    if settings.until is not None:
        until = Until.parse(
            settings.until, metrics=metrics, task=source.head.task, validation=has_validation
        )
        missing = [n for n in until.metrics() if n not in {m.name for m in metrics}]
        metrics = [*metrics, *as_metrics(missing, source.head.task)]
    stopping = _early_stopping(settings, metrics, has_validation)
    evaluator = Evaluator(recipe, state, source.head, metrics, settings.executor)
    return Session(recipe, state, source.parts, settings, evaluator, batches, until, stopping)


def _early_stopping(
    settings: Settings, metrics: Sequence[Any], has_validation: bool
) -> EarlyStopping | None:
    if settings.patience is None:
        return None
    part, _, name = settings.monitor.rpartition(".")
    if not part:
        part = "validation" if has_validation else "train"
    if part == "validation" and not has_validation:
        raise ConfigError(
            "early stopping on validation needs a validation part",
            f"monitor={settings.monitor!r} without validation",
            "Pass validation=0.1, or monitor='train.loss'.",
        )
    better = {m.name: m.better for m in metrics}
    if name != "loss" and name not in better:
        from pullback.errors import unknown

        raise unknown("monitored value", name, ["loss", *better])
    return EarlyStopping(
        f"{part}.{name}", better.get(name, "lower"), settings.patience, settings.min_delta
    )


def _check_fits(session: Session) -> None:
    """Trace one evaluation before anything is written, so that misfits are told at once."""
    train = session.parts.train
    rows = session.batches.at(0)
    feeds = train.feeds(rows)
    step = session.recipe.evaluation_step(Batch.of(feeds["x"], feeds["y"], feeds.get("weights")))
    outputs = step.outputs["output"]
    if session.recipe.loss.task == "classification" and train.y.ndim == 1:
        for part in (train, session.parts.validation, session.parts.test):
            if part is not None and (part.y.min() < -1 or part.y.max() >= outputs.shape[-1]):
                raise LabelError(
                    f"class labels must be from 0 to {outputs.shape[-1] - 1}: "
                    f"the network has {outputs.shape[-1]} outputs",
                    f"labels from {part.y.min()} to {part.y.max()}",
                    "Give the last layer one output a class.",
                )
    if outputs.shape[0] != len(rows):
        raise ShapeError(
            "a network gives one row of outputs a row of inputs",
            f"{len(rows)} rows in, shape {outputs.shape} out",
            "Keep the first axis as the batch.",
        )


def _new_store(
    root: Path, name: str, session: Session, source: Source, extra: dict[str, Any]
) -> RunStore:
    record = {
        **extra,
        "task": source.head.task,
        "target": ", ".join(source.record.get("target", ())),
        "data": source.record,
        "build": build_info(),
        "training": {
            "network": describe(session.recipe.network),
            "head": source.head.to_config(),
            "loss": source.loss.to_config(),
            "optimizer": session.recipe.optimizer.to_config(),
            "settings": session.settings.to_config(),
            "total_steps": session.recipe.total_steps,
        },
    }
    return RunStore.create(
        root,
        name,
        record=record,
        tensors=session.state.snapshot(),
        state={**session.position(), "epochs": []},
        encoder=stored_encoder(source.encoder),
        arrays=source.parts.arrays(),
    )


def _resumed_source(
    store: RunStore, config: dict[str, Any], head: Head, data: Any, dtype: Any
) -> Source:
    arrays = store.load_data()
    loss = losses.get(config["loss"])
    encoder = encoder_of(store.load_encoder())
    if arrays is not None:
        return Source(Parts.of_arrays(arrays), head, loss, encoder, store.record.get("data", {}))
    if data is None:
        raise ConfigError(
            "the data of this run was too large to be kept in it",
            f"nothing, for {store.record.get('data', {}).get('path', 'arrays')}",
            "Pass it again: pb.resume(path, data=...).",
        )
    source = source_of(data, dtype, validation=None, loss=loss, class_weight=None, seed=0)
    return replace(source, head=head, loss=loss, encoder=encoder)


def _trained(
    session: Session,
    source: Source,
    store: RunStore | None,
    callbacks: Sequence[Callback],
    show: Show,
    notes: list[str],
) -> Run:
    """Run the loop, measure the final network, save it, and say what came out."""
    keeper = [] if store is None else [Recorder(store, session.settings.checkpoint_steps)]
    session.callbacks = [*callbacks, shown(show), *keeper]
    model = Model(session.recipe.network, source.encoder)
    try:
        session.run()
        scores = _scores(session)
        run = Run(
            model=model,
            reason=session.reason,
            ending=session.ending,
            steps=session.steps,
            epochs=session.epochs,
            scores=scores,
            elapsed=session.elapsed,
            step=session.step,
            best_step=None if session.best is None else session.best[0],
            path=None if store is None else store.path,
            notes=notes,
        )
        if store is not None:
            tensors, metadata = storage.contents(model.network)
            store.save_model(tensors, {**metadata, **model.extra()})
            store.finish(session.ending, session.reason, {"scores": run.to_json()["scores"]})
    finally:
        if store is not None:
            store.close()
    if session.ending == "failed":
        error = session.error()
        error.run = run  # type: ignore[attr-defined]  # for who catches it
        raise error
    return run


def _scores(session: Session) -> dict[str, float]:
    """The final network's loss and metrics on every part."""
    scores = {}
    for name in ("train", "validation", "test"):
        part = getattr(session.parts, name)
        if part is not None:
            found = session.evaluator.measure(part)
            scores |= {f"{name}.{metric}": value for metric, value in found.items()}
    return scores
