"""What losses of classes share: targets of rows or of sequences, class weights, ignored labels."""

from __future__ import annotations

import math
from typing import ClassVar

from numpy.typing import DTypeLike

from pullback import ops
from pullback.errors import ConfigError, DtypeError, ShapeError
from pullback.graph.dtypes import DEFAULT_FLOAT, INT64, is_float
from pullback.graph.node import Node, constant
from pullback.losses.base import Loss, Task, divided, mean_of_rows

IGNORED = -1
"""The label that counts nothing, in every loss of classes."""


class ClassLoss(Loss):
    r"""A loss of one class among several, for each row or for each place of a row.

    A sequence (or an image to be segmented) has many targets a row. The loss of a row is the mean
    over its targets that count, $\sum_s v_s l_s / \sum_s v_s$ with the class weights $v_s$, and the
    row weighs their sum; so the mean over a batch is the mean over all targets in it that count,
    however long the rows are and into whatever parts the batch is cut.

    A loss of this kind defines `per_target`, and declares `class_weights` and `ignore_index` as
    settings if it has them.

    Class attributes:
        soft: Whether targets may be probabilities of the outputs' shape.
    """

    task: ClassVar[Task] = "classification"
    soft: ClassVar[bool] = True
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The loss of each target, before any weight: `(rows, ...)`; 0 where it is ignored.

        Labels are int64, those to ignore -1, or probabilities in the dtype of the outputs.
        """
        raise TypeError(f"{type(self).__name__} must define per_target(outputs, targets)")

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean over each row's targets that count; 0 where none does."""
        targets = self.fitting(outputs, targets)
        losses = self.per_target(outputs, targets)
        if losses.ndim == 1:
            return losses
        weights = self._target_weights(targets, losses.dtype)
        if weights is None:
            return mean_of_rows(losses)
        return divided(_sum_of_rows(ops.scale(weights, losses)), _sum_of_rows(weights))

    def row_weights(self, targets: Node, dtype: DTypeLike = DEFAULT_FLOAT) -> Node | None:
        """The sum of the class weights of a row's targets, 0 for those ignored.

        For probabilities it is the number of targets in a row; None where that is 1.
        """
        if is_float(targets.dtype):
            places = math.prod(targets.shape[1:-1])
            return None if places == 1 else ops.full(targets.shape[:1], float(places), dtype)
        weights = self._target_weights(self.marked(targets), dtype)
        return weights if weights is None else _sum_of_rows(weights)

    def spread(self, target: float, outputs: Node) -> Node:
        """One label for all targets."""
        label = int(target) if float(target).is_integer() else target
        whole = isinstance(label, int)
        return ops.full(outputs.shape[:-1], label, INT64 if whole else outputs.dtype)

    def check_classes(self) -> None:
        """Check the class weights and the label to ignore."""
        index, given = self.ignore_index, self.class_weights
        if index is not None and (isinstance(index, bool) or not isinstance(index, int)):
            raise ConfigError(
                "ignore_index must be a whole number",
                f"ignore_index={index!r}",
                "Give the label that counts nothing; -1 is ignored in any case.",
            )
        if given is None:
            return
        try:
            weights = tuple(float(w) for w in given)
        except (TypeError, ValueError):
            weights = ()
        if not (all(math.isfinite(w) and w >= 0 for w in weights) and any(weights)):
            raise ConfigError(
                "class_weights must be one finite number a class, at least 0 and not all 0",
                f"class_weights={given!r}",
                "Give for instance class_weights=(1.0, 3.0).",
            )
        object.__setattr__(self, "class_weights", weights)

    def shares(self, outputs: Node, targets: Node) -> Node:
        """What each class is due, in the outputs' shape: 1 for a label, 0 where it is ignored."""
        if is_float(targets.dtype):
            return targets
        return ops.one_hot(targets, outputs.shape[-1], outputs.dtype.name)

    def label_weights(self, labels: Node, dtype: DTypeLike) -> Node:
        """The class weight of each label; of any class where it is ignored."""
        known = ops.where(ops.equal(labels, IGNORED), 0, labels)
        return ops.gather(self.weights_of_classes(dtype), known)

    def weights_of_classes(self, dtype: DTypeLike) -> Node:
        """The class weights as a node, `(classes,)`."""
        return constant(self.class_weights, dtype, "class_weights")

    def _target_weights(self, targets: Node, dtype: DTypeLike) -> Node | None:
        """0 for an ignored label, else its class weight; None for probabilities."""
        if is_float(targets.dtype):
            return None
        kept = ops.not_equal(targets, IGNORED)
        if self.class_weights is None:
            return kept.astype(dtype)
        return ops.where(kept, self.label_weights(targets, dtype), 0)

    def marked(self, labels: Node) -> Node:
        """Labels in int64, with -1 for every one that is ignored."""
        labels = labels.astype(INT64)
        if self.ignore_index is None or self.ignore_index == IGNORED:
            return labels
        return ops.where(ops.equal(labels, self.ignore_index), IGNORED, labels)

    def fitting(self, outputs: Node, targets: Node) -> Node:
        """The targets, as int64 labels or as probabilities in the dtype of the outputs."""
        received = f"outputs {outputs.shape} ({outputs.origin}), "
        received += f"targets {targets.shape} of dtype {targets.dtype}"
        self._check_outputs(outputs, received)
        soft = targets.shape == outputs.shape
        if not soft and targets.shape != outputs.shape[:-1]:
            raise ShapeError(
                f"{self.name} needs one target for each row of classes: targets of "
                f"{_shape_of(outputs.shape[:-1])}"
                + (" class indices, or probabilities of the outputs' shape" * self.soft),
                received,
                _advice(outputs, targets),
            )
        if soft and not self.soft:
            raise ShapeError(
                f"{self.name} needs class indices, one less axis than the outputs",
                received,
                "Take targets.argmax(axis=-1) of one-hot rows, or use cross_entropy.",
            )
        if soft and not is_float(targets.dtype):
            raise DtypeError(
                "targets of the outputs' shape are probabilities, which are real numbers",
                received,
                "Convert one-hot rows with .astype('float32'), or give class indices "
                f"{_shape_of(outputs.shape[:-1])}.",
            )
        if not soft and targets.dtype.kind not in "iu":
            raise DtypeError(
                "class indices must be whole numbers",
                received,
                "Convert them with .astype('int64').",
            )
        return targets.astype(outputs.dtype) if soft else self.marked(targets)

    def _check_outputs(self, outputs: Node, received: str) -> None:
        """Check that there is one column for each of two or more classes."""
        if outputs.ndim < 2 or outputs.shape[-1] < 2:
            raise ShapeError(
                f"{self.name} needs outputs (rows, ..., classes) of at least two classes",
                received,
                "For one output use binary_cross_entropy_with_logits; else reshape the outputs.",
            )
        classes, weights = outputs.shape[-1], self.class_weights
        if weights is not None and len(weights) != classes:
            raise ConfigError(
                f"class_weights must be one number for each of the {classes} classes",
                f"{len(weights)} weights, outputs {outputs.shape}",
                f"Give {classes} weights.",
            )


def _advice(outputs: Node, targets: Node) -> str:
    """What to do about targets that do not fit."""
    leading = outputs.shape[:-1]
    if outputs.ndim > 2 and targets.shape == (outputs.shape[0], *outputs.shape[2:]):
        axes = (0, *range(2, outputs.ndim), 1)
        return f"Classes come last here: write outputs.transpose({', '.join(map(str, axes))})."
    if targets.size == math.prod(leading):
        return f"Write targets.reshape({', '.join(map(str, leading))})."
    return "Give each row one target."


def _shape_of(shape: tuple[int, ...]) -> str:
    names = ("rows",) if len(shape) == 1 else ("rows", "...")
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def _sum_of_rows(elements: Node) -> Node:
    """The sum over all axes but the first."""
    return elements if elements.ndim == 1 else ops.sum(elements, axis=range(1, elements.ndim))
