"""A derivation as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html as escaping
import math

from pullback.graph.printing import escaped
from pullback.insight.derivation import Derivation, Link, Place, Term
from pullback.insight.text import SHOWN, number, said
from pullback.insight.words import paragraph
from pullback.writing import counted


def markdown(found: Derivation) -> str:
    """A heading, a table of the gradient as it was found in several ways, a section a step."""
    lines = [f"# d {found.of} / d `{found.place}`", "", f"{found.title}, {found.dtype}", ""]
    lines += ["| found | gradient | |", "|---|---:|---|"]
    lines += [f"| {name} | {value} | {words} |" for name, value, words in _checks(found)]
    lines += ["", paragraph(found)]
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += ["", *_section(link)]
    return "\n".join(lines) + "\n"


def _checks(found: Derivation) -> list[tuple[str, str, str]]:
    rows = [(f"by the engine ({found.executor})", number(found.gradient), "")]
    up = "" if found.adds_up else "DOES NOT ADD UP"
    rows.append((f"sum of {counted(found.links[0].count, 'term')}", number(found.total), up))
    if found.difference is not None:
        rows.append(("in float64", number(found.difference.gradient), ""))
        value = number(found.difference.value)
        rows.append(("finite difference", value, said(found.difference)))
    return rows


def _section(link: Link) -> list[str]:
    where = f"`{link.operation}`" + (f" of `{link.path}`" if link.path else "")
    where += f" ({link.source})" if link.source else ""
    lines = [f"## `{link.place}` = {number(link.value)}", "", f"goes into {where}:"]
    lines += ["", "```math", rf"\bar x = {link.latex}", "```"]
    if link.given:
        pairs = (f"{k} = {v if isinstance(v, str) else number(v)}" for k, v in link.given.items())
        lines += ["", f"with {', '.join(pairs)}"]
    lines += ["", "| term | local derivative | cotangent | of |", "|---:|---:|---:|---|"]
    largest, others, rest = _shares(link)
    for term in largest:
        factors = f"{number(term.local)} | {number(term.cotangent)}"
        lines.append(f"| {number(term.value)} | {factors} | `{term.of}` |")
    if others:
        lines.append(f"| {number(rest)} | | | {counted(others, 'other')} |")
    return [*lines, f"| **{number(link.cotangent)}** | | | the sum |"]


def _shares(link: Link) -> tuple[list[Term], int, float]:
    """The largest terms, how many others there are, and their sum."""
    largest = [term for term in link.largest(SHOWN) if term.value]
    return largest, link.count - len(largest), link.total - sum(t.value for t in largest)


def latex(found: Derivation) -> str:
    """One `align*` environment: each step's rule and its largest terms, then the checks."""
    lines = []
    for link in reversed(found.links):
        if link.sums and not link.moves:
            lines += _lines(link)
    for name, value, words in _checks(found):
        note = rf" \quad \text{{{escaped(words)}}}" if words else ""
        lines.append(rf"\text{{{escaped(name)}:}}\quad & {_number(float(value))}{note}")
    body = " \\\\\n".join(f"  {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _lines(link: Link) -> list[str]:
    largest, others, rest = _shares(link)
    terms = [f"{_number(t.local)} \\cdot {_braced(_number(t.cotangent))}" for t in largest]
    if others:
        name = counted(others, "other").replace(",", "{,}")
        terms.append(rf"\underbrace{{{_number(rest)}}}_{{\text{{{name}}}}}")
    added = "".join(
        part if i == 0 else f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        for i, part in enumerate(terms or ["0"])
    )
    bar = rf"\overline{{{_place(link.place)}}}"
    rule = rf"{bar} &= {link.latex} && \text{{{escaped(link.operation)}}}"
    return [rule, rf"&= {added} = {_number(link.cotangent)}"]


def _place(place: Place) -> str:
    name = rf"\mathtt{{{escaped(place.name)}}}"
    return f"{name}_{{{','.join(map(str, place.index))}}}" if place.index else name


def _number(x: float) -> str:
    """A number; a power of ten is written as one."""
    if not math.isfinite(x):
        return r"\text{nan}" if math.isnan(x) else r"\infty" if x > 0 else r"-\infty"
    digits, e, power = number(x).partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if e else digits


def _braced(written: str) -> str:
    return f"({written})" if written.startswith("-") else written


def html(found: Derivation) -> str:
    """A table of the checks, the words, and a table a step: what a notebook shows."""
    esc = escaping.escape
    parts = [f"<h4>d {esc(found.of)} / d <code>{esc(str(found.place))}</code></h4>"]
    parts.append(f"<p>{esc(found.title)}, {esc(found.dtype)}</p><table>")
    for name, value, words in _checks(found):
        parts.append(f"<tr><td>{esc(name)}</td><td>{value}</td><td>{esc(words)}</td></tr>")
    parts.append(f"</table><p>{esc(paragraph(found))}</p>")
    for link in reversed(found.links):
        if link.sums and not link.moves:
            parts.append(_html_step(link))
    return f'<div class="pullback-derivation">{"".join(parts)}</div>'


def _html_step(link: Link) -> str:
    esc = escaping.escape
    title = (
        f"<code>{esc(str(link.place))}</code> = {number(link.value)}, into {esc(link.operation)}"
    )
    rows = []
    largest, others, rest = _shares(link)
    for t in largest:
        cells = (number(t.value), number(t.local), number(t.cotangent))
        shown = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr>{shown}<td><code>{esc(str(t.of))}</code></td></tr>")
    if others:
        rows.append(f"<tr><td>{number(rest)}</td><td></td><td></td><td>{others:,} more</td></tr>")
    rows.append(f"<tr><th>{number(link.cotangent)}</th><td></td><td></td><td>the sum</td></tr>")
    head = "<tr><th>term</th><th>local derivative</th><th>cotangent</th><th>of</th></tr>"
    formula = f"<code>x_bar = {esc(link.formula)}</code>"
    table = f"<table>{head}{''.join(rows)}</table>"
    return f"<details><summary>{title}</summary>{formula}{table}</details>"
