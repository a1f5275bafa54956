"""From what the user passes to `fit` to the parts that the loop takes, with every check."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback import losses
from pullback.data.encoder import Encoder
from pullback.data.prepared import Part, Prepared
from pullback.errors import ConfigError, DataError, LabelError
from pullback.graph.dtypes import Array, Dtype
from pullback.losses import Loss
from pullback.nn.head import Head
from pullback.ops import philox
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
    dtype: Dtype,
    *,
    validation: Any,
    loss: Any,
    class_weight: Any,
    seed: int,
) -> Source:
    """The data of a training from what the user passed.

    Args:
        data: `(X, y)`, `(X, y, weights)`, or what `pb.data.prepare` gives.
        dtype: The dtype in which the network computes.
        validation: A fraction of the rows, arrays as for `data`, or None.
        loss: A loss, its name, or None to choose by the targets.
        class_weight: "balanced", or one weight for each class.
        seed: Keys the split.

    Raises:
        DataError: Features or targets that cannot be trained on.
    """
    if isinstance(data, Prepared):
        return _prepared(data, dtype, loss, class_weight)
    x, y, weights = _arrays(data, "the data")
    chosen = losses.get(loss) if loss is not None else losses.get(_natural_loss(y))
    y, classes = _targets(y, chosen, dtype)
    head = Head(_form(chosen), classes)
    rows = _rows(x, y, weights, dtype)
    held, fraction = None, None
    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        fraction = float(validation)
        rows, held = _held_out(rows, fraction, head, seed)
    elif validation is not None:
        held = _validation(validation, x, classes, chosen, dtype)
    chosen = _with_class_weight(chosen, class_weight, rows, classes)
    return Source(Parts(rows, held), head, chosen, None, {"kind": "arrays"}, fraction)


def _prepared(data: Prepared, dtype: Dtype, loss: Any, class_weight: Any) -> Source:
    """From `pb.data.prepare`: already split, encoded and checked."""
    classification = data.task == "classification"
    chosen = losses.get(loss or ("cross_entropy" if classification else "mse"))
    if (_form(chosen) == "values") == classification:
        raise ConfigError(
            f"the loss must be one for {data.task}",
            f"{chosen.name!r}",
            "Use cross_entropy for classes; mse, mae or huber for numbers.",
        )

    def rows(part: Part) -> Rows | None:
        if not len(part):
            return None
        y = part.y if classification else part.y.astype(dtype)
        if _form(chosen) == "sigmoid":
            y = part.y.reshape(-1, 1).astype(dtype)
        weights = None if part.weight is None else part.weight.astype(dtype)
        return Rows(part.x.astype(dtype, copy=False), y, weights)

    train = rows(data.train)
    if train is None:
        raise DataError("there must be rows to train on", "none", "Use a larger table.")
    parts = Parts(train, rows(data.validation), rows(data.test))
    target = data.encoder.target
    if classification:
        head = Head(_form(chosen), target.classes)
    else:
        head = Head("values", None, target.scale, target.center)
    chosen = _with_class_weight(chosen, class_weight, train, head.classes)
    record = {"kind": "table", **data.summary()}
    return Source(parts, head, chosen, data.encoder, record)


def _arrays(data: Any, what: str) -> tuple[Array, Array, Array | None]:
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise DataError(
            f"{what} must be (X, y), (X, y, weights), or what pb.data.prepare gives",
            repr(data) if isinstance(data, (str, bool)) else type(data).__name__,
            "For a table: pb.fit(network, pb.data.prepare('file.csv', target='column')).",
        )
    x, y = _array("features", data[0]), _array("targets", data[1])
    weights = None if len(data) == 2 or data[2] is None else _array("weights", data[2])
    if x.dtype.kind not in "biuf":
        raise DataError(
            "features must be numbers",
            f"an array of dtype {x.dtype}",
            "Encode text and dates first; pb.data.prepare does.",
        )
    if x.ndim < 2 or not x[:1].size:
        raise DataError(
            "features come in rows of columns, (rows, features)",
            f"shape {x.shape}",
            "For one feature pass X[:, None]."
            if x.ndim == 1
            else "There must be rows, and columns to learn from.",
        )
    if y.ndim == 0 or len(x) != len(y):
        raise DataError(
            "features and targets must have the same number of rows",
            f"X {x.shape}, y {y.shape}",
            "Check how they were cut.",
        )
    _check_finite("feature", x)
    _check_weights(weights, len(x))
    return x, y, weights


def _array(what: str, value: Any) -> Array:
    if np.ma.is_masked(value):
        raise DataError(
            f"{what} must hold every value",
            f"a masked array that lacks {int(np.ma.getmaskarray(value).sum())}",
            "Leave out those rows, or let pb.data.prepare impute them.",
        )
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise DataError(
            f"{what} must be one array", str(error), "Give every row as many numbers."
        ) from None


def _check_weights(weights: Array | None, rows: int) -> None:
    """Check the weights' kind and shape; `Rows` checks their values."""
    if weights is None:
        return
    if weights.dtype.kind not in "biuf" or weights.shape != (rows,):
        raise DataError(
            "there must be one number a row for its weight",
            f"weights of dtype {weights.dtype} and shape {weights.shape} for {rows} rows",
            f"Pass an array of shape ({rows},).",
        )
    _check_finite("weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(
            "every weight must be 0 or more", f"{weights[row]} in row {row}", "Use 0 to leave out."
        )


