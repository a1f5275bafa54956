"""What of a network a traced step was made from, so that a change is noticed.

A step that was traced holds for the values that parameters will have, and not for other layers,
settings or shapes. The structure lists every layer with its settings, each as the very object that
it was; whatever was set since is another object.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from pullback.named import Named
from pullback.nn.module import OWN, Module
from pullback.nn.parameter import Value

Structure = Sequence[object]
# What says where a layer was made and what its outputs mean, not what it computes.
_ASIDE = OWN | {"_source", "_head"}
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def structure_of(network: Module) -> Structure:
    """All layers of a network with their settings and parts, but for the numbers in the values.

    It does not keep the network itself alive, only what is in it.
    """
    found: list[object] = []
    waiting, known = [network], {id(network)}
    while waiting:
        module = waiting.pop()
        found += (type(module), type(module).forward)
        for name, setting in vars(module).items():
            if name not in _ASIDE:
                found += (name, setting)
        for name, value in module._values().items():
            found += (name, value, value.shape, value.dtype, value.frozen)
        for name, child in module._children.items():
            found += (name, child)
            if id(child) not in known:
                known.add(id(child))
                waiting.append(child)
    return found


def is_same(a: Structure, b: Structure) -> bool:
    """Whether two structures are made of the same objects.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(2, 2), pb.nn.Dropout(0.5))
        >>> before = structure_of(network)
        >>> is_same(before, structure_of(network))
        True
        >>> network[1].p = 0.1
        >>> is_same(before, structure_of(network))
        False
    """
    return len(a) == len(b) and all(map(operator.is_, a, b))


def tells_all(network: Module) -> bool:
    """Whether the structure tells of every change that another step would come of.

    It does where all layers are of the library and no setting can be changed in place. A layer of
    one's own may ask anything, such as a global variable.

    Example:
        >>> import pullback as pb
        >>> tells_all(pb.nn.dense(2, [3], 1))
        True
    """
    return all(
        _is_ours(type(module)) and all(map(_is_settled, _settings(module)))
        for _, module in network.modules()
    )


def _settings(module: Module) -> Iterator[Any]:
    return (setting for name, setting in vars(module).items() if name not in _ASIDE)


def _is_settled(setting: Any) -> bool:
    """Whether it is a part, which is looked at by itself, or cannot be changed in place."""
    if type(setting) is tuple:
        return all(map(_is_settled, setting))
    if isinstance(setting, Named):
        return _is_ours(type(setting)) and all(map(_is_settled, _fields(setting)))
    if isinstance(setting, Value):
        return _is_ours(type(setting))
    return isinstance(setting, Module) or _is_plain(setting)


def key_of(setting: Any) -> Hashable | None:
    """What a setting, a loss or an optimizer is: equal keys mean the same; None if not known.

    Example:
        >>> import pullback as pb
        >>> key_of(pb.optim.Adam()) == key_of(pb.optim.get("adam"))
        True
        >>> key_of(1) == key_of(1.0), key_of(print) is None
        (False, True)
    """
    kind = type(setting)
    if kind in (tuple, list):
        return _together(kind, setting)
    if isinstance(setting, Mapping):
        return _together(kind, [part for item in setting.items() for part in item])
    if isinstance(setting, Named):
        return _together(kind, _fields(setting)) if _is_ours(kind) else None
    return (kind, repr(setting)) if _is_plain(setting) else None


def _together(kind: type, parts: Sequence[Any]) -> Hashable | None:
    found = tuple(map(key_of, parts))
    return None if None in found else (kind, *found)


def _fields(record: Named) -> list[Any]:
    return [getattr(record, field.name) for field in fields(record)]


def _is_plain(setting: Any) -> bool:
    return type(setting) in _PLAIN or isinstance(setting, np.dtype)


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("pullback.")
