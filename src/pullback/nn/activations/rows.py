"""Activations of a whole row: what one number becomes depends on its neighbours."""

from __future__ import annotations

from pullback import ops
from pullback.graph.node import Node
from pullback.nn.activations.base import Activation, register


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
class LogSoftmax(Activation):
    """Logarithms of softmax over an axis.

    `cross_entropy` takes logits and `nll` takes these.

    References:
        Bridle, 1990, "Probabilistic interpretation of feedforward classification network outputs".
    """

    name = "log_softmax"

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Node) -> Node:
        return ops.log_softmax(x, axis=self.axis)


@register
class Sparsemax(Activation):
    """Numbers of at least 0 that sum to 1 over an axis; small entries give exactly 0.

    References:
        Martins and Astudillo, 2016, "From softmax to sparsemax: a sparse model of attention and
        multi-label classification".
    """

    name = "sparsemax"

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Node) -> Node:
        return ops.sparsemax(x, axis=self.axis)


@register
class GLU(Activation):
    """Gated linear unit: the first half of the features times the sigmoid of the second.

    Half as many features come out as go in.

    References:
        Dauphin, Fan, Auli and Grangier, 2017, "Language modeling with gated convolutional
        networks".
    """

    name = "glu"

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Node) -> Node:
        return ops.glu(x, axis=self.axis)
