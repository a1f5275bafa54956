"""What every metric asks of its input, checked before a number is computed.

Probabilities, class indices, values and weights come from different hands (a network, a
table, a user's script). Most wrong metrics are wrong here: logits taken for probabilities,
`(rows,)` broadcast against `(rows, 1)`, a NaN that `argmax` silently calls class 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pullback.errors import DataError, DtypeError, LabelError, ShapeError

Task: TypeAlias = Literal["classification", "multilabel", "regression", "embedding"]
Needs: TypeAlias = Literal["probabilities", "labels", "values"]
Array: TypeAlias = NDArray[Any]

# A float32 softmax over thousands of classes sums to 1 within about 1e-4; logits do not.
SUM_TOLERANCE = 1e-3
# The label that is left out of a sequence, as the losses of classes do.
IGNORED = -1


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked input of a metric; rows of weight 0 are left out.

    `undefined` says that a prediction is NaN, so that no number can be right.

    Shape:
        predictions `(rows, classes)`, `(rows, labels)` or `(rows, outputs)`; targets `(rows,)`,
        `(rows, labels)` or `(rows, outputs)`; weights `(rows,)`, all positive.
    """

    predictions: Array
    targets: Array
    weights: Array
    undefined: bool


def check_rows(
    predictions: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None,
    *,
    task: Task | None,
    needs: Needs,
) -> Rows:
    """Check predictions, targets and weights for one task.

    Args:
        predictions: Probabilities (or, where only the largest matters, any scores) for
            classification; values in original units for regression.
        targets: Class indices, or values in original units.
        weights: One weight of at least 0 for each row; None counts every row once.
        task: What the rows are; None checks only that they belong together.
        needs: What the metric reads from the predictions.

    Shape:
        As in `Rows`. Regression takes `(rows,)` too when both sides have it. Classification takes
        sequences, predictions `(rows, ..., classes)` and targets `(rows, ...)`: every place
        counts as a row with its row's weight, and a label of -1 is left out.

    Returns:
        Both sides in float64 (targets of classification in int64), with weights.

    Raises:
        ShapeError: The sides do not have the same rows, or not the shape of their task.
        DtypeError: Predictions that are no numbers; class indices that are no integers.
        DataError: Nothing to measure, targets that are not finite, weights that are
            negative or not finite, or predictions that are not probabilities.
        LabelError: A class index outside the classes of the predictions.

    Example:
        >>> rows = check_rows([[0.2, 0.8]], [1], None, task="classification", needs="labels")
        >>> rows.targets, rows.weights
        (array([1]), array([1.]))
    """
    scores, wanted = _numbers(predictions, "predictions"), np.asarray(targets)
    if task == "classification":
        if wanted.ndim > 1 and wanted.shape == scores.shape[:-1]:
            given = None if weights is None else _weights(weights, len(scores))
            scores, wanted, weights = each_target(scores, wanted, given)
        wanted = _class_indices(scores, wanted)
    elif task == "multilabel":
        scores, wanted = _labels(scores, wanted)
    elif task == "regression":
        scores, wanted = _values(scores, wanted)
    elif scores.ndim == 0 or wanted.ndim == 0 or len(scores) != len(wanted):
        raise _unequal_rows(scores, wanted)
    scale = _weights(weights, len(scores))
    if not scale.all():
        kept = scale > 0
        scores, wanted, scale = scores[kept], wanted[kept], scale[kept]
    if scores.size == 0:
        raise DataError(
            "a metric needs at least one row with a weight above 0",
            f"predictions of shape {scores.shape}",
            "Check the split: this part of the data has no rows.",
        )
    undefined = bool(np.isnan(scores).any())
    if task == "classification" and needs == "probabilities" and not undefined:
        _probabilities(scores)
    if task == "multilabel" and ((scores < 0) | (scores > 1)).any():
        raise DataError(
            "this metric reads probabilities of labels, from 0 to 1",
            f"predictions from {scores.min():.6g} to {scores.max():.6g}",
            "Apply the sigmoid to logits first.",
        )
    return Rows(scores, wanted, scale, undefined)


