"""Where a NaN or an inf comes from: the first operation that makes one of finite inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pullback.execute.executors import widened
from pullback.execute.state import State
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Constant, Node, Placeholder, Slot
from pullback.graph.order import topological
from pullback.ops.comparison import Cast
from pullback.ops.loops import Scan
from pullback.ops.shaping import BroadcastTo, Full
from pullback.plan import Step


@dataclass(frozen=True)
class NonFiniteOrigin:
    """The place where the first NaN or inf of a step arose.

    Attributes:
        operation: The operation's name; `feed` or `state` when it came in from outside.
        path: The layer's path, empty outside any layer.
        role: `forward`, `backward` or `update`.
        source: The user's line, as text.
        what: `NaN` or `inf`.
        index: The first such element.
        inputs: The input elements that made it, as text.
    """

    operation: str
    path: str
    role: str
    source: str
    what: str
    index: tuple[int, ...]
    inputs: str

    def __str__(self) -> str:
        where = f"layer {self.path!r}" if self.path else "outside any layer"
        line = f", {self.source}" if self.source else ""
        made = f" from {self.inputs}" if self.inputs else ""
        return (
            f"{self.what} in the {self.role} pass: {self.operation} ({where}{line}), "
            f"element {list(self.index)}{made}"
        )


def find_origin(
    step: Step, state: State, feeds: Mapping[str, Array], kind: str = "numpy"
) -> NonFiniteOrigin | None:
    """Run a step with everything recorded and find the first operation that went wrong.

    What is followed is the way back from what the step was to give: an infinity that a `where`
    leaves out, or that a softmax turns into 0, is nobody's mistake.

    Args:
        step: What went wrong.
        state: As it was before the step.
        feeds: Those of the step.
        kind: The executor that ran it; what overflows in one need not in the other.

    Returns:
        None when every value that the step gives is finite.
    """
    order = topological(step.roots())
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for node in order:
            values[node] = _value(node, values, state, feeds, kind)
        first = _first_wrong(step.roots(), order, values)
        return None if first is None else _described(first, values, kind)


def _first_wrong(
    roots: Sequence[Node], order: Sequence[Node], values: Mapping[Node, Array]
) -> Node | None:
    """The first node that made a NaN or inf which one of `roots` came to hold."""
    wrong = {node for node in order if _holds_more(values[node])}
    stack = [node for node in roots if node in wrong]
    origins, seen = set(), set(stack)
    while stack:
        node = stack.pop()
        causes = [x for x in node.inputs if x in wrong and not _is_given(x)]
        if not causes:
            origins.add(node)
        stack.extend(x for x in causes if x not in seen)
        seen.update(causes)
    return next((node for node in order if node in origins), None)


def _value(
    node: Node,
    values: Mapping[Node, Array],
    state: State,
    feeds: Mapping[str, Array],
    kind: str,
) -> Array:
    if isinstance(node.op, Placeholder):
        return feeds[node.op.label]
    if isinstance(node.op, Slot):
        return state[node.op.label]
    if node.value is not None:
        return node.value
    if kind == "reference":
        return widened(node, values)
    return np.asarray(node.op.forward(*(values[x] for x in node.inputs)), node.dtype)


def _holds_more(value: Array) -> bool:
    """Whether a value holds NaN or inf."""
    return is_float(value.dtype) and not np.isfinite(value).all()


def _is_given(node: Node) -> bool:
    """Whether the user wrote the NaN or inf down as a number: what used it is the origin."""
    while isinstance(node.op, (BroadcastTo, Cast)):
        (node,) = node.inputs
    return isinstance(node.op, (Constant, Full))


def _within_loop(node: Node, values: Mapping[Node, Array], kind: str) -> NonFiniteOrigin | None:
    """The operation in a loop's body, and the step, in which its value went wrong first."""
    op = node.op
    assert isinstance(op, Scan)
    arrays = [values[x] for x in node.inputs]
    if kind == "reference":
        arrays = [a.astype(np.float64) if is_float(a.dtype) else a for a in arrays]
    body = op.body
    for t, found, _ in op.steps(*arrays, keep=True):
        inside = dict(zip(body.order, map(np.asarray, found), strict=True))
        first = _first_wrong(body.outputs, body.order, inside)
        if first is not None:
            origin = _described(first, inside, kind)
            return replace(origin, operation=f"{origin.operation} in step {t} of a loop")
    return None


def _described(node: Node, values: Mapping[Node, Array], kind: str) -> NonFiniteOrigin:
    within = _within_loop(node, values, kind) if isinstance(node.op, Scan) else None
    if within is not None:
        return within
    value = values[node]
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
    outside = {"placeholder": "feed", "slot": "state"}.get(node.op.name)
    label = node.op.attributes().get("label")
    near = []
    for x in node.inputs:
        if values[x].shape == value.shape:
            near.append(f"{values[x][place]:.6g}")
        else:
            near.append(f"a value of shape {x.shape}")
    return NonFiniteOrigin(
        operation=f"{outside} {label!r}" if outside else node.op.name,
        path=_layer_of(str(label)) if outside == "state" else node.origin.path,
        role=node.origin.role,
        source=str(node.origin.source or ""),
        what="NaN" if np.isnan(value[place]) else "inf",
        index=place,
        inputs=", ".join(near),
    )


def _layer_of(label: str) -> str:
    """The path of the layer to which a slot belongs: 0 for 0.weight and its moments."""
    kind, _, place = label.rpartition("/")
    if kind == "optimizer":
        place = place.rpartition(".")[0]
    return place.rpartition(".")[0]
