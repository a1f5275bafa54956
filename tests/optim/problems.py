"""What a reference is, and the problems on which optimizers are compared with theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pullback.optim import Optimizer

Array = npt.NDArray[np.float64]
Gradient = Callable[[Array], Array]


@dataclass(frozen=True)
class Reference:
    """How one optimizer is tested; `run` gives the weights after every step."""

    settings: tuple[Optimizer, ...]
    run: Callable[[Any, Array, Gradient, int], list[Array]]


def rosenbrock(w: Array) -> Array:
    """The gradient of (1 - a)² + 100 (b - a²)² at w = (a, b)."""
    a, b = w
    return np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])


def quadratic(w: Array) -> Array:
    """The gradient of ½ w·Aw of a badly scaled A, at a matrix of weights."""
    return np.array([[1.0, 10.0, 100.0], [0.1, 0.0, 3.0]]) * w


PROBLEMS: dict[str, tuple[Gradient, Array]] = {
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "quadratic": (quadratic, np.array([[1.0, -2.0, 0.5], [3.0, 0.3, -1.0]])),
}
