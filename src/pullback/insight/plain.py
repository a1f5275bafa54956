"""A derivation as plain data, for programs."""

from __future__ import annotations

from typing import Any

from pullback.insight.derivation import Derivation, Link, Place, Term


def plain(found: Derivation, terms: int) -> dict[str, Any]:
    """See `Derivation.to_json`."""
    difference = found.difference
    return {
        "of": found.of,
        "place": _place(found.place),
        "title": found.title,
        "gradient": found.gradient,
        "dtype": found.dtype,
        "executor": found.executor,
        "sum": found.total,
        "absolute_sum": found.size,
        "error": found.error,
        "difference": None
        if difference is None
        else {
            "value": difference.value,
            "gradient": difference.gradient,
            "agrees": difference.agrees,
            "slopes": None if difference.slopes is None else list(difference.slopes),
        },
        "per_row": None if found.rows is None else found.rows.tolist(),
        "learning_rate": found.learning_rate,
        "links": [_link(link, terms) for link in found.links],
    }


def _place(place: Place) -> dict[str, Any]:
    return {"name": place.name, "index": list(place.index)}


def _link(link: Link, terms: int) -> dict[str, Any]:
    largest = link.largest(terms)
    return {
        "place": _place(link.place),
        "value": link.value,
        "cotangent": link.cotangent,
        "operation": link.operation,
        "path": link.path,
        "source": link.source,
        "formula": link.formula,
        "latex": link.latex,
        "given": link.given,
        "time": None if link.time is None else list(link.time),
        "moves": link.moves,
        "count": link.count,
        "sum": link.total,
        "absolute_sum": link.size,
        "terms": [_term(term) for term in largest],
        "others": link.total - sum(term.value for term in largest),
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "of": _place(term.of),
        "local": term.local,
        "cotangent": term.cotangent,
        "value": term.value,
    }
