"""LaTeX of formulas as MathML, which browsers show by themselves.

What operations and `graph.printing` write is a small part of LaTeX; this reads it. So a formula is
written once, in LaTeX, and an operation of one's own is typeset like the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pullback.insight.latex_signs import (
    ACCENTS,
    BARS,
    FENCES,
    GREEK_FUNCTIONS,
    NAMED,
    OPENING,
    OPERATORS,
    PREFIX,
    SPACES,
    TEXTS,
    letter,
)
from pullback.insight.markup import Html, element, escaped

APPLY, TIMES = Html("<mo>&#x2061;</mo>"), Html("<mo>&#x2062;</mo>")
"""What stands, unseen, between a function and its argument, and between two factors."""
THIN = Html('<mspace width="0.17em"/>')
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?(?:e[+-]\d+)?|\s+|.", re.DOTALL)
_ESCAPES = {r"\textbackslash": "\\", r"\textasciicircum": "^", r"\textasciitilde": "~"}


class UnreadableError(ValueError):
    """LaTeX that is not of the part that is read here."""


def mathml(latex: str, *, block: bool = False) -> Html:
    """A formula as MathML; what cannot be read is shown as it is.

    Args:
        latex: The formula.
        block: Whether it stands on a line of its own.

    Example:
        >>> mathml("x^2")
        '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    try:
        content = read(latex)
    except UnreadableError:
        content = element("mtext", latex)
    kind = ' display="block"' if block else ""
    return Html(f"<math{kind}>{content}</math>")


def read(latex: str) -> Html:
    """The elements of a formula.

    Raises:
        UnreadableError: A command that is not known, or brackets that do not fit.
    """
    reader = _Reader(_TOKEN.findall(latex))
    made = reader.row(())
    if reader.tokens:
        raise UnreadableError(f"{reader.tokens[-1]!r} without its counterpart")
    return made


@dataclass
class _Item:
    """A piece of a row: `operand`, `operator` or `function`; and whether brackets hold it."""

    made: Html
    kind: str = "operand"
    bracketed: bool = False


