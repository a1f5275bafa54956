"""Losses of predicted classes, from logits: numbers of any size, before softmax or sigmoid."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from pullback import ops
from pullback.errors import ConfigError, DtypeError, LabelError, ShapeError
from pullback.graph.dtypes import DEFAULT_FLOAT, INT64, is_float
from pullback.graph.node import Node, constant
from pullback.losses.base import Loss, Task, mean_of_rows
from pullback.named import register

IGNORED = -1


@register
class CrossEntropy(Loss):
    r"""Cross-entropy of logits z against a class, or against probabilities of classes.

    With $q = \operatorname{softmax}(z)$: against the class t, $l = -\ln q_t$; against
    probabilities p, $l = -\sum_c p_c \ln q_c$. A label of -1 is ignored: it counts in neither sum.

    Label smoothing $\varepsilon$ replaces the target by $(1 - \varepsilon)\, p + \varepsilon / k$
    over the k classes. A class weight $v_c$ multiplies the term of class c; against labels the
    mean is divided by the weights of the labels, against probabilities by the number of rows.
    A row whose label has class weight 0 counts nothing.

    Args:
        label_smoothing: From 0 to below 1.
        class_weights: One number a class, at least 0; None for 1 each.

    Shape:
        outputs: (rows, classes), at least two classes
        targets: (rows,) whole numbers, or (rows, classes) real numbers
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range, or not one weight a class.
        ShapeError: The shapes do not fit.
        DtypeError: Labels that are not whole numbers.
        LabelError: A label out of range; found when the loss is computed.

    References:
        J. S. Bridle, 1990, "Probabilistic interpretation of feedforward classification network
        outputs". C. Szegedy et al., 2016, "Rethinking the Inception architecture".

    Example:
        >>> import pullback as pb
        >>> pb.losses.cross_entropy([[0.0, 0.0], [50.0, 0.0]], [1, 0])
        tensor(0.346574)
    """

    name: ClassVar[str] = "cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = (
        "categorical_cross_entropy",
        "sparse_categorical_cross_entropy",
        "softmax_cross_entropy",
    )
    task: ClassVar[Task] = "classification"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def check(self) -> None:
        """Check the smoothing and the class weights."""
        self.check_number("label_smoothing", least=0, below=1)
        if self.class_weights is None:
            return
        try:
            weights = tuple(float(w) for w in self.class_weights)
        except (TypeError, ValueError):
            weights = ()
        if not (all(math.isfinite(w) and w >= 0 for w in weights) and any(weights)):
            raise ConfigError(
                "class_weights must be one finite number a class, at least 0 and not all 0",
                f"class_weights={self.class_weights!r}",
                "Give for instance class_weights=(1.0, 3.0).",
            )
        object.__setattr__(self, "class_weights", weights)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The cross-entropy of each row; 0 where the label is ignored."""
        targets = self._fitting(outputs, targets)
        epsilon, classes = self.label_smoothing, outputs.shape[1]
        weights = None
        if self.class_weights is not None:
            weights = constant(self.class_weights, outputs.dtype, "class_weights")
        if is_float(targets.dtype):
            soft = (1 - epsilon) * targets + epsilon / classes if epsilon else targets
            return _expected(soft, ops.log_softmax(outputs), weights)
        loss = ops.cross_entropy_with_logits(outputs, targets)
        if not epsilon:
            return loss
        even = ops.full_like(outputs, 1.0 / classes)
        uniform = _expected(even, ops.log_softmax(outputs), weights)
        if weights is not None:  # the row's weight multiplies the sum, so it is taken out here
            own = self._label_weights(targets, outputs.dtype)
            uniform = uniform / ops.where(ops.equal(own, 0), 1, own)
        smooth = (1 - epsilon) * loss + epsilon * uniform
        return ops.where(ops.equal(targets, IGNORED), 0, smooth)

    def row_weights(self, targets: Node, dtype: DTypeLike = DEFAULT_FLOAT) -> Node | None:
        """0 for an ignored label, else its class weight; None for probabilities."""
        if is_float(targets.dtype):
            return None
        kept = ops.not_equal(targets.astype(INT64), IGNORED)
        if self.class_weights is None:
            return kept.astype(dtype)
        return ops.where(kept, self._label_weights(targets, dtype), 0)

    def _label_weights(self, targets: Node, dtype: DTypeLike) -> Node:
        """The class weight of each label; of any class where it is ignored."""
        labels = targets.astype(INT64)
        labels = ops.where(ops.equal(labels, IGNORED), 0, labels)
        return ops.gather(constant(self.class_weights, dtype, "class_weights"), labels)

    def spread(self, target: float, outputs: Node) -> Node:
        """One label for all rows."""
        label = int(target) if float(target).is_integer() else target
        whole = isinstance(label, int)
        return ops.full(outputs.shape[:1], label, INT64 if whole else outputs.dtype)

    def _fitting(self, logits: Node, targets: Node) -> Node:
        """The targets, as int64 labels or as probabilities in the dtype of the logits."""
        received = f"logits {logits.shape} ({logits.origin}), "
        received += f"targets {targets.shape} of dtype {targets.dtype}"
        self._check_logits(logits, received)
        soft = targets.shape == logits.shape
        if not soft and targets.shape != logits.shape[:1]:
            rows = logits.shape[0]
            same = targets.size == rows
            raise ShapeError(
                "cross_entropy needs targets (rows,) of class indices or (rows, classes) of "
                "probabilities",
                received,
                f"Write targets.reshape({rows})." if same else "Give each row one target.",
            )
        if soft and not is_float(targets.dtype):
            raise DtypeError(
                "targets (rows, classes) are probabilities, which are real numbers",
                received,
                "Convert one-hot rows with .astype('float32'), or give class indices (rows,).",
            )
        if not soft and targets.dtype.kind not in "iu":
            raise DtypeError(
                "class indices must be whole numbers",
                received,
                "Convert them with .astype('int64').",
            )
        return targets.astype(logits.dtype if soft else INT64)

    def _check_logits(self, logits: Node, received: str) -> None:
        """Check that there is one column for each of two or more classes."""
        if logits.ndim != 2 or logits.shape[1] < 2:
            raise ShapeError(
                "cross_entropy needs logits (rows, classes) of at least two classes",
                received,
                "For one output use binary_cross_entropy_with_logits; else reshape the logits.",
            )
        classes = logits.shape[1]
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ConfigError(
                f"class_weights must be one number for each of the {classes} classes",
                f"{len(self.class_weights)} weights, logits {logits.shape}",
                f"Give {classes} weights.",
            )


