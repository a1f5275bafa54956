"""From what the user passes to `fit` to the parts that the loop takes, with every check."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pullback import losses
from pullback.data.encoder import Encoder
from pullback.data.prepared import Part, Prepared
from pullback.data.stream import Stream, is_stream
from pullback.errors import ConfigError, DataError, unknown
from pullback.graph.dtypes import Array
from pullback.large import Lazy
from pullback.losses import Loss
from pullback.nn.head import TASKS, Form, Head, Heads
from pullback.nn.inference import dtype_of, input_dtype
from pullback.nn.module import Module
from pullback.nn.several import ONE
from pullback.ops import philox
from pullback.train.given import Given, arrays_of, cast, rows_of
from pullback.train.known import own_units
from pullback.train.labels import as_known, coded_targets, form_of, of_numbers, with_class_weight
from pullback.train.objective import Objective
from pullback.train.parts import Parts, Rows

USUAL = {
    "classification": "cross_entropy",
    "multilabel": "binary_cross_entropy_with_logits",
    "regression": "mse",
}


@dataclass(frozen=True)
class Source:
    """The data of a training, ready for the loop.

    Attributes:
        parts: Training, validation and test rows.
        head: What outputs mean.
        objective: The loss of each output, with class weights filled in.
        encoder: From raw tables to rows; None for arrays.
        record: What the run's record says of the data: path, hash, target.
        held_out: Which fraction of the rows was held out for validation here.
        given: The arrays by label before rows were held out; those brought for validation as
            `validation.x` and the like.
    """

    parts: Parts
    head: Head | Heads
    objective: Objective
    encoder: Encoder | None
    record: dict[str, Any]
    held_out: float | None = None
    given: Mapping[str, Array | Lazy] = field(default_factory=dict)


def source_of(
    data: Any,
    network: Module,
    *,
    validation: Any,
    loss: Any,
    class_weight: Any,
    seed: int,
    loss_weights: Mapping[str, float] | None = None,
) -> Source:
    """The data of a training from what the user passed.

    Args:
        data: `(X, y)`, `(X, y, weights)`, or what `pb.data.prepare` gives; X and y may be dicts
            or tuples of arrays. Or a `pb.data.Stream` of such pairs.
        network: What is trained: it says in which dtypes it takes its rows.
        validation: A fraction of the rows, arrays as for `data`, or None.
        loss: A loss, its name, or None to choose by the targets; a dict of them by output.
        class_weight: "balanced", or one weight for each class; a dict of them by output.
        seed: Keys the split.
        loss_weights: How much each output's loss counts.

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
    if is_stream(data):
        from pullback.train.once import once_source  # both are made of what stands here
        from pullback.train.streaming import streamed_source

        stream = data if isinstance(data, Stream) else Stream(data)
        return (once_source if stream.once else streamed_source)(
            stream,
            network,
            validation=validation,
            loss=loss,
            class_weight=class_weight,
            loss_weights=loss_weights,
        )
    dtype = dtype_of(network)
    given = arrays_of(data, "the data", network)
    chosen = losses_of(loss, given.y)
    coded = {name: coded_targets(y, chosen[name], dtype) for name, y in given.y.items()}
    heads = {
        name: head_of(form_of(chosen[name], y), classes) for name, (y, classes) in coded.items()
    }
    rows = rows_of(given, {name: y for name, (y, _) in coded.items()}, network)
    held, fraction, brought = None, None, dict(rows.arrays)
    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        if validation != 0:  # none, as in pb.data.prepare
            fraction = float(validation)
            rows, held = _held_out(rows, fraction, heads, seed)
    elif validation is not None:
        held = brought_validation(validation, given, heads, chosen, network)
        brought |= {f"validation.{label}": array for label, array in held.arrays.items()}
    weighted = class_weighted(chosen, class_weight, rows, heads)
    objective = Objective(weighted, weights_of_losses(loss_weights, chosen))
    head = heads[ONE] if ONE in heads else Heads(heads)
    record = {"kind": "arrays"}
    return Source(Parts(rows, held), head, objective, None, record, fraction, brought)


def head_of(form: Form, classes: tuple[Any, ...] | None) -> Head:
    """What an output means, with the classes' labels where it has classes."""
    return Head(form, classes if TASKS[form] == "classification" else None)


def losses_of(wanted: Any, y: Mapping[str, Array]) -> dict[str, Loss]:
    """The loss of each output: as asked for, or the usual one for its targets.

    Raises:
        UnknownNameError: No such loss or output; the nearest is named.
    """
    if isinstance(wanted, Mapping) and ONE not in y and "name" not in wanted:
        for name in wanted:
            if name not in y:
                raise unknown("output of the network", name, list(y))
        each = {name: wanted.get(name) for name in y}
    else:
        each = dict.fromkeys(y, wanted)
    return {
        name: losses.get(_natural_loss(y[name]) if loss is None else loss)
        for name, loss in each.items()
    }


