"""Settings of an optimizer that some parameters have for themselves, by patterns of their paths.

A pattern is a path with `*`, `?` and `[...]` as in a shell: `"0.*"` is all of layer 0, `"*.bias"`
every bias. Where several match, later ones win, each for the settings that it names.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pullback.errors import ConfigError, UnknownNameError, nearest, unknown

OWN = ("learning_rate", "weight_decay")
Layers = Mapping[str, Mapping[str, float]]


def checked(value: Any) -> dict[str, dict[str, float]] | None:
    """The settings by pattern, as plain numbers; None where there are none.

    Raises:
        ConfigError: It is no such mapping, or a number is negative or not finite.
        UnknownNameError: A setting that a layer cannot have; the nearest is named.
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ConfigError(
            "layers must map patterns of parameter paths to settings",
            f"layers={value!r}",
            'Write for instance layers={"0.*": {"learning_rate": 1e-4}}.',
        )
    for pattern, own in value.items():
        if not isinstance(pattern, str) or not pattern:
            raise ConfigError(
                "layers are named by patterns of parameter paths, which are text",
                f"the key {pattern!r} of layers",
                f'Write "{pattern}.*" for the layer of that place in a Sequential.'
                if isinstance(pattern, int)
                else 'Write a path as network.state() has it, with * for any part: "0.*".',
            )
        if not own:
            raise ConfigError(
                f"a pattern of layers must name settings: {' or '.join(OWN)}",
                f"{pattern!r}: {own!r}",
                "Give it a setting, or leave the pattern out.",
            )
        for name, number in own.items():
            if name not in OWN:
                raise unknown("setting of a layer", name, OWN)
            real = isinstance(number, numbers.Real) and not isinstance(number, bool)
            if not real or not 0 <= number < math.inf:
                raise ConfigError(
                    f"{name} of the layers {pattern!r} must be a number, at least 0",
                    f"{name}={number!r}",
                    "Give for instance 1e-4, or 0.",
                )
    return {str(p): {str(k): float(v) for k, v in own.items()} for p, own in value.items()}


def settings_of(layers: Layers | None, path: str) -> dict[str, float]:
    """The settings that the parameter at `path` has for itself.

    Example:
        >>> layers = {"*.bias": {"weight_decay": 0.0}, "0.*": {"learning_rate": 1e-4}}
        >>> settings_of(layers, "0.bias")
        {'weight_decay': 0.0, 'learning_rate': 0.0001}
    """
    own: dict[str, float] = {}
    for pattern in (p for p in layers or () if fnmatchcase(path, p)):
        own |= (layers or {})[pattern]
    return own


def rate_pattern(layers: Layers | None, path: str) -> str | None:
    """The pattern that gives the parameter at `path` its learning rate; None where none does."""
    found = [p for p, own in (layers or {}).items() if "learning_rate" in own]
    return next((p for p in reversed(found) if fnmatchcase(path, p)), None)


def check_found(patterns: Iterable[str], paths: Iterable[str], what: str) -> None:
    """Refuse a pattern that no parameter has.

    Args:
        patterns: All patterns.
        paths: The paths of all parameters.
        what: The setting that they belong to, such as `layers`.

    Raises:
        UnknownNameError: One that matches none; the nearest path is named.
    """
    known = list(paths)
    for pattern in patterns:
        if any(fnmatchcase(path, pattern) for path in known):
            continue
        near = nearest(pattern, known) or nearest(pattern.strip("*."), known)
        shown = ", ".join(known[:8]) + (", ..." if known[8:] else "")
        raise UnknownNameError(
            f"a pattern of {what} must match the path of a parameter",
            f"{pattern!r}, where the network has {shown}",
            f"Did you mean {near!r}?" if near else "Use * for any part of a path, as in '*.bias'.",
        )
