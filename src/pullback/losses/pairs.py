"""Losses that compare vectors: with a target, or outputs with one another.

Outputs that are compared with one another lie side by side on the second axis,
`(rows, members, ...)`: a pair has two members, a triplet three. A tuple of that many tensors
`(rows, ...)` is taken too and stacked so.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Operand
from pullback.losses.base import Loss, Task, floating, mean_of_rows, refuse_outside
from pullback.named import register


@register
class Cosine(Loss):
    r"""Cosine distance between outputs and targets: their directions, whatever their lengths.

    $l = 1 - \frac{y \cdot t}{\|y\| \|t\|}$ along the last axis: 0 for equal directions, 1 for
    orthogonal ones, 2 for opposite. A vector of zeros is orthogonal to everything.

    Shape:
        outputs, targets: (rows, ..., features), the same for both
        per_row: (rows,), the mean over a row's vectors

    Raises:
        ShapeError: The shapes differ, or there is no axis of features.

    References:
        G. Salton, A. Wong and C. S. Yang, 1975, "A vector space model for automatic indexing".

    Example:
        >>> import pullback as pb
        >>> pb.losses.cosine([[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], reduction="none")
        tensor([0., 1.])
    """

    name: ClassVar[str] = "cosine"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_distance", "cosine_similarity")
    task: ClassVar[Task] = "regression"

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The distance of each row."""
        if outputs.ndim < 2:
            raise ShapeError(
                "cosine needs outputs (rows, ..., features)",
                f"outputs {outputs.shape} ({outputs.origin})",
                "Give each row the numbers of a vector.",
            )
        return mean_of_rows(1 - _cosine(outputs, targets))


class Together(Loss):
    """A loss of outputs that are compared with one another.

    Class attributes:
        members: How many tensors are compared, on the outputs' second axis.
        axes: How many axes the outputs have at least.
    """

    task: ClassVar[Task] = "embedding"
    members: ClassVar[int] = 2
    axes: ClassVar[int] = 3

    def joined(self, outputs: Operand) -> Node:
        """The members side by side, `(rows, members, ...)`."""
        if not isinstance(outputs, tuple):
            return floating(outputs)
        tensors = [floating(member) for member in outputs]
        if len(tensors) != self.members or len({t.shape for t in tensors}) != 1:
            raise ShapeError(
                f"{self.name} compares {self.members} tensors of one shape",
                ", ".join(str(t.shape) for t in tensors),
                f"Give {self.members}, or stack them on the second axis.",
            )
        if not tensors[0].shape:
            tensors = [t.reshape(1) for t in tensors]
        return ops.stack(tensors, axis=1)

    def matching(self, outputs: Node, targets: Node) -> tuple[Node, Node]:
        """Check the members, and that there is one target a row."""
        if outputs.ndim < self.axes or outputs.shape[1] != self.members:
            wanted = ("rows", str(self.members), "...", "features")[: 2 + 2 * (self.axes > 2)]
            raise ShapeError(
                f"{self.name} needs outputs ({', '.join(wanted)})",
                f"outputs {outputs.shape} ({outputs.origin})",
                f"Stack {self.members} tensors on the second axis: pb.stack([...], axis=1).",
            )
        if targets.shape != outputs.shape[:1]:
            raise ShapeError(
                f"{self.name} needs one target for each row",
                f"outputs {outputs.shape} ({outputs.origin}), targets {targets.shape}",
                f"Give targets of shape {outputs.shape[:1]}.",
            )
        return outputs, targets.astype(outputs.dtype)

    def spread(self, target: float, outputs: Node) -> Node:
        """One target for all rows."""
        return ops.full(outputs.shape[:1], target, outputs.dtype)

    def check_targets(self, targets: Array) -> None:
        """Check that targets are 1 or -1."""
        wrong = np.abs(targets) != 1
        refuse_outside(self.name, targets, wrong, "1 or -1", "For 0 and 1 write 2 * targets - 1.")


@register
class CosineEmbedding(Together):
    r"""Cosine distance of pairs: alike ones together, unlike ones apart by a margin.

    With the cosine c of the two vectors of a row: $l = 1 - c$ for a target of 1 (alike),
    $l = \max(0, c - m)$ for -1 (unlike), with derivative 0 at the kink.

    Args:
        margin: m, from -1 to 1.

    Shape:
        outputs: (rows, 2, ..., features), or a tuple of two (rows, ..., features)
        targets: (rows,), each 1 or -1
        per_row: (rows,)

    Raises:
        ConfigError: `margin` out of range.
        ShapeError: Not two members, or not one target a row.
        LabelError: A target that is known already and not 1 or -1.

    References:
        J. Bromley et al., 1993, "Signature verification using a siamese time delay neural network".

    Example:
        >>> import pullback as pb
        >>> pair = pb.tensor([[1.0, 0.0]]), pb.tensor([[1.0, 1.0]])
        >>> pb.losses.cosine_embedding(pair, [1.0])
        tensor(0.292893)
    """

    name: ClassVar[str] = "cosine_embedding"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_embedding_loss",)
    margin: float = 0.0

    def check(self) -> None:
        """Check `margin`."""
        self.check_number("margin", least=-1, most=1)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The loss of each pair."""
        cosine = _cosine(outputs[:, 0], outputs[:, 1])
        alike = (0.5 * (1 + targets)).reshape(-1, *(1,) * (cosine.ndim - 1))
        alike = alike.broadcast_to(cosine.shape)
        near, far = 1 - cosine, ops.relu(cosine - self.margin)
        return mean_of_rows(ops.scale(alike, near) + ops.scale(1 - alike, far))


@register
class MarginRanking(Together):
    r"""Ranking of pairs: the score that should be higher, higher by a margin.

    With the two scores a and b of a row: $l = \max(0, m - t\,(a - b))$, where the target t is 1 if
    a should rank above b, -1 if below. The derivative at the kink is 0.

    Args:
        margin: m, at least 0.

    Shape:
        outputs: (rows, 2), or a tuple of two (rows,)
        targets: (rows,), each 1 or -1
        per_row: (rows,)

    Raises:
        ConfigError: `margin` is below 0.
        ShapeError: Not two members, or not one target a row.
        LabelError: A target that is known already and not 1 or -1.

    References:
        R. Herbrich, T. Graepel and K. Obermayer, 2000, "Large margin rank boundaries for ordinal
        regression".

    Example:
        >>> import pullback as pb
        >>> pb.losses.MarginRanking(margin=1.0)([[3.0, 1.0], [3.0, 1.0]], [1.0, -1.0])
        tensor(1.5)
    """

    name: ClassVar[str] = "margin_ranking"
    aliases: ClassVar[tuple[str, ...]] = ("margin_ranking_loss",)
    axes: ClassVar[int] = 2
    margin: float = 0.0

    def check(self) -> None:
        """Check `margin`."""
        self.check_number("margin", least=0)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The loss of each pair: the mean over its scores, where there are several."""
        gap = outputs[:, 0] - outputs[:, 1]
        sign = targets.reshape(-1, *(1,) * (gap.ndim - 1)).broadcast_to(gap.shape)
        return mean_of_rows(ops.relu(self.margin - sign * gap))


@register
class Triplet(Together):
    r"""Triplets: an anchor nearer to its like than to its unlike, by a margin.

    With the anchor a, the positive p and the negative n of a row:
    $l = \max(0, \|a - p\| - \|a - n\| + m)$ with Euclidean lengths; the derivative is 0 at the
    kink, and at a length of 0. The targets are not looked at: give None, or any number a row.

    Args:
        margin: m, above 0.
        swap: Whether the distance to the negative is the smaller one of those from the anchor and
            from the positive.

    Shape:
        outputs: (rows, 3, ..., features), or a tuple of three (rows, ..., features)
        targets: None or (rows,)
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: Not three members.

    References:
        F. Schroff, D. Kalenichenko and J. Philbin, 2015, "FaceNet". V. Balntas et al., 2016,
        "Learning local feature descriptors with triplets and shallow convolutional neural networks"
        (swap).

    Example:
        >>> import pullback as pb
        >>> pb.losses.triplet([[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]], None)
        tensor(5.)
    """

    name: ClassVar[str] = "triplet"
    aliases: ClassVar[tuple[str, ...]] = ("triplet_margin", "triplet_margin_loss")
    members: ClassVar[int] = 3
    margin: float = 1.0
    swap: bool = False

    def check(self) -> None:
        """Check the settings."""
        self.check_number("margin", above=0)
        self.check_flag("swap")

    def check_targets(self, targets: Array) -> None:
        """Any will do."""

    def __call__(
        self,
        outputs: Operand,
        targets: Operand | None = None,
        weights: Operand | None = None,
        reduction: str = "mean",
    ) -> Node:
        """The loss of triplets; see `Loss`. Targets may be left out."""
        return super().__call__(outputs, 0.0 if targets is None else targets, weights, reduction)

    def sums(
        self, outputs: Operand, targets: Operand | None = None, weights: Operand | None = None
    ) -> tuple[Node, Node]:
        """The two sums of `Loss.sums`; targets may be left out."""
        return super().sums(outputs, 0.0 if targets is None else targets, weights)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The loss of each triplet."""
        anchor, positive, negative = outputs[:, 0], outputs[:, 1], outputs[:, 2]
        near = ops.norm(anchor - positive, axis=-1)
        far = ops.norm(anchor - negative, axis=-1)
        if self.swap:
            far = ops.minimum(far, ops.norm(positive - negative, axis=-1))
        return mean_of_rows(ops.relu(near - far + self.margin))


def _cosine(a: Node, b: Node) -> Node:
    """The cosine of the angle between vectors along the last axis; 0 where one has no length."""
    units = []
    for vector in (a, b):
        length = ops.norm(vector, axis=-1, keepdims=True)
        safe = ops.where(ops.equal(length, 0), 1, length)
        units.append(vector / safe.broadcast_to(vector.shape))
    return ops.sum(units[0] * units[1], axis=-1)
