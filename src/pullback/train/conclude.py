"""A training run to its end: its folder, the loop, the final scores, what is handed back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pullback.errors import PullbackError
from pullback.execute.native import build_info
from pullback.graph.dtypes import Array
from pullback.large import Lazy, place_of
from pullback.metrics import ClassReport
from pullback.nn import storage
from pullback.nn.description import rebuildable
from pullback.runs.store import RunStore
from pullback.train.callbacks import Callback
from pullback.train.interrupt import Interrupt, Interrupted
from pullback.train.loop import Session
from pullback.train.model import Model, stored_encoder
from pullback.train.once import Passing
from pullback.train.parts import PARTS, Part, Rows
from pullback.train.progress import Shower
from pullback.train.recorder import Recorder
from pullback.train.run import Run
from pullback.train.sources import Source

MOST_TRAINING = 10_000
"""So many training rows speak for all of them in the final scores."""


def new_store(
    root: Path, name: str, session: Session, source: Source, extra: dict[str, Any]
) -> RunStore:
    """A new folder for this run, with all that a resume needs and checkpoint 0."""
    arrays, files = _kept(source)
    record = {
        **extra,
        "task": source.head.task,
        "target": ", ".join(source.record.get("target", ())),
        "data": {**source.record, **files},
        "build": build_info(),
        "training": {
            "network": rebuildable(session.recipe.network),
            "frozen": storage.frozen(session.recipe.network),
            "head": source.head.to_config(),
            "loss": source.objective.to_config(),
            "optimizer": session.recipe.optimizer.to_config(),
            "settings": session.settings.to_config(),
            "total_steps": session.recipe.total_steps,
            "rows": source.parts.fingerprint(),
            "held_out": source.held_out,
        },
    }
    return RunStore.create(
        root,
        name,
        record=record,
        tensors=session.state.snapshot(),
        state={**session.position(), "epochs": []},
        encoder=stored_encoder(source.encoder),
        arrays=arrays,
    )


def _kept(source: Source) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays that the run copies if they are small, and where those on the disk lie."""
    if source.record["kind"] in ("stream", "once"):  # passed again, with the validation rows
        return {}, {}
    parts = source.parts.arrays()
    small = {label: array for label, array in parts.items() if not isinstance(array, Lazy)}
    if len(small) == len(parts):
        return small, {}
    kept, files = {}, {}
    for label, array in source.given.items():
        if not isinstance(array, Lazy):
            kept[label] = array
            continue
        place = place_of(array.source)
        if place is None:
            return {}, {}
        files[label] = place
    return kept, {"files": files, "kept": list(kept)}


def trained(
    session: Session,
    source: Source,
    store: RunStore | None,
    callbacks: Sequence[Callback],
    shower: Shower,
    notes: list[str],
) -> Run:
    """Run the loop, measure the final network, save it, and say what came out.

    Raises:
        NonFiniteError: NaN or inf arose; the run, which is saved too, is the error's `run`.
    """
    session.recipe.network._head = source.head  # only now: a fit that is refused changes nothing
    keeper = [] if store is None else [Recorder(store, session.settings.checkpoint_steps)]
    session.callbacks = [*callbacks, shower, *keeper]
    try:
        session.run()
        run = _run_of(session, source, None if store is None else store.path, notes)
        if store is not None:
            tensors, metadata = storage.contents(run.network)
            store.save_model(tensors, {**metadata, **run.model.extra()})
            store.finish(session.ending, session.reason, run.summary())
    except BaseException as error:  # also a second Ctrl-C: whatever it was, the run says so
        if store is not None:
            with contextlib.suppress(PullbackError):  # the disk may be what failed
                store.finish("interrupted", f"stopped by {type(error).__name__}: {error}")
        raise
    finally:
        shower.on_stop(session)  # also after an error, so that the terminal is left in order
        if store is not None:
            store.close()
    if session.ending == "failed":
        failure = session.error()
        failure.run = run  # type: ignore[attr-defined]  # for who catches it
        raise failure
    return run


def _run_of(session: Session, source: Source, path: Path | None, notes: list[str]) -> Run:
    scores, classes = _scored(session, notes)
    return Run(
        model=Model(session.recipe.network, source.encoder),
        reason=session.reason,
        ending=session.ending,
        steps=session.steps,
        epochs=session.epochs,
        scores=scores,
        elapsed=session.elapsed,
        step=session.step,
        best_step=session.best[0] if session.put_back and session.best else None,
        path=path,
        notes=notes,
        classes=classes,
        looks=session.looks,
        origin=session.origin,
    )


def _scored(session: Session, notes: list[str]) -> tuple[dict[str, float], dict[str, ClassReport]]:
    """The final network's loss and metrics on every part, and how each class fares.

    After Ctrl-C nobody waits for another look at all rows: those of the last epoch are given.
    """
    if session.ending == "interrupted":
        return {key: value for key, value in session.values.items() if "." in key}, {}
    scores: dict[str, float] = {}
    classes: dict[str, ClassReport] = {}
    parts = {name: part for name in PARTS if (part := getattr(session.parts, name)) is not None}
    with Interrupt() as interrupt:
        for name, part in parts.items():
            if isinstance(part, Passing):  # gone: the mean over its steps is what there is
                scores |= {k: v for k, v in session.values.items() if k == "train.loss"}
                continue
            try:
                with interrupt.at_once():
                    found, reports = _measured(session, name, part, notes)
            except Interrupted:
                notes.append(f"{interrupt.reason} came before the {name} rows were scored")
                break
            scores |= {f"{name}.{metric}": value for metric, value in found.items()}
            if name != "train" or len(parts) == 1:  # of the rows held out, if there are any
                classes |= {f"{name}.{output}" if output else name: r for output, r in reports}
    return scores, classes


def _measured(
    session: Session, name: str, part: Part, notes: list[str]
) -> tuple[dict[str, float], list[tuple[str, ClassReport]]]:
    """The metrics of one part, and how each class fares in it, by output."""
    seen = _seen(session, name, part)
    if len(seen) < len(part):
        some = f"{len(seen):,} of {len(part):,}"
        notes.append(f"scores of the {name} rows are of {some}, evenly spread")
    found, reports = session.evaluator.measure_with_classes(seen, session.watched(name))
    return found, list(reports.items())


def _seen(session: Session, name: str, part: Part) -> Part:
    """The rows that the final scores are of; of many training rows, some."""
    if name == "train" and isinstance(part, Rows) and len(part) > MOST_TRAINING:
        part = part.some(MOST_TRAINING)
    return session.evaluator.seen(part)
