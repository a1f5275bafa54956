"""From what the user passes to `fit` to the parts that the loop takes, with every check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback import losses
from pullback.data.encoder import Encoder
from pullback.data.prepare import Part, Prepared
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
    """

    parts: Parts
    head: Head
    loss: Loss
    encoder: Encoder | None
    record: dict[str, Any]


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
    x, y, weights = _arrays(data)
    chosen = losses.get(loss) if loss is not None else losses.get(_natural_loss(y))
    y, classes = _targets(y, chosen, dtype)
    head = Head(_form(chosen), classes)
    rows = _rows(x, y, weights, dtype)
    held = None
    if isinstance(validation, (int, float)) and not isinstance(validation, bool) and validation:
        rows, held = _held_out(rows, float(validation), head, seed)
    elif validation is not None and not isinstance(validation, (int, float)):
        vx, vy, vw = _arrays(validation)
        held = _rows(vx, _as_known(vy, classes, chosen, dtype), vw, dtype)
    chosen = _with_class_weight(chosen, class_weight, rows, classes)
    return Source(Parts(rows, held), head, chosen, None, {"kind": "arrays"})


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


def _arrays(data: Any) -> tuple[Array, Array, Array | None]:
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise DataError(
            "the data must be (X, y), (X, y, weights), or what pb.data.prepare gives",
            type(data).__name__,
            "For a table: pb.fit(network, pb.data.prepare('file.csv', target='column')).",
        )
    x, y = np.asarray(data[0]), np.asarray(data[1])
    weights = None if len(data) == 2 or data[2] is None else np.asarray(data[2])
    if x.dtype.kind not in "biuf":
        raise DataError(
            "features must be numbers",
            f"an array of dtype {x.dtype}",
            "Encode text and dates first; pb.data.prepare does.",
        )
    if x.ndim < 2:
        raise DataError(
            "features come in rows of columns, (rows, features)",
            f"shape {x.shape}",
            "For one feature pass X[:, None].",
        )
    if not len(x):
        raise DataError("there must be rows to train on", "none", "Check how the data was cut.")
    if len(x) != len(y):
        raise DataError(
            "features and targets must have the same number of rows",
            f"X {x.shape}, y {y.shape}",
            "Check how they were cut.",
        )
    _check_finite("feature", x)
    return x, y, weights


def _check_finite(what: str, array: Array) -> None:
    if array.dtype.kind != "f":
        return
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = [int(i) for i in np.argwhere(wrong)[0]]
        raise DataError(
            f"every {what} must be finite",
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
        return y.astype(dtype), None
    if y.dtype.kind == "f":  # probabilities of classes, or of the one class
        return y.astype(dtype), None
    if y.dtype.kind not in "biuUSO":
        raise DataError("class labels must be whole numbers or text", str(y.dtype), "Convert them.")
    labels, index = np.unique(y, return_inverse=True)
    known = labels[labels != -1] if y.dtype.kind in "iu" else labels
    if len(known) == 0:
        raise DataError(
            "there must be labels to learn from",
            "every label is ignored (-1)",
            "Check the targets.",
        )
    if len(known) == 1:
        raise DataError(
            "a classifier needs at least two classes",
            f"only {known[0]!r}",
            "Check the target, or how the rows were selected.",
        )
    plain = y.dtype.kind in "iu" and known[0] >= 0
    classes = (
        None
        if plain
        else tuple(label.item() if hasattr(label, "item") else label for label in labels)
    )
    codes = y.astype(np.int64) if plain else index.reshape(y.shape).astype(np.int64)
    return (codes.astype(dtype) if loss.task == "binary" else codes), classes


def _as_known(y: Array, classes: tuple[Any, ...] | None, loss: Loss, dtype: Dtype) -> Array:
    """Validation targets in the codes of the training targets."""
    if _form(loss) == "values" or y.dtype.kind == "f":
        return y.astype(dtype)
    if classes is None:
        return y.astype(dtype if loss.task == "binary" else np.int64)
    table = {label: code for code, label in enumerate(classes)}
    strange = [label for label in np.unique(y).tolist() if label not in table]
    if strange:
        raise LabelError(
            "validation labels must be classes of the training targets",
            f"{strange[0]!r}",
            f"The classes are {', '.join(map(repr, classes[:10]))}.",
        )
    codes = np.array([table[label] for label in y.reshape(-1).tolist()]).reshape(y.shape)
    return codes.astype(dtype if loss.task == "binary" else np.int64)


def _rows(x: Array, y: Array, weights: Array | None, dtype: Dtype) -> Rows:
    w = None if weights is None else weights.astype(dtype)
    return Rows(np.ascontiguousarray(x, dtype), np.ascontiguousarray(y), w)


def _held_out(rows: Rows, fraction: float, head: Head, seed: int) -> tuple[Rows, Rows]:
    """A random part for validation, with each class's share where there are classes."""
    if not 0 < fraction < 1:
        raise ConfigError(
            "the validation fraction must lie between 0 and 1", str(fraction), "Use 0.1 or 0.2."
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
    if isinstance(wanted, str):
        if wanted != "balanced":
            raise ConfigError(
                "class_weight must be 'balanced' or weights", wanted, "Use 'balanced'."
            )
        found = [len(rows) / (len(counts) * n) if n else 0.0 for n in counts]
    elif isinstance(wanted, dict):
        names = list(classes) if classes is not None else list(range(len(counts)))
        strange = [name for name in wanted if name not in names]
        if strange:
            raise ConfigError(
                "class_weight must name classes", repr(strange[0]), f"The classes are {names[:10]}."
            )
        found = [float(wanted.get(name, 1.0)) for name in names]
    else:
        found = [float(w) for w in wanted]
    return replace(loss, class_weights=tuple(found))  # type: ignore[call-arg]  # checked above
