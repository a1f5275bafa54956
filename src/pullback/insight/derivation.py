"""A derivation: the chain rule for one number, step by step, with all numbers in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pullback.graph.dtypes import Array
from pullback.insight.columns import Index
from pullback.insight.upcoming import Move


@dataclass(frozen=True)
class Place:
    """One element of one value.

    Attributes:
        name: What the value is called: `0.weight`, `2.output`, or its operation.
        index: Which of its elements; empty for a single number.
    """

    name: str
    index: Index = ()

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.index))}]" if self.index else self.name


@dataclass(frozen=True)
class Term:
    r"""One term of a sum: the cotangent of what was computed, times the local derivative.

    Attributes:
        of: The element that was computed.
        local: $\partial y_j / \partial x_i$, as the rule of the operation has it.
        cotangent: $\bar y_j$.
        value: Their product.
    """

    of: Place
    local: float
    cotangent: float
    value: float


@dataclass(frozen=True, eq=False)
class Sum:
    """The terms that one use of an element adds to its cotangent.

    Attributes:
        name: What is computed there.
        operation: By which operation.
        shape: The shape of what is computed.
        numbers: Which elements of it have a term, counted along the last axis first.
        local: Their local derivatives.
        cotangents: Their cotangents.
        rule: None where the rule of the operation is linear in the cotangent, as it should be;
            else what it gives, which is then no sum of such terms.
        formula: The cotangent by the operation's rule.
        latex: The same in LaTeX.
    """

    name: str
    operation: str
    shape: Index
    numbers: Array
    local: Array
    cotangents: Array
    rule: float | None = None
    formula: str = ""
    latex: str = ""

    @property
    def values(self) -> Array:
        """The terms; one whose cotangent is 0 is 0."""
        with np.errstate(all="ignore"):
            return np.where(self.cotangents == 0, 0.0, self.local * self.cotangents)

    @property
    def total(self) -> float:
        """The sum of the terms, or what a rule gives that is not linear."""
        return float(self.values.sum()) if self.rule is None else self.rule

    @property
    def size(self) -> float:
        """The sum of their absolute values."""
        return float(np.abs(self.values).sum()) if self.rule is None else abs(self.rule)

    def largest(self, count: int) -> list[Term]:
        """The terms of the largest absolute value; what is no number comes first."""
        with np.errstate(all="ignore"):
            values = np.abs(self.values)
            ranked = np.where(np.isfinite(values), values, np.inf)
            # Where all are 0, the one that would be largest if its cotangent were not.
            order = np.lexsort((-np.abs(self.local), -ranked))[:count]
        return [self._term(int(i)) for i in order]

    def _term(self, i: int) -> Term:
        index = np.unravel_index(int(self.numbers[i]), self.shape) if self.shape else ()
        place = Place(self.name, tuple(int(k) for k in index))
        local, bar = float(self.local[i]), float(self.cotangents[i])
        return Term(place, local, bar, float(self.values[i]))


@dataclass(frozen=True, eq=False)
class Link:
    """One step of a derivation: how the cotangent of one element follows from those above it.

    Attributes:
        place: The element.
        value: Its value.
        cotangent: Its cotangent, as it was computed.
        operation: The operation that takes it in and has the largest term; empty for the loss.
        path: The path of the layer in which that is.
        source: The user's line.
        formula: What that operation adds to the cotangent, by its rule.
        latex: The same in LaTeX.
        given: What stands for the letters of the formula: numbers, or names of arrays.
        time: In which step of a loop, counted from 0, and how many there are.
        sums: All terms, use by use.
        moves: Whether the element is only moved, and its cotangent handed on as it is.
    """

    place: Place
    value: float
    cotangent: float
    operation: str = ""
    path: str = ""
    source: str = ""
    formula: str = ""
    latex: str = ""
    given: dict[str, str | float] = field(default_factory=dict)
    time: tuple[int, int] | None = None
    sums: tuple[Sum, ...] = ()
    moves: bool = False

    @property
    def count(self) -> int:
        """How many terms there are that are not 0."""
        return sum(int(np.count_nonzero(s.values)) for s in self.sums)

    @property
    def total(self) -> float:
        """The sum of the terms; where nothing is computed from the element, what it begins with."""
        return float(sum(s.total for s in self.sums)) if self.sums else self.cotangent

    @property
    def size(self) -> float:
        """The sum of their absolute values: what rounding errors are measured by."""
        return float(sum(s.size for s in self.sums)) if self.sums else abs(self.cotangent)

    @property
    def linear(self) -> bool:
        """Whether all rules are linear in the cotangent, so that there are terms."""
        return all(s.rule is None for s in self.sums)

    def largest(self, count: int = 3) -> list[Term]:
        """The terms of the largest absolute value, the largest first."""
        found = [term for s in self.sums for term in s.largest(count)]
        return sorted(found, key=lambda t: (np.isfinite(t.value), -abs(t.value)))[:count]


@dataclass(frozen=True)
class Difference:
    """A finite difference beside a gradient.

    Attributes:
        value: The difference quotient, in float64.
        gradient: The gradient, by the same rules as the engine's, in float64.
        verdict: `agrees`; `kink` (the gradient lies between the slopes of the two sides), `jump`
            (no derivative exists); `small` (both are less than differences can tell from 0); or
            `differs`.
        slopes: Those from the left and from the right, on or beside a kink.
        near: How near the kink is at most, where there is one.
        hidden: Operations in between whose rule is meant to differ from the derivative.
    """

    value: float
    gradient: float
    verdict: str
    slopes: tuple[float, float] | None = None
    near: float = 0.0
    hidden: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the gradient."""
        return self.verdict in ("agrees", "kink", "small")


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    r"""The gradient of a scalar with respect to one element, derived.

    `str` is a text of at most 100 columns, and `to_json` a plain dictionary.

    Attributes:
        of: What the scalar is called.
        place: The element.
        title: What was computed.
        gradient: As the engine computes it.
        dtype: In which dtype that was computed.
        executor: By which executor.
        links: The steps, from the element to the scalar. Each follows the largest term of the one
            before; the first holds all terms of the gradient.
        difference: A finite difference.
        rows: How much each row of the batch adds to the gradient of a parameter; None where a
            term belongs to no row alone, or rows act on each other.
        first_row: The number of the first row of the batch, as it is called in words.
        kind: What the element belongs to: `parameter`, `frozen`, `buffer`, `input` or `value`.
        learning_rate: That of the next step of plain gradient descent, where one was given.
        move: What the next step of a training makes of the element, where one was given.

    References:
        D. Rumelhart, G. Hinton and R. Williams, 1986, "Learning representations by
        back-propagating errors".
    """

    of: str
    place: Place
    title: str
    gradient: float
    dtype: str
    executor: str
    links: tuple[Link, ...]
    difference: Difference | None = None
    rows: Array | None = None
    first_row: int = 0
    kind: str = "value"
    learning_rate: float | None = None
    move: Move | None = None

    @property
    def total(self) -> float:
        """The sum of all terms of the gradient."""
        return self.links[0].total if self.links else 0.0

    @property
    def size(self) -> float:
        """The sum of their absolute values."""
        return self.links[0].size if self.links else 0.0

    @property
    def error(self) -> float:
        """How far the sum is from the engine's gradient, beside the sum of absolute values."""
        apart = abs(self.total - self.gradient)
        return apart / self.size if self.size else apart

    @property
    def adds_up(self) -> bool:
        """Whether the terms are the engine's gradient, within what its dtype allows."""
        return self.error <= (1e-4 if self.dtype == "float32" else 1e-9)

    def __str__(self) -> str:
        from pullback.insight.text import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from pullback.insight.hypertext import fragment

        return fragment(self)

    def to_html(self) -> str:
        """As a page of HTML, with formulas in MathML, that loads nothing."""
        from pullback.insight.hypertext import whole_page

        return whole_page(self)

    def to_markdown(self) -> str:
        """As Markdown, with formulas in LaTeX."""
        from pullback.insight.typeset import markdown

        return markdown(self)

    def to_latex(self) -> str:
        """As LaTeX, an `align*` environment of amsmath."""
        from pullback.insight.typeset import latex

        return latex(self)

    def to_json(self, terms: int = 10) -> dict[str, Any]:
        """As plain data: numbers, text, lists and dictionaries.

        Args:
            terms: How many terms of each sum are listed, the largest first.
        """
        from pullback.insight.plain import plain

        return plain(self, terms)
