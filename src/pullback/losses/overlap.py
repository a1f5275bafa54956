"""Losses of the overlap of what is predicted with what is there: for segmentation."""

from __future__ import annotations

from typing import ClassVar

from numpy.typing import DTypeLike

from pullback import ops
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, is_float
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, check_probabilities
from pullback.losses.classes import IGNORED, ClassLoss
from pullback.named import register


class ClassOverlap(ClassLoss):
    """One less the overlap of each class in a row, averaged over the classes."""

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """One less the mean overlap of the classes; 0 where every label is ignored."""
        targets = self.fitting(outputs, targets)
        p, t = ops.softmax(outputs, axis=-1), self.shares(outputs, targets)
        if not is_float(targets.dtype):
            kept = ops.not_equal(targets, IGNORED).astype(p.dtype)
            p = ops.scale(kept.reshape(*targets.shape, 1).broadcast_to(p.shape), p)
        places = range(1, outputs.ndim - 1)
        return 1 - ops.mean(self.overlap(p, t, tuple(places)), axis=-1)

    def row_weights(self, targets: Node, dtype: DTypeLike = DEFAULT_FLOAT) -> Node | None:
        """1 for a row with a label that counts, 0 where all are ignored; None for probabilities."""
        if is_float(targets.dtype):
            return None
        kept = ops.not_equal(self.marked(targets), IGNORED)
        axes = tuple(range(1, kept.ndim))
        return (ops.any(kept, axis=axes) if axes else kept).astype(dtype)

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """The overlap, from sums over `axes`."""
        raise TypeError(f"{type(self).__name__} must define overlap(p, t, axes)")


class BinaryOverlap(Loss):
    """One less the overlap of all the yeses of a row."""

    task: ClassVar[Task] = "binary"

    def check_targets(self, targets: Array) -> None:
        """Check that targets are from 0 to 1."""
        check_probabilities(self.name, targets)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """One less the overlap over all of a row's elements."""
        return 1 - self.overlap(ops.sigmoid(outputs), targets, tuple(range(1, outputs.ndim)))

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """The overlap, from sums over `axes`."""
        raise TypeError(f"{type(self).__name__} must define overlap(p, t, axes)")


def _dice(p: Node, t: Node, axes: tuple[int, ...], smooth: float) -> Node:
    both, all_ = _summed(p * t, axes), _summed(p + t, axes)
    return (2 * both + smooth) / (all_ + smooth)


def _tversky(
    p: Node, t: Node, axes: tuple[int, ...], alpha: float, beta: float, smooth: float
) -> Node:
    hit = _summed(p * t, axes)
    false, missed = _summed(p * (1 - t), axes), _summed((1 - p) * t, axes)
    return (hit + smooth) / (hit + alpha * false + beta * missed + smooth)


def _summed(x: Node, axes: tuple[int, ...]) -> Node:
    return ops.sum(x, axis=axes) if axes else x


@register
class Dice(ClassOverlap):
    r"""Dice loss of classes, from logits: one less the overlap of each class, class by class.

    With $p = \operatorname{softmax}(z)$ and t the class as 0 and 1, summed over a row's places:
    $l = 1 - \frac1k \sum_c \frac{2 \sum p_c t_c + s}{\sum p_c + \sum t_c + s}$ over the k classes.
    A class counts alike however few its places are. A row is one image, whole: the loss of a batch
    is the mean over its rows. A label of -1 is ignored.

    Args:
        smooth: s, above 0: keeps a class that is absent on both sides from being 0 / 0.
        ignore_index: A further label that is ignored; -1 always is.

    Shape:
        outputs: (rows, ..., classes), at least two classes, which come last
        targets: (rows, ...) whole numbers, or (rows, ..., classes) real numbers
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The shapes do not fit.
        DtypeError: Labels that are not whole numbers.
        LabelError: A label out of range; found when the loss is computed.

    References:
        F. Milletari, N. Navab and S.-A. Ahmadi, 2016, "V-Net". L. R. Dice, 1945, "Measures of the
        amount of ecologic association between species".

    Example:
        >>> import pullback as pb
        >>> sure = [[[50.0, 0.0], [0.0, 50.0]]]
        >>> pb.losses.dice(sure, [[0, 1]]), pb.losses.dice(sure, [[0, 0]])
        (tensor(0.), tensor(0.375))
    """

    name: ClassVar[str] = "dice"
    aliases: ClassVar[tuple[str, ...]] = ("dice_loss",)
    smooth: float = 1.0
    ignore_index: int | None = None

    def check(self) -> None:
        """Check the settings."""
        self.check_number("smooth", above=0)
        self.check_classes()

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """Twice what is common, over the sum of both."""
        return _dice(p, t, axes, self.smooth)


