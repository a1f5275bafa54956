"""Targets as a loss takes them: codes of classes, probabilities, numbers; and class weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from pullback.errors import ConfigError, DataError, LabelError
from pullback.graph.dtypes import Array, Dtype
from pullback.large import Lazy, stays
from pullback.losses import Loss
from pullback.losses.classes import IGNORED, ClassLoss
from pullback.train.given import cast, check_finite

SEVERAL = {"sigmoid": "multilabel", "probability": "multilabel_probability"}


def form_of(loss: Loss, targets: Array | Lazy) -> Any:
    """What outputs mean under a loss, for targets of that shape."""
    several = math.prod(targets.shape) > len(targets)
    return SEVERAL.get(loss.form, loss.form) if several else loss.form


def of_numbers(loss: Loss) -> bool:
    """Whether a loss takes numbers, rather than classes or labels."""
    return loss.task in ("regression", "embedding")


def coded_targets(
    y: Array, loss: Loss, dtype: Dtype
) -> tuple[Array | Lazy, tuple[Any, ...] | None]:
    """Targets as the loss takes them, and the classes' labels where they are not 0, 1, ..."""
    check_finite("target", y)
    if of_numbers(loss):
        if y.dtype.kind not in "biuf":
            raise DataError(
                f"the targets of {loss.name} must be numbers",
                f"an array of dtype {y.dtype}",
                "Use loss='cross_entropy' for classes.",
            )
        loss.check_targets(y)
        return Lazy(y, dtype) if stays(y) else cast(y, dtype), None
    if y.dtype.kind == "f":
        return cast(_probabilities(y, loss), dtype), None
    if y.dtype.kind not in "biuUSO":
        raise DataError("class labels must be whole numbers or text", str(y.dtype), "Convert them.")
    y = _marked(y, loss)
    labels, index = _distinct(y)
    ignoring = y.dtype.kind in "iu" and labels[0] >= -1
    known = labels[labels != -1] if ignoring else labels
    if len(known) < 2:
        received = f"only {known[0]}" if len(known) else "none"
        raise DataError(
            "a classifier needs at least two classes",
            received + (", and -1, which marks rows to ignore" if labels[0] == -1 else ""),
            "Check the target, or how the rows were selected; number the classes from 0.",
        )
    plain = y.dtype.kind in "iu" and known[0] >= 0 and known[-1] < 2**62
    classes = None if plain else tuple(labels.tolist())
    codes = y.astype(np.int64) if plain else index.reshape(y.shape).astype(np.int64)
    if loss.task != "binary":
        return codes, classes
    if len(known) != 2 or len(labels) != 2 or (plain and labels[1] != 1):
        raise DataError(
            f"{loss.name} needs two classes; as numbers 0 and 1",
            ", ".join(map(repr, labels[:10].tolist())),
            "Use loss='cross_entropy' with one output a class.",
        )
    return _column(codes, dtype), classes


def _probabilities(y: Array, loss: Loss) -> Array:
    """Targets that are real numbers: probabilities of the classes, or of the one class."""
    if y.ndim == 1 and loss.task == "classification":
        raise DataError(
            "class labels must be whole numbers or text",
            f"an array of dtype {y.dtype} and shape {y.shape}",
            "Convert them with y.astype(int), or use a loss of numbers such as 'mse'.",
        )
    if getattr(loss, "log_target", False):
        return y
    wrong = (y < 0) | (y > 1)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise LabelError(
            f"targets of {loss.name} that are real numbers are probabilities, from 0 to 1",
            f"{y[row]} in row {row}",
            "Encode the classes as 0 and 1, or use a loss of numbers such as 'mse'.",
        )
    return y.reshape(-1, 1) if loss.task == "binary" and y.ndim == 1 else y


def _marked(y: Array, loss: Loss) -> Array:
    """Labels with -1 for those that the loss is told to ignore."""
    index = loss.ignore_index if isinstance(loss, ClassLoss) else None
    if index is None or y.dtype.kind not in "iu":
        return y
    return np.where(y == index, IGNORED, y.astype(np.int64))


