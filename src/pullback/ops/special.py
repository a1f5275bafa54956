"""The error function and its complement."""

from __future__ import annotations

import math

import numpy as np

from pullback.graph.dtypes import Array
from pullback.graph.node import Node, function
from pullback.graph.op import register
from pullback.ops.arithmetic import scale, square
from pullback.ops.exponential import exp
from pullback.ops.families import Elementwise

__all__ = ["erf", "erfc"]

# Chebyshev coefficients of (1 + 2x) exp(x^2) erfc(x) in t = (x - 4) / (x + 4) for x >= 0, and of
# erf(x) / x in t = 8 x^2 - 1 for |x| <= 1/2; worked out with 40 digits. After M. Shepherd and
# J. Laframboise, 1981, "Chebyshev approximation of (1+2x)exp(x^2)erfc x in 0 <= x < infinity".
_TAIL = np.array(
    [
        1.1774832005374487,
        -0.007260796620301901,
        -0.081265123236185,
        0.06009212804122225,
        -0.02875393558027666,
        0.01059566336347286,
        -0.003136927294554264,
        0.0007456494372536184,
        -0.0001369696503010054,
        1.7183861600300937e-05,
        -7.158364623450346e-07,
        -2.4261399442449534e-07,
        5.5765709395703566e-08,
        -2.1057869513809494e-09,
        -1.1717889351884957e-09,
        1.9098355172456688e-10,
        1.408871764208813e-11,
        -6.901108320480815e-12,
        9.167958364111294e-14,
        2.1454508286554553e-13,
        -1.4716575027010623e-14,
        -6.668675118770408e-15,
        7.504598509880083e-16,
        2.22009300666632e-16,
        -3.1704898956330886e-17,
        -8.193570309884331e-18,
        1.2459819733129578e-18,
        3.366402273872638e-19,
        -4.6170639158660865e-20,
        -1.5072035226724806e-20,
        1.542697228883976e-21,
        7.103920557779615e-22,
    ]
)
_CENTRE = np.array(
    [
        1.083882205490613,
        -0.04367779108737525,
        0.0008071118294133213,
        -1.191317951927046e-05,
        1.440278733630302e-07,
        -1.467715582316901e-09,
        1.2902439604484931e-11,
        -9.963857180158892e-14,
        6.857505850501839e-16,
        -4.255370438044438e-18,
        2.4037410518501235e-20,
        -1.2458813175735645e-22,
        5.965285166517359e-25,
        -2.6537368374789034e-27,
    ]
)
_SLOPE = 2 / math.sqrt(math.pi)


def erfc_values(x: Array) -> Array:
    """The complementary error function of float64 numbers, to a few units in the last place."""
    reach = np.minimum(np.absolute(x), 30)  # beyond, the value is 0
    coarse = np.rint(reach * 16) / 16
    # exp(-x^2) in two factors, since rounding x^2 would cost up to 700 units in the last place
    fall = np.exp(-coarse * coarse) * np.exp(-(reach - coarse) * (reach + coarse))
    t = (reach - 4) / (reach + 4)
    tail = fall * np.polynomial.chebyshev.chebval(t, _TAIL) / (1 + 2 * reach)
    return np.where(np.isnan(x), x, np.where(x < 0, 2 - tail, tail))


def erf_values(x: Array) -> Array:
    """The error function of float64 numbers, to a few units in the last place."""
    near = np.absolute(x) <= 0.5
    small = np.where(near, x, 0)
    centre = small * np.polynomial.chebyshev.chebval(8 * small * small - 1, _CENTRE)
    far = np.sign(x) * (1 - erfc_values(np.absolute(x)))
    return np.asarray(np.where(near, centre, far))


@register
class Erf(Elementwise):
    r"""Error function: $y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt$.

    So $\bar x = \bar y\, \frac{2}{\sqrt\pi} e^{-x^2}$.
    """

    name = "erf"
    latex = r"\operatorname{{erf}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return erf_values(np.asarray(x, np.float64)).astype(x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (scale(y_bar, _SLOPE * exp(-square(x))),)


@register
class Erfc(Elementwise):
    r"""Complementary error function: $y = 1 - \operatorname{erf} x$, exact in the tail.

    So $\bar x = -\bar y\, \frac{2}{\sqrt\pi} e^{-x^2}$.
    """

    name = "erfc"
    latex = r"\operatorname{{erfc}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)

    def forward(self, x: Array) -> Array:
        return erfc_values(np.asarray(x, np.float64)).astype(x.dtype)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (-scale(y_bar, _SLOPE * exp(-square(x))),)


erf = function(Erf())
erfc = function(Erfc())
