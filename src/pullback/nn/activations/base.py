"""What an activation is, and the table of all of them."""

from __future__ import annotations

from typing import ClassVar

from pullback.errors import unknown
from pullback.nn.module import Module, register_layer


class Activation(Module):
    """A layer without parameters that acts on every number (softmax: on every row)."""

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[tuple[float, float] | None] = None
    """Between which numbers the output lies, where it levels off at both."""


_REGISTRY: dict[str, type[Activation]] = {}


def register(cls: type[Activation]) -> type[Activation]:
    """Class decorator: enter an activation in the tables, of activations and of layers."""
    _REGISTRY[cls.name] = cls
    return register_layer(cls)


def registry() -> dict[str, type[Activation]]:
    """All activations by name, sorted."""
    return dict(sorted(_REGISTRY.items()))


def get(name: str | Activation) -> Activation:
    """The activation layer of that name; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.

    Example:
        >>> get("relu")
        ReLU()
    """
    if isinstance(name, Activation):
        return name
    for cls in _REGISTRY.values():
        if str(name).casefold() in (cls.name, *cls.aliases):
            return cls()
    raise unknown("activation", name, sorted(_REGISTRY))
