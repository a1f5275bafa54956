"""Arguments that are nested lists, tuples and dictionaries of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nested list, tuple or dictionary, in order.

    Example:
        >>> leaves({"w": 1, "b": [2, 3]})
        [1, 2, 3]
    """
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in leaves(value)]
    return [tree]


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of the same form with `f` of each leaf."""
    if isinstance(tree, dict):
        return {key: mapped(f, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [mapped(f, value) for value in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return f(tree)
