"""Arguments that are nested lists, tuples and dictionaries of tensors; None holds none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pullback.errors import ConfigError


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nested list, tuple or dictionary, in order.

    Example:
        >>> leaves({"w": 1, "b": [2, 3]})
        [1, 2, 3]
    """
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in leaves(value)]
    return [tree]


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of the same form with `f` of each leaf."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: mapped(f, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [mapped(f, value) for value in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return f(tree)


def along(f: Callable[[Any, Any, str], Any], axes: Any, tree: Any, place: str) -> Any:
    """A tree of the same form with `f(axis, leaf, place)` of each leaf.

    Args:
        f: Of the leaf's axis, the leaf, and where it stands: `x['weight'][0]`.
        axes: An axis or None for all leaves, or a list, tuple or dictionary of such, of the form
            of the tree's upper levels.
        tree: The tree.
        place: What the tree itself is called.

    Raises:
        ConfigError: `axes` has another form than the tree, or is not made of whole numbers.

    Example:
        >>> along(lambda axis, leaf, place: f"{place} {axis}", (0, None), (1, [2, 3]), "x")
        ('x[0] 0', ['x[1][0] None', 'x[1][1] None'])
    """
    upper = isinstance(axes, (list, tuple, dict))
    if not upper and axes is not None and (isinstance(axes, bool) or not isinstance(axes, int)):
        raise ConfigError(
            "an axis must be a whole number, or None", f"{axes!r} for {place}", "Use 0, the first."
        )
    if tree is None:  # no leaf, as everywhere
        return None
    if isinstance(tree, dict):
        if upper and (not isinstance(axes, dict) or set(axes) != set(tree)):
            raise _other_form(axes, tree, place)
        return {
            key: along(f, axes[key] if upper else axes, value, f"{place}[{key!r}]")
            for key, value in tree.items()
        }
    if isinstance(tree, (list, tuple)):
        if upper and (isinstance(axes, dict) or len(axes) != len(tree)):
            raise _other_form(axes, tree, place)
        parts = [
            along(f, axes[i] if upper else axes, value, f"{place}[{i}]")
            for i, value in enumerate(tree)
        ]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if upper:
        raise _other_form(axes, tree, place)
    return f(axes, tree, place)


def _other_form(axes: Any, tree: Any, place: str) -> ConfigError:
    kind = type(tree).__name__
    size = f" of {len(tree)}" if isinstance(tree, (dict, list, tuple)) else ""
    return ConfigError(
        "axes must have the form of what they are for",
        f"{axes!r} for {place}, a {kind}{size}",
        "Give one axis for all of it, or one a part.",
    )
