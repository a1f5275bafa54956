r"""Convolution over one, two or three axes of space, and its two gradients.

The three operations are one sum of products, $\sum x\,k\,y$ over pairs of a place of the input x
and a place of the output y that a tap of the kernel k joins. Each gives the sums for one of the
three, from the other two; so the pullback of each is the other two, and derivatives of every order
exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pullback.errors import ConfigError, ShapeError
from pullback.graph.cause import Cause, Place, figure, largest, outcome
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, is_float, promote
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.correlate import Correlation
from pullback.ops.families import converted, stacked
from pullback.ops.samples import Real, Sample
from pullback.ops.windows import (
    Borders,
    Padding,
    Sizes,
    Sliding,
    borders_of,
    check_space,
    shown,
    sizes_of,
)

__all__ = ["conv", "conv_kernel", "conv_transpose"]


@dataclass(frozen=True)
class Convolving(Sliding):
    """What convolution and its two gradients share.

    Attributes:
        groups: Into how many parts the channels are cut; each is convolved by itself.
    """

    family = "CONVOLUTION"
    arity = 2
    has_kernel: ClassVar[bool] = True  # as its second input
    groups: int = 1

    def correlation(self, window: Shape) -> Correlation:
        """The arithmetic, for a kernel of that size."""
        return Correlation(window, self.stride, self.padding, self.dilation, self.groups)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The largest number of the row, and the largest of the kernel."""
        x, kernel = inputs
        if not self.has_kernel:
            return super().why(at, y, *inputs)
        (a, left), (k, right) = largest(x, at[:1]), largest(kernel)
        words = f"{self.name} of a row up to {figure(abs(a))} and a kernel up to {figure(abs(k))}"
        factors = ((0, left), (1, right)) if abs(a) >= abs(k) else ((1, right), (0, left))
        return Cause(words + outcome(y, at, [x[at[0]], kernel]), factors)

    def settings(self) -> tuple[Sizes, Borders, Sizes, int]:
        """The attributes that all three share."""
        return self.stride, self.padding, self.dilation, self.groups

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """A stack of batches is one batch; where kernels differ, each entry has its own groups."""
        if not mapped[1] and self.has_kernel:
            return self.over_rows(*inputs)
        first, second = stacked(mapped, inputs)
        many = replace(self, groups=self.groups * first.shape[0])
        y = apply(many, _side_by_side(first), _side_by_side(second))
        parts = y.reshape((*y.shape[:-1], first.shape[0], y.shape[-1] // first.shape[0]))
        return parts.transpose(y.ndim - 1, *range(y.ndim - 1), y.ndim)

    def check_channels(self, ins: int, kernel: Node, outs: int) -> None:
        """Check that the kernel joins `ins` channels to `outs`, in groups."""
        within, columns = kernel.shape[-2:]
        if ins % self.groups or outs % self.groups:
            raise ShapeError(
                "the groups of a convolution must divide the channels",
                f"{self.groups} groups, {ins} channels on the one side, {outs} on the other",
                "Choose a common divisor; groups=in_channels convolves each by itself.",
            )
        if (within * self.groups, columns) != (ins, outs):
            raise ShapeError(
                f"a kernel (*window, channels / groups, channels of the output) must fit "
                f"{ins} channels in {self.groups} group(s)",
                f"a kernel of shape {kernel.shape} ({kernel.origin})",
                f"Use a kernel (*window, {ins // self.groups}, {outs}).",
            )


def _side_by_side(stack: Node) -> Node:
    """The entries of a stack with their channels side by side, along the last axis."""
    moved = stack.transpose(*range(1, stack.ndim - 1), 0, stack.ndim - 1)
    return moved.reshape((*moved.shape[:-2], moved.shape[-2] * moved.shape[-1]))


@register
class Conv(Convolving):
    r"""Convolution, the sum of products of a kernel with every part of the input that it covers.

    $y_{n,p,o} = \sum_{t,c} x_{n,\,s p + d t - l,\,c}\, k_{t,c,o}$ for positions p, taps t, stride
    s, dilation d and l places of padding before. So $\bar x$ is the transposed convolution of
    $\bar y$ with k, and $\bar k$ the sum of products of x and $\bar y$. (As in all of machine
    learning, the kernel is not flipped.)

    Shape:
        x: (batch, *space, in_channels)
        k: (*window, in_channels // groups, out_channels)
        y: (batch, *positions, out_channels)
    """

    name = "conv"
    text = "conv({0}, {1})"
    latex = r"{0} \ast {1}"
    binding = 4

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, kernel = inputs
        self.check_channels(x.shape[-1], kernel, kernel.shape[-1])
        positions = self.positions(x, kernel.shape[:-2])
        return (x.shape[0], *positions, kernel.shape[-1]), x.dtype

    def forward(self, x: Array, kernel: Array) -> Array:
        window = kernel.shape[:-2]
        return self.correlation(window).output(x, kernel, self.counted(x.shape, window))

    def vjp(self, y_bar: Node, y: Node, x: Node, kernel: Node) -> tuple[Node, Node]:
        to_input = ConvTranspose(*self.settings(), x.shape[1:-1])
        to_kernel = ConvKernel(*self.settings(), kernel.shape[:-2])
        return apply(to_input, y_bar, kernel), apply(to_kernel, x, y_bar)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for settings, x, kernel, _ in SAMPLES:
            yield Sample(cls(*settings), (Real(x), Real(kernel)))


@register
class ConvTranspose(Convolving):
    r"""Transposed convolution: every number spreads the kernel over a part of the output.

    $x_{n,\,s p + d t - l,\,c} = \sum_o y_{n,p,o}\, k_{t,c,o}$, summed over the pairs (p, t) that
    meet: the gradient of `conv` with respect to its input. It is linear in both, with
    $\bar y$ the convolution of $\bar x$ with k, and $\bar k$ that of `conv`.

    Shape:
        y: (batch, *positions, in_channels)
        k: (*window, out_channels // groups, in_channels)
        x: (batch, *space, out_channels)
    """

    name = "conv_transpose"
    text = "conv_transpose({0}, {1})"
    latex = r"{0} \ast^\top {1}"
    binding = 4
    space: Shape = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        y, kernel = inputs
        outs = kernel.shape[-2] * self.groups
        self.check_channels(outs, kernel, y.shape[-1])
        return (y.shape[0], *self.space, outs), y.dtype

    def forward(self, y: Array, kernel: Array) -> Array:
        return self.correlation(kernel.shape[:-2]).input(y, kernel, self.space)

    def vjp(self, x_bar: Node, x: Node, y: Node, kernel: Node) -> tuple[Node, Node]:
        to_kernel = ConvKernel(*self.settings(), kernel.shape[:-2])
        return apply(Conv(*self.settings()), x_bar, kernel), apply(to_kernel, x_bar, y)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for settings, x, kernel, y in SAMPLES:
            yield Sample(cls(*settings, x[1:-1]), (Real(y), Real(kernel)))


@register
class ConvKernel(Convolving):
    r"""The sum of products of inputs and outputs that each tap of a kernel joins.

    $k_{t,c,o} = \sum_{n,p} x_{n,\,s p + d t - l,\,c}\, y_{n,p,o}$: the gradient of `conv` with
    respect to its kernel, where y is the cotangent. $\bar x$ is the transposed convolution of y
    with $\bar k$, and $\bar y$ the convolution of x with it.

    Shape:
        x: (batch, *space, in_channels)
        y: (batch, *positions, out_channels)
        k: (*window, in_channels // groups, out_channels)
    """

    name = "conv_kernel"
    text = "conv_kernel({0}, {1})"
    latex = r"{0} \star {1}"
    binding = 4
    has_kernel = False
    window: Shape = ()

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        x, y = inputs
        return (*self.window, x.shape[-1] // self.groups, y.shape[-1]), x.dtype

    def forward(self, x: Array, y: Array) -> Array:
        return self.correlation(self.window).kernel(x, y)

    def vjp(self, k_bar: Node, k: Node, x: Node, y: Node) -> tuple[Node, Node]:
        to_input = ConvTranspose(*self.settings(), x.shape[1:-1])
        return apply(to_input, y, k_bar), apply(Conv(*self.settings()), x, k_bar)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for settings, x, kernel, y in SAMPLES:
            yield Sample(cls(*settings, kernel[:-2]), (Real(x), Real(y)))


# (stride, padding, dilation, groups), input, kernel, output
SAMPLES: tuple[tuple[tuple[Sizes, Borders, Sizes, int], Shape, Shape, Shape], ...] = (
    (((1,), ((0, 0),), (1,), 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    (((2,), ((1, 0),), (2,), 2), (2, 6, 2), (3, 1, 4), (2, 2, 4)),
    (((1, 1), ((0, 0), (1, 1)), (1, 1), 1), (2, 3, 3, 2), (2, 3, 2, 1), (2, 2, 3, 1)),
    (((2, 1), ((1, 1), (0, 0)), (1, 2), 2), (1, 3, 4, 4), (2, 2, 2, 2), (1, 2, 2, 2)),
    (((1, 1), ((0, 0), (0, 0)), (1, 1), 1), (0, 2, 2, 1), (2, 2, 1, 2), (0, 1, 1, 2)),
    (((1, 2, 1), ((0, 0),) * 3, (1, 1, 1), 1), (1, 2, 3, 2, 1), (1, 2, 2, 1, 2), (1, 2, 1, 1, 2)),
)


@function
def conv(
    x: Operand,
    kernel: Operand,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Node:
    r"""Convolution of `x` with `kernel` over one, two, three or more axes of space.

    Args:
        x: (batch, *space, in_channels).
        kernel: (*window, in_channels // groups, out_channels).
        stride: By how much the kernel moves; a number, or one an axis.
        padding: Zeros around x: a number, "same", "valid", or for each axis a number or a pair
            (before, after).
        dilation: The distance between neighbouring taps of the kernel.
        groups: Into how many parts the channels are cut, each convolved by itself;
            `groups=in_channels` is a depthwise convolution.

    Shape:
        output: (batch, *positions, out_channels), where an axis of n places has
            (n + padding - dilation * (window - 1) - 1) // stride + 1 positions.

    Raises:
        ShapeError: Axes or channels do not fit, or the kernel is larger than the padded input.
        ConfigError: A stride, padding, dilation or number of groups is none.

    Example:
        >>> import pullback as pb
        >>> image, kernel = pb.ones((1, 28, 28, 1)), pb.ones((5, 5, 1, 6))
        >>> pb.conv(image, kernel, padding="same").shape
        (1, 28, 28, 6)
    """
    node, weights, rank = _operands("conv", x, kernel)
    window = sizes_of("conv", "window", weights.shape[:-2], rank)
    strides = sizes_of("conv", "stride", stride, rank)
    apart = sizes_of("conv", "dilation", dilation, rank)
    borders = borders_of("conv", padding, node.shape[1:-1], window, strides, apart)
    (parts,) = sizes_of("conv", "groups", groups, 1)
    return apply(Conv(strides, borders, apart, parts), node, weights)


@function
def conv_transpose(
    x: Operand,
    kernel: Operand,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int | tuple[int, int]] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Node:
    r"""Transposed convolution of `x`: what `conv` does to cotangents, a way to enlarge images.

    Args:
        x: (batch, *space, in_channels).
        kernel: (*window, out_channels // groups, in_channels), as that of the convolution whose
            transpose this is.
        stride: How far apart the numbers of x spread the kernel; a number, or one an axis.
        padding: How many places are cut from the output's borders.
        output_padding: How many places are added after each axis of the output, below the stride:
            they settle which of the sizes is meant that `conv` would bring to that of x.
        dilation: The distance between neighbouring taps of the kernel.
        groups: Into how many parts the channels are cut.

    Shape:
        output: (batch, *space, out_channels), where an axis of n places becomes
            (n - 1) * stride - padding + dilation * (window - 1) + output_padding + 1.

    Raises:
        ShapeError: Axes or channels do not fit, or nothing is left of the output.
        ConfigError: A setting is none.

    Example:
        >>> import pullback as pb
        >>> image, kernel = pb.ones((1, 7, 7, 8)), pb.ones((4, 4, 3, 8))
        >>> pb.conv_transpose(image, kernel, stride=2, padding=1).shape
        (1, 14, 14, 3)
    """
    node, weights, rank = _operands("conv_transpose", x, kernel)
    name = "conv_transpose"
    window = sizes_of(name, "window", weights.shape[:-2], rank)
    strides = sizes_of(name, "stride", stride, rank)
    apart = sizes_of(name, "dilation", dilation, rank)
    more = sizes_of(name, "output_padding", output_padding, rank, least=0)
    (parts,) = sizes_of(name, "groups", groups, 1)
    if isinstance(padding, str) or any(m >= s for m, s in zip(more, strides, strict=True)):
        raise ConfigError(
            "the padding of conv_transpose is given in numbers, and its output_padding is below "
            "the stride",
            f"padding={padding!r}, output_padding={output_padding!r}, stride={stride!r}",
            "Use padding = (window - 1) // 2 and output_padding = stride - 1 to multiply sizes "
            "by the stride with an odd window.",
        )
    borders = borders_of(name, padding, node.shape[1:-1], window, strides, apart)
    axes = zip(node.shape[1:-1], strides, borders, apart, window, more, strict=True)
    space = tuple(
        (n - 1) * s - low - high + d * (k - 1) + m + 1 for n, s, (low, high), d, k, m in axes
    )
    if min(space) < 1:
        raise ShapeError(
            "something must be left of the output of conv_transpose",
            f"sizes {shown(space)}, from an input of shape {node.shape} ({node.origin})",
            "Use less padding, or a larger kernel.",
        )
    return apply(ConvTranspose(strides, borders, apart, parts, space), node, weights)


@function
def conv_kernel(
    x: Operand,
    y: Operand,
    window: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Node:
    """The gradient of `conv` with respect to its kernel, for the cotangent `y`.

    Args:
        x: The input, (batch, *space, in_channels).
        y: The cotangent of the output, (batch, *positions, out_channels).
        window: The kernel's size, one number an axis.
        stride: As of `conv`; likewise padding, dilation and groups.
        padding: See `conv`.
        dilation: See `conv`.
        groups: See `conv`.

    Raises:
        ShapeError: y is not of the shape that `conv` gives.

    Example:
        >>> import pullback as pb
        >>> pb.conv_kernel(pb.ones((2, 5, 1)), pb.ones((2, 4, 3)), (2,)).shape
        (2, 1, 3)
    """
    node, cotangent, rank = _operands("conv_kernel", x, y)
    size = sizes_of("conv_kernel", "window", window, rank)
    strides = sizes_of("conv_kernel", "stride", stride, rank)
    apart = sizes_of("conv_kernel", "dilation", dilation, rank)
    borders = borders_of("conv_kernel", padding, node.shape[1:-1], size, strides, apart)
    (parts,) = sizes_of("conv_kernel", "groups", groups, 1)
    op = ConvKernel(strides, borders, apart, parts, size)
    wanted = (node.shape[0], *op.positions(node, size))
    if cotangent.shape[:-1] != wanted or (node.shape[-1] % parts or cotangent.shape[-1] % parts):
        raise ShapeError(
            "the cotangent must be of the shape that the convolution gives, and the groups "
            "divide the channels",
            f"{cotangent.shape}, for outputs ({', '.join(map(str, wanted))}, out_channels) in "
            f"{parts} group(s)",
            "Give the same stride, padding, dilation and groups as to conv.",
        )
    return apply(op, node, cotangent)


def _operands(name: str, x: Operand, other: Operand) -> tuple[Node, Node, int]:
    """Both operands in one real dtype, with the number of axes of space."""
    first, second = as_node(x), as_node(other)
    if second.ndim < 3:
        raise ShapeError(
            f"the second operand of {name} has axes of space and two of channels or batch",
            f"shape {second.shape} ({second.origin})",
            "A kernel is (*window, in_channels // groups, out_channels).",
        )
    rank = check_space(name, first, second.ndim - 2)
    dtype = promote(first.dtype, second.dtype)
    dtype = dtype if is_float(dtype) else DEFAULT_FLOAT
    return converted(x, first, dtype), converted(other, second, dtype), rank
