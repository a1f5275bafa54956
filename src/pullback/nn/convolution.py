"""Convolutional layers over one, two and three axes of space, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive
from pullback.ops.windows import Padding, borders_of, sizes_of

Size = int | Sequence[int]
Init = initialisers.Initialiser | str

_AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def check_image(layer: Module, x: Node, rank: int, channels: int | None = None) -> None:
    """Refuse an input that is not (batch, *space, channels) with `rank` axes of space.

    Raises:
        ShapeError: It has other axes, or other channels than those; the message names the layer.
    """
    if x.ndim == rank + 2 and channels in (None, x.shape[-1]):
        return
    count = "" if channels is None else f" with {channels} channels"
    if x.ndim == rank + 1:
        shape = ", ".join(map(str, (*x.shape[1:], 1)))
        do = f"Put in the channel axis: nn.Reshape(({shape})) before it, or x[..., None]."
    elif x.ndim == rank + 2:
        do = (
            f"Give it {x.shape[-1]} input channels, bring the channels of the input last, or leave "
            "them open and name what follows the kernel: Conv2d(32, 3, stride=2)."
        )
    else:
        do = f"Reshape the input, or use the layer for {max(x.ndim - 2, 1)} axes of space."
    raise ShapeError(
        f"{layer!r}, made in {layer._source}, takes inputs (batch, {_AXES[rank]}, channels){count}",
        f"an input of shape {x.shape} from {x.origin}",
        do,
    )


class Convolution(Module):
    """What the layers for each number of axes share; one of them is used."""

    rank: ClassVar[int] = 2
    size_names: ClassVar[tuple[str, ...]] = ("in_channels", "out_channels", "kernel_size")

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int | None = None,
        kernel_size: Size | None = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Init = "fan_in_uniform",
        bias_init: Init = "fan_in_uniform",
    ) -> None:
        self.out_channels = positive(type(self).__name__, "out_channels", out_channels)
        self.groups = positive(type(self).__name__, "groups", groups)
        self._windows(kernel_size, stride, padding, dilation)
        self.has_bias = bias
        self.initial = initialisers.get(weight_init), initialisers.get(bias_init)
        self.set_size(in_channels)

    def _windows(
        self, kernel_size: Size | None, stride: Size, padding: Padding, dilation: Size
    ) -> None:
        """Take the settings of the window, which are refused where the layer is made."""
        name, rank = type(self).__name__, self.rank
        if kernel_size is None:
            raise ConfigError(
                f"{name} needs the size of its kernel", "none", f"Write {name}(32, 3)."
            )
        self.window = sizes_of(name, "kernel size", kernel_size, rank)
        self.stride = sizes_of(name, "stride", stride, rank)
        self.dilation = sizes_of(name, "dilation", dilation, rank)
        self.padding = tuple(padding) if isinstance(padding, list) else padding
        borders_of(name, padding, self.window, self.window, self.stride, self.dilation)

    def make(self, size: int) -> None:
        self.in_channels = size
        self._make_kernel(size, self.out_channels)

    def _make_kernel(self, channels: int, columns: int) -> None:
        """The kernel that takes `channels` to `columns`, and the bias."""
        if channels % self.groups or columns % self.groups:
            raise ConfigError(
                f"the groups of {type(self).__name__} must divide its channels",
                f"{self.groups} groups, {self.in_channels} and {self.out_channels} channels",
                "Choose a common divisor; groups=in_channels convolves each by itself.",
            )
        weight, bias = self.initial
        shape = (*self.window, channels // self.groups, columns)
        fans = initialisers.fans_of(shape)
        self.weight = Parameter(shape, weight, fans=fans)
        if self.has_bias:
            self.bias = Parameter(self.out_channels, bias, fans=fans)

    def size_from(self, *inputs: Node, **named: Node) -> int:
        (x,) = (*inputs, *named.values())
        check_image(self, x, self.rank)
        return x.shape[-1]

    def forward(self, x: Node) -> Node:
        check_image(self, x, self.rank, self.in_channels)
        y = ops.conv(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y + self.bias if self.has_bias else y


@register_layer
class Conv1d(Convolution):
    r"""Convolution of series: $y_{n,p,o} = b_o + \sum_{t,c} x_{n,\,s p + d t - l,\,c}\,w_{t,c,o}$.

    The arguments are those of `Conv2d`, with one axis of space.

    Shape:
        x: (batch, length, in_channels)
        output: (batch, positions, out_channels)
        weight: (window, in_channels // groups, out_channels)
        bias: (out_channels,)

    Example:
        >>> import pullback as pb
        >>> pb.nn.Conv1d(4, 8, 3, padding="same").initialise(seed=0)(pb.ones((2, 10, 4))).shape
        (2, 10, 8)

    References:
        Waibel, Hanazawa, Hinton, Shikano and Lang, 1989, "Phoneme recognition using time-delay
        neural networks".
    """

    rank = 1


@register_layer
class Conv2d(Convolution):
    r"""Convolution of images: $y_{n,p,o} = b_o + \sum_{t,c} x_{n,\,s p + d t - l,\,c}\,w_{t,c,o}$.

    Every output is a weighted sum of a window of the image, with the same weights everywhere; p, t
    and the rest count along both axes. Backward, $\bar w$ is the sum of products of inputs and
    $\bar y$ that each tap t joins, $\bar x$ the transposed convolution of $\bar y$ with w, and
    $\bar b$ the sum of $\bar y$ over images and positions.

    Args:
        in_channels: How many channels come in; found at the first call where it is None or left
            out, `Conv2d(32, 3)`.
        out_channels: How many go out.
        kernel_size: The size of the window; a number, or one an axis.
        stride: By how much it moves.
        padding: Zeros around the image: a number, "same", "valid", or for each axis a number or a
            pair (before, after).
        dilation: The distance between neighbouring taps of the kernel.
        groups: Into how many parts the channels are cut, each convolved by itself.
        bias: Whether a bias is added.
        weight_init: Initialiser of the weight, an instance or a name. The default is uniform in
            $\pm 1/\sqrt{\text{fan\_in}}$, PyTorch's convention.
        bias_init: Initialiser of the bias; likewise.

    Shape:
        x: (batch, height, width, in_channels)
        output: (batch, rows, columns, out_channels)
        weight: (*window, in_channels // groups, out_channels)
        bias: (out_channels,)

    Raises:
        ConfigError: A size or setting is none.
        ShapeError: The input has other axes or channels, or is smaller than the kernel.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.Conv2d(1, 6, 5, padding="same").initialise(seed=0)
        >>> layer(pb.ones((2, 28, 28, 1))).shape
        (2, 28, 28, 6)

    References:
        LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document
        recognition".
    """

    rank = 2


@register_layer
class Conv3d(Convolution):
    """Convolution of volumes or films: `Conv2d` with a third axis of space.

    Shape:
        x: (batch, depth, height, width, in_channels)
        output: (batch, *positions, out_channels)
        weight: (*window, in_channels // groups, out_channels)
        bias: (out_channels,)

    Example:
        >>> import pullback as pb
        >>> pb.nn.Conv3d(2, 4, 3).initialise(seed=0)(pb.ones((1, 5, 5, 5, 2))).shape
        (1, 3, 3, 3, 4)

    References:
        Ji, Xu, Yang and Yu, 2013, "3D convolutional neural networks for human action recognition".
    """

    rank = 3


@register_layer
class DepthwiseConv2d(Convolution):
    r"""Convolution of each channel by itself, with `multiplier` kernels each.

    $y_{n,p,(c,m)} = b_{c,m} + \sum_t x_{n,\,s p + d t - l,\,c}\,w_{t,c,m}$: `Conv2d` with as many
    groups as channels.

    Args:
        channels: How many channels come in; found at the first call where it is left out,
            `DepthwiseConv2d(3)`.
        kernel_size: The size of the window; likewise stride, padding and dilation, see `Conv2d`.
        stride: See `Conv2d`.
        padding: See `Conv2d`.
        dilation: See `Conv2d`.
        multiplier: How many channels go out for each that comes in.
        bias: Whether a bias is added.
        weight_init: Initialiser of the weight.
        bias_init: Initialiser of the bias.

    Shape:
        x: (batch, height, width, channels)
        output: (batch, rows, columns, channels * multiplier)
        weight: (*window, 1, channels * multiplier)
        bias: (channels * multiplier,)

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.DepthwiseConv2d(8, 3, padding=1).initialise(seed=0)
        >>> layer(pb.ones((2, 6, 6, 8))).shape
        (2, 6, 6, 8)

    References:
        Howard et al., 2017, "MobileNets: efficient convolutional neural networks for mobile vision
        applications".
    """

    size_names = ("channels", "kernel_size")

    def __init__(
        self,
        channels: int | None,
        kernel_size: Size | None = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        multiplier: int = 1,
        bias: bool = True,
        weight_init: Init = "fan_in_uniform",
        bias_init: Init = "fan_in_uniform",
    ) -> None:
        self.multiplier = positive("DepthwiseConv2d", "multiplier", multiplier)
        self._windows(kernel_size, stride, padding, dilation)
        self.has_bias = bias
        self.initial = initialisers.get(weight_init), initialisers.get(bias_init)
        self.set_size(channels)

    def make(self, size: int) -> None:
        self.in_channels = self.groups = size
        self.out_channels = size * self.multiplier
        self._make_kernel(size, self.out_channels)


@register_layer
class SeparableConv2d(Module):
    """A depthwise convolution, then a mixture of the channels at every place (a 1 x 1 kernel).

    Args:
        in_channels: How many channels come in; found at the first call where it is left out,
            `SeparableConv2d(32, 3)`.
        out_channels: How many go out.
        kernel_size: The size of the depthwise window; stride, padding, dilation are its own too.
        stride: See `Conv2d`.
        padding: See `Conv2d`.
        dilation: See `Conv2d`.
        multiplier: How many channels the depthwise part makes of each.
        bias: Whether a bias is added, at the end.

    Shape:
        x: (batch, height, width, in_channels)
        output: (batch, rows, columns, out_channels)

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.SeparableConv2d(8, 16, 3, padding=1).initialise(seed=0)
        >>> layer(pb.ones((2, 6, 6, 8))).shape
        (2, 6, 6, 16)

    References:
        Chollet, 2017, "Xception: deep learning with depthwise separable convolutions".
    """

    size_names = ("in_channels", "out_channels", "kernel_size")

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int | None = None,
        kernel_size: Size | None = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        multiplier: int = 1,
        bias: bool = True,
    ) -> None:
        self.out_channels = positive("SeparableConv2d", "out_channels", out_channels)
        self.multiplier = positive("SeparableConv2d", "multiplier", multiplier)
        self.has_bias = bias
        self.windows = kernel_size, stride, padding, dilation
        self.set_size(in_channels)

    def make(self, size: int) -> None:
        self.in_channels, wide = size, size * self.multiplier
        self.depthwise = DepthwiseConv2d(size, *self.windows, self.multiplier, bias=False)
        self.pointwise = Conv2d(wide, self.out_channels, 1, bias=self.has_bias)

    def forward(self, x: Node) -> Node:
        return self.pointwise(self.depthwise(x))
