"""A derivation as plain data, for programs."""

from __future__ import annotations

import math
from typing import Any

from pullback.insight.derivation import Derivation, Difference, Link, Place, Term
from pullback.insight.upcoming import Move
from pullback.insight.words import paragraph


def plain(found: Derivation, terms: int) -> dict[str, Any]:
    """See `Derivation.to_json`."""
    return {
        "of": found.of,
        "place": _place(found.place),
        "kind": found.kind,
        "title": found.title,
        "gradient": _number(found.gradient),
        "dtype": found.dtype,
        "executor": found.executor,
        "sum": _number(found.total),
        "absolute_sum": _number(found.size),
        "error": _number(found.error),
        "adds_up": found.adds_up,
        "difference": None if found.difference is None else _difference(found.difference),
        "words": paragraph(found),
        "per_row": None if found.rows is None else [_number(x) for x in found.rows.tolist()],
        "first_row": found.first_row,
        "learning_rate": found.learning_rate,
        "move": None if found.move is None else _move(found.move),
        "links": [_link(link, terms) for link in found.links],
    }


def _number(x: float) -> float | None:
    """A number; None, as JSON knows no other way, for what is none or infinite."""
    return x if math.isfinite(x) else None


def _difference(difference: Difference) -> dict[str, Any]:
    slopes = difference.slopes
    return {
        "value": _number(difference.value),
        "gradient": _number(difference.gradient),
        "verdict": difference.verdict,
        "slopes": None if slopes is None else [_number(x) for x in slopes],
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "before": _number(move.before),
        "after": _number(move.after),
        "by": _number(move.by),
        "optimizer": move.optimizer,
        "step": move.step,
        "learning_rate": _number(move.rate),
        "weight_decay": move.weight_decay,
        "clipping": move.clipping,
        "constraint": move.constraint,
        "held_back": move.held_back,
        "memory": move.memory,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"name": place.name, "index": list(place.index)}


def _link(link: Link, terms: int) -> dict[str, Any]:
    largest = link.largest(terms)
    return {
        "place": _place(link.place),
        "value": _number(link.value),
        "cotangent": _number(link.cotangent),
        "operation": link.operation,
        "path": link.path,
        "source": link.source,
        "formula": link.formula,
        "latex": link.latex,
        "given": {
            key: value if isinstance(value, str) else _number(value)
            for key, value in link.given.items()
        },
        "time": None if link.time is None else list(link.time),
        "moves": link.moves,
        "linear": link.linear,
        "count": link.count,
        "sum": _number(link.total),
        "absolute_sum": _number(link.size),
        "terms": [_term(term) for term in largest],
        "others": _number(link.total - sum(term.value for term in largest)),
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "of": _place(term.of),
        "local": _number(term.local),
        "cotangent": _number(term.cotangent),
        "value": _number(term.value),
    }
