"""Smooth ramps and gates."""

from __future__ import annotations

from pullback import ops
from pullback.graph.node import Node
from pullback.nn.activations.base import Activation, register


@register
class GELU(Activation):
    r"""Gaussian error linear unit, x times the normal distribution function of x.

    Args:
        approximate: "none" for the exact form, "tanh" for the near one of `GELUTanh`.

    References:
        Hendrycks and Gimpel, 2016, "Gaussian error linear units".
    """

    name = "gelu"

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate
        ops.gelu(0.0, approximate)  # refuses what is no form of it

    def forward(self, x: Node) -> Node:
        return ops.gelu(x, self.approximate)


@register
class GELUTanh(Activation):
    """Gaussian error linear unit in its near form, with tanh: what GPT-2 and BERT used.

    References:
        Hendrycks and Gimpel, 2016, "Gaussian error linear units".
    """

    name = "gelu_tanh"

    def forward(self, x: Node) -> Node:
        return ops.gelu_tanh(x)


@register
class SiLU(Activation):
    """Sigmoid-weighted linear unit, x sigmoid(x).

    References:
        Elfwing, Uchibe and Doya, 2018, "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning".
    """

    name = "silu"
    aliases = ("swish",)

    def forward(self, x: Node) -> Node:
        return ops.silu(x)


@register
class Mish(Activation):
    """x tanh(ln(1 + exp(x))).

    References:
        Misra, 2019, "Mish: a self regularized non-monotonic activation function".
    """

    name = "mish"

    def forward(self, x: Node) -> Node:
        return ops.mish(x)


@register
class HardSwish(Activation):
    """SiLU of three pieces: 0 up to -3, x from 3 on, x (x + 3) / 6 between.

    References:
        Howard et al., 2019, "Searching for MobileNetV3".
    """

    name = "hard_swish"

    def forward(self, x: Node) -> Node:
        return ops.hard_swish(x)


@register
class Softplus(Activation):
    """Smooth ramp, ln(1 + exp(x)).

    References:
        Dugas, Bengio, Belisle, Nadeau and Garcia, 2001, "Incorporating second-order functional
        knowledge for better option pricing".
    """

    name = "softplus"

    def forward(self, x: Node) -> Node:
        return ops.softplus(x)


@register
class Squareplus(Activation):
    """Smooth ramp without exponentials, (x + sqrt(x^2 + b)) / 2.

    Args:
        b: How round it is at 0, above 0.

    Raises:
        ConfigError: b is not above 0.

    References:
        Barron, 2021, "Squareplus: a softplus-like algebraic rectifier".
    """

    name = "squareplus"

    def __init__(self, b: float = 4.0) -> None:
        self.b = b
        ops.squareplus(0.0, b)  # refuses settings out of range

    def forward(self, x: Node) -> Node:
        return ops.squareplus(x, self.b)


@register
class Exponential(Activation):
    """exp(x): positive rates and scales.

    References:
        Nelder and Wedderburn, 1972, "Generalized linear models".
    """

    name = "exponential"
    aliases = ("exp",)

    def forward(self, x: Node) -> Node:
        return ops.exp(x)


@register
class Identity(Activation):
    """x itself, for places that ask for an activation.

    References:
        I. Goodfellow, Y. Bengio and A. Courville, 2016, "Deep learning", section 6.3.
    """

    name = "identity"
    aliases = ("linear", "none")

    def forward(self, x: Node) -> Node:
        return x
