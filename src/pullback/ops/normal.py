"""The distribution function of the normal distribution, and what is gated by it."""

from __future__ import annotations

import functools
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

_DENSITY = 1 / math.sqrt(2 * math.pi)
_LOW, _HIGH = -15, 9  # beyond, the value is 0 or 1 in float32
_NORMAL = -12.5  # beyond, the value is a subnormal number in float32, or not far from it
_GRID = 512  # places of the table in a unit
_BLOCK = 32_768  # numbers whose working space stays in the cache


@functools.cache
def _tables() -> tuple[Array, Array]:
    """The distribution function and the density at every place of the grid, in float32."""
    c = np.arange(_LOW * _GRID, _HIGH * _GRID + 1) / _GRID
    cdf, density = 0.5 * erfc_values(c * -math.sqrt(0.5)), _DENSITY * np.exp(-0.5 * c * c)
    return cdf.astype(np.float32), density.astype(np.float32)


def _from_table(x: Array) -> Array:
    r"""$\Phi(c + h) = \Phi(c) + \varphi(c)\,h\,(1 - ch/2 + (ch)^2 / 6)$, to float32.

    c is the nearest place of the grid, so h is at most 1/1024. What is left out of Taylor's series
    is $\varphi(c)\,h^3 / 6$, and in the far tail $(ch)^4 / 24$ of the value, below 3e-9.
    """
    cdf, density = _tables()
    near = np.clip(x, _LOW, _HIGH)
    c = np.rint(near * _GRID)
    place = (c - _LOW * _GRID).astype(np.intp)
    c /= _GRID
    h = near - c
    ch = c * h
    y = ch / 6
    y -= 0.5
    y *= ch
    y += 1
    y *= h
    y *= density.take(place, mode="clip")
    y += cdf.take(place, mode="clip")
    return y


def normal_cdf_values(x: Array) -> Array:
    r"""$\Phi(x)$ in the dtype of x, to one or two units in the last place, tails included."""
    if x.dtype == np.float64:
        return np.asarray(0.5 * erfc_values(x * -math.sqrt(0.5)))
    flat = x.reshape(-1)
    y = np.empty(flat.shape, x.dtype)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        y[block] = _from_table(flat[block])
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
class Gelu(Elementwise):
    r"""GELU: $y = x\,\Phi(x)$.

    So $\bar x = \bar y\,(\Phi(x) + x\, e^{-x^2/2} / \sqrt{2\pi})$. One operation rather than a
    product: below -13, $\Phi(x)$ itself has few digits left in float32, and $x\,\Phi(x)$ more.
    """

    name = "gelu"
    latex = r"\operatorname{{gelu}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        y = x * normal_cdf_values(x)
        if x.dtype == np.float64:
            return np.asarray(y)
        far = x < _NORMAL
        if far.any():
            y = np.where(far, self.forward(x.astype(np.float64)), y).astype(x.dtype)
        return np.asarray(y)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        density = _DENSITY * exp(-0.5 * square(x))
        return (scale(y_bar, normal_cdf(x) + scale(density, x)),)


@register
class GeluTanh(Elementwise):
    r"""GELU in its near form, with tanh.

    $y = \tfrac12 x\,(1 + \tanh u) = x\,\sigma(2u)$, $u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)$.

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
_gelu = function(Gelu())
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
    return gelu_tanh(node) if approximate == "tanh" else _gelu(node)