def weights_of_losses(
    wanted: Mapping[str, float] | None, chosen: Mapping[str, Loss]
) -> dict[str, float]:
    """How much each output's loss counts, checked."""
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping) or ONE in chosen:
        raise ConfigError(
            "loss_weights are a number for each of several outputs",
            repr(wanted)[:80] + (", with one output" if ONE in chosen else ""),
            "Pass for instance loss_weights={'age': 0.5}, with y as a dict of targets.",
        )
    for name, weight in wanted.items():
        if name not in chosen:
            raise unknown("output of the network", name, list(chosen))
        number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight < 0:
            raise ConfigError(
                "the weight of a loss must be 0 or more, and finite",
                f"{weight!r} for {name}",
                "Use 1 to count it as it is.",
            )
    return {name: float(weight) for name, weight in wanted.items()}


def class_weighted(
    chosen: Mapping[str, Loss], wanted: Any, rows: Rows, heads: Mapping[str, Head]
) -> dict[str, Loss]:
    """The losses with their weights of classes."""
    if wanted is None:
        return dict(chosen)
    each = {ONE: wanted}
    if ONE not in chosen:
        if not isinstance(wanted, Mapping):
            wanted = {n: wanted for n, head in heads.items() if head.task == "classification"}
        for name in wanted:
            if name not in chosen:
                raise unknown("output of the network", name, list(chosen))
        each = dict(wanted)
    return {
        name: with_class_weight(loss, each.get(name), rows.targets[name], heads[name].classes)
        for name, loss in chosen.items()
    }


def _prepared(data: Prepared, network: Module, loss: Any, class_weight: Any) -> Source:
    """From `pb.data.prepare`: already split, encoded and checked."""
    classification, dtype = data.task == "classification", dtype_of(network)
    chosen = losses.get(loss or USUAL[data.task])
    labels = data.task == "multilabel"
    if of_numbers(chosen) != (data.task == "regression") or (labels and chosen.task != "binary"):
        raise ConfigError(
            f"the loss must be one for {data.task}",
            f"{chosen.name!r}",
            "Use cross_entropy for classes, binary_cross_entropy_with_logits for labels; mse, mae "
            "or huber for numbers.",
        )
    target, raw = data.encoder.target, chosen.raw_units

    def rows(part: Part) -> Rows | None:
        if not len(part):
            return None
        y = part.y if classification else part.y.astype(dtype)
        if raw:
            y = cast(own_units(target).units(part.y), dtype)
        if chosen.task == "binary" and classification:
            y = part.y.reshape(-1, 1).astype(dtype)
        weights = None if part.weight is None else part.weight.astype(dtype)
        x = part.x.astype(input_dtype(network, part.x), copy=False)
        return Rows.of(x, y, weights)

    train = rows(data.train)
    if train is None:
        raise DataError("there must be rows to train on", "none", "Use a larger table.")
    parts = Parts(train, rows(data.validation), rows(data.test))
    form = form_of(chosen, train.targets[ONE])
    if labels:
        head = Head(form, target.names)
    elif classification or raw:
        head = Head(form, target.classes if classification else None)
    else:
        head = replace(own_units(target), form=form)
    chosen = with_class_weight(chosen, class_weight, train.targets[ONE], head.classes)
    record = {"kind": "table", **data.summary()}
    return Source(parts, head, Objective.of(chosen), data.encoder, record)


def brought_validation(
    passed: Any,
    training: Given,
    heads: Mapping[str, Head],
    chosen: Mapping[str, Loss],
    network: Module,
) -> Rows:
    """Validation rows that the user brought, in the codes of the training rows."""
    given = arrays_of(passed, "validation", network)
    for what, ours, theirs in (("inputs", given.x, training.x), ("targets", given.y, training.y)):
        if set(ours) != set(theirs):
            raise DataError(
                f"validation rows must have the {what} of the training rows",
                f"{', '.join(ours) or 'one'}, in training {', '.join(theirs) or 'one'}",
                "Give both parts the same arrays.",
            )
    for name, x in given.x.items():
        wanted = training.x[name].shape[1:]
        if x.shape[1:] != wanted:
            raise DataError(
                f"validation rows must be of the training rows' shape, {wanted}",
                f"rows of shape {x.shape[1:]}" + (f" for {name!r}" if name else ""),
                "Give both parts the same columns.",
            )
    dtype = dtype_of(network)
    y = {
        name: as_known(array, heads[name].classes, chosen[name], dtype)
        for name, array in given.y.items()
    }
    return rows_of(given, y, network)


def _natural_loss(y: Array) -> str:
    return "mse" if y.dtype.kind == "f" else "cross_entropy"


def _held_out(
    rows: Rows, fraction: float, heads: Mapping[str, Head], seed: int
) -> tuple[Rows, Rows]:
    """A random part for validation, with each class's share where there are classes."""
    if not 0 < fraction < 1:
        raise ConfigError(
            "the validation fraction must lie between 0 and 1",
            str(fraction),
            "Use 0.1 or 0.2, or None for no validation.",
        )
    order = philox.permutation(seed, philox.stream("split"), 0, len(rows))
    codes = np.zeros(len(rows), np.int64)
    if ONE in heads and heads[ONE].task == "classification":
        y = rows.targets[ONE]
        if not isinstance(y, Lazy) and y.ndim == 1 and y.dtype.kind in "iu":
            codes = y
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
