"""The words of an origin: why an element is NaN or inf, where its numbers come from, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pullback.execute.recorded import Found, Recorded
from pullback.graph.cause import Place, figure
from pullback.graph.dtypes import is_float
from pullback.graph.node import Constant, Node, Placeholder, Slot
from pullback.ops.shaping import Full

MOST = 3
"""So many steps back a reason goes."""
LARGE = 1e3
"""Of a number of this size on, and of 0 and 1, it is of interest what made it."""
FAR = "goes back to"
AT = "at/"
"""Before the labels of parameters that are fed, as those of a search along a line are."""
WRITTEN = "Choose with pb.where what is computed, instead of computing with inf or NaN."
SLOWER = "Lower the learning rate, clip the gradient (clip_norm=1), or start with smaller weights."


def reason_of(found: Found) -> str:
    """What was done to which numbers, and in the derivative of what, in which step of a loop."""
    recorded, node, place = found
    if _is_outside(node):
        held = "held it before the step" if _is_state(node) else "holds it"
        return f"{named(node)} {held}"
    words = recorded.why(node, place).words
    said = words if words.startswith(node.op.name) else f"{node.op.name}: {words}".rstrip(": ")
    if node.origin.pullback_of is not None:
        said += f", in the derivative of {_served(recorded, node, place)}"
    elif node.origin.cotangent_of is not None and node.origin.role == "backward":
        said += f", where cotangents of {node.origin.cotangent_of.op.name} are added"
    if recorded.around is not None:
        said += f", in step {recorded.around[2]} of a loop"
    return said


def operation_of(node: Node) -> str:
    """The operation's name, or what was given from outside."""
    return named(node) if _is_outside(node) else node.op.name


def named(node: Node) -> str:
    """A feed or a slot in words: `feed 'x'`, `state '0.weight'`."""
    label = str(node.op.attributes()["label"])
    return f"state {label.removeprefix(AT)!r}" if _is_state(node) else f"feed {label!r}"


def path_of(node: Node) -> str:
    """The layer's path; that of a slot is 0 for 0.weight and its moments."""
    if not _is_state(node):
        return node.origin.path
    label = str(node.op.attributes()["label"]).removeprefix(AT)
    kind, _, place = label.rpartition("/")
    if kind.endswith("optimizer"):
        place = place.rpartition(".")[0]
    return place.rpartition(".")[0]


def because_of(found: Found, first_row: int) -> Iterator[str]:
    """Where the number to blame comes from, and what made that, a few steps back."""
    if _is_written(found):
        yield "the inf or NaN was written in the code"
        return
    path, first = found[1].origin.path, True
    for _ in range(MOST):
        back = _behind(*found)
        if back is None:
            return
        value = _value(back)
        if not first and 0 < abs(value) < LARGE and abs(value) != 1:
            return
        found, verb = _told(back)
        recorded, node, place = found
        said = f"the {figure(value)} {verb}"
        if _is_outside(node):
            holds = f", which is {figure(_value(found))}" if verb == FAR else ""
            yield f"{said} {named(node)}{_spot(node, place, first_row)}{holds}"
            return
        where = f" (layer {node.origin.path!r})" if node.origin.path not in ("", path) else ""
        path, first = node.origin.path, False
        yield f"{said} {recorded.why(node, place).words or node.op.name}{where}"


def _told(found: Found) -> tuple[Found, str]:
    """What is worth telling of where a number comes from, and the verb.

    A large number is followed back to where it became large, another one as long as it only
    changed a little, as by a bias.
    """
    value = _value(found)
    at = found
    while value and not _is_outside(at[1]):
        further = _behind(*at)
        if further is None:
            break
        large = abs(value) >= LARGE and abs(_value(further)) >= LARGE
        if not large and not np.isclose(_value(further), value, 0.1, 0):
            break
        at = further
    if figure(_value(at)) == figure(value):
        return at, "is"
    return at, FAR if abs(value) >= LARGE else "is mostly"


def row_of(found: Found) -> int | None:
    """The row of the batch that an element comes from; None where none can be told."""
    stack, seen = [found], set()
    while stack:
        recorded, node, place = stack.pop()
        step = None if recorded.around is None else recorded.around[2]
        if (node, step) in seen:
            continue
        seen.add((node, step))
        other = recorded.outside(node, place) or recorded.inside(node, place)
        if other is not None:
            stack.append(other)
        elif isinstance(node.op, Placeholder) and place and not _is_state(node):
            return place[0]
        elif node.inputs:
            inputs = recorded.why(node, place).inputs
            stack += [(recorded, node.inputs[i], at) for i, at in reversed(inputs)]
    return None


