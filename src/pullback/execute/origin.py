"""Where a NaN or an inf comes from: the first operation that makes one of finite inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pullback.execute.state import State
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Constant, Node, Placeholder, Slot
from pullback.graph.order import topological
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


def find_origin(step: Step, state: State, feeds: Mapping[str, Array]) -> NonFiniteOrigin | None:
    """Run a step with everything recorded and find the first operation that went wrong.

    Returns:
        None when every value is finite.
    """
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for node in topological(step.roots()):
            if isinstance(node.op, Placeholder):
                values[node] = feeds[node.op.label]
            elif isinstance(node.op, Slot):
                values[node] = state[node.op.label]
            elif node.value is not None:
                values[node] = node.value
            else:
                result = node.op.forward(*(values[x] for x in node.inputs))
                values[node] = np.asarray(result, node.dtype)
            if _arises(node, values):
                return _described(node, values)
    return None


def _arises(node: Node, values: Mapping[Node, Array]) -> bool:
    """Whether the node's value is not finite though all its inputs are."""
    if isinstance(node.op, Constant) or not is_float(node.dtype):
        return False
    if node.op.name == "full" or np.isfinite(values[node]).all():
        return False
    return all(np.isfinite(values[x]).all() for x in node.inputs)


def _described(node: Node, values: Mapping[Node, Array]) -> NonFiniteOrigin:
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
        path=node.origin.path,
        role=node.origin.role,
        source=str(node.origin.source or ""),
        what="NaN" if np.isnan(value[place]) else "inf",
        index=place,
        inputs=", ".join(near),
    )