def _expected(target: Node, log_q: Node, weights: Node | None) -> Node:
    """The cross-entropy of each row; a class of target 0 adds nothing, also where q is 0."""
    share = target if weights is None else target * weights
    return -ops.sum(ops.scale(share, log_q), axis=1)


@register
class BinaryCrossEntropyWithLogits(Loss):
    r"""Cross-entropy of logits z against the probability t of 'yes'.

    $l = -v\, t \ln \sigma(z) - (1 - t) \ln \sigma(-z)$, with $-\ln \sigma(z)$ computed as
    softplus of -z, exact for logits of any size. With v = 1 the derivative is $\sigma(z) - t$.

    Args:
        pos_weight: v, how much more a 'yes' counts; above 0. The mean is still divided by the
            number of rows.

    Shape:
        outputs, targets: (rows,) or (rows, 1), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `pos_weight` is not above 0.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        D. R. Cox, 1958, "The regression analysis of binary sequences".

    Example:
        >>> import pullback as pb
        >>> pb.losses.binary_cross_entropy_with_logits([1e4, 0.0], [1.0, 0.0])
        tensor(0.346574)
    """

    name: ClassVar[str] = "binary_cross_entropy_with_logits"
    aliases: ClassVar[tuple[str, ...]] = ("binary_cross_entropy", "bce_with_logits", "bce")
    task: ClassVar[Task] = "binary"
    pos_weight: float = 1.0

    def check(self) -> None:
        """Check `pos_weight`."""
        self.check_number("pos_weight", above=0)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The cross-entropy of each row."""
        _check_probabilities(targets)
        yes, no = ops.softplus(-outputs), ops.softplus(outputs)
        share = targets if self.pos_weight == 1 else self.pos_weight * targets
        return mean_of_rows(ops.scale(share, yes) + ops.scale(1 - targets, no))


def _check_probabilities(targets: Node) -> None:
    """Refuse known targets out of range; those of a traced step are checked with the data."""
    if targets.value is None or not targets.size:
        return
    low, high = float(np.min(targets.value)), float(np.max(targets.value))
    if not (low >= 0 and high <= 1):
        raise LabelError(
            "targets of binary_cross_entropy_with_logits must be from 0 to 1",
            f"targets from {low:g} to {high:g}",
            "Encode the two classes as 0 and 1; for more classes use cross_entropy.",
        )
