"""A derivation as text of at most 100 columns."""

from __future__ import annotations

import textwrap

from pullback.insight.derivation import Derivation, Difference, Link, Sum
from pullback.insight.words import paragraph
from pullback.writing import counted

WIDTH = 100
SHOWN = 3  # terms of a sum
FEW = 12  # steps at each end
_LEGEND = (
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
    lines += checks(found)
    lines += ["", "In words", *_wrapped(paragraph(found), "   ")]
    lines += ["", "Step by step, from the top down to the element"]
    lines += _wrapped(_LEGEND.format(of=found.of), "   ")
    links = [*reversed(found.links)]
    hidden = len(links) - 2 * FEW
    for i, link in enumerate(links):
        if hidden > 1 and i == FEW:
            lines += ["", f"  ... {hidden} more"]
        if hidden <= 1 or not FEW <= i < FEW + hidden:
            lines += _moved(link) if link.moves else ["", *_step(i + 1, link)]
    return "\n".join(lines)


def checks(found: Derivation) -> list[str]:
    """The gradient as it was found in four ways, a line each."""
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


def _step(place: int, link: Link) -> list[str]:
    title = f"{place:>3}  {link.place} = {number(link.value)}"
    if not link.sums:
        return [*_wrapped(title, "", "     "), f"     x_bar = {number(link.cotangent)}"]
    where = f"goes into {link.operation}" + (f" of {link.path!r}" if link.path else "")
    if link.time is not None:
        where += f", time step {link.time[0]} (of 0 to {link.time[1] - 1})"
    if link.source:
        where += f" ({link.source})"
    gap = max(2, WIDTH - len(title) - len(where))
    lines = [f"{title}{' ' * gap}{where}"]
    if len(lines[0]) > WIDTH:
        lines = [*_wrapped(title, "", "     "), *_wrapped(where, "     ", "       ")]
    lines += _rules(link)
    if link.given:
        known = ", ".join(f"{name} = {_shown(value)}" for name, value in link.given.items())
        lines += _wrapped(f"with {known}", "     ", "       ")
    return [*lines, *_terms(link)]


def _rules(link: Link) -> list[str]:
    """The formula; of several uses, that of each kind."""
    formulas = {s.formula: s for s in link.sums}
    if len(link.sums) == 1:
        return _wrapped(f"x_bar = {link.formula}", "     ", "       ")
    lines = [f"     {len(link.sums)} uses, whose parts are added; x_bar is:"]
    for written, one in list(formulas.items())[:4]:
        lines += _wrapped(f"through {one.operation}: {written}", "       ", "         ")
    return lines


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _terms(link: Link) -> list[str]:
    cotangent = number(link.cotangent)
    nonlinear = [s for s in link.sums if s.rule is not None]
    if nonlinear:
        return _nonlinear(link, nonlinear[0])
    largest = [term for term in link.largest(SHOWN) if term.value]
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
    others = link.count - len(largest)
    if others:
        rest = link.total - sum(term.value for term in largest)
        lines.append(f"     {number(rest):>14}   {counted(others, 'other')}")
    return lines


def _nonlinear(link: Link, one: Sum) -> list[str]:
    words = (
        f"= {number(link.cotangent)}: the rule of {one.operation} is not linear in y_bar, so it "
        "has no local derivatives, and gives no sum of terms"
    )
    return _wrapped(words, "     ", "       ")


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
