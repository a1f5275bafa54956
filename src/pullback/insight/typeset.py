"""A derivation as Markdown and LaTeX."""

from __future__ import annotations

from pullback.graph.printing import escaped, latex_number
from pullback.insight.derivation import Derivation, Link, Place
from pullback.insight.text import checks, given, number, shares, where
from pullback.insight.words import paragraph
from pullback.writing import counted


def markdown(found: Derivation) -> str:
    """A heading, a table of the gradient as it was found in several ways, a section a step."""
    lines = [f"# d {found.of} / d `{found.place}`", "", f"{found.title}, {found.dtype}", ""]
    lines += ["| found | gradient | |", "|---|---:|---|"]
    lines += [f"| {name} | {value} | {words} |" for name, value, words in checks(found)]
    lines += ["", paragraph(found)]
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += ["", *_section(link)]
    return "\n".join(lines) + "\n"


def _section(link: Link) -> list[str]:
    lines = [f"## `{link.place}` = {number(link.value)}", "", f"{where(link)}:"]
    lines += ["", "```math", rf"\bar x = {link.latex}", "```"]
    lines += ["", given(link)] if link.given else []
    lines += ["", "| term | local derivative | cotangent | of |", "|---:|---:|---:|---|"]
    largest, others, rest = shares(link)
    for term in largest:
        factors = f"{number(term.local)} | {number(term.cotangent)}"
        lines.append(f"| {number(term.value)} | {factors} | `{term.of}` |")
    if others:
        lines.append(f"| {number(rest)} | | | {counted(others, 'other')} |")
    return [*lines, f"| **{number(link.cotangent)}** | | | the sum |"]


def latex(found: Derivation) -> str:
    """One `align*` environment: each step's rule and its largest terms, then the checks."""
    lines = []
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += _lines(link)
    for name, value, words in checks(found):
        note = rf" \quad \text{{{escaped(words)}}}" if words else ""
        lines.append(rf"\text{{{escaped(name)}:}}\quad & {_digits(float(value))}{note}")
    body = " \\\\\n".join(f"  {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _lines(link: Link) -> list[str]:
    largest, others, rest = shares(link)
    terms = [f"{_digits(t.local)} \\cdot {_braced(_digits(t.cotangent))}" for t in largest]
    if others:
        name = counted(others, "other").replace(",", "{,}")
        terms.append(rf"\underbrace{{{_digits(rest)}}}_{{\text{{{name}}}}}")
    added = "".join(
        part if i == 0 else f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        for i, part in enumerate(terms or ["0"])
    )
    bar = rf"\overline{{{_place(link.place)}}}"
    rule = rf"{bar} &= {link.latex} && \text{{{escaped(link.operation)}}}"
    return [rule, rf"&= {added} = {_digits(link.cotangent)}"]


def _place(place: Place) -> str:
    name = rf"\mathtt{{{escaped(place.name)}}}"
    return f"{name}_{{{','.join(map(str, place.index))}}}" if place.index else name


def _digits(x: float) -> str:
    return latex_number(number(x))


def _braced(written: str) -> str:
    return f"({written})" if written.startswith("-") else written
