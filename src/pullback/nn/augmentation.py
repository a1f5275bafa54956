"""Images changed at random while training, so that a network learns what does not matter.

In use, nothing is changed. What is drawn depends on seed, layer, call, step and row, as in dropout:
micro-batches and replays see the same images.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.dtypes import Shape
from pullback.graph.node import Node
from pullback.graph.op import apply
from pullback.nn.convolution import check_image
from pullback.nn.mode import current_mode
from pullback.nn.module import Module, register_layer
from pullback.ops.indexing import Gather
from pullback.ops.slicing import Embed
from pullback.ops.windows import sizes_of


def _drawn(x: Node, purpose: str, count: int) -> list[Node]:
    """`count` numbers for each image, uniform in [0, 1): each (rows, 1, 1, 1)."""
    mode = current_mode()
    stream = mode.stream(purpose)
    drawn = ops.random_uniform(
        (x.shape[0], count), mode.seed, stream=stream, step=mode.step, row=mode.row
    )
    return [drawn[:, i].reshape((x.shape[0], 1, 1, 1)) for i in range(count)]


def _below(drawn: Node, count: int) -> Node:
    """Whole numbers from 0 to below `count`, of numbers in [0, 1)."""
    return ops.floor(drawn * count).astype("int64")


def _places(length: int, axis: int) -> Node:
    """0, 1, ... along one axis of images."""
    return ops.arange(length).reshape([length if a == axis else 1 for a in range(4)])


def _cut(x: Node, size: Shape, border: Shape, top: Node, left: Node) -> Node:
    """A part of each image of `size`, of the image with `border` zeros around it.

    Args:
        x: (rows, height, width, channels).
        size: Height and width of the parts.
        border: Zeros above and below, left and right.
        top: The first row of each part, (rows, 1, 1, 1); whole numbers.
        left: Likewise, its first column.
    """
    rows, height, width, channels = x.shape
    wide = (rows, height + 2 * border[0], width + 2 * border[1], channels)
    spans = [(0, rows), *((b, b + n) for b, n in zip(border, x.shape[1:3], strict=True))]
    bounds = (*((low, high, 1) for low, high in spans), (0, channels, 1))
    pixels = apply(Embed(wide, bounds), x).reshape((-1, channels)) if any(border) else x
    places = (_places(rows, 0) * wide[1] + top + _places(size[0], 1)) * wide[2]
    places = (places + left + _places(size[1], 2)).reshape((rows, *size))
    return apply(Gather(0, lowest=0), pixels.reshape((math.prod(wide[:3]), channels)), places)


def _probability(layer: str, p: object) -> float:
    found = float(p) if isinstance(p, numbers.Real) else float("nan")
    if not 0 <= found <= 1:
        raise ConfigError(f"the p of {layer} is a probability from 0 to 1", repr(p), "Use 0.5.")
    return found


@register_layer
class RandomFlip(Module):
    """Images turned left to right, or upside down, at random while training.

    Args:
        horizontal: Whether left and right are exchanged.
        vertical: Whether top and bottom are.
        p: The probability of each.

    Shape:
        x and output: (batch, height, width, channels)

    Raises:
        ConfigError: p is not within [0, 1], or nothing would ever be turned.

    Example:
        >>> import pullback as pb
        >>> flip, x = pb.nn.RandomFlip(), pb.tensor([[[[1.0], [2.0]]]])
        >>> with pb.nn.mode(training=True, seed=0):
        ...     y = flip(x)
        >>> y.numpy().ravel().tolist() in ([1.0, 2.0], [2.0, 1.0])
        True

    References:
        Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification with deep convolutional
        neural networks".
    """

    def __init__(self, horizontal: bool = True, vertical: bool = False, p: float = 0.5) -> None:
        self.horizontal, self.vertical, self.p = horizontal, vertical, _probability("RandomFlip", p)
        if not (horizontal or vertical):
            raise ConfigError(
                "RandomFlip turns images along one axis at least",
                "horizontal=False, vertical=False",
                "Set one of them, or leave the layer out.",
            )

    def forward(self, x: Node) -> Node:
        check_image(self, x, 2)
        if not current_mode().training:
            return x
        across, down = _drawn(x, "flip", 2)
        if self.horizontal:
            x = ops.where(across < self.p, x[:, :, ::-1], x)
        return ops.where(down < self.p, x[:, ::-1], x) if self.vertical else x


@register_layer
class RandomShift(Module):
    """Images moved by a few pixels at random while training; zeros come in at the border.

    Args:
        pixels: The longest way, up, down, left and right; a number, or one an axis.

    Shape:
        x and output: (batch, height, width, channels)

    Raises:
        ConfigError: `pixels` is no whole number from 0 on, or no pair of them.

    Example:
        >>> import pullback as pb
        >>> pb.nn.RandomShift(2)(pb.ones((4, 28, 28, 1))).shape
        (4, 28, 28, 1)

    References:
        Simard, Steinkraus and Platt, 2003, "Best practices for convolutional neural networks
        applied to visual document analysis".
    """

    def __init__(self, pixels: int | Sequence[int] = 2) -> None:
        self.pixels = sizes_of("RandomShift", "pixels", pixels, 2, least=0)

    def forward(self, x: Node) -> Node:
        check_image(self, x, 2)
        if not current_mode().training:
            return x
        down, across = _drawn(x, "shift", 2)
        height, width = self.pixels
        top, left = _below(down, 2 * height + 1), _below(across, 2 * width + 1)
        return _cut(x, x.shape[1:3], self.pixels, top, left)


@register_layer
class RandomCrop(Module):
    """A part of each image, at random while training, from the middle in use.

    Args:
        size: Height and width of the part; a number, or one an axis.
        padding: Zeros put around the image first.

    Shape:
        x: (batch, height, width, channels)
        output: (batch, *size, channels)

    Raises:
        ConfigError: A size is no positive whole number, or the padding none from 0 on.
        ShapeError: The image with its padding is smaller than the part.

    Example:
        >>> import pullback as pb
        >>> pb.nn.RandomCrop(24)(pb.ones((4, 28, 28, 1))).shape
        (4, 24, 24, 1)

    References:
        Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification with deep convolutional
        neural networks".
    """

    def __init__(self, size: int | Sequence[int], padding: int | Sequence[int] = 0) -> None:
        self.size = sizes_of("RandomCrop", "size", size, 2)
        self.padding = sizes_of("RandomCrop", "padding", padding, 2, least=0)

    def forward(self, x: Node) -> Node:
        check_image(self, x, 2)
        wide = [n + 2 * p for n, p in zip(x.shape[1:3], self.padding, strict=True)]
        spare = [n - s for n, s in zip(wide, self.size, strict=True)]
        if min(spare) < 0:
            raise ShapeError(
                f"{self!r}, made in {self._source}, cuts its part out of the padded image",
                f"images of {wide[0]} x {wide[1]} with their padding, from {x.origin}",
                "Use a smaller size, or more padding.",
            )
        if current_mode().training:
            down, across = _drawn(x, "crop", 2)
            return _cut(x, self.size, self.padding, *map(_below, (down, across), _counts(spare)))
        middle = [ops.full((1, 1, 1, 1), n // 2, "int64") for n in spare]
        return _cut(x, self.size, self.padding, *middle)


def _counts(spare: Sequence[int]) -> list[int]:
    """How many first places a part can have."""
    return [n + 1 for n in spare]


@register_layer
class Cutout(Module):
    """A square of each image set to zero at random while training.

    The square's middle is anywhere in the image, so that parts of it may lie outside.

    Args:
        size: Height and width of the square; a number, or one an axis.
        p: The probability that an image gets one.

    Shape:
        x and output: (batch, height, width, channels)

    Raises:
        ConfigError: A size is no positive whole number, or p not within [0, 1].

    Example:
        >>> import pullback as pb
        >>> pb.nn.Cutout(8)(pb.ones((4, 28, 28, 1))).shape
        (4, 28, 28, 1)

    References:
        DeVries and Taylor, 2017, "Improved regularization of convolutional neural networks with
        cutout".
    """

    def __init__(self, size: int | Sequence[int], p: float = 1.0) -> None:
        self.size, self.p = sizes_of("Cutout", "size", size, 2), _probability("Cutout", p)

    def forward(self, x: Node) -> Node:
        check_image(self, x, 2)
        if not current_mode().training:
            return x
        chosen, *places = _drawn(x, "cutout", 3)
        hidden = chosen < self.p
        for axis, drawn, size in zip((1, 2), places, self.size, strict=True):
            first = _below(drawn, x.shape[axis]) - size // 2
            place = _places(x.shape[axis], axis)
            hidden = hidden & (place >= first) & (place < first + size)
        return ops.where(hidden, 0, x)
