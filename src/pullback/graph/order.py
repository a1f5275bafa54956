"""The order in which nodes can be computed. No recursion: chains of 1e5 nodes are ordinary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from pullback.graph.node import Node


def topological(
    outputs: Iterable[Node],
    stop: Callable[[Node], bool] | None = None,
    needs: Callable[[Node], Sequence[Node]] = attrgetter("inputs"),
) -> list[Node]:
    """All nodes that `outputs` need, each after those it needs.

    Args:
        outputs: The nodes wanted.
        stop: Nodes for which this is true are listed, but what they need is not.
        needs: What a node needs: its inputs.

    Example:
        >>> from pullback.graph import constant
        >>> x = constant(2.0)
        >>> [node.op.name for node in topological([x * x])]
        ['constant', 'mul']
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if stop is None or not stop(node):
                stack.extend((i, False) for i in reversed(needs(node)) if i not in seen)
    return order


def depends_on(order: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """The nodes of a topological `order` that are or need any of `sources`."""
    active = set(sources)
    for node in order:
        if any(i in active for i in node.inputs):
            active.add(node)
    return active
