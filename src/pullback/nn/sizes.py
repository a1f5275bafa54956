"""Sizes of layers: checked, and left out where the first input tells them."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

from pullback.errors import ConfigError


@functools.lru_cache(maxsize=1000)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, which takes long to find."""
    return inspect.signature(function)


class Sized(type):
    """The class of module classes: the first size may be left out, `Linear(128)`.

    A class lists in `size_names` the sizes that its `__init__` takes first. Where one too few is
    given, None takes the place of the first, which is then found at the first call.
    """

    size_names: tuple[str, ...]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        names = cls.size_names
        if names and takes(cls, names) and names[0] not in kwargs:
            given = min(len(args), len(names)) + sum(name in kwargs for name in names)
            if given == len(names) - 1:
                args = (None, *args)
        return super().__call__(*args, **kwargs)


def takes(cls: type, names: tuple[str, ...]) -> bool:
    """Whether the `__init__` of a class takes these arguments first."""
    parameters = list(signature_of(cls.__init__).parameters)  # type: ignore[misc]
    return tuple(parameters[1 : 1 + len(names)]) == names


def positive(layer: str, name: str, value: Any) -> int:
    """A size of a layer as an int.

    Raises:
        ConfigError: It is no positive whole number.

    Example:
        >>> positive("Linear", "out_features", 3)
        3
    """
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or value < 1:
        raise ConfigError(
            f"{name} of {layer} must be a positive whole number", repr(value), "Use 1 or more."
        )
    return operator.index(value)
