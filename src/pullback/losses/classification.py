"""Losses of predicted classes, from logits: numbers of any size, before softmax or sigmoid."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node, constant
from pullback.losses.base import Loss, Task, check_probabilities, mean_of_rows
from pullback.losses.classes import IGNORED, ClassLoss
from pullback.named import register


@register
class CrossEntropy(ClassLoss):
    r"""Cross-entropy of logits z against a class, or against probabilities of classes.

    With $q = \operatorname{softmax}(z)$: against the class t, $l = -\ln q_t$; against
    probabilities p, $l = -\sum_c p_c \ln q_c$. A label of -1 is ignored: it counts in neither sum.
    In a sequence every place has a target, and the mean is over all targets that count.

    Label smoothing $\varepsilon$ replaces the target by $(1 - \varepsilon)\, p + \varepsilon / k$
    over the k classes. A class weight $v_c$ multiplies the term of class c; against labels the
    mean is divided by the weights of the labels, against probabilities by their number.
    A label of class weight 0 counts nothing.

    Args:
        label_smoothing: From 0 to below 1.
        class_weights: One number a class, at least 0; None for 1 each.
        ignore_index: A further label that is ignored, such as that of padding; -1 always is.

    Shape:
        outputs: (rows, ..., classes), at least two classes, which come last
        targets: (rows, ...) whole numbers, or (rows, ..., classes) real numbers
        per_row: (rows,), the mean over a row's targets that count

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
        >>> two_words = [[[0.0, 0.0], [50.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
        >>> pb.losses.cross_entropy(two_words, [[1, 0], [1, -1]])
        tensor(0.462098)
    """

    name: ClassVar[str] = "cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = (
        "categorical_cross_entropy",
        "sparse_categorical_cross_entropy",
        "softmax_cross_entropy",
    )
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def check(self) -> None:
        """Check the smoothing, the class weights and the label to ignore."""
        self.check_number("label_smoothing", least=0, below=1)
        self.check_classes()

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The cross-entropy of each target; 0 where the label is ignored."""
        epsilon, classes = self.label_smoothing, outputs.shape[-1]
        weights = None
        if self.class_weights is not None:
            weights = self.weights_of_classes(outputs.dtype)
        if is_float(targets.dtype):
            soft = (1 - epsilon) * targets + epsilon / classes if epsilon else targets
            return _expected(soft, ops.log_softmax(outputs), weights)
        loss = ops.cross_entropy_with_logits(outputs, targets)
        if not epsilon:
            return loss
        even = ops.full_like(outputs, 1.0 / classes)
        uniform = _expected(even, ops.log_softmax(outputs), weights)
        if weights is not None:  # the target's weight multiplies the sum, so it is taken out here
            own = self.label_weights(targets, outputs.dtype)
            uniform = uniform / ops.where(ops.equal(own, 0), 1, own)
        smooth = (1 - epsilon) * loss + epsilon * uniform
        return ops.where(ops.equal(targets, IGNORED), 0, smooth)


def _expected(target: Node, log_q: Node, weights: Node | None) -> Node:
    """The cross-entropy of each target; a class of target 0 adds nothing, also where q is 0."""
    share = target if weights is None else target * weights
    return -ops.sum(ops.scale(share, log_q), axis=-1)


@register
class BinaryCrossEntropyWithLogits(Loss):
    r"""Cross-entropy of logits z against the probability t of 'yes'.

    $l = -v\, t \ln \sigma(z) - (1 - t) \ln \sigma(-z)$, with $-\ln \sigma(z)$ computed as
    softplus of -z, exact for logits of any size. With v = 1 the derivative is $\sigma(z) - t$.
    Of several columns each is a label with its own 'yes' or 'no', and a row's loss is their mean.

    Args:
        pos_weight: v, how much more a 'yes' counts; above 0: one number, or one for each label.
            The mean is still divided by the number of rows.

    Shape:
        outputs, targets: (rows,), (rows, labels) or (rows, ..., labels), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `pos_weight` is not above 0, or not one for each label.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        D. R. Cox, 1958, "The regression analysis of binary sequences".

    Example:
        >>> import pullback as pb
        >>> pb.losses.binary_cross_entropy_with_logits([1e4, 0.0], [1.0, 0.0])
        tensor(0.346574)
        >>> two_labels = pb.losses.BinaryCrossEntropyWithLogits(pos_weight=(1.0, 3.0))
        >>> two_labels([[0.0, 0.0]], [[0.0, 1.0]])
        tensor(1.386294)
    """

    name: ClassVar[str] = "binary_cross_entropy_with_logits"
    aliases: ClassVar[tuple[str, ...]] = ("bce_with_logits", "bce")
    task: ClassVar[Task] = "binary"
    pos_weight: float | tuple[float, ...] = 1.0

    def check(self) -> None:
        """Check `pos_weight`."""
        if not isinstance(self.pos_weight, (tuple, list, np.ndarray)):
            self.check_number("pos_weight", above=0)
            return
        try:
            weights = tuple(float(w) for w in self.pos_weight)
        except (TypeError, ValueError):
            weights = ()
        if not weights or not all(math.isfinite(w) and w > 0 for w in weights):
            raise ConfigError(
                "pos_weight must be a number above 0, or one for each label",
                f"pos_weight={self.pos_weight!r}",
                "Give for instance pos_weight=(1.0, 3.0).",
            )
        object.__setattr__(self, "pos_weight", weights)

    def check_targets(self, targets: Array) -> None:
        """Check that targets are from 0 to 1."""
        check_probabilities(self.name, targets)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The cross-entropy of each row: the mean over its labels."""
        yes, no = ops.softplus(-outputs), ops.softplus(outputs)
        share = targets if self.pos_weight == 1 else self._weight(outputs) * targets
        return mean_of_rows(ops.scale(share, yes) + ops.scale(1 - targets, no))

    def _weight(self, outputs: Node) -> Node | float:
        """`pos_weight`, as a node where it is one for each label."""
        if isinstance(self.pos_weight, float):
            return self.pos_weight
        labels = outputs.shape[-1] if outputs.ndim > 1 else 1
        if len(self.pos_weight) != labels:
            raise ConfigError(
                "pos_weight must be a number, or one for each label",
                f"{len(self.pos_weight)} weights, outputs {outputs.shape} ({outputs.origin})",
                f"Give {labels} weight{'s' * (labels > 1)}.",
            )
        return constant(self.pos_weight, outputs.dtype, "pos_weight")
