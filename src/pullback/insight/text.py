"""A derivation as text of at most 100 columns."""

from __future__ import annotations

import textwrap

from pullback.insight.derivation import Derivation, Link
from pullback.insight.words import paragraph

WIDTH = 100
SHOWN = 3  # terms of a sum
FEW = 12  # steps at each end


def number(x: float) -> str:
    """A number with six digits.

    Example:
        >>> number(0.1), number(-1234567.0)
        ('0.1', '-1.23457e+06')
    """
    return f"{x:.6g}"


def text(found: Derivation) -> str:
    """The whole derivation."""
    lines = [f"d {found.of} / d {found.place}", f"{found.title}, {found.dtype}", ""]
    lines += _check(found)
    lines += ["", "In words", *_wrapped(paragraph(found), "   ")]
    lines += ["", "From the loss back, along the largest term of each sum"]
    shown = [link for link in reversed(found.links) if not link.moves or link is found.links[0]]
    hidden = len(shown) - 2 * FEW
    for i, link in enumerate(shown):
        if hidden > 1 and i == FEW:
            lines += ["", f"  ... {hidden} more"]
        if hidden <= 1 or not FEW <= i < FEW + hidden:
            lines += ["", *_step(i + 1, link)]
    return "\n".join(lines)


def _check(found: Derivation) -> list[str]:
    count = found.links[0].count if found.links else 0
    noun = "term" if count == 1 else "terms"
    rows = [(f"the engine's ({found.executor}, {found.dtype})", number(found.gradient), "")]
    apart = f"apart by {found.error:.1e} of their absolute sum"
    rows.append((f"the sum of {count:,} {noun}", number(found.total), apart))
    difference = found.difference
    if difference is not None:
        off = abs(found.gradient - difference.gradient)
        rows.append(("the same in float64", number(difference.gradient), f"off by {off:.1e}"))
        said = "agrees" if difference.agrees else "DIFFERS"
        if difference.slopes is not None:
            low, high = map(number, difference.slopes)
            said = f"on a kink: the slope is {low} from the left, {high} from the right"
        rows.append(("a finite difference (float64)", number(difference.value), said))
    wide = max(len(name) for name, _, _ in rows)
    far = max(len(value) for _, value, _ in rows)
    return [f"   {name:<{wide}}  {value:>{far}}  {said}".rstrip() for name, value, said in rows]


def _step(place: int, link: Link) -> list[str]:
    title = f"{place:>3}  {link.place} = {number(link.value)}"
    if not link.sums:
        return [title, f"     cotangent {number(link.cotangent)}"]
    where = f"{link.operation} in {link.path!r}" if link.path else link.operation
    if link.time is not None:
        where += f", step {link.time[0]} of {link.time[1]}"
    if link.source:
        where += f" ({link.source})"
    gap = max(2, WIDTH - len(title) - len(where))
    lines = [f"{title}{' ' * gap}{where}"]
    if len(lines[0]) > WIDTH:
        lines = [title, f"     into {where}"]
    lines += _wrapped(f"x_bar = {link.formula}", "     ", "       ")
    if link.given:
        known = ", ".join(f"{name} = {_shown(value)}" for name, value in link.given.items())
        lines += _wrapped(f"with {known}", "     ", "       ")
    return [*lines, *_terms(link)]


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _terms(link: Link) -> list[str]:
    largest = link.largest(SHOWN)
    cotangent = number(link.cotangent)
    if link.count == 1:
        (term,) = largest
        factors = f"{number(term.local)} * {number(term.cotangent)}"
        return [f"     cotangent {cotangent} = {factors} of {term.of}"]
    lines = [f"     cotangent {cotangent} = the sum of {link.count:,} terms:"]
    for term in largest:
        factors = f"{number(term.local):>12} * {number(term.cotangent):<12}"
        lines.append(f"     {number(term.value):>14} = {factors} of {term.of}")
    rest = link.total - sum(term.value for term in largest)
    others = link.count - len(largest)
    if others:
        lines.append(f"     {number(rest):>14}   {others:,} other{'s' * (others > 1)}")
    return lines


def _wrapped(said: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        said,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )
