"""Activations with a straight arm: rectifiers and shrinkage."""

from __future__ import annotations

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.node import Node
from pullback.nn.activations.base import Activation, register
from pullback.nn.initialisers import Constant
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive


@register
class ReLU(Activation):
    """Rectified linear unit: max(x, 0); the derivative at 0 is 0.

    References:
        Nair and Hinton, 2010, "Rectified linear units improve restricted Boltzmann machines".
    """

    name = "relu"

    def forward(self, x: Node) -> Node:
        return ops.relu(x)


@register
class LeakyReLU(Activation):
    """x where positive, slope times x elsewhere.

    References:
        Maas, Hannun and Ng, 2013, "Rectifier nonlinearities improve neural network acoustic
        models".
    """

    name = "leaky_relu"

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Node) -> Node:
        return ops.leaky_relu(x, self.slope)


@register
class PReLU(Activation):
    """x where positive, elsewhere x times a slope that is learned; 0.25 at first.

    Args:
        features: How many slopes: one for all, or one for each number of the last axis.

    Raises:
        ConfigError: It is no positive whole number.
        ShapeError: The last axis has another length.

    References:
        He, Zhang, Ren and Sun, 2015, "Delving deep into rectifiers".
    """

    name = "prelu"

    def __init__(self, features: int = 1) -> None:
        self.features = positive("PReLU", "features", features)
        self.slope = Parameter(self.features, Constant(0.25))

    def forward(self, x: Node) -> Node:
        if self.features not in (1, x.shape[-1] if x.shape else 1):
            raise ShapeError(
                f"{self!r} takes {self.features} features a row",
                f"an input of shape {x.shape} from {x.origin}",
                f"Make it PReLU({x.shape[-1] if x.shape else 1}), or PReLU() with one slope.",
            )
        slope = self.slope if self.features > 1 else self.slope[0]
        return ops.prelu(x, slope)


@register
class ELU(Activation):
    """Exponential linear unit: x where positive, alpha (exp(x) - 1) elsewhere.

    References:
        Clevert, Unterthiner and Hochreiter, 2016, "Fast and accurate deep network learning by
        exponential linear units".
    """

    name = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Node) -> Node:
        return ops.elu(x, self.alpha)


@register
class SELU(Activation):
    """Scaled exponential linear unit, which keeps mean 0 and variance 1.

    References:
        Klambauer, Unterthiner, Mayr and Hochreiter, 2017, "Self-normalizing neural networks".
    """

    name = "selu"

    def forward(self, x: Node) -> Node:
        return ops.selu(x)


@register
class CELU(Activation):
    """Exponential linear unit without a kink: x where positive, else alpha (exp(x / alpha) - 1).

    Args:
        alpha: How far below 0 it goes, above 0.

    References:
        Barron, 2017, "Continuously differentiable exponential linear units".
    """

    name = "celu"

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha
        ops.celu(0.0, alpha)  # refuses settings out of range

    def forward(self, x: Node) -> Node:
        return ops.celu(x, self.alpha)


@register
class ReLU6(Activation):
    """Rectifier that ends at 6: min(max(x, 0), 6); the derivative is 0 at both ends.

    References:
        Krizhevsky, 2010, "Convolutional deep belief networks on CIFAR-10".
    """

    name = "relu6"
    bounds = (0, 6)

    def forward(self, x: Node) -> Node:
        return ops.relu6(x)


@register
class Threshold(Activation):
    """x above a limit, a fixed value up to it.

    Args:
        limit: Up to where it is the value; the derivative there is 0.
        value: What it is up to the limit.

    References:
        Nair and Hinton, 2010, "Rectified linear units improve restricted Boltzmann machines".
    """

    name = "threshold"

    def __init__(self, limit: float = 0.0, value: float = 0.0) -> None:
        self.limit = limit
        self.value = value

    def forward(self, x: Node) -> Node:
        return ops.threshold(x, self.limit, self.value)


@register
class HardShrink(Activation):
    """0 within plus or minus `size`, x beyond.

    Args:
        size: Half the width of the gap, at least 0.

    References:
        Donoho and Johnstone, 1994, "Ideal spatial adaptation by wavelet shrinkage".
    """

    name = "hard_shrink"

    def __init__(self, size: float = 0.5) -> None:
        self.size = size
        ops.hard_shrink(0.0, size)  # refuses settings out of range

    def forward(self, x: Node) -> Node:
        return ops.hard_shrink(x, self.size)


@register
class SoftShrink(Activation):
    """0 within plus or minus `size`, beyond it x moved towards 0 by as much.

    Args:
        size: Half the width of the gap, at least 0.

    References:
        Donoho and Johnstone, 1994, "Ideal spatial adaptation by wavelet shrinkage".
    """

    name = "soft_shrink"

    def __init__(self, size: float = 0.5) -> None:
        self.size = size
        ops.soft_shrink(0.0, size)  # refuses settings out of range

    def forward(self, x: Node) -> Node:
        return ops.soft_shrink(x, self.size)
