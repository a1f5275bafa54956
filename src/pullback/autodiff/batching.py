"""Batching, graph to graph: a computation on one example becomes one on a stack of them.

Given the graph of y as a function of one example x, and a stack of examples along a new first
axis, every node that x has a part in is made again for the whole stack. The rule for one operation
is its batching rule (`Op.batch`); this file goes through the graph in order and hands each
operation the stacks that its inputs have become. What no example has a part in is the same for
all, and is kept as it is.

Nothing is computed here: the result is a graph of the same operations, without a loop over
examples, and is differentiated, batched again, planned and printed like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pullback.graph.node import Node
from pullback.graph.order import depends_on, topological
from pullback.graph.origin import Origin, entered


def batched(
    outputs: Sequence[Node], stacks: Mapping[Node, Node], within: Sequence[Node] = ()
) -> list[Node | None]:
    """`outputs` for whole stacks of examples.

    Args:
        outputs: What is wanted, computed from one example.
        stacks: For each node that stands for an example, the stack: a new axis is its first.
        within: Nodes beyond which the graph is not looked at.

    Returns:
        One stack for each output, along a new first axis; None where no example has a part in it.
    """
    edge = {*stacks, *within}
    order = topological(outputs, stop=lambda y: y in edge or y.value is not None, needs=_needs)
    active = depends_on(order, stacks)
    made = dict(stacks)
    for y in order:
        if y not in active or y in edge:
            continue
        with entered(_moved(y.origin, made)):
            made[y] = _rule(y, [x in made for x in y.inputs], [made.get(x, x) for x in y.inputs])
    return [made.get(y) for y in outputs]


def _rule(y: Node, mapped: Sequence[bool], inputs: Sequence[Node]) -> Node:
    """One operation on stacks: by its batching rule, or its definition's where it has none."""
    if y.op.has_batch or not y.op.is_fused:
        return y.op.batch(mapped, *inputs)
    stacks = {x: stack for x, stack, m in zip(y.inputs, inputs, mapped, strict=True) if m}
    definition = y.op.decompose(*y.inputs)
    (made,) = batched([definition], stacks, within=y.inputs)
    if made is not None:
        return made
    length = next(iter(stacks.values())).shape[0]
    return definition.broadcast_to((length, *y.shape))


def _needs(y: Node) -> list[Node]:
    """The inputs of a node, and the nodes whose derivative it serves: they are batched before."""
    served = (y.origin.pullback_of, y.origin.cotangent_of)
    return [*y.inputs, *(x for x in served if x is not None)]


def _moved(origin: Origin, made: Mapping[Node, Node]) -> Origin:
    """The same origin, with the stacks in the place of the nodes that it names."""
    of, to = origin.pullback_of, origin.cotangent_of
    if of is None and to is None:
        return origin
    return replace(
        origin,
        pullback_of=None if of is None else made.get(of, of),
        cotangent_of=None if to is None else made.get(to, to),
    )
