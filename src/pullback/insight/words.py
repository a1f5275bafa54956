"""A derivation in plain words: where the number will go, who pushes it, and along which way."""

from __future__ import annotations

import numpy as np

from pullback.insight.derivation import Derivation

_NAMED = 3  # rows that are named on each side


def paragraph(found: Derivation) -> str:
    """A few sentences about a derivation."""
    parts = [_direction(found), _rows(found), _way(found)]
    return " ".join(part for part in parts if part)


def _direction(found: Derivation) -> str:
    g = found.gradient
    if not g:
        return f"The gradient is 0: a small change of {found.place} leaves {found.of} as it is."
    up, down = ("raises", "smaller") if g > 0 else ("lowers", "larger")
    said = f"A larger {found.place} {up} {found.of}, so gradient descent makes it {down}"
    if found.learning_rate is None:
        return f"{said}, by {abs(g):.3g} times the learning rate."
    moved = abs(g) * found.learning_rate
    return f"{said}: by {moved:.3g} at a learning rate of {found.learning_rate:g}."


def _rows(found: Derivation) -> str:
    if found.rows is None or len(found.rows) < 2:
        return ""
    rows = found.rows
    up, down = np.flatnonzero(rows < 0), np.flatnonzero(rows > 0)
    idle = len(rows) - len(up) - len(down)
    parts = []
    for way, some in (("up", up), ("down", down)):
        if len(some):
            order = some[np.argsort(-np.abs(rows[some]), kind="stable")][:_NAMED]
            named = ", ".join(f"{i} ({-rows[i]:+.3g})" for i in order)
            most = "most of all " if len(some) > len(order) else ""
            noun = "row pushes" if len(some) == 1 else "rows push"
            parts.append(f"{len(some)} {noun} it {way}, {most}{named}")
    said = f"Of {len(rows)} rows, {'; '.join(parts)}" if parts else ""
    if idle and parts:
        said += f"; {idle} {'have' if idle > 1 else 'has'} no say"
    return f"{said}." if said else ""


def _way(found: Derivation) -> str:
    """The largest path from the element to the scalar, and how much of the sum goes along it."""
    links = [link for link in found.links if not link.moves]
    if len(links) < 3 or not found.size:
        return ""
    places = [str(link.place) for link in links]
    if len(places) > 7:
        places = [*places[:3], "...", *places[-3:]]
    first = found.links[0].largest(1)[0]
    share = abs(first.value) / found.size
    return f"Most goes by {' -> '.join(places)}: its first term is {share:.0%} of the absolute sum."
