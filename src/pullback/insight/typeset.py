"""A derivation as Markdown and as LaTeX."""

from __future__ import annotations

from pullback.insight.derivation import Derivation, Link, Place
from pullback.insight.text import SHOWN, number
from pullback.insight.words import paragraph

_SPECIAL = str.maketrans({c: rf"\{c}" for c in "_%&#${}"})


def markdown(found: Derivation) -> str:
    """Headings, a table of the three numbers, and a section with a table for each step."""
    lines = [f"# d {found.of} / d `{found.place}`", "", f"{found.title}, {found.dtype}", ""]
    lines += ["| | |", "|---|---:|", f"| the engine's gradient | {number(found.gradient)} |"]
    lines += [f"| the sum of the terms | {number(found.total)} |"]
    if found.difference is not None:
        lines += [f"| a finite difference | {number(found.difference.value)} |"]
    lines += ["", paragraph(found)]
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += ["", *_section(link)]
    return "\n".join(lines) + "\n"


def _section(link: Link) -> list[str]:
    where = f"`{link.operation}`" + (f" in `{link.path}`" if link.path else "")
    lines = [f"## `{link.place}` = {number(link.value)}", "", f"{where}: $\\bar x = {link.latex}$"]
    lines += ["", "| term | local derivative | cotangent | of |", "|---:|---:|---:|---|"]
    largest = link.largest(SHOWN)
    for term in largest:
        factors = f"{number(term.local)} | {number(term.cotangent)}"
        lines.append(f"| {number(term.value)} | {factors} | `{term.of}` |")
    if link.count > len(largest):
        rest = link.total - sum(term.value for term in largest)
        lines.append(f"| {number(rest)} | | | {link.count - len(largest):,} others |")
    return [*lines, f"| **{number(link.cotangent)}** | | | their sum |"]


def latex(found: Derivation) -> str:
    """One `align*` environment: each step's rule, and its largest terms."""
    lines = []
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += _lines(link)
    body = " \\\\\n".join(f"  {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _lines(link: Link) -> list[str]:
    largest = link.largest(SHOWN)
    terms = [rf"{_number(term.local)} \cdot {_braced(_number(term.cotangent))}" for term in largest]
    if link.count > len(largest):
        rest = link.total - sum(term.value for term in largest)
        others = f"{link.count - len(largest):,}".replace(",", "{,}")
        terms.append(rf"\underbrace{{{_braced(_number(rest))}}}_{{\text{{{others} others}}}}")
    bar = rf"\overline{{{_place(link.place)}}}"
    rule = rf"{bar} &= {link.latex} && \text{{{link.operation.translate(_SPECIAL)}}}"
    return [rule, rf"{bar} &= {' + '.join(terms)} = {_number(link.cotangent)}"]


def _place(place: Place) -> str:
    name = rf"\mathtt{{{place.name.translate(_SPECIAL)}}}"
    return f"{name}_{{{','.join(map(str, place.index))}}}" if place.index else name


def _number(x: float) -> str:
    """A number; a power of ten is written as one."""
    digits, e, power = number(x).partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if e else digits


def _braced(written: str) -> str:
    return f"({written})" if written.startswith("-") else written
