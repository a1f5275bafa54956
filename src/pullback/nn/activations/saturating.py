"""Activations that level off, and those made of them."""

from __future__ import annotations

from pullback import ops
from pullback.graph.node import Node
from pullback.nn.activations.base import Activation, register


@register
class Sigmoid(Activation):
    """Logistic function, 1 / (1 + exp(-x)).

    References:
        Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating errors".
    """

    name = "sigmoid"
    bounds = (0, 1)

    def forward(self, x: Node) -> Node:
        return ops.sigmoid(x)


@register
class Tanh(Activation):
    """Hyperbolic tangent.

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop".
    """

    name = "tanh"
    bounds = (-1, 1)

    def forward(self, x: Node) -> Node:
        return ops.tanh(x)


@register
class Softsign(Activation):
    """x / (1 + |x|): saturates more slowly than tanh.

    References:
        Bergstra, Desjardins, Lamblin and Bengio, 2009, "Quadratic polynomials learn better image
        features".
    """

    name = "softsign"
    bounds = (-1, 1)

    def forward(self, x: Node) -> Node:
        return ops.softsign(x)


@register
class HardSigmoid(Activation):
    """Logistic function of three straight pieces: x / 6 + 1/2, from 0 to 1.

    References:
        Howard et al., 2019, "Searching for MobileNetV3".
    """

    name = "hard_sigmoid"
    bounds = (0, 1)

    def forward(self, x: Node) -> Node:
        return ops.hard_sigmoid(x)


@register
class HardTanh(Activation):
    """x from -1 to 1 and level beyond; the derivative is 0 at both ends.

    References:
        Collobert, 2004, "Large scale machine learning".
    """

    name = "hard_tanh"
    bounds = (-1, 1)

    def forward(self, x: Node) -> Node:
        return ops.hard_tanh(x)


@register
class LogSigmoid(Activation):
    """Logarithm of the logistic function, -ln(1 + exp(-x)).

    References:
        Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating errors".
    """

    name = "log_sigmoid"

    def forward(self, x: Node) -> Node:
        return ops.log_sigmoid(x)


@register
class TanhShrink(Activation):
    """x - tanh(x): small near 0, where it is flat.

    References:
        LeCun, Bottou, Orr and Mueller, 1998, "Efficient backprop", on adding a linear term to tanh.
    """

    name = "tanh_shrink"

    def forward(self, x: Node) -> Node:
        return ops.tanh_shrink(x)
