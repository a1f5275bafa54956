"""The values of many nodes of one graph, as an engine computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pullback.execute import State, evaluate, executor
from pullback.graph.dtypes import FLOAT64, Array, is_float
from pullback.graph.node import Leaf, Node, Slot
from pullback.graph.order import topological
from pullback.ops.comparison import Cast
from pullback.plan import Step


def computed(
    nodes: Sequence[Node], known: Mapping[Node, Array], kind: str | None
) -> dict[Node, Array]:
    """The value of each node, from one run.

    Args:
        nodes: Whose values are wanted.
        known: The values of placeholders and slots.
        kind: The executor that runs it; None computes operation by operation, which needs no plan.
    """
    if kind is None:
        return dict(zip(nodes, evaluate(nodes, known), strict=True))
    found = {n: n.value if n.value is not None else known.get(n) for n in nodes}
    wanted = {str(i): n for i, n in enumerate(nodes) if not isinstance(n.op, Leaf)}
    feeds, state = feeds_and_slots(known)
    ran = executor(Step(wanted, name="everything"), State(state), kind)
    program = getattr(ran, "program", None)
    needed = feeds if program is None else {label: feeds[label] for label in program.feeds}
    made = ran.run(needed)
    found |= {node: made[name] for name, node in wanted.items()}
    return {node: array for node, array in found.items() if array is not None}


def exact(roots: Sequence[Node], known: Mapping[Node, Array]) -> dict[Node, Array]:
    """The values of `roots` and of all that they need, in float64 and rounded to no other dtype."""
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for node in topological(roots):
            values[node] = exactly(node, values, known.get(node))
    return values


def exactly(node: Node, values: Mapping[Node, Array], known: Array | None = None) -> Array:
    """The value of one node from those of its inputs, real numbers in float64."""
    if known is None and not node.inputs:
        known = node.value  # what has inputs may have been looked at; it is computed all the same
    if known is None:
        return result(node, [values[x] for x in node.inputs])
    return np.asarray(known, FLOAT64 if is_float(node.dtype) else node.dtype)


def result(node: Node, inputs: Sequence[Array]) -> Array:
    """What an operation makes of other inputs than its own, real numbers in float64."""
    real = is_float(node.dtype)
    if isinstance(node.op, Cast) and real:
        return np.asarray(inputs[0], FLOAT64)
    return np.asarray(node.op.forward(*inputs), FLOAT64 if real else node.dtype)


def feeds_and_slots(known: Mapping[Node, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The values of placeholders, and those of slots, by their labels."""
    feeds: dict[str, Array] = {}
    state: dict[str, Array] = {}
    for node, array in known.items():
        kept = state if isinstance(node.op, Slot) else feeds
        kept[str(node.op.attributes()["label"])] = array
    return feeds, state