def update_of(labels: Mapping[Node, str], found: Found) -> list[str]:
    """Of which slot the new value went wrong, and the gradient there."""
    recorded, node, place = found
    root = next((root for root in recorded.harmed(node) if root in labels), None)
    if root is None:
        return []
    said = [f"it is for the new value of {labels[root]!r}"]
    gradient = _gradient(root)
    if gradient is not None and gradient.shape == node.shape:
        said += [f"the gradient there is {figure(recorded.values[gradient][place])}"]
    return said


def advice_for(found: Found, row: int | None) -> str:
    """What to do, by what went wrong: data, weights, an operation at its limits, the rate."""
    node = found[1]
    if _is_written(found):
        return node.op.mend or WRITTEN
    if _is_outside(node):
        if _is_state(node):
            return f"Give {named(node)} finite numbers before the training."
        where = "" if row is None else f", row {row} of the batch"
        return f"Check the data: {named(node)}{where}; pb.data.prepare imputes missing values."
    if node.origin.role == "update":
        return SLOWER
    served = node.origin.pullback_of
    mend = (served.op.mend if served is not None else "") or node.op.mend
    if mend:
        return mend
    first = _first(found)
    if first is not None and not _is_state(first[1]) and abs(_value(first)) >= LARGE:
        return f"Scale the data down: {named(first[1])} holds numbers too large for this."
    return SLOWER


def _first(found: Found) -> Found | None:
    """The feed or slot from which a number comes, if each step back names one."""
    at: Found | None = found
    while at is not None and not _is_outside(at[1]):
        at = _behind(*at)
    return at


def _behind(recorded: Recorded, node: Node, place: Place) -> Found | None:
    """The element that says most about another: computed, or given from outside, and finite."""
    for number, at in recorded.why(node, place).inputs:
        found = _traced((recorded, node.inputs[number], at))
        source = found[1]
        written = isinstance(source.op, (Constant, Full))
        if not written and is_float(source.dtype) and np.isfinite(_value(found)):
            return found
    return None


def _traced(found: Found) -> Found:
    """Where an element was computed or given, into loops and out of them."""
    while True:
        recorded, node, place = found
        found = recorded, *recorded.source(node, place)
        other = recorded.outside(*found[1:]) or recorded.inside(*found[1:])
        if other is None:
            return found
        found = other


def _is_written(found: Found) -> bool:
    """Whether the operation was given a NaN or inf that the user wrote down."""
    recorded, node, place = found
    for number, at in recorded.why(node, place).inputs:
        x = node.inputs[number]
        if not np.isfinite(recorded.values[x][at]) and recorded.is_given(x, at):
            return True
    return False


def _value(found: Found) -> Any:
    recorded, node, place = found
    return recorded.values[node][place]


def _served(recorded: Recorded, node: Node, place: Place) -> str:
    """The operation whose derivative a value belongs to, with its input there: `sqrt at 0`."""
    forward = node.origin.pullback_of
    assert forward is not None
    x = recorded.values.get(forward.inputs[0]) if len(forward.inputs) == 1 else None
    if x is None or x.shape != node.shape:
        return forward.op.name
    return f"{forward.op.name} at {figure(x[place])}"


def _gradient(root: Node) -> Node | None:
    """The nearest value of the backward pass behind a new value, of the same shape."""
    queue, seen = [root], {root}
    for node in queue:
        if node.origin.role == "backward" and node.shape == root.shape:
            return node
        if node.origin.role == "update":
            fresh = [x for x in node.inputs if x not in seen]
            seen.update(fresh)
            queue += fresh
    return None


def _is_outside(node: Node) -> bool:
    return isinstance(node.op, (Placeholder, Slot))


def _is_state(node: Node) -> bool:
    """Whether it is a slot, or fed in the place of one."""
    return isinstance(node.op, Slot) or (
        isinstance(node.op, Placeholder) and node.op.label.startswith(AT)
    )


def _spot(node: Node, place: Place, first_row: int) -> str:
    """A place in data or in the state: `, row 17, column 3` or `, element [3, 1]`."""
    if not place:
        return ""
    if _is_state(node):
        return f", element {list(place)}"
    row, *rest = place
    column = "" if not rest else f", column {rest[0]}" if len(rest) == 1 else f", element {rest}"
    return f", row {row + first_row}{column}"
