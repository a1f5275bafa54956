"""Finding the sizes that a network leaves open: a dry run in which nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pullback.errors import ConfigError, FileFormatError
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node, as_node, placeholder, slot
from pullback.nn.mode import Mode, mode
from pullback.nn.parameter import Value, bound, bound_nodes

if TYPE_CHECKING:
    from pullback.nn.module import Module


class Standing(Mapping[Value, Node]):
    """A node for every value that is asked for, those made on the way too."""

    def __init__(self) -> None:
        self._nodes: dict[Value, Node] = {}

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Value)

    def __getitem__(self, value: Value) -> Node:
        if value not in self._nodes:
            label = f"{value.kind} {len(self._nodes)}"
            self._nodes[value] = slot(label, value.shape, value.dtype)
        return self._nodes[value]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def build(network: Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """See `Module.build`."""
    with bound(Standing()), mode(Mode(training=False)):
        network(*map(stand_in, inputs), **{name: stand_in(x) for name, x in named.items()})
    left = unsized(network)
    if left:
        raise ConfigError(
            "the first call of a network finds every size that was left open",
            f"none for {left[0]}, which was not called",
            "Give it its first size, or call it in forward in every mode.",
        )


def stand_in(x: Any) -> Any:
    """A placeholder for an input: for one of its shape, or for one row of that shape."""
    if isinstance(x, int) and not isinstance(x, bool):
        return placeholder("x", (1, x))
    if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
        return placeholder("x", (1, *x))
    if isinstance(x, tuple):
        return tuple(map(stand_in, x))
    if isinstance(x, dict):
        return {name: stand_in(part) for name, part in x.items()}
    if x is None or isinstance(x, (bool, str)):
        return x
    node = as_node(x)
    return placeholder("x", node.shape, "float32" if is_float(node.dtype) else node.dtype)


def must_be_dry(layer: Module) -> None:
    """Raise ConfigError where a layer finds its size in a step: nothing is bound to its values."""
    nodes = bound_nodes()
    if nodes is not None and not isinstance(nodes, Standing):
        raise ConfigError(
            "every size is known before a step is traced",
            f"{layer!r}, which was not called before",
            "Give it its first size, or call it in forward in every mode.",
        )


def unsized(network: Module) -> list[str]:
    """The places of the layers whose sizes are not known yet, with what they are."""
    return [f"{m!r} at {path!r}" for path, m in network.modules() if m._open]


def must_be_built(network: Module, what: str) -> None:
    """Raise ConfigError where sizes of the network are not known yet."""
    left = unsized(network)
    if left:
        raise ConfigError(
            f"{what} needs a network whose sizes are all known",
            ", ".join(left[:3]) + (f" and {len(left) - 3} more" if left[3:] else ""),
            "Call network.build((features,)) with the shape of one row first, or fit the network.",
        )


def found_sizes(network: Module, described: set[int]) -> dict[str, int]:
    """The sizes found at a first call that the arguments of no described module tell."""
    return {
        path: m._found
        for path, m in network.modules()
        if m._found is not None and (id(m) not in described or not m._completed)
    }


def complete(network: Module, sizes: Any) -> None:
    """Give a rebuilt network the sizes that were found before it was described.

    Raises:
        FileFormatError: They are no sizes of this network.
    """
    if not isinstance(sizes, dict):
        raise _no_sizes(sizes)
    for path, size in sizes.items():
        module = dict(network.modules()).get(path)
        if module is None or not module._open or type(size) is not int:
            raise _no_sizes({path: size})
        module._set_found(size)


def _no_sizes(value: Any) -> FileFormatError:
    return FileFormatError(
        "the sizes of a network are whole numbers by the paths of layers that leave theirs open",
        repr(value)[:80],
        "The file is damaged, or a custom class has changed since.",
    )
