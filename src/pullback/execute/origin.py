"""Where a NaN or an inf comes from, and why: the first operation that makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pullback.execute import reasons
from pullback.execute.recorded import Recorded, computed
from pullback.execute.state import State
from pullback.graph.cause import Place
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Placeholder, Slot
from pullback.plan import Step


@dataclass(frozen=True)
class NonFiniteOrigin:
    """The place where the first NaN or inf of a step arose, and why.

    Attributes:
        operation: The operation's name; `feed 'x'` or `state '0.weight'` when it came from outside.
        path: The layer's path, empty outside any layer.
        role: `forward`, `backward` or `update`.
        source: The user's line, as text.
        what: `NaN` or `inf`.
        index: The first such element that does harm.
        reason: Why, in words: `log of 0, defined above 0`.
        because: What made the numbers in the reason, one sentence each.
        row: The row of the batch that it comes from, if it can be told: counted from 0; of a sum
            over rows, that of the largest term.
        data_row: The same row in the training data, if that is known.
        loop_step: The step of the loop that it lies in, if it lies in one.
        advice: What to do about it, as a sentence.
    """

    operation: str
    path: str
    role: str
    source: str
    what: str
    index: tuple[int, ...]
    reason: str
    because: tuple[str, ...] = ()
    row: int | None = None
    data_row: int | None = None
    loop_step: int | None = None
    advice: str = ""

    def __str__(self) -> str:
        said = f"{self.what} in the {self.role} pass: {self.reason}"
        if self.path or self.source:
            where = f"layer {self.path!r}" if self.path else "outside any layer"
            said += f" ({where}, {self.source})" if self.source else f" ({where})"
        said += f", element {list(self.index)}" if self.index else ""
        if self.row is not None:
            said += f", row {self.row} of the batch"
            said += "" if self.data_row is None else f" (row {self.data_row} of the training data)"
        return "; ".join([said, *self.because])

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**asdict(self), "index": list(self.index), "because": list(self.because)}


def find_origin(
    step: Step,
    state: State,
    feeds: Mapping[str, Array],
    kind: str = "numpy",
    first_row: int = 0,
) -> NonFiniteOrigin | None:
    """Run a step with everything recorded and find the first operation that went wrong.

    Args:
        step: What went wrong.
        state: As it was before the step.
        feeds: Those of the step.
        kind: The executor that ran it; what overflows in one need not in the other.
        first_row: The row of the batch with which the feeds begin, if they are a part of it.

    Returns:
        None when every value that must be finite is.
    """
    order = step.order
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for node in order:
            values[node] = _value(node, values, state, feeds, kind)
        roots = step.roots()
        if step.finite is not None:
            roots = [*step.finite, *step.assigns.values()]
        recorded = Recorded(roots, order, values, kind)
        found = recorded.culprit()
        if found is None:
            return None
        labels = {node: label for label, node in step.assigns.items()}
        return _described(recorded, *found, labels, first_row)


def _described(
    recorded: Recorded, node: Node, place: Place, labels: Mapping[Node, str], first_row: int
) -> NonFiniteOrigin:
    found = recorded.opened(node, place) or (recorded, node, place)
    because = [*reasons.because_of(found, first_row)]
    row = None
    if node.origin.role == "update":
        because += reasons.update_of(labels, (recorded, node, place))
    else:
        row = reasons.row_of(found)
        row = None if row is None else row + first_row
    inside, first, at = found
    return NonFiniteOrigin(
        operation=reasons.operation_of(first),
        path=reasons.path_of(first),
        role=node.origin.role,
        source=str(first.origin.source or "") if first.inputs else "",
        what="NaN" if np.isnan(inside.values[first][at]) else "inf",
        index=at,
        reason=reasons.reason_of(found),
        because=tuple(because),
        row=row,
        loop_step=None if inside.around is None else inside.around[2],
        advice=reasons.advice_for(found, row),
    )


def _value(
    node: Node, values: Mapping[Node, Array], state: State, feeds: Mapping[str, Array], kind: str
) -> Array:
    if isinstance(node.op, Placeholder):
        return feeds[node.op.label]
    if isinstance(node.op, Slot):
        return state[node.op.label]
    return computed(node, values, kind) if node.value is None else node.value
