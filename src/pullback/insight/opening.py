"""Graphs opened up: loops step by step, recomputation, fused operations as their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pullback import ops
from pullback.graph.node import Node
from pullback.graph.order import topological
from pullback.graph.origin import entered
from pullback.ops.custom import CustomDerivative
from pullback.ops.loops import Scan


@dataclass
class Opened:
    """A graph made again.

    Attributes:
        new: What stands for each node of the graph; itself, where nothing in it was opened.
        steps: For nodes that a loop computes, in which of its steps, and how many there are.
    """

    new: dict[Node, Node] = field(default_factory=dict)
    steps: dict[Node, tuple[int, int]] = field(default_factory=dict)


def opened(roots: Sequence[Node], *, fused: bool = False) -> Opened:
    """The graph of `roots` with its loops unrolled.

    Args:
        roots: The nodes that are wanted.
        fused: Whether fused operations become their definitions in simpler ones.

    Example:
        >>> import pullback as pb
        >>> y = pb.softmax(pb.tensor([1.0, 2.0]))
        >>> opened([y], fused=True).new[y].op.name
        'div'
    """
    found = Opened()
    _open(found, roots, fused)
    return found


def _open(found: Opened, roots: Sequence[Node], fused: bool) -> None:
    for node in topological(roots, stop=found.new.__contains__):
        if node not in found.new:
            found.new[node] = _made_again(found, node, fused)


def _made_again(found: Opened, node: Node, fused: bool) -> Node:
    if not node.inputs:
        return node
    inputs = [found.new[x] for x in node.inputs]
    if isinstance(node.op, Scan):
        with entered(node.origin):
            return _unrolled(found, node.op, inputs, fused)
    if isinstance(node.op, CustomDerivative) and not node.op.rule.stated:
        return inputs[0]  # computed again in the backward pass: the chain rule is the same
    if fused and node.op.is_fused:
        with entered(node.origin):
            definition = node.op.decompose(*inputs)
        return _definition(found, definition, inputs, fused)
    same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
    return node if same else _of(node, inputs)


def _of(node: Node, inputs: Sequence[Node]) -> Node:
    return Node(node.op, tuple(inputs), node.shape, node.dtype, node.origin)


def _definition(found: Opened, y: Node, inputs: Sequence[Node], fused: bool) -> Node:
    """A definition whose own operations are opened too."""
    for x in inputs:
        found.new.setdefault(x, x)
    _open(found, [y], fused)
    return found.new[y]


def _unrolled(found: Opened, op: Scan, inputs: Sequence[Node], fused: bool) -> Node:
    """The value of a loop, from the operations of all its steps."""
    body, first_row, first_fixed = op.body, op.carries, op.carries + op.rows
    carry = list(inputs[:first_row])
    stacks: list[list[Node]] = [[] for _ in body.outputs[first_row:]]
    order = reversed(range(op.length)) if op.reverse else range(op.length)
    for t in order:
        rows = [x[t] for x in inputs[first_row:first_fixed]]
        given = dict(zip(body.inputs, [*carry, *rows, *inputs[first_fixed:]], strict=True))
        before = set(given.values())
        inside = Opened(dict(given))
        for node in body.operations():
            inside.new[node] = _made_again(inside, node, fused)
        for x in body.order[len(body.inputs) :]:
            inside.new.setdefault(x, x)
        made = topological([inside.new[y] for y in body.outputs], stop=before.__contains__)
        found.steps.update({n: (t, op.length) for n in made if n not in before})
        found.steps.update(inside.steps)
        values = [inside.new[y] for y in body.outputs]
        carry = values[:first_row]
        for stack, value in zip(stacks, values[first_row:], strict=True):
            stack.append(value)
    if op.reverse:
        stacks = [stack[::-1] for stack in stacks]
    parts = [*carry, *(value for stack in stacks for value in stack)]
    return ops.concatenate([part.reshape(-1) for part in parts], axis=0)
