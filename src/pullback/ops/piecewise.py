"""Activations that are made of others: of rectifiers and clips.

Where a clip ends, its derivative is 0.
"""

from __future__ import annotations

import math

from pullback.errors import ConfigError
from pullback.graph.node import Node, Operand, function
from pullback.ops.arithmetic import clip
from pullback.ops.rectifiers import elu
from pullback.ops.reductions import _floating

__all__ = [
    "celu",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "relu6",
    "selu",
]

# The fixed point of mean 0 and variance 1 (Klambauer et al., 2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@function
def selu(x: Operand) -> Node:
    r"""Scaled exponential linear unit: $\lambda\alpha(e^x - 1)$ up to 0, $\lambda x$ above."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


@function
def celu(x: Operand, alpha: float = 1.0) -> Node:
    r"""Continuously differentiable ELU: $\alpha(e^{x/\alpha} - 1)$ up to 0, x above."""
    if not (math.isfinite(alpha) and alpha > 0):
        raise ConfigError("the alpha of celu must be a number above 0", repr(alpha), "Use 1.")
    return alpha * elu(_floating(x) * (1 / alpha))


@function
def relu6(x: Operand) -> Node:
    """0 up to 0, 6 from 6 on, x between."""
    return clip(x, 0.0, 6.0)


@function
def hard_tanh(x: Operand) -> Node:
    """-1 up to -1, 1 from 1 on, x between."""
    return clip(x, -1.0, 1.0)


@function
def hard_sigmoid(x: Operand) -> Node:
    """0 up to -3, 1 from 3 on, x / 6 + 1/2 between."""
    return clip(_floating(x) + 3, 0.0, 6.0) * (1 / 6)


@function
def hard_swish(x: Operand) -> Node:
    """0 up to -3, x from 3 on, x (x + 3) / 6 between."""
    node = _floating(x)
    return node * hard_sigmoid(node)
