"""Networks for pictures."""

from __future__ import annotations

from typing import Any, ClassVar

from pullback.named import register
from pullback.nn import activations
from pullback.nn.architectures.base import Architecture, Inputs
from pullback.nn.augmentation import RandomShift
from pullback.nn.convolution import Conv2d
from pullback.nn.dropout import Dropout
from pullback.nn.linear import Flatten, Linear
from pullback.nn.module import Module
from pullback.nn.pooling import AvgPool2d, MaxPool2d
from pullback.nn.sequential import Sequential
from pullback.nn.wiring import Reshape


@register
class LeNet(Architecture):
    """Two convolutions with pooling, then three dense layers: the first network for digits.

    Args:
        activation: After each layer.
        dropout: Probability of dropping a number of the dense layers while training.
        shift: By how many pixels pictures are shifted at random while training.

    References:
        Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, 1998, "Gradient-based learning applied to
        document recognition".

    Example:
        >>> network = LeNet().build(Inputs((28, 28)), 10)
        >>> sum(p.size for p in network.initialise().parameters().values())
        61706
    """

    name: ClassVar[str] = "lenet"
    aliases: ClassVar[tuple[str, ...]] = ("lenet5", "lenet_5")
    activation: str = "relu"
    dropout: float = 0.0
    shift: int = 0

    def check(self) -> None:
        """Check the settings."""
        self.check_whole("shift", least=0)
        self.check_number("dropout", least=0, most=1)
        activations.get(self.activation)

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        layers, (height, width, channels) = _image(self, inputs, 12, self.shift)

        def act() -> Module:
            return activations.get(self.activation)

        layers += [Conv2d(channels, 6, 5, padding="same"), act(), AvgPool2d(2)]
        layers += [Conv2d(6, 16, 5), act(), AvgPool2d(2), Flatten()]
        width_in = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        for size in (120, 84):
            layers += [Linear(width_in, size), act()]
            layers += [Dropout(self.dropout)] if self.dropout else []
            width_in = size
        return Sequential(*layers, Linear(width_in, outputs))


@register
class ConvNet(Architecture):
    """Convolutions that halve the picture, one after the other, then two dense layers.

    The first has 5 x 5 pixels and a stride of 2; each further one has 3 x 3 and keeps the largest
    of 2 x 2. While training, pictures are shifted a little, at random.

    Args:
        channels: The channels of each convolution.
        hidden: Neurons of the layer before the last.
        activation: After each layer.
        dropout: Probability of dropping a number before the last layer while training.
        shift: By how many pixels pictures are shifted at most; 0 for not at all.

    References:
        J. Springenberg, A. Dosovitskiy, T. Brox and M. Riedmiller, 2015, "Striving for simplicity:
        the all convolutional net", for the stride in the place of pooling.

    Example:
        >>> network = ConvNet((8, 16)).build(Inputs((16, 16, 3)), 5).initialise()
        >>> import pullback as pb
        >>> network(pb.zeros((2, 16, 16, 3))).shape
        (2, 5)
    """

    name: ClassVar[str] = "convnet"
    aliases: ClassVar[tuple[str, ...]] = ("cnn",)
    channels: tuple[int, ...] = (12, 32)
    hidden: int = 64
    activation: str = "relu"
    dropout: float = 0.0
    shift: int = 1

    def check(self) -> None:
        """Check the settings."""
        self.check_sizes("channels")
        self.check_whole("hidden", least=1)
        self.check_whole("shift", least=0)
        self.check_number("dropout", least=0, most=1)
        activations.get(self.activation)

    def build(self, inputs: Inputs, outputs: int) -> Sequential:
        layers, (height, width, features) = _image(
            self, inputs, 2 ** len(self.channels), self.shift
        )
        for stage, size in enumerate(self.channels):
            if not stage:
                layers += [Conv2d(features, size, 5, stride=2, padding=2)]
                height, width = -(-height // 2), -(-width // 2)
                layers += [activations.get(self.activation)]
            else:
                layers += [Conv2d(features, size, 3, padding="same")]
                layers += [activations.get(self.activation), MaxPool2d(2)]
                height, width = height // 2, width // 2
            features = size
        layers += [Flatten(), Linear(height * width * features, self.hidden)]
        layers += [activations.get(self.activation)]
        layers += [Dropout(self.dropout)] if self.dropout else []
        return Sequential(*layers, Linear(self.hidden, outputs))


def _image(
    architecture: Architecture, inputs: Inputs, least: int, shift: int
) -> tuple[list[Any], tuple[int, int, int]]:
    """The first layers for pictures, and their height, width and channels."""
    if not inputs.is_image or inputs.tokens or min(inputs.shape[:2]) < least:
        takes = f"pictures of {least} x {least} pixels or more"
        raise architecture.unfit(inputs, takes, "dense")
    height, width, *rest = inputs.shape
    channels = rest[0] if rest else 1
    layers: list[Any] = [] if rest else [Reshape((height, width, 1))]
    layers += [RandomShift(shift)] if shift else []
    return layers, (height, width, channels)
