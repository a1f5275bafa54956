"""Fused operations: each is one step for the engine and opens into its definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pullback.errors import DtypeError, ShapeError
from pullback.graph.cause import Cause, Place, along, figure, outcome
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.arithmetic import scale
from pullback.ops.comparison import equal, where
from pullback.ops.exponential import exp
from pullback.ops.families import Axiswise, Rowwise, normal_axes
from pullback.ops.indexing import checked, one_hot
from pullback.ops.reductions import LogSumExp, _floating
from pullback.ops.reductions import max as largest
from pullback.ops.reductions import sum as total
from pullback.ops.samples import Real, Sample, Whole

__all__ = ["cross_entropy_with_logits", "log_softmax", "softmax", "softmax_pullback"]

SOFTMAX_SAMPLES: tuple[tuple[Shape, tuple[int, ...]], ...] = (
    ((4,), (0,)), ((1,), (0,)), ((2, 3), (1,)), ((2, 3), (0,)), ((2, 3), (0, 1)), ((0, 3), (1,)),
)  # fmt: skip


@dataclass(frozen=True)
class AlongAxes(Axiswise):
    """A fused operation along some axes that keeps its input's shape."""

    family = "FUSED"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The number there, and the largest beside it."""
        (x,) = inputs
        row = x[tuple(along(self.axes, at, x.ndim))]
        words = f"{self.name} of {figure(x[at])}, where the largest is {figure(row.max())}"
        return Cause(words + outcome(y, at, [row]), ((0, at),))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SOFTMAX_SAMPLES:
            yield Sample(cls(axes), (Real(shape),))


def _shifted(x: Array, axes: tuple[int, ...]) -> Array:
    """The input less its maximum; a row with +inf counts 0 there and -inf elsewhere."""
    top = np.maximum.reduce(x, axis=axes, keepdims=True, initial=-np.inf)
    finite = np.isfinite(top)
    if finite.all():
        return np.asarray(x - top)
    spread = x - np.where(finite, top, 0)
    return np.where(top == np.inf, np.where(x == np.inf, 0, -np.inf), spread).astype(x.dtype)


def softmax_values(x: Array, axes: tuple[int, ...]) -> Array:
    """Softmax of an array along some axes; a row of -inf gives zeros."""
    weights = _shifted(x, axes)
    np.exp(weights, out=weights)
    number = np.add.reduce(weights, axis=axes, keepdims=True, dtype=x.dtype)
    number = np.where(number == 0, x.dtype.type(1), number)
    return np.divide(weights, number, out=weights)


@register
class Softmax(AlongAxes):
    r"""Positive numbers that sum to 1, in proportion to exp(x).

    $y_i = e^{x_i} / \sum_j e^{x_j}$, so $\bar x = y \odot (\bar y - \sum_j \bar y_j y_j)$.

    A row of -inf (fully masked) gives zeros with a zero derivative.
    """

    name = "softmax"
    text = "softmax({0})"
    latex = r"\operatorname{{softmax}}({0})"

    def forward(self, x: Array) -> Array:
        return softmax_values(x, self.axes)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(SoftmaxPullback(self.axes), y_bar, y),)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """How far below the largest of its row the input lies: its share may be 0."""
        (x,) = inputs
        top = x[tuple(along(self.axes, at, x.ndim))].max()
        words = f"softmax of {figure(x[at])}"
        if x[at] < top:
            words += f", which lies {figure(top - x[at])} below the largest of its row"
        return Cause(words + outcome(y, at, [x]), ((0, at),))

    def decompose(self, x: Node) -> Node:
        top = largest(x, self.axes, keepdims=True)
        finite = where(equal(top, float("-inf")), 0, top)
        weights = exp(x - finite)
        number = total(weights, self.axes, keepdims=True)
        return weights / where(equal(number, 0), 1, number)


@register
class SoftmaxPullback(Axiswise):
    r"""The cotangent of what a softmax was taken of: $y \odot (\bar y - \sum_j \bar y_j y_j)$.

    One operation, since in attention its tables of (queries, keys) cost more than the products.
    """

    name = "softmax_pullback"
    family = "FUSED"
    arity = 2

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[1].shape, inputs[1].dtype

    def forward(self, y_bar: Array, y: Array) -> Array:
        x_bar = np.asarray(y_bar * y)
        inner = np.add.reduce(x_bar, axis=self.axes, keepdims=True)
        if np.isfinite(inner).all():
            np.subtract(y_bar, inner, out=x_bar)
            return np.multiply(x_bar, y, out=x_bar)
        # a zero cotangent gives zero, whatever y is
        inner = np.where(y_bar == 0, 0, x_bar).sum(axis=self.axes, keepdims=True)
        outer = y_bar - inner
        return np.where(outer == 0, 0, outer * y)

    def decompose(self, y_bar: Node, y: Node) -> Node:
        inner = total(scale(y_bar, y), self.axes, keepdims=True).broadcast_to(y.shape)
        return scale(y_bar - inner, y)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape, axes in SOFTMAX_SAMPLES:
            yield Sample(cls(axes), (Real(shape), Real(shape)))


@register
class LogSoftmax(AlongAxes):
    r"""Logarithm of softmax: $y_i = x_i - \ln \sum_j e^{x_j}$.

    So $\bar x = \bar y - \operatorname{softmax}(x) \sum_j \bar y_j$. A row of -inf stays one.
    """

    name = "log_softmax"
    text = "log_softmax({0})"
    latex = r"\ln \operatorname{{softmax}}({0})"

    def forward(self, x: Array) -> Array:
        shifted = _shifted(x, self.axes)
        number = np.sum(np.exp(shifted), axis=self.axes, keepdims=True, dtype=x.dtype)
        return np.where(number == 0, x, shifted - np.log(np.where(number == 0, 1, number))).astype(
            x.dtype
        )

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        inner = total(y_bar, self.axes, keepdims=True).broadcast_to(x.shape)
        return (y_bar - scale(inner, exp(y)),)

    def decompose(self, x: Node) -> Node:
        total_weight = apply(LogSumExp(self.axes, True), x)
        finite = where(equal(total_weight, float("-inf")), 0, total_weight)
        return x - finite.broadcast_to(x.shape)


@register
class CrossEntropyWithLogits(Rowwise):
    r"""Cross-entropy of a row of logits z against the class t.

    $y = \ln \sum_j e^{z_j} - z_t$, so $\bar z = \bar y\,(\operatorname{softmax}(z) - e_t)$.

    A target of -1 is ignored: loss 0, derivative 0.

    Shape:
        logits: (..., classes)
        targets: (...), whole numbers
        y: (...)
    """

    name = "cross_entropy_with_logits"
    family = "FUSED"
    arity = 2
    text = "cross_entropy({0}, {1})"
    mend = "Leave no class out that is a target, or give such rows the target -1, which is ignored."
    latex = r"-\ln \operatorname{{softmax}}({0})_{{{1}}}"

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        logits, targets = inputs
        if targets.dtype.kind not in "iu":
            raise DtypeError(
                "class targets must be integers", str(targets.dtype), "Convert them to int64."
            )
        if not logits.shape or logits.shape[:-1] != targets.shape:
            raise ShapeError(
                "logits (..., classes) need targets (...)",
                f"logits {logits.shape} ({logits.origin}), targets {targets.shape}",
                "Reshape the targets; one-hot targets go to soft cross-entropy.",
            )
        return targets.shape, logits.dtype

    def forward(self, logits: Array, targets: Array) -> Array:
        ignored = targets == -1
        label = checked(np.where(ignored, 0, targets), logits.shape[-1], lowest=0)
        top = np.maximum.reduce(logits, axis=-1, keepdims=True, initial=-np.inf)
        shifted = logits - np.where(np.isfinite(top), top, 0)
        rows = shifted.reshape(label.size, logits.shape[-1])
        chosen = rows[np.arange(label.size), label.reshape(-1)].reshape(label.shape)
        sums = np.add.reduce(np.exp(shifted), axis=-1, dtype=logits.dtype)
        return np.where(ignored, 0, np.log(sums) - chosen).astype(logits.dtype)

    def vjp(self, y_bar: Node, y: Node, logits: Node, targets: Node) -> tuple[Node, None]:
        ignored = equal(targets, -1)
        flow = where(ignored, 0, y_bar).reshape((*y.shape, 1)).broadcast_to(logits.shape)
        hit = one_hot(targets, logits.shape[-1], logits.dtype.name)
        return scale(flow, softmax(logits, axis=-1) - hit), None

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The logit of the target class, if it is infinite, or the spread of the row."""
        logits, targets = inputs
        row, target = logits[at], int(targets[at])
        chosen = ((0, (*at, target)), (1, at))
        if np.isneginf(row[target]):
            return Cause(f"cross-entropy of class {target}, whose logit is -inf", chosen)
        words = f"cross-entropy of class {target}, whose logit is {figure(row[target])}"
        words += f", in a row up to {figure(row.max())}"
        return Cause(words + outcome(y, at, [row]), chosen)

    def decompose(self, logits: Node, targets: Node) -> Node:
        hit = one_hot(targets, logits.shape[-1], logits.dtype.name)
        chosen = total(scale(hit, logits), -1)
        loss = apply(LogSumExp((logits.ndim - 1,), False), logits) - chosen
        return where(equal(targets, -1), 0, loss)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((3,), (2, 3), (4, 1), (0, 3), (2, 2, 4)):
            yield Sample(cls(), (Real(shape), Whole(shape[:-1], shape[-1])))


