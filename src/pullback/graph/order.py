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
    listed: dict[Node, bool] = {}  # False while what the node needs is being listed
    stack: list[Node] = [*outputs]
    stack.reverse()
    while stack:
        node = stack[-1]
        known = listed.get(node)
        if known is None:
            listed[node] = False
            if stop is None or not stop(node):
                stack.extend([x for x in reversed(needs(node)) if x not in listed])
            continue
        stack.pop()
        if not known:
            listed[node] = True
            order.append(node)
    return order


def depends_on(order: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """The nodes of a topological `order` that are or need any of `sources`."""
    active = set(sources)
    for node in order:
        if any(i in active for i in node.inputs):
            active.add(node)
    return active
