"""Pooling layers: images and series made smaller, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.node import Node
from pullback.graph.origin import here
from pullback.nn.convolution import Size, check_image
from pullback.nn.module import Module, register_layer
from pullback.ops.windows import Padding, borders_of, check_space, sizes_of


class Pool(Module):
    """What all pooling over windows shares: the window's size and how it moves."""

    rank: ClassVar[int] = 2

    def _windows(
        self, kernel_size: Size, stride: Size | None, padding: Padding, dilation: Size
    ) -> None:
        """Take the settings of the window, which are refused where the layer is made."""
        name, rank = type(self).__name__, self.rank
        self.window = sizes_of(name, "kernel size", kernel_size, rank)
        self.stride = self.window if stride is None else sizes_of(name, "stride", stride, rank)
        self.dilation = sizes_of(name, "dilation", dilation, rank)
        self.padding = tuple(padding) if isinstance(padding, list) else padding
        borders_of(name, padding, self.window, self.window, self.stride, self.dilation)


class MaxPool(Pool):
    """What max-pooling over each number of axes shares; one of them is used."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
    ) -> None:
        self._windows(kernel_size, stride, padding, dilation)

    def forward(self, x: Node) -> Node:
        check_image(self, x, self.rank)
        check_places(self, x)
        return ops.max_pool(x, self.window, self.stride, self.padding, self.dilation)


class AvgPool(Pool):
    """What average pooling over each number of axes shares; one of them is used."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        count_include_pad: bool = True,
    ) -> None:
        self._windows(kernel_size, stride, padding, 1)
        self.count_include_pad = count_include_pad

    def forward(self, x: Node) -> Node:
        check_image(self, x, self.rank)
        check_places(self, x)
        return ops.avg_pool(x, self.window, self.stride, self.padding, self.count_include_pad)


@register_layer
class MaxPool1d(MaxPool):
    """The largest number of every window of a series; the arguments are those of `MaxPool2d`.

    Shape:
        x: (batch, length, channels)
        output: (batch, positions, channels)

    References:
        Y. Boureau, J. Ponce and Y. LeCun, 2010, "A theoretical analysis of feature pooling in
        visual recognition".

    Example:
        >>> import pullback as pb
        >>> pb.nn.MaxPool1d(2)(pb.ones((1, 10, 4))).shape
        (1, 5, 4)
    """

    rank = 1


@register_layer
class MaxPool2d(MaxPool):
    r"""The largest number of every window: $y_{n,p,c} = \max_t x_{n,\,s p + d t - l,\,c}$.

    Backward, $\bar y$ goes to the place of the largest number; of equal ones, to the first.

    Args:
        kernel_size: The size of the window; a number, or one an axis.
        stride: By how much it moves; by its own size when None.
        padding: Places around the image that are never the largest; see `Conv2d`.
        dilation: The distance between neighbouring taps of the window.

    Shape:
        x: (batch, height, width, channels)
        output: (batch, rows, columns, channels)

    Raises:
        ConfigError: A setting is none.
        ShapeError: The window is larger than the padded image, or one of padding only.

    Example:
        >>> import pullback as pb
        >>> pb.nn.MaxPool2d(2)(pb.ones((1, 28, 28, 6))).shape
        (1, 14, 14, 6)

    References:
        Riesenhuber and Poggio, 1999, "Hierarchical models of object recognition in cortex".
    """

    rank = 2