@register
class Tversky(ClassOverlap):
    r"""Tversky loss of classes, from logits: Dice with a say in which mistakes weigh more.

    With $p = \operatorname{softmax}(z)$ and t the class as 0 and 1, summed over a row's places:
    $l = 1 - \frac1k \sum_c \frac{\sum p_c t_c + s}
    {\sum p_c t_c + \alpha \sum p_c (1 - t_c) + \beta \sum (1 - p_c) t_c + s}$ over the k classes.
    With $\alpha = \beta = \tfrac12$ it is Dice of twice the smoothing. A label of -1 is ignored.

    Args:
        alpha: How much what is wrongly found weighs; at least 0.
        beta: How much what is missed weighs; at least 0.
        smooth: s, above 0: keeps a class that is absent on both sides from being 0 / 0.
        ignore_index: A further label that is ignored; -1 always is.

    Shape:
        outputs: (rows, ..., classes), at least two classes, which come last
        targets: (rows, ...) whole numbers, or (rows, ..., classes) real numbers
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The shapes do not fit.
        DtypeError: Labels that are not whole numbers.
        LabelError: A label out of range; found when the loss is computed.

    References:
        S. S. M. Salehi, D. Erdogmus and A. Gholipour, 2017, "Tversky loss function for image
        segmentation using 3D fully convolutional deep networks".

    Example:
        >>> import pullback as pb
        >>> sure = [[[50.0, 0.0], [0.0, 50.0]]]
        >>> pb.losses.tversky(sure, [[0, 1]])
        tensor(0.)
    """

    name: ClassVar[str] = "tversky"
    aliases: ClassVar[tuple[str, ...]] = ("tversky_loss",)
    alpha: float = 0.3
    beta: float = 0.7
    smooth: float = 1.0
    ignore_index: int | None = None

    def check(self) -> None:
        """Check the settings."""
        self.check_number("alpha", least=0)
        self.check_number("beta", least=0)
        self.check_number("smooth", above=0)
        self.check_classes()

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """What is common, over that and the weighted mistakes."""
        return _tversky(p, t, axes, self.alpha, self.beta, self.smooth)


@register
class BinaryDice(BinaryOverlap):
    r"""Dice loss of 'yes' and 'no', from logits: one less the overlap of the yeses of a row.

    With $p = \sigma(z)$, summed over all elements of a row:
    $l = 1 - \frac{2 \sum p\,t + s}{\sum p + \sum t + s}$. A row is one image, whole.

    Args:
        smooth: s, above 0: keeps a row without a 'yes' from being 0 / 0.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `smooth` is not above 0.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        F. Milletari, N. Navab and S.-A. Ahmadi, 2016, "V-Net".

    Example:
        >>> import pullback as pb
        >>> pb.losses.binary_dice([[50.0, 50.0, -50.0]], [[1.0, 0.0, 0.0]])
        tensor(0.25)
    """

    name: ClassVar[str] = "binary_dice"
    aliases: ClassVar[tuple[str, ...]] = ("binary_dice_loss",)
    smooth: float = 1.0

    def check(self) -> None:
        """Check `smooth`."""
        self.check_number("smooth", above=0)

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """Twice what is common, over the sum of both."""
        return _dice(p, t, axes, self.smooth)


@register
class BinaryTversky(BinaryOverlap):
    r"""Tversky loss of 'yes' and 'no', from logits: Dice that weighs mistakes apart.

    With $p = \sigma(z)$, summed over all elements of a row: $l = 1 - \frac{\sum p\,t + s}
    {\sum p\,t + \alpha \sum p\,(1 - t) + \beta \sum (1 - p)\,t + s}$.

    Args:
        alpha: How much what is wrongly found weighs; at least 0.
        beta: How much what is missed weighs; at least 0.
        smooth: s, above 0: keeps a row without a 'yes' from being 0 / 0.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        S. S. M. Salehi, D. Erdogmus and A. Gholipour, 2017, "Tversky loss function for image
        segmentation using 3D fully convolutional deep networks".

    Example:
        >>> import pullback as pb
        >>> pb.losses.BinaryTversky(0.5, 0.5, 0.5)([[50.0, 50.0, -50.0]], [[1.0, 0.0, 0.0]])
        tensor(0.25)
    """

    name: ClassVar[str] = "binary_tversky"
    aliases: ClassVar[tuple[str, ...]] = ("binary_tversky_loss",)
    alpha: float = 0.3
    beta: float = 0.7
    smooth: float = 1.0

    def check(self) -> None:
        """Check the settings."""
        self.check_number("alpha", least=0)
        self.check_number("beta", least=0)
        self.check_number("smooth", above=0)

    def overlap(self, p: Node, t: Node, axes: tuple[int, ...]) -> Node:
        """What is common, over that and the weighted mistakes."""
        return _tversky(p, t, axes, self.alpha, self.beta, self.smooth)
