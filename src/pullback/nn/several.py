"""The inputs and outputs of a network by name: one array, or several.

What is alone has the name "". Several inputs have the names of forward's arguments; several
outputs those of the dict that forward returns, or `output_0`, `output_1`, ... where it returns a
tuple. In a step, arrays are labelled `x` and `y`, or `x.NAME` and `y.NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pullback.errors import ConfigError, DataError, unknown
from pullback.graph.node import Node
from pullback.nn.module import Module
from pullback.nn.sizes import signature_of

T = TypeVar("T")
ONE = ""
_PLACED = "output_"


def labelled(kind: str, named: Mapping[str, T]) -> dict[str, T]:
    """Values by label, from values by name.

    Example:
        >>> labelled("x", {"": 1}), labelled("x", {"age": 1, "city": 2})
        ({'x': 1}, {'x.age': 1, 'x.city': 2})
    """
    return {f"{kind}.{name}" if name else kind: value for name, value in named.items()}


def unlabelled(kind: str, values: Mapping[str, T]) -> dict[str, T]:
    """Values of one kind by name, from values by label.

    Example:
        >>> unlabelled("x", {"x.age": 1, "x.city": 2, "y": 3})
        {'age': 1, 'city': 2}
    """
    split = ((*label.partition("."), value) for label, value in values.items())
    return {name: value for found, _, name, value in split if found == kind}


def is_several(given: Any) -> bool:
    """Whether a value is several arrays, a dict or a tuple of them, rather than one."""
    if isinstance(given, tuple):
        return bool(given) and all(getattr(part, "ndim", 0) > 0 for part in given)
    return isinstance(given, Mapping)


def inputs_by_name(network: Module, given: Any) -> dict[str, Any]:
    """What a user passes as the features, by name.

    Args:
        network: It says which inputs there are.
        given: One array, a dict of arrays, or a tuple of them in the order of forward's arguments.

    Raises:
        UnknownNameError: A name that forward does not take; the nearest is named.
        DataError: An input is missing, or there are too many.
    """
    known, required, open_ended = _arguments(network)
    takes_one = len(known) == 1 and not open_ended
    if not is_several(given) or (takes_one and isinstance(given, tuple)):
        if len(required) > 1:
            raise _missing(network, required, "one array")
        return {ONE: given}
    if isinstance(given, tuple):
        names = known + [f"input_{i}" for i in range(len(known), len(given) * open_ended)]
        if len(given) > len(names):
            raise DataError(
                f"a network with the inputs {', '.join(names)} takes {len(names)} arrays",
                f"{len(given)} arrays",
                "Leave out the others.",
            )
        named = dict(zip(names, given, strict=False))
    else:
        named = {name: given[name] for name in [*known, *given] if name in given}
        for name in named:
            if name not in known:
                raise unknown("input of the network", name, known)
    if not set(required) <= set(named):
        raise _missing(network, required, ", ".join(named) or "none")
    return {ONE: next(iter(named.values()))} if takes_one else named


def _arguments(network: Module) -> tuple[list[str], list[str], bool]:
    """The names of forward's arguments, of those without a default, and whether it takes more."""
    known, required, open_ended = [], [], False
    for name, rule in [*signature_of(type(network).forward).parameters.items()][1:]:
        if rule.kind is rule.VAR_POSITIONAL:
            open_ended = True
        elif rule.kind is not rule.VAR_KEYWORD:
            known.append(name)
            required += [name] if rule.default is rule.empty else []
    return known, required, open_ended


def _missing(network: Module, required: list[str], received: str) -> DataError:
    return DataError(
        f"{type(network).__name__} needs the inputs {', '.join(required)}",
        received,
        "Pass a dict of arrays with these names, or a tuple in this order.",
    )


def passed(network: Module, inputs: Mapping[str, T]) -> tuple[tuple[T, ...], dict[str, T]]:
    """Inputs by name as they are passed in a call: by place, and by name."""
    if ONE not in inputs and set(inputs) <= set(_arguments(network)[0]):
        return (), dict(inputs)
    return tuple(inputs.values()), {}


def outputs_by_name(network: Module, inputs: Mapping[str, Node]) -> dict[str, Node]:
    """Call a network on its inputs by name; its outputs by name.

    Raises:
        ConfigError: It returns something else than a tensor, or a dict or tuple of them.
    """
    placed, by_name = passed(network, inputs)
    said = network(*placed, **by_name)
    found = {ONE: said}
    if isinstance(said, Mapping):
        found = dict(said)
    elif isinstance(said, tuple):
        found = {f"{_PLACED}{i}": part for i, part in enumerate(said)}
    sound = all(isinstance(name, str) and isinstance(y, Node) for name, y in found.items())
    if not found or not sound or not all(n.isidentifier() for n in found if n or len(found) > 1):
        parts = ", ".join(f"{name}: {type(y).__name__}" for name, y in found.items())
        shown = "" if ONE in found else f" ({parts})"
        raise ConfigError(
            f"forward of {type(network).__name__} must return one tensor, or a dict or tuple of "
            "tensors, whose names are words",
            f"a value of type {type(said).__name__}{shown}",
            "Return what follows from the input by the library's operations.",
        )
    return found


def targets_by_name(given: Any) -> dict[str, Any]:
    """Several targets or outputs by name, from a dict or a tuple; one as that alone.

    Example:
        >>> import numpy as np
        >>> list(targets_by_name((np.zeros(3), np.zeros(3))))
        ['output_0', 'output_1']
    """
    if isinstance(given, Mapping):
        return dict(given)
    if is_several(given):
        return {f"{_PLACED}{i}": part for i, part in enumerate(given)}
    return {ONE: given}


def structured(named: Mapping[str, Any]) -> Any:
    """Values by output, in the structure in which the network returned its outputs."""
    if ONE in named:
        return named[ONE]
    if all(name == f"{_PLACED}{i}" for i, name in enumerate(named)):
        return tuple(named.values())
    return dict(named)
