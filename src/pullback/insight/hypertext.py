"""Derivations and equations as HTML: tables, and formulas in MathML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pullback.graph.printing import latex_number
from pullback.insight.derivation import Derivation, Link
from pullback.insight.markup import Html, element, joined, table
from pullback.insight.mathml import mathml
from pullback.insight.page import page
from pullback.insight.text import LEGEND, checks, given, kinds, no_terms, number, shares, where
from pullback.insight.words import paragraph
from pullback.writing import counted

STYLE = """
.pullback-math { max-width: 60rem; overflow-x: auto; }
.pullback-math table { border-collapse: collapse; margin: .5rem 0; }
.pullback-math caption { text-align: left; font-weight: 600; padding: .3rem 0; }
.pullback-math th, .pullback-math td { padding: .2rem .9rem .2rem 0; text-align: left;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.pullback-math .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pullback-math mtd { text-align: left; }
.pullback-math summary { cursor: pointer; }
.pullback-math details { margin: .4rem 0; }
.pullback-math math { font-size: 1.1em; }
.pullback-math math[display="block"] { margin: .5rem 1.5rem; width: fit-content; }
.pullback-math mtext.name { font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: .85em; }
"""
"""Colours are those of the text around it, in the light and in the dark."""


def fragment(found: Derivation) -> Html:
    """A derivation as part of a page, such as a notebook's."""
    return _styled(_parts(found))


def whole_page(found: Derivation) -> str:
    """A derivation as a page of its own, which loads nothing."""
    title = f"d {found.of} / d {found.place}"
    return page(title, [element("h1", title), fragment(found)])


def equations(groups: Mapping[str, Iterable[tuple[str, str]]]) -> Html:
    """Tables of equations.

    Args:
        groups: By title, what each equation gives, and the equation in LaTeX.
    """
    return _styled(
        table(
            ["of", "equation"],
            [(element("code", name), mathml(written, block=True)) for name, written in pairs],
            caption=title,
        )
        for title, pairs in groups.items()
    )


def _styled(parts: Iterable[Html]) -> Html:
    style = f"<style>{STYLE}</style>"
    return Html(f'<div class="pullback-math">{style}\n{joined(parts)}\n</div>')


def _parts(found: Derivation) -> list[Html]:
    title = f"d {found.of} / d "
    parts = [element("p", title, element("code", found.place), f": {found.title}, {found.dtype}")]
    parts.append(table(["how it was found", "gradient", ""], checks(found), right=[1]))
    parts += [element("p", paragraph(found)), element("p", LEGEND.format(of=found.of), cls="soft")]
    links = [*enumerate(reversed(found.links), start=1)]
    steps = [_moved(link) if link.moves else _step(place, link) for place, link in links]
    return [*parts, *steps]


def _moved(link: Link) -> Html:
    (term,) = link.sums[0].largest(1)
    codes = element("code", term.of), element("code", link.place)
    return element("p", codes[0], " is ", codes[1], f", moved by {link.operation}")


def _step(place: int, link: Link) -> Html:
    """A step, closed at first; what it is about can be read all the same."""
    title = [f"{place}. ", element("code", link.place), f" = {number(link.value)}"]
    if not link.sums:
        bar = mathml(rf"\bar x = {latex_number(number(link.cotangent))}")
        return element("p", *title, ": ", bar)
    parts = [element("summary", *title, f", {where(link)}")]
    if len(link.sums) > 1:
        parts.append(element("p", f"{len(link.sums)} uses, whose parts are added:"))
    for one in kinds(link):
        through = [element("p", f"through {one.operation}:")] if len(link.sums) > 1 else []
        parts += [*through, mathml(rf"\bar x = {one.latex}", block=True)]
    if link.given:
        parts.append(element("p", given(link)))
    return Html(f"<details>{joined([*parts, _terms(link)])}</details>")


def _terms(link: Link) -> Html:
    nonlinear = [s for s in link.sums if s.rule is not None]
    if nonlinear:
        return element("p", f"= {number(link.cotangent)}: {no_terms(nonlinear[0])}")
    largest, others, rest = shares(link)
    rows: list[tuple[object, ...]] = [
        (number(t.value), number(t.local), number(t.cotangent), element("code", t.of))
        for t in largest
    ]
    if others:
        rows.append((number(rest), "", "", counted(others, "other")))
    rows.append((element("b", number(link.cotangent)), "", "", element("b", "the sum")))
    return table(["term", "local derivative", "cotangent", "of"], rows, right=range(3))
