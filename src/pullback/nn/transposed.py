"""Transposed convolutional layers, which enlarge images and series."""

from __future__ import annotations

from collections.abc import Sequence

from pullback import ops
from pullback.graph.node import Node
from pullback.nn.convolution import Convolution, Init, Size, check_image
from pullback.nn.module import register_layer
from pullback.ops.windows import sizes_of


class TransposedConvolution(Convolution):
    """What the transposed layers for each number of axes share; one of them is used."""

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int | None = None,
        kernel_size: Size | None = None,
        stride: Size = 1,
        padding: int | Sequence[int | tuple[int, int]] = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        weight_init: Init = "fan_in_uniform",
        bias_init: Init = "fan_in_uniform",
    ) -> None:
        name = type(self).__name__
        self.output_padding = sizes_of(name, "output padding", output_padding, self.rank, least=0)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            weight_init, bias_init,
        )  # fmt: skip

    def make(self, size: int) -> None:
        self.in_channels = size
        self._make_kernel(self.out_channels, size)

    def forward(self, x: Node) -> Node:
        check_image(self, x, self.rank, self.in_channels)
        y = ops.conv_transpose(
            x, self.weight, self.stride, self.padding, self.output_padding, self.dilation,
            self.groups,
        )  # fmt: skip
        return y + self.bias if self.has_bias else y


@register_layer
class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution of series; the arguments are those of `ConvTranspose2d`.

    Shape:
        x: (batch, length, in_channels)
        output: (batch, positions, out_channels)
        weight: (window, out_channels // groups, in_channels)
        bias: (out_channels,)

    References:
        M. Zeiler, D. Krishnan, G. Taylor and R. Fergus, 2010, "Deconvolutional networks".

    Example:
        >>> import pullback as pb
        >>> pb.nn.ConvTranspose1d(4, 2, 2, stride=2).initialise(seed=0)(pb.ones((1, 5, 4))).shape
        (1, 10, 2)
    """

    rank = 1


@register_layer
class ConvTranspose2d(TransposedConvolution):
    r"""Transposed convolution, a way to enlarge images: every number spreads its kernel.

    $y_{n,\,s p + d t - l,\,o} = b_o + \sum_c x_{n,p,c}\,w_{t,o,c}$, summed over the (p, t) that
    meet: what `Conv2d` does to cotangents. With window and stride k, images grow k times.

    Args:
        in_channels: How many channels come in; found at the first call where it is left out.
        out_channels: How many go out.
        kernel_size: The size of the window; a number, or one an axis.
        stride: How far apart the numbers of x spread the kernel.
        padding: How many places are cut from the output's borders.
        output_padding: How many places are added after each axis, below the stride.
        groups: Into how many parts the channels are cut.
        bias: Whether a bias is added.
        dilation: The distance between neighbouring taps of the kernel.
        weight_init: Initialiser of the weight; fan_in is that of the convolution which this
            transposes, PyTorch's convention.
        bias_init: Initialiser of the bias; likewise.

    Shape:
        x: (batch, height, width, in_channels)
        output: (batch, rows, columns, out_channels)
        weight: (*window, out_channels // groups, in_channels)
        bias: (out_channels,)

    Raises:
        ConfigError: A size or setting is none.
        ShapeError: The input has other axes or channels.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1).initialise(seed=0)
        >>> layer(pb.ones((1, 7, 7, 8))).shape
        (1, 14, 14, 3)

    References:
        Zeiler, Krishnan, Taylor and Fergus, 2010, "Deconvolutional networks".
    """

    rank = 2


@register_layer
class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution of volumes: `ConvTranspose2d` with a third axis of space.

    Shape:
        x: (batch, depth, height, width, in_channels)
        output: (batch, *positions, out_channels)
        weight: (*window, out_channels // groups, in_channels)
        bias: (out_channels,)

    References:
        M. Zeiler, D. Krishnan, G. Taylor and R. Fergus, 2010, "Deconvolutional networks".

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.ConvTranspose3d(2, 1, 2, stride=2).initialise(seed=0)
        >>> layer(pb.ones((1, 3, 3, 3, 2))).shape
        (1, 6, 6, 6, 1)
    """

    rank = 3
