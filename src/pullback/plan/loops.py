"""Loops in a plan: their bodies are rewritten too, and what one loop computes, no other does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import is_

from pullback.graph.body import Body
from pullback.graph.node import Constant, Node, placeholder
from pullback.graph.op import apply
from pullback.ops.loops import Scan
from pullback.ops.shaping import BroadcastTo, Full
from pullback.ops.slicing import Slice
from pullback.plan.program import Step

Visit = Callable[[Node], Node]


def with_planned_body(node: Node, rewriting: Callable[[], Visit]) -> Node:
    """A loop with a cheaper body.

    Args:
        node: The loop.
        rewriting: Makes what is done to each node whose inputs are rewritten.
    """
    op = node.op
    assert isinstance(op, Scan)
    visit, fixed = rewriting(), op.carries + op.rows
    new: dict[Node, Node] = {x: x for x in op.body.inputs[:fixed]}
    read: dict[Node, Node] = {}
    for inside, outside in zip(op.body.inputs[fixed:], node.inputs[fixed:], strict=True):
        new[inside] = _brought_in(outside, inside, read, visit)
    for x in op.body.order:
        if x not in new:
            new[x] = visit(rebuilt(x, new))
    inputs = [*op.body.inputs[:fixed], *read.values()]
    body = Body(inputs, [new[y] for y in op.body.outputs])
    outer = (*node.inputs[:fixed], *read)
    return Node(replace(op, body=body), outer, node.shape, node.dtype, node.origin)


def _brought_in(outside: Node, inside: Node, read: dict[Node, Node], visit: Visit) -> Node:
    """What the body reads of an outer node: known numbers, and broadcasts, are moved inside.

    There they meet the operations that do without them.
    """
    op = outside.op
    if isinstance(op, BroadcastTo):
        (x,) = outside.inputs
        stand_in = placeholder(inside.op.attributes()["label"], x.shape, x.dtype)
        source = _brought_in(x, stand_in, read, visit)
        return visit(Node(op, (source,), outside.shape, outside.dtype, outside.origin))
    if outside.value is not None and outside.size == 1:
        known = Node(Constant(), (), outside.shape, outside.dtype, outside.origin, outside.value)
        return visit(known)
    return outside if isinstance(op, Full) else read.setdefault(outside, inside)


def rebuilt(node: Node, new: dict[Node, Node]) -> Node:
    """The node on its new inputs; itself where they are the old ones, or its value is known."""
    if node.value is not None:
        return node
    inputs = tuple([new[x] for x in node.inputs])
    if all(map(is_, inputs, node.inputs)):
        return node
    return Node(node.op, inputs, node.shape, node.dtype, node.origin)


def merge_loops(step: Step) -> Step:
    """The step with loops that do the same as a wider one replaced by the first part of it.

    A pullback asks for the loop once more, with further values of the same body handed out.
    """
    widest: dict[object, Node] = {}
    loops = [node for node in step.order if isinstance(node.op, Scan)]
    for node in loops:
        best = widest.setdefault(_kind(node), node)
        if _outputs(node) > _outputs(best):
            widest[_kind(node)] = node
    if len(widest) == len(loops):
        return step
    new: dict[Node, Node] = {}
    stack = [*reversed(step.roots())]
    while stack:
        node = stack[-1]
        twin = _twin(node, widest)
        waiting = [x for x in (node.inputs if twin is None else (twin,)) if x not in new]
        if node in new or not waiting:
            stack.pop()
            if node not in new:
                new[node] = rebuilt(node, new) if twin is None else _first(new[twin], node)
        else:
            stack.extend(reversed(waiting))
    return step.mapped(new)


def _kind(node: Node) -> object:
    """What loops have in common that differ only in what they hand out."""
    op = node.op
    assert isinstance(op, Scan)
    body = tuple(map(id, op.body.inputs)), tuple(map(id, op.body.outputs[: op.carries]))
    return body, tuple(map(id, node.inputs)), op.carries, op.rows, op.length, op.reverse


def _outputs(node: Node) -> int:
    assert isinstance(node.op, Scan)
    return len(node.op.body.outputs)


def _twin(node: Node, widest: dict[object, Node]) -> Node | None:
    """Another loop whose value begins with that of `node`."""
    if not isinstance(node.op, Scan):
        return None
    twin = widest[_kind(node)]
    if twin is node or not isinstance(twin.op, Scan):
        return None
    mine, its = node.op.body.outputs, twin.op.body.outputs
    return twin if all(a is b for a, b in zip(mine, its, strict=False)) else None


def _first(loop: Node, node: Node) -> Node:
    """The first part of a wider loop's value: the value of `node`."""
    return apply(Slice(((0, node.size, 1),)), loop)