def _numbers(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "fiub":
        raise DtypeError(
            f"{what} must be real numbers",
            f"dtype {array.dtype}, shape {array.shape}",
            "Give floats, for instance by .astype(float).",
        )
    return array.astype(np.float64, copy=False)


def _class_indices(scores: Array, targets: Array) -> Array:
    if scores.ndim != 2:
        raise ShapeError(
            "predictions of a classification metric must be (rows, classes), or for sequences "
            "(rows, ..., classes) with targets (rows, ...)",
            f"shape {scores.shape}",
            "Give one column for each class; for one sigmoid output p, the columns 1 - p and p.",
        )
    if targets.shape != scores.shape[:1]:
        raise ShapeError(
            "class targets must be (rows,), one class index for each row of the predictions",
            f"targets of shape {targets.shape} for predictions of shape {scores.shape}",
            "Flatten them with .reshape(-1), or take .argmax(axis=1) of one-hot rows.",
        )
    if targets.size and targets.dtype.kind not in "iub":
        raise DtypeError(
            "class targets must be integers, the indices of the classes",
            f"dtype {targets.dtype}",
            "Encode the labels as 0, 1, 2, ..., for instance by .astype(int).",
        )
    if scores.shape[1] < 2 and scores.size:
        raise ShapeError(
            "a classification metric needs at least two classes",
            f"predictions of shape {scores.shape}",
            "For one sigmoid output p, give the two columns 1 - p and p.",
        )
    outside = np.flatnonzero((targets < 0) | (targets >= scores.shape[1]))
    if outside.size and scores.size:
        row = int(outside[0])
        raise LabelError(
            f"class indices must be in 0 to {scores.shape[1] - 1}",
            f"{int(targets[row])} in row {row} ({outside.size} such rows)",
            "Encode the targets with the classes that the network was built for.",
        )
    return targets.astype(np.int64)


def _labels(predictions: Array, targets: Array) -> tuple[Array, Array]:
    if predictions.shape != targets.shape or predictions.ndim < 2:
        raise ShapeError(
            "predictions and targets of a multi-label metric must both be (rows, labels)",
            f"predictions {predictions.shape}, targets {targets.shape}",
            "Give one column a label, of probabilities and of 0 and 1.",
        )
    wanted = _numbers(targets, "targets")
    wrong = np.argwhere((wanted != 0) & (wanted != 1))
    if len(wrong):
        place = tuple(wrong[0])
        raise LabelError(
            "targets of a multi-label metric must be 0 or 1",
            f"{wanted[place]:g} in row {int(place[0])} ({len(wrong)} such)",
            "Encode 'no' as 0 and 'yes' as 1; leave out rows with missing labels.",
        )
    shape = (len(wanted), -1) if wanted.size else (0, 1)
    return predictions.reshape(shape), wanted.astype(np.int64).reshape(shape)


def _values(predictions: Array, targets: Array) -> tuple[Array, Array]:
    wanted = _numbers(targets, "targets")
    if predictions.shape != wanted.shape:
        raise ShapeError(
            "predictions and targets must have the same shape; nothing is broadcast",
            f"predictions {predictions.shape}, targets {wanted.shape}",
            "Reshape one of them, for instance by .reshape(-1, 1).",
        )
    if predictions.ndim not in (1, 2):
        raise ShapeError(
            "values of a regression metric must be (rows, outputs) or (rows,)",
            f"shape {predictions.shape}",
            "Flatten the outputs of each row with .reshape(len(values), -1).",
        )
    if not np.isfinite(wanted).all():
        row = int(np.argwhere(~np.isfinite(wanted))[0][0])
        raise DataError(
            "regression targets must be finite",
            f"{wanted[row]} in row {row}",
            "Leave out or impute the rows whose target is missing.",
        )
    shape = (len(wanted), -1) if wanted.size else (len(wanted), 1)
    return predictions.reshape(shape), wanted.reshape(shape)


def _weights(weights: ArrayLike | None, rows: int) -> Array:
    if weights is None:
        return np.ones(rows)
    scale = _numbers(weights, "weights")
    if scale.shape != (rows,):
        raise ShapeError(
            "weights must be (rows,), one for each row of the predictions",
            f"weights of shape {scale.shape} for {rows} rows",
            "Give one weight a row, or None.",
        )
    wrong = np.flatnonzero(~((scale >= 0) & np.isfinite(scale)))
    if wrong.size:
        raise DataError(
            "weights must be finite and at least 0",
            f"{scale[wrong[0]]} in row {int(wrong[0])} ({wrong.size} such rows)",
            "Use 0 to leave a row out.",
        )
    return scale


def _probabilities(scores: Array) -> None:
    with np.errstate(invalid="ignore"):
        sums = scores.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= SUM_TOLERANCE) | (scores < 0).any(axis=1))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            "this metric reads probabilities: each row at least 0, with a sum of 1",
            f"row {row}: {np.array2string(scores[row], precision=4, threshold=8)}, "
            f"sum {sums[row]:.6g} ({wrong.size} such rows)",
            "Apply softmax to logits first.",
        )


def _unequal_rows(predictions: Array, targets: Array) -> ShapeError:
    return ShapeError(
        "predictions and targets must have the same number of rows",
        f"predictions {predictions.shape}, targets {targets.shape}",
        "Give one target for each row.",
    )


def each_target(
    predictions: Array, targets: Array, weights: Array | None
) -> tuple[Array, Array, Array | None]:
    """Every place of a sequence as a row of its own, those of label -1 left out.

    Shape:
        predictions `(rows, ..., classes)`, targets `(rows, ...)` and weights `(rows,)`; returned
        as `(targets, classes)`, `(targets,)` and `(targets,)`.

    Example:
        >>> scores = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.3, 0.7], [0.5, 0.5]]])
        >>> each_target(scores, np.array([[0, 1], [1, -1]]), np.array([1.0, 3.0]))[1:]
        (array([0, 1, 1]), array([1., 1., 3.]))
    """
    if weights is not None:
        wide = weights.reshape(-1, *(1,) * (targets.ndim - 1))
        weights = np.broadcast_to(wide, targets.shape).reshape(-1)
    scores, labels = predictions.reshape(-1, predictions.shape[-1]), targets.reshape(-1)
    kept = labels != IGNORED
    if kept.all():
        return scores, labels, weights
    return scores[kept], labels[kept], None if weights is None else weights[kept]
