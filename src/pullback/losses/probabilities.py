"""Losses of probabilities and of their logarithms, for networks that end in them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.errors import DataError, DtypeError
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, check_probabilities, mean_of_rows
from pullback.losses.classes import ClassLoss
from pullback.named import register

LEAST_LOG = -100.0
"""Where the logarithm of a probability ends, as in PyTorch."""


@register
class NLL(ClassLoss):
    r"""Negative log-likelihood of a class, from log-probabilities: cross-entropy after log-softmax.

    With the outputs $y_c = \ln q_c$: against the class t, $l = -y_t$; against probabilities p,
    $l = -\sum_c p_c y_c$. Outputs are taken as they are: nothing normalises them. A label of -1 is
    ignored, and class weights count as in `CrossEntropy`.

    Args:
        class_weights: One number a class, at least 0; None for 1 each.
        ignore_index: A further label that is ignored; -1 always is.

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
        R. A. Fisher, 1922, "On the mathematical foundations of theoretical statistics".

    Example:
        >>> import pullback as pb
        >>> log_p = pb.log_softmax(pb.tensor([[0.0, 0.0], [50.0, 0.0]]))
        >>> pb.losses.nll(log_p, [1, 0])
        tensor(0.346574)
    """

    name: ClassVar[str] = "nll"
    aliases: ClassVar[tuple[str, ...]] = ("negative_log_likelihood", "nll_loss")
    ending: ClassVar[str | None] = "log_softmax"
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def check(self) -> None:
        """Check the class weights and the label to ignore."""
        self.check_classes()

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The negative log-probability of each target; 0 where it is ignored."""
        share = self.shares(outputs, targets)
        if is_float(targets.dtype) and self.class_weights is not None:
            share = share * self.weights_of_classes(outputs.dtype)
        return -ops.sum(ops.scale(share, outputs), axis=-1)


@register
class KLDivergence(ClassLoss):
    r"""Kullback-Leibler divergence of the targets p from the outputs, log-probabilities ln q.

    $l = \sum_c p_c\,(\ln p_c - \ln q_c)$, at least 0, and 0 where q is p: cross-entropy less the
    entropy of the targets. A class with $p_c = 0$ adds nothing. As in PyTorch the outputs are
    log-probabilities (end the network in `log_softmax`), the targets probabilities; the mean is
    over rows, which PyTorch calls "batchmean". A label counts as a probability of 1.

    Args:
        log_target: Whether targets are log-probabilities too.

    Shape:
        outputs: (rows, ..., classes), at least two classes, which come last
        targets: (rows, ..., classes) real numbers, or (rows, ...) whole numbers
        per_row: (rows,), the mean over a row's places

    Raises:
        ConfigError: `log_target` is not true or false.
        ShapeError: The shapes do not fit.
        DtypeError: Labels with `log_target`.

    References:
        S. Kullback and R. A. Leibler, 1951, "On information and sufficiency".

    Example:
        >>> import pullback as pb
        >>> log_q = pb.log(pb.tensor([[0.5, 0.5]]))
        >>> pb.losses.kl_divergence(log_q, [[0.5, 0.5]])
        tensor(0.)
        >>> pb.losses.kl_divergence(log_q, [[1.0, 0.0]])
        tensor(0.693147)
    """

    name: ClassVar[str] = "kl_divergence"
    aliases: ClassVar[tuple[str, ...]] = ("kl_div", "kl", "kullback_leibler")
    ending: ClassVar[str | None] = "log_softmax"
    log_target: bool = False

    def check(self) -> None:
        """Check `log_target`."""
        self.check_flag("log_target")

    def per_target(self, outputs: Node, targets: Node) -> Node:
        """The divergence at each place."""
        if not is_float(targets.dtype):
            if self.log_target:
                raise DtypeError(
                    "log-probabilities as targets are real numbers of the outputs' shape",
                    f"targets {targets.shape} of dtype {targets.dtype}",
                    "Leave log_target=False for class indices.",
                )
            return -ops.sum(ops.scale(self.shares(outputs, targets), outputs), axis=-1)
        if self.log_target:
            return ops.sum(ops.scale(ops.exp(targets), targets - outputs), axis=-1)
        return ops.sum(ops.scale(targets, ops.log(targets) - outputs), axis=-1)


@register
class BinaryCrossEntropy(Loss):
    r"""Cross-entropy of a probability p against the probability t of 'yes'.

    $l = -t \ln p - (1 - t) \ln(1 - p)$. As in PyTorch each logarithm is at least -100, so that a
    wrong certainty costs 100 and not infinity; beyond that, and at p = 0 or 1, the derivative of
    the logarithm is 0. From logits, `binary_cross_entropy_with_logits` is exact everywhere: prefer
    it to a network that ends in a sigmoid.

    Shape:
        outputs, targets: (rows,), (rows, labels) or (rows, ..., labels), the same for both
        per_row: (rows,), the mean over a row's labels

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: Outputs that are known already and not from 0 to 1.
        LabelError: Targets that are known already and not from 0 to 1.

    References:
        I. J. Good, 1952, "Rational decisions".

    Example:
        >>> import pullback as pb
        >>> pb.losses.binary_cross_entropy([0.5, 1.0], [1.0, 0.0], reduction="none")
        tensor([  0.693147, 100.      ])
    """

    name: ClassVar[str] = "binary_cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = ("bce_of_probabilities",)
    ending: ClassVar[str | None] = "sigmoid"
    task: ClassVar[Task] = "binary"

    @property
    def form(self) -> str:
        """Outputs are probabilities already."""
        return "probability"

    def check_targets(self, targets: Array) -> None:
        """Check that targets are from 0 to 1."""
        check_probabilities(self.name, targets)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The cross-entropy of each row: the mean over its labels."""
        if outputs.value is not None and outputs.size:
            low, high = float(np.nanmin(outputs.value)), float(np.nanmax(outputs.value))
            if low < 0 or high > 1:
                raise DataError(
                    f"{self.name} needs outputs that are probabilities, from 0 to 1",
                    f"outputs from {low:g} to {high:g} ({outputs.origin})",
                    "Use binary_cross_entropy_with_logits, or end the network in a sigmoid.",
                )
        yes = ops.maximum(ops.log(outputs), LEAST_LOG)
        no = ops.maximum(ops.log1p(-outputs), LEAST_LOG)
        return -mean_of_rows(ops.scale(targets, yes) + ops.scale(1 - targets, no))