@function
def softmax(x: Operand, axis: int = -1) -> Node:
    """Positive numbers that sum to 1 along `axis`, in proportion to exp(x).

    Example:
        >>> import pullback as pb
        >>> pb.softmax(pb.tensor([0.0, 0.0]))
        tensor([0.5, 0.5])
    """
    node = _floating(x)
    return apply(Softmax(normal_axes("softmax", axis, node.ndim)), node)


@function
def softmax_pullback(y_bar: Operand, y: Operand, axis: int = -1) -> Node:
    """The cotangent of x, given that of y = softmax(x) along `axis`, and y."""
    node = _floating(y)
    axes = normal_axes("softmax_pullback", axis, node.ndim)
    return apply(SoftmaxPullback(axes), as_node(y_bar, node.dtype), node)


@function
def log_softmax(x: Operand, axis: int = -1) -> Node:
    """The logarithm of softmax along `axis`, without underflow."""
    node = _floating(x)
    return apply(LogSoftmax(normal_axes("log_softmax", axis, node.ndim)), node)


@function
def cross_entropy_with_logits(logits: Operand, targets: Operand) -> Node:
    """One cross-entropy a row of logits, against class indices; -1 is ignored.

    Raises:
        LabelError: A class index is out of range; before any memory is touched.
        DtypeError: The targets are not integers.
        ShapeError: There is not one target a row.

    Example:
        >>> import pullback as pb
        >>> pb.cross_entropy_with_logits(pb.tensor([[1e4, -1e4]]), [1])
        tensor([20000.])
    """
    classes = as_node(targets)
    if classes.dtype.kind in "iu":
        classes = classes.astype("int64")  # so that -1 can be told from 255
    return apply(CrossEntropyWithLogits(), _floating(logits), classes)
