"""Functions that are level over a stretch and straight beyond it; level at its ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Operand, function
from pullback.graph.op import Op, register
from pullback.ops.arithmetic import abs as magnitude
from pullback.ops.comparison import less_equal, where
from pullback.ops.families import Elementwise

__all__ = ["hard_shrink", "soft_shrink", "threshold"]


@dataclass(frozen=True)
class Shrink(Elementwise):
    """0 within plus or minus `size`; the derivative is 0 there, ends included, and 1 beyond."""

    hard_points = (0.0, 0.5, -0.5, 1000.0, -1000.0)
    size: float = 0.5

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (where(less_equal(magnitude(x), self.size), 0, y_bar),)

    @classmethod
    def instances(cls) -> Iterable[Op]:
        return (cls(), cls(1.25))


@register
class HardShrink(Shrink):
    r"""0 within plus or minus `size`, x beyond.

    $y = 0$ where $|x| \le s$, else x; $\bar x = \bar y$ where $|x| > s$, else 0.
    """

    name = "hard_shrink"
    latex = r"\operatorname{{hard\_shrink}}({0})"

    def forward(self, x: Array) -> Array:
        return np.where(np.absolute(x) <= self.size, 0, x).astype(x.dtype, copy=False)


@register
class SoftShrink(Shrink):
    r"""x moved towards 0 by `size`, and 0 within it.

    $y = x - \operatorname{clip}(x, -s, s)$; $\bar x = \bar y$ where $|x| > s$, else 0.
    """

    name = "soft_shrink"
    latex = r"\operatorname{{soft\_shrink}}({0})"

    def forward(self, x: Array) -> Array:
        size = x.dtype.type(self.size)
        return np.asarray(np.where(np.isinf(x), x, x - np.clip(x, -size, size)))


@register
class Threshold(Elementwise):
    r"""x above a limit, a fixed value up to it.

    $y = v$ where $x \le l$, else x; $\bar x = \bar y$ where $x > l$, else 0.
    """

    name = "threshold"
    latex = r"\operatorname{{threshold}}({0})"
    hard_points = (0.0, 1000.0, -1000.0)
    limit: float = 0.0
    value: float = 0.0

    def forward(self, x: Array) -> Array:
        return np.where(x <= self.limit, x.dtype.type(self.value), x)

    def vjp(self, y_bar: Node, y: Node, x: Node) -> tuple[Node]:
        return (where(less_equal(x, self.limit), 0, y_bar),)

    @classmethod
    def instances(cls) -> Iterable[Op]:
        return (cls(), cls(0.75, -3.0))


def _checked(function: str, size: float) -> float:
    if not (math.isfinite(size) and size >= 0):
        raise ConfigError(
            f"the size of {function} must be a number of at least 0", repr(size), "Use 0.5."
        )
    return float(size)


@function
def hard_shrink(x: Operand, size: float = 0.5) -> Node:
    """0 within plus or minus `size`, x beyond.

    Raises:
        ConfigError: The size is below 0.
    """
    return HardShrink(_checked("hard_shrink", size))(x)


@function
def soft_shrink(x: Operand, size: float = 0.5) -> Node:
    """0 within plus or minus `size`, beyond it x moved towards 0 by as much.

    Raises:
        ConfigError: The size is below 0.
    """
    return SoftShrink(_checked("soft_shrink", size))(x)


@function
def threshold(x: Operand, limit: float = 0.0, value: float = 0.0) -> Node:
    """`value` up to `limit`, x above it."""
    return Threshold(limit, value)(x)
