"""A derivation in plain words: where the number will go, who pushes it, and along which way."""

from __future__ import annotations

import numpy as np

from pullback.insight.derivation import Derivation

_NAMED = 3  # rows that are named on each side
_STAYS = {
    "frozen": "It is frozen: training does not change it.",
    "buffer": "It is a buffer: no gradient changes it.",
    "input": "It is an input: training does not change it.",
    "value": "It is computed: what changes is what it is computed from.",
}


def paragraph(found: Derivation) -> str:
    """A few sentences about a derivation."""
    if not np.isfinite([found.gradient, found.total]).all():
        return (
            f"The gradient is {found.gradient:g}, and its terms add up to {found.total:g}: "
            "somewhere in between a number is infinite or none. The steps below follow it."
        )
    return " ".join(part for part in (_direction(found), _rows(found), _way(found)) if part)


def _direction(found: Derivation) -> str:
    g = found.gradient
    if not g:
        return " ".join(part for part in (_nothing(found), _moved(found)) if part)
    if found.kind != "parameter":
        said = "raises" if g > 0 else "lowers"
        rate = f"at a rate of {abs(g):.3g} per unit"
        return f"Making {found.place} larger {said} {_the(found)}, {rate}. {_STAYS[found.kind]}"
    up, down = ("raises", "smaller") if g > 0 else ("lowers", "larger")
    if found.move is not None:
        return f"A larger {found.place} {up} {_the(found)}. {_moved(found)}"
    said = f"A larger {found.place} {up} {_the(found)}, so plain gradient descent makes it {down}"
    if found.learning_rate is None:
        return f"{said}, by {abs(g):.3g} times the learning rate."
    moved = abs(g) * found.learning_rate
    return f"{said}, by {moved:.3g} at a learning rate of {found.learning_rate:g}."


def _moved(found: Derivation) -> str:
    """What the next step of a training makes of it, and by what."""
    move = found.move
    if move is None:
        return ""
    by = [f"{move.optimizer}, learning rate {move.rate:.3g}"]
    by += [f"weight decay {move.weight_decay:g}"] if move.weight_decay else []
    by += [f"gradients limited: {move.clipping}"] if move.clipping else []
    by += [f"constraint {move.constraint}"] if move.constraint else []
    by += [move.memory] if move.memory else []
    said = f"Step {move.step:,} of the training ({'; '.join(by)})"
    if move.held_back:
        return f"{said} would be held back, since something in it is not finite."
    value = found.links[0].value
    if not np.isclose(move.before, value, rtol=1e-5, atol=0):
        said += f" starts from {move.before:.6g}, of which this value is an average, and"
    if not move.by:
        return f"{said} leaves it as it is."
    way = "larger" if move.by > 0 else "smaller"
    said += f" makes it {way}, by {abs(move.by):.3g}, to {move.after:.6g}"
    if move.by * found.gradient > 0:
        said += (
            ": not the way of this gradient, which what the step adds to it (memory of earlier "
            "steps, decay, penalties, dropout) outweighs"
        )
    return f"{said}."


def _nothing(found: Derivation) -> str:
    difference = found.difference
    if difference is not None and difference.slopes is not None:
        return "The gradient is 0 by convention: there is a kink, and no single slope."
    blocked = next((link for link in found.links if link.sums and not link.size), None)
    said = f"The gradient is 0: to first order, {found.place} does not change {_the(found)}."
    if blocked is None or blocked.operation == "":
        return said
    value = f"where its input {blocked.place} is {blocked.value:.3g}"
    if all((s.local == 0).all() for s in blocked.sums):
        return f"{said} {blocked.operation} passes nothing on {value}."
    return said


def _the(found: Derivation) -> str:
    return "the loss" if found.of == "loss" else found.of


def _rows(found: Derivation) -> str:
    rows = found.rows
    if rows is None or len(rows) < 2 or not rows.any():
        return ""
    up, down = np.flatnonzero(rows < 0), np.flatnonzero(rows > 0)
    idle = len(rows) - len(up) - len(down)
    parts = []
    for way, some in (("up", up), ("down", down)):
        if not len(some):
            continue
        order = some[np.argsort(-np.abs(rows[some]), kind="stable")][:_NAMED]
        named = ", ".join(f"row {i + found.first_row} ({-rows[i]:+.3g})" for i in order)
        most = "most of all " if len(some) > len(order) else ""
        verb = "pushes" if len(some) == 1 else "push"
        parts.append(f"{len(some)} {verb} it {way}, {most}{named}")
    if idle:
        parts.append(f"{idle} {'adds' if idle == 1 else 'add'} nothing")
    return f"Of {len(rows)} rows, {'; '.join(parts)}."


def _way(found: Derivation) -> str:
    """The path of the largest terms, and how much of the sum the first of them is."""
    links = [link for link in found.links if not link.moves]
    first = found.links[0]
    if len(links) < 3 or not found.size or not first.linear:
        return ""
    places = [str(link.place) for link in links[1:]]
    if len(places) > 6:
        places = [*places[:3], "...", *places[-2:]]
    way = " -> ".join(places)
    if first.count == 1:
        return f"All of it comes through {way}."
    share = abs(first.largest(1)[0].value) / found.size
    return (
        f"The largest of the {first.count:,} terms ({share:.0%} of their absolute sum) comes "
        f"through {way}; the steps below follow it."
    )
