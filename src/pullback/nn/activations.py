r"""Activation functions: what a neuron does with its weighted sum.

Each is a layer (`pb.nn.GELU()`), found by name with `get`; the functions themselves are operations
(`pb.relu`) or stand here (`gelu`, `silu`).
"""

from __future__ import annotations

import math
from typing import ClassVar

from pullback import ops
from pullback.errors import unknown
from pullback.graph.node import Node, Operand, as_node
from pullback.nn.module import Module, register_layer


class Activation(Module):
    """A layer without parameters that acts on every number (softmax: on every row)."""

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()


_REGISTRY: dict[str, type[Activation]] = {}


def register(cls: type[Activation]) -> type[Activation]:
    """Class decorator: enter an activation in the tables, of activations and of layers."""
    _REGISTRY[cls.name] = cls
    return register_layer(cls)


def registry() -> dict[str, type[Activation]]:
    """All activations by name, sorted."""
    return dict(sorted(_REGISTRY.items()))


def get(name: str | Activation) -> Activation:
    """The activation layer of that name; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.

    Example:
        >>> get("relu")
        ReLU()
    """
    if isinstance(name, Activation):
        return name
    for cls in _REGISTRY.values():
        if str(name).casefold() in (cls.name, *cls.aliases):
            return cls()
    raise unknown("activation", name, sorted(_REGISTRY))


def gelu(x: Operand) -> Node:
    r"""Gaussian error linear unit, exact: $x\,\Phi(x) = \tfrac12 x \operatorname{erfc}(-x/\sqrt2)$.

    With erfc rather than 1 + erf, the negative tail keeps its digits.
    """
    node = as_node(x)
    return 0.5 * node * ops.erfc(node * (-1 / math.sqrt(2)))


def silu(x: Operand) -> Node:
    r"""Sigmoid-weighted linear unit: $x\,\sigma(x)$."""
    node = as_node(x)
    return node * ops.sigmoid(node)


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
class GELU(Activation):
    """Gaussian error linear unit, exact form.

    References:
        Hendrycks and Gimpel, 2016, "Gaussian error linear units".
    """

    name = "gelu"

    def forward(self, x: Node) -> Node:
        return gelu(x)


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
        return silu(x)


@register
class Sigmoid(Activation):
    """Logistic function, 1 / (1 + exp(-x)).

    References:
        Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating errors".
    """

    name = "sigmoid"

    def forward(self, x: Node) -> Node:
        return ops.sigmoid(x)


@register
class Tanh(Activation):
    """Hyperbolic tangent.

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "tanh"

    def forward(self, x: Node) -> Node:
        return ops.tanh(x)


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
class Softmax(Activation):
    """Positive numbers that sum to 1 over an axis, in proportion to exp(x).

    The losses take logits: put no softmax before `cross_entropy`.

    References:
        Bridle, 1990, "Probabilistic interpretation of feedforward classification network outputs".
    """

    name = "softmax"

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Node) -> Node:
        return ops.softmax(x, axis=self.axis)


@register
class Identity(Activation):
    """x itself, for places that ask for an activation."""

    name = "identity"
    aliases = ("linear", "none")

    def forward(self, x: Node) -> Node:
        return x
