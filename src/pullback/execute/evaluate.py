"""The values of nodes, found operation by operation in the nodes' own dtypes.

This is what gives a lazy tensor its number when the user looks at it. Training uses programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pullback.errors import TraceError
from pullback.graph.dtypes import Array
from pullback.graph.node import Leaf, Node, read_only, set_evaluator
from pullback.graph.order import topological
from pullback.graph.origin import user_line
from pullback.memory import must_be_held, too_large
from pullback.plan.program import Instruction


def evaluate(outputs: Sequence[Node], feeds: Mapping[Node, Array] | None = None) -> list[Array]:
    """The values of `outputs`, given those of the placeholders in `feeds`.

    Raises:
        TraceError: A placeholder or slot has no value; the message names the user's line.
    """
    given = feeds or {}
    values: dict[Node, Array] = dict(given)

    def known(node: Node) -> bool:
        return node in values or node.value is not None

    order = topological(outputs, stop=known)
    uses: dict[Node, int] = dict.fromkeys(outputs, 1)
    for node in order:
        if not known(node):
            for x in node.inputs:
                uses[x] = uses.get(x, 0) + 1
    with np.errstate(all="ignore"):
        for node in order:
            if node in values:
                continue
            if node.value is not None:
                values[node] = node.value
                continue
            if isinstance(node.op, Leaf):
                raise unknown_value(node)
            values[node] = _computed(node, [values[x] for x in node.inputs])
            _release(node, uses, values)
    return [values[node] for node in outputs]


def _computed(node: Node, inputs: Sequence[Array]) -> Array:
    """The value of one operation, refused where memory cannot hold it."""
    must_be_held(node.shape, node.dtype.itemsize, lambda: said(node))
    try:
        return np.asarray(node.op.forward(*inputs), node.dtype)
    except MemoryError:
        raise too_large(node.size * node.dtype.itemsize, said(node)) from None


def said(node: Node | Instruction) -> str:
    """Which value it is, for a message."""
    return f"{node.op.name} of shape {node.shape}, {node.dtype} ({node.origin})"


def _release(node: Node, uses: dict[Node, int], values: dict[Node, Array]) -> None:
    """Forget the inputs that nobody needs any more."""
    for x in node.inputs:
        uses[x] -= 1
        if not uses[x]:
            del values[x]


def unknown_value(node: Node) -> TraceError:
    """The error for a number that is asked for before it is known."""
    return TraceError(
        "a value must be known before Python can use it",
        f"{node.op} of shape {node.shape}, made in {node.origin}, asked for in {user_line()}",
        "Inside a traced step keep to pb operations: pb.where for a choice between two values.",
    )


def _remember(outputs: Sequence[Node]) -> list[Array]:
    return [read_only(array) for array in evaluate(outputs)]


set_evaluator(_remember)
