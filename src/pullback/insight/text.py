"""A derivation as text of at most 100 columns."""

from __future__ import annotations

import textwrap

from pullback.insight.derivation import Derivation, Difference, Link, Sum, Term
from pullback.insight.words import paragraph
from pullback.writing import counted

WIDTH = 100
SHOWN = 3  # terms of a sum
FEW = 12  # steps at each end
LEGEND = (
    "In each step, x is the element, y what it goes into, and a bar the derivative of {of} with "
    "respect to it. A term is dy/dx times y_bar; of each sum the step above follows the largest."
)


def number(x: float) -> str:
    """A number with six digits.

    Example:
        >>> number(0.1), number(-1234567.0), number(-0.0)
        ('0.1', '-1.23457e+06', '0')
    """
    return f"{x + 0.0:.6g}"


def text(found: Derivation) -> str:
    """The whole derivation."""
    lines = [*_wrapped(f"d {found.of} / d {found.place}", "")]
    lines += [*_wrapped(f"{found.title}, {found.dtype}", ""), ""]
    lines += _checks(found)
    lines += ["", "In words", *_wrapped(paragraph(found), "   ")]
    lines += ["", "Step by step, from the top down to the element"]
    lines += _wrapped(LEGEND.format(of=found.of), "   ")
    links = [*reversed(found.links)]
    hidden = len(links) - 2 * FEW
    for i, link in enumerate(links):
        if hidden > 1 and i == FEW:
            lines += ["", f"  ... {hidden} more"]
        if hidden <= 1 or not FEW <= i < FEW + hidden:
            lines += _moved(link) if link.moves else ["", *_step(i + 1, link)]
    return "\n".join(lines)


def checks(found: Derivation) -> list[tuple[str, str, str]]:
    """The gradient as it was found in several ways: how, which number, and how they agree."""
    first = found.links[0]
    rows = [(f"by the engine ({found.executor}, {found.dtype})", number(found.gradient), "")]
    if first.sums and first.linear:
        apart = f"agrees to {found.error:.1e} of the sum of absolute values"
        apart = apart if found.adds_up else f"DOES NOT ADD UP: {found.error:.1e} of that sum off"
        rows.append((f"sum of {counted(first.count, 'term')}", number(found.total), apart))
    elif first.sums:
        rows.append(("by the rule, which is not linear", number(found.total), ""))
    difference = found.difference
    if difference is not None:
        off = abs(found.gradient - difference.gradient)
        rows.append(("in float64", number(difference.gradient), f"off by {off:.1e}"))
        rows.append(("finite difference (float64)", number(difference.value), said(difference)))
    return rows


def _checks(found: Derivation) -> list[str]:
    """The same, a line each."""
    rows = checks(found)
    wide = max(len(name) for name, _, _ in rows)
    far = max(len(value) for _, value, _ in rows)
    return [
        line
        for name, value, words in rows
        for line in _wrapped(
            f"{name:<{wide}}  {value:>{far}}  {words}", "   ", " " * (wide + far + 7)
        )
    ]


def said(difference: Difference) -> str:
    """What a finite difference says of the gradient."""
    if difference.verdict == "kink" and difference.slopes is not None:
        low, high = map(number, difference.slopes)
        place = f"on a kink, or nearer to one than {difference.near:.1g}"
        return f"{place}: the slope is {low} from the left, {high} from the right"
    known = {
        "agrees": "agrees",
        "small": "as near to 0 as rounding lets it tell",
        "jump": "no derivative: the value jumps here",
    }
    differs = "DIFFERS"
    if difference.hidden:
        differs += f", as it may: {', '.join(difference.hidden[:2])} has a rule of its own"
    return known.get(difference.verdict, differs)


def _moved(link: Link) -> list[str]:
    """A line about an element that is only moved."""
    (one,) = link.sums
    (term,) = one.largest(1)
    return [
        "",
        *_wrapped(f"{term.of} is {link.place}, moved by {link.operation}", "     ", "     "),
    ]


def where(link: Link) -> str:
    """Into which operation an element goes, and where that is."""
    found = f"goes into {link.operation}" + (f" of {link.path!r}" if link.path else "")
    if link.time is not None:
        found += f", time step {link.time[0]} (of 0 to {link.time[1] - 1})"
    return found + (f" ({link.source})" if link.source else "")


def given(link: Link) -> str:
    """What the letters of a formula stand for; empty where there are none."""
    pairs = (f"{name} = {_shown(value)}" for name, value in link.given.items())
    return f"with {', '.join(pairs)}" if link.given else ""


def kinds(link: Link) -> list[Sum]:
    """Of several uses of an element one of each formula, at most four."""
    return [*{s.formula: s for s in link.sums}.values()][:4]


def _step(place: int, link: Link) -> list[str]:
    title = f"{place:>3}  {link.place} = {number(link.value)}"
    if not link.sums:
        return [*_wrapped(title, "", "     "), f"     x_bar = {number(link.cotangent)}"]
    into = where(link)
    gap = max(2, WIDTH - len(title) - len(into))
    lines = [f"{title}{' ' * gap}{into}"]
    if len(lines[0]) > WIDTH:
        lines = [*_wrapped(title, "", "     "), *_wrapped(into, "     ", "       ")]
    lines += _rules(link)
    lines += _wrapped(given(link), "     ", "       ")
    return [*lines, *_terms(link)]


def _rules(link: Link) -> list[str]:
    """The formula; of several uses, that of each kind."""
    if len(link.sums) == 1:
        return _wrapped(f"x_bar = {link.formula}", "     ", "       ")
    lines = [f"     {len(link.sums)} uses, whose parts are added; x_bar is:"]
    for one in kinds(link):
        lines += _wrapped(f"through {one.operation}: {one.formula}", "       ", "         ")
    return lines


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _terms(link: Link) -> list[str]:
    cotangent = number(link.cotangent)
    nonlinear = [s for s in link.sums if s.rule is not None]
    if nonlinear:
        return _wrapped(f"= {cotangent}: {no_terms(nonlinear[0])}", "     ", "       ")
    largest, others, rest = shares(link)
    if not largest:
        return [f"     = {cotangent}: every term is 0"]
    if link.count == 1:
        (term,) = largest
        factors = f"{number(term.local)} * {number(term.cotangent)}"
        words = f"= {cotangent} = {factors}, the cotangent of {term.of}"
        return _wrapped(words, "     ", "       ")
    lines = [f"     = {cotangent}, the sum of {counted(link.count, 'term')}:"]
    for term in largest:
        factors = f"{number(term.local):>12} * {number(term.cotangent):<12}"
        lines.append(f"     {number(term.value):>14} = {factors} of {term.of}"[:WIDTH])
    if others:
        lines.append(f"     {number(rest):>14}   {counted(others, 'other')}")
    return lines


def no_terms(one: Sum) -> str:
    """Why a rule that is not linear has no terms."""
    return (
        f"the rule of {one.operation} is not linear in y_bar, so it has no local derivatives, and "
        "gives no sum of terms"
    )


def shares(link: Link) -> tuple[list[Term], int, float]:
    """The largest terms, how many others there are, and their sum."""
    largest = [term for term in link.largest(SHOWN) if term.value]
    return largest, link.count - len(largest), link.total - sum(t.value for t in largest)


def _wrapped(words: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=True,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