@dataclass
class _Reader:
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = self.tokens[::-1]

    def row(self, stops: tuple[str, ...]) -> Html:
        """The elements up to one of `stops`, which is left; one element, whatever they are."""
        found: list[_Item] = []
        while self._blanks() not in (*stops, ""):
            found.append(self._scripted(self._item(found[-1].kind if found else "operator")))
        parts = [part for i, item in enumerate(found) for part in _joint(found[i - 1 : i], item)]
        return parts[0] if len(parts) == 1 else Html(f"<mrow>{''.join(parts)}</mrow>")

    def _blanks(self) -> str:
        """The next token that is no blank, or nothing."""
        while self.tokens and self.tokens[-1].isspace():
            self.tokens.pop()
        return self.tokens[-1] if self.tokens else ""

    def _next(self) -> str:
        if not self._blanks():
            raise UnreadableError("an end where more must follow")
        return self.tokens.pop()

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise UnreadableError(f"{found!r} where {token!r} must stand")

    def _item(self, before: str) -> _Item:
        token = self._next()
        if token.startswith("\\") and token not in OPENING:
            return self._command(token[1:], before)
        if token == "{":
            return _Item(self._group())
        if token in OPENING:
            return self._fenced(token, OPENING[token], stretchy=False)
        if token[0].isdigit():
            return _Item(element("mn", token))
        if token.isalpha():
            return _Item(element("mi", token))
        if token in "^_}&)]":
            raise UnreadableError(f"{token!r} where none can stand")
        return _operator(OPERATORS.get(token, token), before)

    def _group(self) -> Html:
        made = self.row(("}",))
        self._expect("}")
        return made

    def _argument(self) -> Html:
        """What a command or a script takes: a group, or one sign."""
        token = self._next()
        if token == "{":
            return self._group()
        if token[0].isdigit() and len(token) > 1:
            self.tokens.append(token[1:])
            token = token[0]
        self.tokens.append(token)
        return self._item("operator").made

    def _scripted(self, item: _Item) -> _Item:
        """An item with what stands below and above it."""
        scripts: dict[str, Html] = {}
        while (sign := self._blanks()) in ("^", "_"):
            self._next()
            if sign in scripts:
                raise UnreadableError(f"{sign!r} twice")
            scripts[sign] = self._argument()
        if scripts:
            tag = {"^": "msup", "_": "msub"}.get("".join(scripts), "msubsup")
            both = "".join(scripts[sign] for sign in "_^" if sign in scripts)
            item.made = Html(f"<{tag}>{item.made}{both}</{tag}>")
        return item

    def _fenced(self, left: str, right: str, *, stretchy: bool) -> _Item:
        """What brackets hold, which take its height where LaTeX has them do so."""
        stops = (r"\right",) if stretchy else (right,)
        inside = self.row(stops)
        self._expect(stops[0])
        right = self._next() if stretchy else right
        kind = "" if stretchy else ' stretchy="false"'
        ends = [escaped(FENCES.get(end, end)) for end in (left, right)]
        first, last = (Html(f'<mo fence="true"{kind}>{end}</mo>' if end else "") for end in ends)
        return _Item(Html(f"<mrow>{first}{inside}{last}</mrow>"), bracketed=True)

    def _command(self, name: str, before: str) -> _Item:
        if name in OPERATORS:
            return _operator(OPERATORS[name], before)
        if name in NAMED:
            return _Item(element("mi", name), "function")
        if name in TEXTS:
            return _Item(element("mtext", self._text(), cls=TEXTS[name]))
        if name in BARS:
            return _Item(_barred(self._argument()))
        if name in ACCENTS:
            over = f"{self._argument()}<mo>{ACCENTS[name]}</mo>"
            return _Item(Html(f'<mover accent="true">{over}</mover>'))
        if name in SPACES:
            return _Item(Html(f'<mspace width="{SPACES[name]}"/>'), "operator")
        match name:
            case "operatorname":
                return _Item(element("mi", self._text()), "function")
            case "frac":
                return _Item(Html(f"<mfrac>{self._argument()}{self._argument()}</mfrac>"))
            case "sqrt":
                return self._root()
            case "left":
                return self._fenced(self._next(), "", stretchy=True)
            case "begin":
                return self._cases()
        if (sign := letter(name)) is None:
            raise UnreadableError(f"the command {name!r} is not known")
        return _Item(element("mi", sign), "function" if name in GREEK_FUNCTIONS else "operand")

    def _root(self) -> _Item:
        if self._blanks() != "[":
            return _Item(Html(f"<msqrt>{self._argument()}</msqrt>"))
        self._next()
        degree = self.row(("]",))
        self._expect("]")
        return _Item(Html(f"<mroot>{self._argument()}{degree}</mroot>"))

    def _cases(self) -> _Item:
        """Cases: rows of a value and its condition."""
        if (name := self._text()) != "cases":
            raise UnreadableError(f"{name!r} is none of the environments read here")
        rows, cells = [], list[Html]()
        while True:
            cells.append(element("mtd", self.row(("&", r"\\", r"\end"))))
            end = self._next()
            if end != "&":
                rows.append(element("mtr", *cells))
                cells = []
            if end == r"\end":
                break
        if self._text() != name:
            raise UnreadableError(f"an end that is not that of {name!r}")
        table = f"<mtable>{''.join(rows)}</mtable>"
        return _Item(Html(f'<mrow><mo fence="true">{{</mo>{table}</mrow>'))

    def _text(self) -> str:
        """The text of a group, its escapes undone."""
        self._expect("{")
        found = ""
        depth = 1
        while depth:
            if not self.tokens:
                raise UnreadableError("a text without an end")
            token = self.tokens.pop()
            depth += (token == "{") - (token == "}")
            if token in _ESCAPES:
                found += _ESCAPES[token]
            elif token not in ("{", "}"):
                found += token[1:] if token[0] == "\\" and len(token) == 2 else token
        return found


def _operator(sign: str, before: str) -> _Item:
    """A sign; one that has nothing to its left belongs to what follows."""
    form = ' form="prefix"' if before == "operator" or sign in PREFIX else ""
    return _Item(Html(f"<mo{form}>{escaped(sign)}</mo>"), "operator")


def _barred(content: Html) -> Html:
    """A bar over all of it, drawn as a border, which needs no font; the sign is only heard."""
    drawn = f'<mrow style="border-top: .06em solid; padding-top: .08em">{content}</mrow>'
    return Html(f'<mover accent="true">{drawn}<mo style="font-size: 0">¯</mo></mover>')


def _joint(before: list[_Item], item: _Item) -> list[Html]:
    """An item, and what stands between it and the one before."""
    if not before or "operator" in (before[0].kind, item.kind):
        return [item.made]
    if before[0].kind == "function":
        return [APPLY, item.made] if item.bracketed else [APPLY, THIN, item.made]
    return [TIMES, THIN, item.made]
