"""Training as one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pullback import losses, optim
from pullback.errors import ConfigError
from pullback.execute import default_executor
from pullback.nn.module import Module
from pullback.train.alone import alone
from pullback.train.build import check_fits, prepared_network, session_of
from pullback.train.callbacks import Callback, as_callbacks
from pullback.train.conclude import new_store, trained
from pullback.train.measures import Wanted, measures_of
from pullback.train.once import Passing
from pullback.train.progress import Show
from pullback.train.progress import progress as shown
from pullback.train.run import Run
from pullback.train.settings import Settings
from pullback.train.sources import source_of

BATCH_SIZE = 32
ONCE = "the data come once: one epoch, in their order, and no resume"


def fit(
    network: Module,
    data: Any,
    *,
    validation: Any = None,
    loss: losses.Loss | str | Mapping[str, losses.Loss | str] | None = None,
    loss_weights: Mapping[str, float] | None = None,
    optimizer: optim.Optimizer | str = "adam",
    batch_size: int | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    time: float | str | None = None,
    until: str | None = None,
    patience: int | None = None,
    monitor: str = "loss",
    min_delta: float = 0.0,
    restore_best: bool = True,
    metrics: Wanted = None,
    class_weight: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    clip_each_norm: float | None = None,
    constraints: Mapping[str, Any] | None = None,
    ema: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    accumulate: int = 1,
    shuffle: bool = True,
    seed: int = 0,
    callbacks: Callback | Sequence[Callback] = (),
    save: str | os.PathLike[str] | None = None,
    name: str = "run",
    checkpoint_steps: int | None = None,
    progress: Show | bool = "auto",
    executor: str | None = None,
    probes: Any = None,
    record: Mapping[str, Any] | None = None,
) -> Run:
    """Train a network until it is good enough, or the budget is used up.

    Args:
        network: What to train. Parameters without a value are initialised; a network that has
            values goes on from them, and the run's notes say so.
        data: `(X, y)`, `(X, y, weights)`, or what `pb.data.prepare` gives. X is an array, or a
            dict of arrays by the names of forward's arguments, or a tuple of them in its order; y
            an array, or a dict or tuple like what forward returns. Or a `pb.data.Stream`, or any
            iterable of such pairs that can be iterated anew.
        validation: A fraction of the rows to hold out, or `(X, y)`, as for `data`.
        loss: A loss or its name; by default cross-entropy for labels, squared error for numbers.
            Of several outputs one for all, or a dict by output.
        loss_weights: How much the loss of each output counts; 1 where none is given.
        optimizer: An optimizer or its name.
        batch_size: Rows a step; the last batch of an epoch may be smaller. 32 when None, or all
            rows where there are fewer.
        epochs: Times through the data, at most; 100 where neither steps nor time is given.
        steps: Steps, at most.
        time: Seconds, at most, or text such as "5min".
        until: A level at which to stop: "accuracy >= 0.95", "validation.loss < 0.1 and epoch >= 5".
        patience: Epochs without improvement of `monitor` after which to stop.
        monitor: What has to improve: "loss" or a metric; a bare name means validation.
        min_delta: By how much it has to improve.
        restore_best: Put the weights of the best epoch back at the end (with `patience`).
        metrics: Names, metrics or functions to measure after every epoch. Of several outputs
            each gets those of its task, unless a name says which (`age.rmse`), or a dict does.
        class_weight: "balanced", or a weight for each class; of several outputs, by output.
        clip_norm: Largest norm of all gradients together: they are shrunk alike.
        clip_value: Largest size of an element of the gradient.
        clip_each_norm: Largest norm of each parameter's gradient.
        constraints: What parameters must fulfil after every update, by patterns of their paths:
            `{"*.weight": pb.optim.MaxNorm(3)}`, or names such as "non_negative".
        ema: How much of a running average of the weights is kept at each step, such as 0.999.
            Evaluation and the network in the end use the average; running statistics, as of
            BatchNorm, stay those of the weights that are trained.
        l1: Coefficient of the sum of absolute weights.
        l2: Coefficient of the sum of squared weights.
        accumulate: Into how many micro-batches each batch is cut, to save memory.
        shuffle: Whether every epoch has an order of its own.
        seed: Keys initial values, split, shuffling and dropout: the same seed, the same bits.
        callbacks: Objects that are told of every step and epoch; see `pb.Callback`.
        save: A folder of runs (such as "runs") in which to keep the run; None keeps nothing.
        name: What the run's folder is called, before its number.
        checkpoint_steps: Save after so many steps; every few seconds when None.
        progress: "bar", "plain", "none", or "auto": a bar on a terminal; False shows nothing.
        executor: "native", "numpy", or "reference" for the slow oracle; None takes the default.
        probes: What is looked at on the way, which changes no bit: patterns of places, such as
            "*.gradient", which are looked at in every step; `pb.Probes(...)`, which says in which;
            None for all places, seldom; False for nothing. See `run.probes`.
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
    callbacks = as_callbacks(callbacks)
    _check_own(save, name, record)
    shower = shown(progress)
    with shower.doing("preparing the rows"):
        source = source_of(
            data,
            network,
            validation=validation,
            loss=loss,
            class_weight=class_weight,
            seed=seed,
            loss_weights=loss_weights,
        )
    measured = measures_of(metrics, source.head)
    once = isinstance(source.parts.train, Passing)
    if once and epochs not in (None, 1):
        raise ConfigError(
            "data that come once make one epoch",
            f"epochs={epochs!r}",
            "Pass the function that makes the iterator: pb.data.Stream(make).",
        )
    settings = Settings(
        batch_size=_batch_size(batch_size, len(source.parts.train)),
        epochs=1 if once else epochs,
        steps=steps,
        time=time,  # type: ignore[arg-type]  # Settings turns text into seconds
        until=until,
        patience=patience,
        monitor=monitor,
        min_delta=min_delta,
        restore_best=restore_best,
        clip_norm=clip_norm,
        clip_value=clip_value,
        clip_each_norm=clip_each_norm,
        constraints=constraints,  # type: ignore[arg-type]  # Settings makes plain data of them
        ema=ema,
        l1=l1,
        l2=l2,
        accumulate=accumulate,
        shuffle=shuffle,
        seed=seed,
        metrics=tuple(m.name for m in measured),
        checkpoint_steps=checkpoint_steps,
        executor=executor or default_executor(),
        probes=probes,  # Settings makes plain data of it
    )
    notes = [ONCE] if once else []
    with alone(network):
        with shower.doing("preparing the network"):
            notes += prepared_network(network, seed, source.parts.train)
            session = session_of(network, source, optim.get(optimizer), settings, measured)
        notes += list(session.until.notes) if session.until else []
        if patience is None and (monitor != "loss" or min_delta):
            notes.append("monitor and min_delta do nothing without patience")
        with shower.doing("planning the step"):
            check_fits(session)
        store = None
        if save is not None:
            with shower.doing("writing the run's folder"):
                store = new_store(Path(save), name, session, source, dict(record or {}))
        return trained(session, source, store, callbacks, shower, notes)


def _check_own(save: Any, name: Any, record: Any) -> None:
    """Check what is the user's own, before any work is done."""
    if save is not None and not (isinstance(save, (str, os.PathLike)) and str(save)):
        raise ConfigError(
            "save must be the path of a folder", repr(save), "Pass save='runs', or None."
        )
    if not isinstance(name, str):
        raise ConfigError("name must be text", repr(name), "Pass name='run'.")
    if record is not None and not isinstance(record, Mapping):
        raise ConfigError("record must be a mapping", type(record).__name__, "Pass a dict.")


def _batch_size(wanted: int | None, rows: int) -> int:
    return min(BATCH_SIZE, rows) if wanted is None else wanted
