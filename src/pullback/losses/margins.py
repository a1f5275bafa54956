"""Losses that ask for a margin between classes, and nothing beyond it."""

from __future__ import annotations

from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, check_probabilities, mean_of_rows
from pullback.losses.classes import IGNORED, ClassLoss
from pullback.named import register


@register
class Hinge(Loss):
    r"""Hinge loss of a score y against 'yes' (1) or 'no' (0): the support vector machine's.

    $l = t \max(0, 1 - y) + (1 - t) \max(0, 1 + y)$: 0 from a margin of 1 on, where the derivative
    is 0 too. Targets are 0 and 1, as of every loss of 'yes' and 'no'; for -1 and 1 write
    (t + 1) / 2. The sign of a score decides; its sigmoid is no calibrated probability.

    Shape:
        outputs, targets: (rows,), (rows, labels) or (rows, ..., labels), the same for both
        per_row: (rows,), the mean over a row's labels

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        C. Cortes and V. Vapnik, 1995, "Support-vector networks".

    Example:
        >>> import pullback as pb
        >>> pb.losses.hinge([0.5, 3.0, 3.0], [1.0, 1.0, 0.0], reduction="none")
        tensor([0.5, 0. , 4. ])
    """

    name: ClassVar[str] = "hinge"
    aliases: ClassVar[tuple[str, ...]] = ("hinge_loss",)
    task: ClassVar[Task] = "binary"

    def check_targets(self, targets: Array) -> None:
        """Check that targets are from 0 to 1."""
        check_probabilities(self.name, targets)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """What each row lacks of its margin."""
        return mean_of_rows(
            ops.scale(targets, self.lacking(1 - outputs))
            + ops.scale(1 - targets, self.lacking(1 + outputs))
        )

    def lacking(self, short: Node) -> Node:
        """The loss of a score that is `short` of the margin by that much."""
        return ops.relu(short)


@register
class SquaredHinge(Hinge):
    r"""Squared hinge loss of a score y against 'yes' (1) or 'no' (0): without a kink.

    $l = t \max(0, 1 - y)^2 + (1 - t) \max(0, 1 + y)^2$; see `Hinge`.

    Shape:
        outputs, targets: (rows,), (rows, labels) or (rows, ..., labels), the same for both
        per_row: (rows,), the mean over a row's labels

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        Y. Tang, 2013, "Deep learning using linear support vector machines".

    Example:
        >>> import pullback as pb
        >>> pb.losses.squared_hinge([0.5, 3.0, 3.0], [1.0, 1.0, 0.0], reduction="none")
        tensor([ 0.25,  0.  , 16.  ])
    """

    name: ClassVar[str] = "squared_hinge"
    aliases: ClassVar[tuple[str, ...]] = ("squared_hinge_loss",)

    def lacking(self, short: Node) -> Node:
        """The square of what is lacking."""
        return ops.square(ops.relu(short))


@register
class MultiMargin(ClassLoss):
    r"""Hinge loss of several classes: the right score above each other one by a margin.

    $l = \frac1k \sum_{c \ne t} \max(0, m - y_t + y_c)^r$ over the k classes. The derivative at the
    margin is 0. A label of -1 is ignored. A class weight multiplies the rows of its class; the
    mean is divided by the weights, where PyTorch divides by the number of rows.

    Args:
        margin: m, above 0.
        power: r, 1 or 2.
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
        J. Weston and C. Watkins, 1999, "Support vector machines for multi-class pattern
        recognition".

    Example:
        >>> import pullback as pb
        >>> pb.losses.multi_margin([[2.0, 1.5, -3.0]], [0])
        tensor(0.166667)
    """

    name: ClassVar[str] = "multi_margin"
    aliases: ClassVar[tuple[str, ...]] = ("multi_margin_loss", "categorical_hinge")
    soft: ClassVar[bool] = False
    margin: float = 1.0
    power: int = 1
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def check(self) -> None:
        """Check the settings."""
        self.check_number("margin", above=0)
        if self.power not in (1, 2) or isinstance(self.power, bool):
            raise ConfigError(
                "power of the loss 'multi_margin' must be 1 or 2",
                f"power={self.power!r}",
                "Its default is 1.",
            )
        self.check_classes()

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The loss of each target; 0 where it is ignored."""
        hit = self.shares(outputs, targets)
        right = ops.sum(ops.scale(hit, outputs), axis=-1, keepdims=True)
        short = ops.relu(self.margin - right + outputs)
        short = ops.square(short) if self.power == 2 else short
        loss = ops.sum(ops.scale(1 - hit, short), axis=-1) / outputs.shape[-1]
        return ops.where(ops.equal(targets, IGNORED), 0, loss)