def _distinct(y: Array) -> tuple[Array, Array]:
    """The labels in order, and each row's place among them."""
    try:
        labels, index = np.unique(y, return_inverse=True)
    except TypeError:  # None or NaN beside text: they have no order
        raise DataError(
            "class labels must be all of one kind, none missing",
            ", ".join(sorted({type(label).__name__ for label in y.reshape(-1).tolist()})),
            "Fill in or leave out missing labels, and make them all text or all numbers.",
        ) from None
    if any(label != label for label in labels.tolist()):
        raise DataError("no class label may be missing", "NaN", "Leave out such rows.")
    return labels, index


def _column(codes: Array, dtype: Dtype) -> Array:
    """Labels of two classes as the one column that a network with one output gives."""
    return codes.astype(dtype).reshape(-1, 1) if codes.ndim == 1 else codes.astype(dtype)


def as_known(y: Array, classes: tuple[Any, ...] | None, loss: Loss, dtype: Dtype) -> Array | Lazy:
    """Validation targets in the codes of the training targets."""
    check_finite("target", y)
    if of_numbers(loss):
        loss.check_targets(y)
        return Lazy(y, dtype) if stays(y) else cast(y, dtype)
    if y.dtype.kind == "f":
        return cast(_probabilities(y, loss), dtype)
    binary = loss.task == "binary"
    if classes is None and y.dtype.kind not in "iu":
        raise DataError(
            "validation labels must be whole numbers, like the training labels",
            f"an array of dtype {y.dtype}",
            "Encode both alike.",
        )
    if classes is None:
        codes = _marked(y, loss).astype(np.int64)
        _check_some_label(codes)
        return _column(codes, dtype) if binary else codes
    y = _marked(y, loss)
    table = {label: code for code, label in enumerate(classes)}
    strange = [label for label in np.unique(y).tolist() if label not in table]
    if strange:
        raise LabelError(
            "validation labels must be classes of the training targets",
            f"{strange[0]!r}",
            f"The classes are {', '.join(map(repr, classes[:10]))}.",
        )
    codes = np.array([table[label] for label in y.reshape(-1).tolist()]).reshape(y.shape)
    return _column(codes, dtype) if binary else codes


def _check_some_label(codes: Array) -> None:
    if (codes == -1).all():
        raise DataError(
            "there must be validation labels to compare with",
            "every label is ignored (-1)",
            "Check the targets.",
        )


def with_class_weight(
    loss: Loss, wanted: Any, y: Array | Lazy, classes: tuple[Any, ...] | None
) -> Loss:
    """The loss with a weight for each class, as the user asked for them."""
    if wanted is None:
        return loss
    settings = {field.name for field in fields(loss)}
    if "class_weights" not in settings or isinstance(y, Lazy) or y.dtype.kind not in "iu":
        raise ConfigError(
            "class weights go with cross_entropy and class labels",
            f"the loss {loss.name!r}",
            "Use loss='cross_entropy', or pass weights of rows.",
        )
    counts = np.bincount(y[y >= 0], minlength=len(classes or ()))
    names = list(classes) if classes is not None else list(range(len(counts)))
    weights = _weights_of_classes(wanted, counts, names)
    return replace(loss, class_weights=weights)  # type: ignore[call-arg]  # checked above


def _weights_of_classes(wanted: Any, counts: Array, names: list[Any]) -> tuple[float, ...]:
    """One weight a class, from what the user asked for."""
    if isinstance(wanted, str) and wanted == "balanced":
        # A class without rows has none to be balanced with: where it turns up, it counts as it is.
        total, present = int(counts.sum()), int((counts > 0).sum())
        return tuple(total / (present * int(n)) if n else 1.0 for n in counts)
    if isinstance(wanted, Mapping):
        strange = [name for name in wanted if name not in names]
        if strange:
            raise ConfigError(
                "class_weight must name classes", repr(strange[0]), f"The classes are {names[:10]}."
            )
        wanted = [wanted.get(name, 1.0) for name in names]
    try:
        return tuple(float(w) for w in wanted)
    except (TypeError, ValueError):
        raise ConfigError(
            "class_weight must be 'balanced', or a number for each class",
            repr(wanted)[:80],
            f"Give {len(names)} numbers, or a mapping such as {{{names[0]!r}: 2.0}}.",
        ) from None
