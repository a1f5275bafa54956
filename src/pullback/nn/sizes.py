"""Sizes that a layer is made with."""

from __future__ import annotations

from typing import Any

from pullback.errors import ConfigError


def positive(layer: str, name: str, size: Any) -> int:
    """The size as a Python number, checked to be 1 or more.

    Raises:
        ConfigError: It is no positive whole number.

    Example:
        >>> positive("Linear", "in_features", 3)
        3
    """
    whole = hasattr(size, "__index__") and not isinstance(size, bool)
    if not whole or size < 1:
        raise ConfigError(
            f"{name} of {layer} must be a positive whole number", repr(size), "Use 1 or more."
        )
    return int(size)