def _check_finite(what: str, array: Array, within: str = "") -> None:
    if array.dtype.kind != "f":
        return
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = [int(i) for i in np.argwhere(wrong)[0]]
        raise DataError(
            f"every {what} must be finite" + (f" {within}" if within else ""),
            f"{array[tuple(place)]} in row {place[0]}"
            + (f", column {place[1]}" if len(place) > 1 else "")
            + (f", and {int(wrong.sum()) - 1} more" if wrong.sum() > 1 else ""),
            "Impute or leave out such rows; pb.data.prepare imputes missing values.",
        )


def _natural_loss(y: Array) -> str:
    return "mse" if y.dtype.kind == "f" else "cross_entropy"


def _form(loss: Loss) -> Any:
    return {"classification": "softmax", "binary": "sigmoid"}.get(loss.task, "values")


def _targets(y: Array, loss: Loss, dtype: Dtype) -> tuple[Array, tuple[Any, ...] | None]:
    """Targets as the loss takes them, and the classes' labels where they are not 0, 1, ..."""
    _check_finite("target", y)
    if _form(loss) == "values":
        if y.dtype.kind not in "biuf":
            raise DataError(
                f"the targets of {loss.name} must be numbers",
                f"an array of dtype {y.dtype}",
                "Use loss='cross_entropy' for classes.",
            )
        return _cast(y, dtype), None
    if y.dtype.kind == "f":
        return _cast(_probabilities(y, loss), dtype), None
    if y.dtype.kind not in "biuUSO":
        raise DataError("class labels must be whole numbers or text", str(y.dtype), "Convert them.")
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
    wrong = (y < 0) | (y > 1)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise LabelError(
            f"targets of {loss.name} that are real numbers are probabilities, from 0 to 1",
            f"{y[row]} in row {row}",
            "Encode the classes as 0 and 1, or use a loss of numbers such as 'mse'.",
        )
    return y.reshape(-1, 1) if loss.task == "binary" and y.ndim == 1 else y


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


def _validation(
    given: Any, x: Array, classes: tuple[Any, ...] | None, loss: Loss, dtype: Dtype
) -> Rows:
    """Validation rows that the user brought, in the codes of the training rows."""
    vx, vy, vw = _arrays(given, "validation")
    if vx.shape[1:] != x.shape[1:]:
        raise DataError(
            f"validation rows must be of the training rows' shape, {x.shape[1:]}",
            f"rows of shape {vx.shape[1:]}",
            "Give both parts the same columns.",
        )
    return _rows(vx, _as_known(vy, classes, loss, dtype), vw, dtype)


def _as_known(y: Array, classes: tuple[Any, ...] | None, loss: Loss, dtype: Dtype) -> Array:
    """Validation targets in the codes of the training targets."""
    _check_finite("target", y)
    if _form(loss) == "values":
        return _cast(y, dtype)
    if y.dtype.kind == "f":
        return _cast(_probabilities(y, loss), dtype)
    binary = loss.task == "binary"
    if classes is None and y.dtype.kind not in "iu":
        raise DataError(
            "validation labels must be whole numbers, like the training labels",
            f"an array of dtype {y.dtype}",
            "Encode both alike.",
        )
    if classes is None:
        codes = y.astype(np.int64)
        _check_some_label(codes)
        return _column(codes, dtype) if binary else codes
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


def _cast(array: Array, dtype: Dtype) -> Array:
    """Converted; what is too large becomes inf, which `_rows` refuses."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _rows(x: Array, y: Array, weights: Array | None, dtype: Dtype) -> Rows:
    features = np.ascontiguousarray(_cast(x, dtype))
    w = None if weights is None else _cast(weights, dtype)
    for what, array in (("feature", features), ("target", y)):
        _check_finite(what, array, f"in {dtype}, in which the network computes")
    return Rows(features, np.ascontiguousarray(y), w)


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
    if head.form != "values" and rows.y.ndim == 1 and rows.y.dtype.kind in "iu":
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


def _with_class_weight(
    loss: Loss, wanted: Any, rows: Rows, classes: tuple[Any, ...] | None
) -> Loss:
    if wanted is None:
        return loss
    if not hasattr(loss, "class_weights") or rows.y.ndim != 1:
        raise ConfigError(
            "class weights go with cross_entropy and class labels",
            f"the loss {loss.name!r}",
            "Use loss='cross_entropy', or pass weights of rows.",
        )
    counts = np.bincount(rows.y[rows.y >= 0], minlength=len(classes or ()))
    names = list(classes) if classes is not None else list(range(len(counts)))
    weights = _weights_of_classes(wanted, counts, names)
    return replace(loss, class_weights=weights)  # type: ignore[call-arg]  # checked above


def _weights_of_classes(wanted: Any, counts: Array, names: list[Any]) -> tuple[float, ...]:
    """One weight a class, from what the user asked for."""
    if isinstance(wanted, str) and wanted == "balanced":
        total = int(counts.sum())
        return tuple(total / (len(counts) * int(n)) if n else 0.0 for n in counts)
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
