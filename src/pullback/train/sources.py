"""From what the user passes to `fit` to the parts that the loop takes, with every check."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback import losses
from pullback.data.encoder import Encoder
from pullback.data.prepared import Part, Prepared
from pullback.errors import ConfigError, DataError
from pullback.graph.dtypes import Array
from pullback.losses import Loss
from pullback.nn.head import TASKS, Head
from pullback.nn.inference import dtype_of, input_dtype
from pullback.nn.module import Module
from pullback.ops import philox
from pullback.train.evaluation import own_units
from pullback.train.given import arrays_of, cast, rows_of
from pullback.train.labels import as_known, coded_targets, form_of, of_numbers, with_class_weight
from pullback.train.parts import Parts, Rows


@dataclass(frozen=True)
class Source:
    """The data of a training, ready for the loop.

    Attributes:
        parts: Training, validation and test rows.
        head: What outputs mean.
        loss: The loss, with class weights filled in.
        encoder: From raw tables to rows; None for arrays.
        record: What the run's record says of the data: path, hash, target.
        held_out: Which fraction of the rows was held out for validation here.
    """

    parts: Parts
    head: Head
    loss: Loss
    encoder: Encoder | None
    record: dict[str, Any]
    held_out: float | None = None


def source_of(
    data: Any,
    network: Module,
    *,
    validation: Any,
    loss: Any,
    class_weight: Any,
    seed: int,
) -> Source:
    """The data of a training from what the user passed.

    Args:
        data: `(X, y)`, `(X, y, weights)`, or what `pb.data.prepare` gives.
        network: What is trained: it says in which dtypes it takes its rows.
        validation: A fraction of the rows, arrays as for `data`, or None.
        loss: A loss, its name, or None to choose by the targets.
        class_weight: "balanced", or one weight for each class.
        seed: Keys the split.

    Raises:
        DataError: Features or targets that cannot be trained on.
    """
    if isinstance(data, Prepared):
        if validation is not None:
            raise ConfigError(
                "rows that pb.data.prepare has split bring their own validation part",
                f"validation={str(validation)[:60]}",
                "Say it there: pb.data.prepare(..., validation=0.2).",
            )
        return _prepared(data, network, loss, class_weight)
    dtype = dtype_of(network)
    x, y, weights = arrays_of(data, "the data")
    chosen = losses.get(loss) if loss is not None else losses.get(_natural_loss(y))
    y, classes = coded_targets(y, chosen, dtype)
    form = form_of(chosen, y)
    head = Head(form, classes if TASKS[form] == "classification" else None)
    rows = rows_of(x, y, weights, network)
    held, fraction = None, None
    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        if validation != 0:  # none, as in pb.data.prepare
            fraction = float(validation)
            rows, held = _held_out(rows, fraction, head, seed)
    elif validation is not None:
        held = _validation(validation, x, classes, chosen, network)
    chosen = with_class_weight(chosen, class_weight, rows, classes)
    return Source(Parts(rows, held), head, chosen, None, {"kind": "arrays"}, fraction)


def _prepared(data: Prepared, network: Module, loss: Any, class_weight: Any) -> Source:
    """From `pb.data.prepare`: already split, encoded and checked."""
    classification, dtype = data.task == "classification", dtype_of(network)
    chosen = losses.get(loss or ("cross_entropy" if classification else "mse"))
    if of_numbers(chosen) == classification:
        raise ConfigError(
            f"the loss must be one for {data.task}",
            f"{chosen.name!r}",
            "Use cross_entropy for classes; mse, mae or huber for numbers.",
        )
    target, raw = data.encoder.target, chosen.raw_units

    def rows(part: Part) -> Rows | None:
        if not len(part):
            return None
        y = part.y if classification else part.y.astype(dtype)
        if raw:
            y = cast(own_units(target).units(part.y), dtype)
        if chosen.task == "binary":
            y = part.y.reshape(-1, 1).astype(dtype)
        weights = None if part.weight is None else part.weight.astype(dtype)
        x = part.x.astype(input_dtype(network, part.x), copy=False)
        return Rows(x, y, weights)

    train = rows(data.train)
    if train is None:
        raise DataError("there must be rows to train on", "none", "Use a larger table.")
    parts = Parts(train, rows(data.validation), rows(data.test))
    form = form_of(chosen, train.y)
    if classification or raw:
        head = Head(form, target.classes if classification else None)
    else:
        head = replace(own_units(target), form=form)
    chosen = with_class_weight(chosen, class_weight, train, head.classes)
    record = {"kind": "table", **data.summary()}
    return Source(parts, head, chosen, data.encoder, record)


def _validation(
    given: Any, x: Array, classes: tuple[Any, ...] | None, loss: Loss, network: Module
) -> Rows:
    """Validation rows that the user brought, in the codes of the training rows."""
    vx, vy, vw = arrays_of(given, "validation")
    if vx.shape[1:] != x.shape[1:]:
        raise DataError(
            f"validation rows must be of the training rows' shape, {x.shape[1:]}",
            f"rows of shape {vx.shape[1:]}",
            "Give both parts the same columns.",
        )
    return rows_of(vx, as_known(vy, classes, loss, dtype_of(network)), vw, network)


def _natural_loss(y: Array) -> str:
    return "mse" if y.dtype.kind == "f" else "cross_entropy"


def _held_out(rows: Rows, fraction: float, head: Head, seed: int) -> tuple[Rows, Rows]:
    """A random part for validation, with each class's share where there are classes."""
    if not 0 < fraction < 1:
        raise ConfigError(
            "the validation fraction must lie between 0 and 1",
            str(fraction),
            "Use 0.1 or 0.2, or None for no validation.",
        )
    order = philox.permutation(seed, philox.stream("split"), 0, len(rows))
    codes = np.zeros(len(rows), np.int64)
    if head.task == "classification" and rows.y.ndim == 1 and rows.y.dtype.kind in "iu":
        codes = rows.y
    held = np.zeros(len(rows), bool)
    for code in np.unique(codes):
        members = order[codes[order] == code]
        held[members[: round(fraction * len(members))]] = True
    if held.all() or not held.any():
        raise ConfigError(
            "both the training and the validation part need rows",
            f"validation={fraction} of {len(rows)} rows",
            "Choose another fraction, or pass validation=(X, y).",
        )
    return rows.take(np.flatnonzero(~held)), rows.take(np.flatnonzero(held))
