"""The layer of neurons: weighted sums."""

from __future__ import annotations

import math

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive


@register_layer
class Linear(Module):
    r"""A layer of neurons without activation: $Y = X W + b$.

    Backward, $\bar W = X^\top \bar Y$, $\bar b = \sum_\text{batch} \bar Y$ and
    $\bar X = \bar Y W^\top$.

    Args:
        in_features: How many numbers come in for each row; found at the first call where it is
            None or left out, `Linear(128)`.
        out_features: How many neurons, each with one number out.
        bias: Whether a bias is added.
        weight_init: Initialiser of the weight, an instance or a name. The default is uniform in
            $\pm 1/\sqrt{\text{fan\_in}}$, PyTorch's convention.
        bias_init: Initialiser of the bias; likewise.

    Shape:
        x: (..., in_features)
        output: (..., out_features)
        weight: (in_features, out_features)
        bias: (out_features,)

    Raises:
        ConfigError: A size is no positive whole number.
        ShapeError: The input's last axis is not in_features; the message names the layer that
            made it.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.Linear(3, 2).initialise(seed=0)
        >>> layer(pb.ones((5, 3))).shape
        (5, 2)

    References:
        Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating
        errors".
    """

    size_names = ("in_features", "out_features")

    def __init__(
        self,
        in_features: int | None,
        out_features: int | None = None,
        bias: bool = True,
        weight_init: initialisers.Initialiser | str = "fan_in_uniform",
        bias_init: initialisers.Initialiser | str = "fan_in_uniform",
    ) -> None:
        self.out_features = positive("Linear", "out_features", out_features)
        self.has_bias = bias
        self.initial = initialisers.get(weight_init), initialisers.get(bias_init)
        self.set_size(in_features)

    def make(self, size: int) -> None:
        fans = self.in_features, _ = size, self.out_features
        weight, bias = self.initial
        self.weight = Parameter(fans, weight, fans=fans)
        if self.has_bias:
            self.bias = Parameter(self.out_features, bias, fans=fans)

    def forward(self, x: Node) -> Node:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self!r}, made in {self._source}, takes {self.in_features} features a row",
                f"an input of shape {x.shape} from {x.origin}",
                f"Make it Linear({x.shape[-1] if x.shape else 1}, {self.out_features}), "
                "or change the layer before it.",
            )
        y = ops.matmul(x, self.weight)
        return y + self.bias if self.has_bias else y


@register_layer
class Flatten(Module):
    """All axes but the first joined into one: an image becomes a row of numbers.

    Shape:
        x: (batch, ...)
        output: (batch, product of the rest)

    References:
        C. Harris et al., 2020, "Array programming with NumPy".

    Example:
        >>> import pullback as pb
        >>> pb.nn.Flatten()(pb.ones((2, 28, 28))).shape
        (2, 784)
    """

    def forward(self, x: Node) -> Node:
        if not x.shape:
            raise ShapeError(
                "Flatten takes rows, (batch, ...)", "a single number", "Give it a batch."
            )
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))