@register_layer
class MaxPool3d(MaxPool):
    """The largest number of every window of a volume; the arguments are those of `MaxPool2d`.

    Shape:
        x: (batch, depth, height, width, channels)
        output: (batch, *positions, channels)

    References:
        Y. Boureau, J. Ponce and Y. LeCun, 2010, "A theoretical analysis of feature pooling in
        visual recognition".

    Example:
        >>> import pullback as pb
        >>> pb.nn.MaxPool3d(2)(pb.ones((1, 4, 4, 4, 3))).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


@register_layer
class AvgPool1d(AvgPool):
    """The mean of every window of a series; the arguments are those of `AvgPool2d`.

    Shape:
        x: (batch, length, channels)
        output: (batch, positions, channels)

    References:
        Y. Boureau, J. Ponce and Y. LeCun, 2010, "A theoretical analysis of feature pooling in
        visual recognition".

    Example:
        >>> import pullback as pb
        >>> pb.nn.AvgPool1d(2)(pb.ones((1, 10, 4))).shape
        (1, 5, 4)
    """

    rank = 1


@register_layer
class AvgPool2d(AvgPool):
    r"""The mean of every window: $y_{n,p,c} = \frac1k \sum_t x_{n,\,s p + t - l,\,c}$.

    Backward, $\bar y / k$ is spread over the window.

    Args:
        kernel_size: The size of the window; a number, or one an axis.
        stride: By how much it moves; by its own size when None.
        padding: Places around the image; see `Conv2d`.
        count_include_pad: Whether padding counts as zeros; if not, the mean is over what is there.

    Shape:
        x: (batch, height, width, channels)
        output: (batch, rows, columns, channels)

    Raises:
        ConfigError: A setting is none.
        ShapeError: The window is larger than the padded image, or one of padding only.

    Example:
        >>> import pullback as pb
        >>> pb.nn.AvgPool2d(2)(pb.ones((1, 28, 28, 6))).shape
        (1, 14, 14, 6)

    References:
        LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document
        recognition".
    """

    rank = 2


@register_layer
class AvgPool3d(AvgPool):
    """The mean of every window of a volume; the arguments are those of `AvgPool2d`.

    Shape:
        x: (batch, depth, height, width, channels)
        output: (batch, *positions, channels)

    References:
        Y. Boureau, J. Ponce and Y. LeCun, 2010, "A theoretical analysis of feature pooling in
        visual recognition".

    Example:
        >>> import pullback as pb
        >>> pb.nn.AvgPool3d(2)(pb.ones((1, 4, 4, 4, 3))).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


def check_places(layer: Module, x: Node) -> None:
    """Refuse images without a pixel: their mean is NaN, which would fill the network.

    Raises:
        ShapeError: An axis of space has length 0; the message names the layer and its path.
    """
    if not all(x.shape[1:-1]):
        raise ShapeError(
            f"{layer!r} takes inputs with at least one place on every axis of space",
            f"an input of shape {x.shape} ({here()}), from {x.origin}",
            "Leave empty images and series out, or pad them before.",
        )


def _space(layer: Module, x: Node) -> Sequence[int]:
    """The axes between batch and channels, none of them empty."""
    rank = check_space(repr(layer), x)
    check_places(layer, x)
    return range(1, 1 + rank)


@register_layer
class GlobalAvgPool(Module):
    r"""The mean of each channel over all places: $y_{n,c} = \frac1k \sum_p x_{n,p,c}$.

    Shape:
        x: (batch, *space, channels)
        output: (batch, channels)

    Raises:
        ShapeError: An image without a pixel; a batch without rows gives a result without rows.

    Example:
        >>> import pullback as pb
        >>> pb.nn.GlobalAvgPool()(pb.ones((2, 7, 7, 64))).shape
        (2, 64)

    References:
        Lin, Chen and Yan, 2014, "Network in network".
    """

    def forward(self, x: Node) -> Node:
        return x.mean(_space(self, x))


@register_layer
class GlobalMaxPool(Module):
    r"""The largest number of each channel: $y_{n,c} = \max_p x_{n,p,c}$; ties share backward.

    Shape:
        x: (batch, *space, channels)
        output: (batch, channels)

    Raises:
        ShapeError: An image without a pixel; a batch without rows gives a result without rows.

    Example:
        >>> import pullback as pb
        >>> pb.nn.GlobalMaxPool()(pb.ones((2, 7, 7, 64))).shape
        (2, 64)

    References:
        Collobert et al., 2011, "Natural language processing (almost) from scratch".
    """

    def forward(self, x: Node) -> Node:
        return x.max(_space(self, x))
