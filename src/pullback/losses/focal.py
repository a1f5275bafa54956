"""Focal losses: cross-entropy in which what is known already counts less."""

from __future__ import annotations

from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, check_probabilities, mean_of_rows
from pullback.losses.classes import ClassLoss
from pullback.named import register


@register
class Focal(ClassLoss):
    r"""Focal loss of one class among several, from logits: for classes that are rare.

    $l = -(1 - q_t)^\gamma \ln q_t$ with $q = \operatorname{softmax}(z)$: cross-entropy times a
    factor that is near 0 where the class is given with certainty. With $\gamma = 0$ it is
    cross-entropy. A label of -1 is ignored, and class weights count as in `CrossEntropy`.

    Args:
        gamma: $\gamma$, how much less sure rows count; at least 0.
        class_weights: One number a class, at least 0; None for 1 each.
        ignore_index: A further label that is ignored; -1 always is.

    Shape:
        outputs: (rows, ..., classes), at least two classes, which come last
        targets: (rows, ...) whole numbers
        per_row: (rows,), the mean over a row's targets that count

    Raises:
        ConfigError: A setting out of range, or not one weight a class.
        ShapeError: The shapes do not fit.
        DtypeError: Labels that are not whole numbers.
        LabelError: A label out of range; found when the loss is computed.

    References:
        T.-Y. Lin et al., 2017, "Focal loss for dense object detection".

    Example:
        >>> import pullback as pb
        >>> pb.losses.Focal(gamma=2.0)([[0.0, 0.0]], [1])  # ln(2) / 4
        tensor(0.173287)
    """

    name: ClassVar[str] = "focal"
    aliases: ClassVar[tuple[str, ...]] = ("focal_loss", "categorical_focal")
    soft: ClassVar[bool] = False
    gamma: float = 2.0
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def check(self) -> None:
        """Check `gamma`, the class weights and the label to ignore."""
        self.check_number("gamma", least=0)
        self.check_classes()

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The loss of each target; 0 where it is ignored."""
        loss = ops.cross_entropy_with_logits(outputs, targets)
        return ops.power(-ops.expm1(-loss), self.gamma) * loss if self.gamma else loss


@register
class BinaryFocal(Loss):
    r"""Focal loss of a logit z against the probability t of 'yes': for a rare 'yes'.

    $l = -\alpha\, t\, (1 - p)^\gamma \ln p - (1 - \alpha)(1 - t)\, p^\gamma \ln(1 - p)$ with
    $p = \sigma(z)$, computed from logits of any size. Without $\alpha$ both factors are 1, and
    with $\gamma = 0$ it is then `binary_cross_entropy_with_logits`.

    Args:
        gamma: $\gamma$, how much less sure rows count; at least 0.
        alpha: $\alpha$, the share of 'yes', above 0 and below 1 (0.25 in the paper); None weighs
            neither.

    Shape:
        outputs, targets: (rows,), (rows, labels) or (rows, ..., labels), the same for both
        per_row: (rows,), the mean over a row's labels

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        T.-Y. Lin et al., 2017, "Focal loss for dense object detection".

    Example:
        >>> import pullback as pb
        >>> pb.losses.BinaryFocal(gamma=2.0)([0.0], [1.0])  # ln(2) / 4
        tensor(0.173287)
    """

    name: ClassVar[str] = "binary_focal"
    aliases: ClassVar[tuple[str, ...]] = ("sigmoid_focal",)
    task: ClassVar[Task] = "binary"
    gamma: float = 2.0
    alpha: float | None = None

    def check(self) -> None:
        """Check the settings."""
        self.check_number("gamma", least=0)
        if self.alpha is not None:
            self.check_number("alpha", above=0, below=1)

    def check_targets(self, targets: Array) -> None:
        """Check that targets are from 0 to 1."""
        check_probabilities(self.name, targets)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The loss of each row: the mean over its labels."""
        yes, no = ops.softplus(-outputs), ops.softplus(outputs)  # -ln p, -ln(1 - p)
        found, rejected = ops.exp(-self.gamma * no) * yes, ops.exp(-self.gamma * yes) * no
        if self.alpha is not None:
            found, rejected = self.alpha * found, (1 - self.alpha) * rejected
        return mean_of_rows(ops.scale(targets, found) + ops.scale(1 - targets, rejected))
