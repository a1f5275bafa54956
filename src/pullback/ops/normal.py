"""The distribution function of the normal distribution, and what is gated by it."""

from __future__ import annotations

import math

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import register
from pullback.ops.arithmetic import scale, square
from pullback.ops.exponential import exp, sigmoid
from pullback.ops.families import Elementwise
from pullback.ops.reductions import _floating
from pullback.ops.special import erfc_values

__all__ = ["gelu", "gelu_tanh", "normal_cdf"]

# (1 + 2r) exp(r^2) erfc(r) / 2 for 0 <= r <= 10.6 in powers of t = (r - 3) / (r + 3), the highest
# first; off by 3e-9 of the value, fitted with 30 digits.
_TAIL = (
    -0.00013391711759046257, -0.0003873303038667286, 0.0010036084052298347, 0.0012846797363565356,
    -0.011899909764768651, 0.034147140233196996, -0.05963536883100536, 0.06482332446904643,
    -0.023781201471124634, -0.06781057402863233, 0.6265040295444925,
)  # fmt: skip
_BLOCK = 16_384  # numbers whose working space stays in the cache: three times as fast
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _short(x: Array) -> Array:
    """The normal distribution function of float64 numbers to the precision of float32."""
    r = np.minimum(np.absolute(x), 15) * math.sqrt(0.5)
    t = (r - 3) / (r + 3)
    series = np.full_like(t, _TAIL[0])
    for coefficient in _TAIL[1:]:
        series *= t
        series += coefficient
    tail = np.exp(-r * r) * series / (1 + 2 * r)
    return np.where(np.isnan(x), x, np.where(x > 0, 1 - tail, tail))


def normal_cdf_values(x: Array) -> Array:
    r"""$\Phi(x)$ in the dtype of x, to about one unit in the last place, in the tails too."""
    if x.dtype == np.float64:
        return 0.5 * erfc_values(x * -math.sqrt(0.5))
    flat = x.reshape(-1)
    y = np.empty(flat.shape, x.dtype)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        y[block] = _short(flat[block].astype(np.float64))
    return y.reshape(x.shape)


@register
class NormalCdf(Elementwise):
    r"""Normal distribution function: $y = \Phi(x) = \tfrac12 \operatorname{erfc}(-x/\sqrt2)$.

    So $\bar x = \bar y\, e^{-x^2/2} / \sqrt{2\pi}$. With erfc rather than 1 + erf, the tail below
    0 keeps its digits.
    """

    name = "normal_cdf"
    latex = r"\Phi({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return normal_cdf_values(x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, _DENSITY * exp(-0.5 * square(x))),)


@register
class GeluTanh(Elementwise):
    r"""$y = \tfrac12 x\,(1 + \tanh u) = x\,\sigma(2u)$, $u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)$.

    The near relative of gelu. So $\bar x = \bar y\,(s + 2 y\,(1 - s)\,u')$ with $s = \sigma(2u)$;
    written with $\sigma$ rather than 1 + tanh, the tail below 0 keeps its digits.
    """

    name = "gelu_tanh"
    latex = r"\operatorname{{gelu\_tanh}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        twice = x * (_SLOPE + _CUBIC * (x * x))
        small = np.exp(-np.absolute(twice))
        return np.asarray(np.where(twice >= 0, x, x * small) / (1 + small), x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        x2 = square(x)
        s = sigmoid(x * (_SLOPE + _CUBIC * x2))
        return (scale(y_bar, s + y * (1 - s) * (_SLOPE + 3 * _CUBIC * x2)),)


_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = _SLOPE * 0.044715

normal_cdf = function(NormalCdf())
gelu_tanh = function(GeluTanh())


@function
def gelu(x: Operand, approximate: str = "none") -> Node:
    r"""Gaussian error linear unit: $x\,\Phi(x)$, exact, or `gelu_tanh` where approximate="tanh".

    Raises:
        ConfigError: The approximation is neither "none" nor "tanh".

    Example:
        >>> import pullback as pb
        >>> pb.gelu(pb.tensor([-3.0, 0.0, 3.0]))
        tensor([-0.00405,  0.     ,  2.99595])
    """
    if approximate not in ("none", "tanh"):
        raise ConfigError(
            "gelu is exact or approximated by tanh", repr(approximate), "Use 'none' or 'tanh'."
        )
    node = _floating(x)
    return gelu_tanh(node) if approximate == "tanh" else node * normal_cdf(node)
