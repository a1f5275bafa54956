"""Average pooling, and its pullback."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, is_float
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.pooling import SAMPLES, Pooling, settings_of
from pullback.ops.samples import Real, Sample
from pullback.ops.windows import Padding, check_space, inner, padded, shown

__all__ = ["avg_pool", "avg_unpool"]


@dataclass(frozen=True)
class Averaging(Pooling):
    """What average pooling and its pullback share.

    Attributes:
        count_include_pad: Whether padding counts as zeros, or is left out of the mean.
    """

    count_include_pad: bool = True

    def counted_in(self, shape: Shape, dtype: Dtype) -> Array | float:
        """How many numbers each window's mean is over."""
        if self.count_include_pad or not any(itertools.chain(*self.padding)):
            return float(math.prod(self.window))
        axes = enumerate(zip(shape[1:-1], self.counted(shape, self.window), strict=True))
        lines = [self.inside(axis, n, count).sum(axis=0) for axis, (n, count) in axes]
        return np.asarray(math.prod(np.ix_(*lines)), dtype)[..., None]


@register
class AvgPool(Averaging):
    r"""The mean of every window: $y_{n,p,c} = \frac1k \sum_t x_{n,\,s p + t - l,\,c}$.

    So $\bar y / k$ is spread over the window, and added where windows overlap.

    Shape:
        x: (batch, *space, channels)
        y: (batch, *positions, channels)
    """

    name = "avg_pool"
    text = "avg_pool({0}, {window})"
    latex = r"\operatorname{{avgpool}}({0})"

    def forward(self, x: Array) -> Array:
        sums = self.folded(padded(x, self.padding), x.shape, np.add)
        return np.asarray(sums / self.counted_in(x.shape, x.dtype))

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (apply(AvgUnpool(**self.attributes(), space=x.shape[1:-1]), y_bar),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for settings, x in SAMPLES:
            yield Sample(cls(*settings), (Real(x),))
            yield Sample(cls(*settings, count_include_pad=False), (Real(x),))


@register
class AvgUnpool(Averaging):
    r"""Every number spread evenly over its window: the pullback of `avg_pool`.

    Shape:
        y: (batch, *positions, channels)
        x: (batch, *space, channels)
    """

    name = "avg_unpool"
    text = "avg_unpool({0}, {window})"
    latex = r"\operatorname{{avgpool}}^\top({0})"
    space: Shape = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        (y,) = inputs
        return (y.shape[0], *self.space, y.shape[-1]), y.dtype

    def forward(self, y: Array) -> Array:
        shape = (len(y), *self.space, y.shape[-1])
        part = np.asarray(y / self.counted_in(shape, y.dtype))
        for axis, count in reversed(list(enumerate(self.counted(shape, self.window)))):
            low, high = self.padding[axis]
            wide = (*part.shape[: axis + 1], low + self.space[axis] + high)
            x = np.zeros((*wide, *part.shape[axis + 2 :]), y.dtype)
            for tap in range(self.window[axis]):
                x[(slice(None),) * (axis + 1) + (self.seen(axis, count, tap),)] += part
            part = x
        return part[inner(self.space, self.padding)]

    def vjp(self, x_bar: Node, x: Node, y: Node) -> tuple[Node]:
        settings = {k: v for k, v in self.attributes().items() if k != "space"}
        return (apply(AvgPool(**settings), x_bar),)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for sample in AvgPool.samples():
            shape = sample.inputs[0].shape
            op = cls(**sample.op.attributes(), space=shape[1:-1])
            y = (shape[0], *op.counted(shape, op.window), shape[-1])
            yield Sample(op, (Real(y),))


@function
def avg_pool(
    x: Operand,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Node:
    """The mean of every window, channel by channel.

    Args:
        x: (batch, *space, channels).
        window: Its size; a number, or one an axis.
        stride: By how much it moves; by its own size when None, so that windows do not overlap.
        padding: Places around x, as of `max_pool`.
        count_include_pad: Whether padding counts as zeros; if not, the mean is over what is there.

    Raises:
        ShapeError: The window is larger than the padded input, or one of padding only.
        ConfigError: A setting is none.

    Example:
        >>> import pullback as pb
        >>> pb.avg_pool(pb.tensor([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).reshape(2)
        tensor([2., 1.])
    """
    node, settings = settings_of("avg_pool", x, window, stride, padding, 1)
    return apply(AvgPool(*settings, count_include_pad), node)


@function
def avg_unpool(
    y: Operand,
    space: Sequence[int],
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Node:
    """Every number of `y` spread evenly over its window of an array of size `space`.

    Raises:
        ShapeError: `y` is not of the shape that `avg_pool` gives for this space.

    Example:
        >>> import pullback as pb
        >>> pb.avg_unpool(pb.tensor([2.0, 4.0]).reshape(1, 2, 1), (4,), 2).reshape(4)
        tensor([1., 1., 2., 2.])
    """
    node = as_node(y)
    check_space("avg_unpool", node, len(space))
    like = (node.shape[0], *space, node.shape[-1])
    pool = avg_pool(np.zeros(like, np.float32), window, stride, padding, count_include_pad)
    if pool.shape != node.shape:
        raise ShapeError(
            f"avg_unpool to {shown(space)} takes what avg_pool gives: shape {pool.shape}",
            f"shape {node.shape} ({node.origin})",
            "Give the same window, stride and padding as to avg_pool.",
        )
    real = node if is_float(node.dtype) else node.astype(DEFAULT_FLOAT)
    return apply(AvgUnpool(**pool.op.attributes(), space=tuple(space)), real)
