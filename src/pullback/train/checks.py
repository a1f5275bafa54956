"""What settings of a training must be: whole numbers, real ones, true or false."""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

import numpy as np

from pullback.errors import ConfigError


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A setting as a whole number.

    Raises:
        ConfigError: It is none, or none in that range.
    """
    fits = hasattr(value, "__index__") and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        bound = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(
            f"{name} must be a whole number {bound}", repr(value), f"Use {least} or more."
        )
    return operator.index(value)


def real(name: str, value: Any, *, zero: bool) -> float:
    """A setting as a finite number above 0, or with `zero` at least 0.

    Raises:
        ConfigError: It is none.
    """
    numeric = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not numeric or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "0 or more" if zero else "positive"
        raise ConfigError(f"{name} must be {least} and finite", repr(value), "Change it.")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """A setting that is true or false.

    Raises:
        ConfigError: It is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{name} must be true or false", repr(value), "Pass True or False.")
    return bool(value)
