"""What the layers of a network gave, seen while it is called."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pullback.graph.node import Node, Placeholder
from pullback.graph.order import topological
from pullback.nn.module import Module, observed

Output = tuple[Module, Node]


@contextlib.contextmanager
def outputs_seen() -> Iterator[dict[str, Output]]:
    """The layers called in the block with their outputs, by place; of each its first one.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(2, 3), "tanh").initialise(seed=0)
        >>> with outputs_seen() as seen:
        ...     _ = network([[1.0, 2.0]])
        >>> list(seen)
        ['0.output', '1.output']
    """
    seen: dict[str, Output] = {}

    def saw(path: str, module: Module, y: Any) -> None:
        if isinstance(y, Node) and path:
            seen.setdefault(f"{path}.output", (module, y))

    with observed(saw):
        yield seen


def outside_loops(seen: Mapping[str, Output], known: Collection[Node]) -> dict[str, Output]:
    """The outputs but for those in the bodies of loops, which have a value a step.

    Args:
        seen: The outputs by place.
        known: The inputs that the network was called with.
    """
    inside: set[Node] = set()
    for node in topological([node for _, node in seen.values()]):
        unknown = isinstance(node.op, Placeholder) and node not in known
        if unknown or not inside.isdisjoint(node.inputs):
            inside.add(node)
    return {place: output for place, output in seen.items() if output[1] not in inside}
