"""A network as plain data, and a network from it.

A description names each module's class and the arguments it was made with. Nothing is imported by
a name found in a file: classes that are not the library's own must be passed as `custom`.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pullback import named
from pullback.errors import ConfigError, FileFormatError, PullbackError, unknown
from pullback.nn import initialisers
from pullback.nn.building import complete, found_sizes
from pullback.nn.module import OWN, Module, layers
from pullback.nn.sizes import signature_of

MAX_MODULES = 20_000


def describe(network: Module) -> dict[str, Any]:
    """The network as plain JSON data.

    Raises:
        ConfigError: An argument of a layer cannot be kept.

    Example:
        >>> import pullback as pb
        >>> describe(pb.nn.Dropout(0.2))
        {'module': 'Dropout', 'arguments': {'p': 0.2}}
    """
    seen: dict[int, int] = {}
    description = _described(network, seen)
    sizes = found_sizes(network, set(seen))
    return {**description, "sizes": sizes} if sizes else description


def rebuildable(network: Module) -> dict[str, Any]:
    """`describe(network)`, when a network can be rebuilt from it that computes the same.

    Raises:
        ConfigError: It was changed after it was made, so that its arguments say too little.
    """
    description = describe(network)
    again = rebuild(description, {type(module) for _, module in network.modules()})
    for had, has in ((_places(network), _places(again)), (_places(again), _places(network))):
        for path, place in had.items():
            if has.get(path) != place:
                raise ConfigError(
                    "a network is saved by the arguments that its layers were made with",
                    f"{path or 'the network'}, which was changed or replaced afterwards",
                    "Build the network as it is to be, in the __init__ of a class of your own; "
                    "pb.nn.Tied(layer) shares a weight.",
                )
    return description


def _places(network: Module) -> dict[str, Any]:
    """What must agree: values with their shapes, shared ones, and the layers' settings."""
    first: dict[int, str] = {}
    found: dict[str, Any] = {}
    for path, module in network.modules():
        for name, value in module._values().items():
            place = f"{path}.{name}" if path else name
            found[place] = first.setdefault(id(value), place), value.kind, value.shape
        if type(module).__module__.startswith("pullback."):
            kept = {k: v for k, v in vars(module).items() if k not in OWN}
            plain = {k: v for k, v in kept.items() if isinstance(v, (int, float, str))}
            found[path] = type(module).__name__, plain
    return found


def _described(module: Module, seen: dict[int, int]) -> dict[str, Any]:
    if id(module) in seen:
        return {"same_as": seen[id(module)]}
    seen[id(module)] = len(seen)
    arguments = {k: _plain(module, k, v, seen) for k, v in module._arguments.items()}
    return {"module": type(module).__name__, "arguments": arguments}


def _plain(module: Module, name: str, value: Any, seen: dict[int, int]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Module):
        return _described(value, seen)
    if isinstance(value, named.Named):
        return {"kind": value.kind, **value.to_config()}
    if isinstance(value, (list, tuple)):
        return [_plain(module, name, v, seen) for v in value]
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        return {"mapping": {k: _plain(module, name, v, seen) for k, v in value.items()}}
    raise ConfigError(
        "a layer is saved by the arguments it was made with: numbers, text, lists, modules",
        f"{type(module).__name__}({name}={type(value).__name__})",
        "Take plain arguments in __init__ and build the rest from them there.",
    )


def rebuild(description: Any, custom: Iterable[type[Module]] = ()) -> Module:
    """The network that a description describes, without values.

    Args:
        description: What `describe` gave.
        custom: Classes of one's own that it may name.

    Raises:
        FileFormatError: It is no description.
        UnknownNameError: It names a class that is neither the library's nor in `custom`.
    """
    table = {**layers(), **{cls.__name__: cls for cls in custom}}
    made: list[Module | None] = []
    try:
        built = _rebuilt(description, table, made)
    except RecursionError:
        raise _not_one("a description nested without end") from None
    if not isinstance(built, Module):
        raise _not_one(description)
    complete(built, description.get("sizes", {}))
    return built


def _rebuilt(value: Any, table: Mapping[str, type[Module]], made: list[Module | None]) -> Any:
    if isinstance(value, list):
        return [_rebuilt(v, table, made) for v in value]
    if not isinstance(value, dict):
        return value
    if "same_as" in value:
        number = value["same_as"]
        if type(number) is not int or not 0 <= number < len(made) or made[number] is None:
            raise _not_one(value)
        return made[number]
    if "mapping" in value:
        if not isinstance(value["mapping"], dict):
            raise _not_one(value)
        return {k: _rebuilt(v, table, made) for k, v in value["mapping"].items()}
    if "kind" in value:
        return initialisers.get({k: v for k, v in value.items() if k != "kind"})
    return _module(value, table, made)


def _module(
    value: dict[str, Any], table: Mapping[str, type[Module]], made: list[Module | None]
) -> Module:
    name, given = value.get("module"), value.get("arguments")
    if not isinstance(name, str) or not isinstance(given, dict) or len(made) > MAX_MODULES:
        raise _not_one(value)
    if name not in table:
        error = unknown("layer class", name, sorted(table))
        error.do = f"Pass it: pb.load(path, custom=[{name}])."
        raise error
    number = len(made)
    made.append(None)
    arguments = {k: _rebuilt(v, table, made) for k, v in given.items()}
    try:
        built = _call(table[name], arguments)
    except PullbackError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"the class {name} must accept the arguments that the network was saved with",
            f"{type(error).__name__}: {error}",
            "Pass the class as it was when the network was saved.",
        ) from error
    made[number] = built
    return built


def _call(cls: type[Module], arguments: dict[str, Any]) -> Module:
    """An instance made with `arguments`, each passed by position or by name as its kind asks."""
    signature = signature_of(cls.__init__)
    this, *names = signature.parameters
    strange = [name for name in arguments if name not in names]
    if strange:
        raise TypeError(f"there is no argument {strange[0]!r}")
    given = inspect.BoundArguments(signature, OrderedDict({this: None, **arguments}))
    # As a class is called without Sized: a description leaves no size out.
    return type.__call__(cls, *given.args[1:], **given.kwargs)


def _not_one(value: Any) -> FileFormatError:
    return FileFormatError(
        "a network's description names each module and its arguments",
        repr(value)[:80],
        "The file is damaged or not one of ours: save the network again.",
    )
