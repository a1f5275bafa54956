"""A derivation: the chain rule for one number, step by step, with all numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pullback.graph.dtypes import Array

Index = tuple[int, ...]


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


@dataclass(frozen=True)
class Sum:
    """The terms that one operation adds to the cotangent of an element.

    Attributes:
        name: What the operation computes.
        shape: The shape of that.
        numbers: Which elements of it have a term, counted along the last axis first.
        local: Their local derivatives.
        cotangents: Their cotangents.
        values: The products.
    """

    name: str
    shape: Index
    numbers: Array
    local: Array
    cotangents: Array

    @property
    def values(self) -> Array:
        """The terms."""
        return self.local * self.cotangents

    def term(self, i: int) -> Term:
        """One of them."""
        index = np.unravel_index(int(self.numbers[i]), self.shape) if self.shape else ()
        place = Place(self.name, tuple(int(k) for k in index))
        local, bar = float(self.local[i]), float(self.cotangents[i])
        return Term(place, local, bar, local * bar)


@dataclass(frozen=True)
class Link:
    """One step of a derivation: how the cotangent of one element follows from those above it.

    Attributes:
        place: The element.
        value: Its value.
        cotangent: Its cotangent, as it was computed.
        operation: The operation that takes it in and has the largest term; empty for the loss.
        path: The path of the layer in which that is.
        source: The user's line.
        formula: The cotangent by the operation's rule.
        latex: The same in LaTeX.
        given: What stands for the letters of the formula: numbers, or names of arrays.
        time: In which step of a loop, and how many there are.
        sums: All terms, by the operation that adds them.
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
        """How many terms there are."""
        return sum(len(s.numbers) for s in self.sums)

    @property
    def total(self) -> float:
        """The sum of the terms."""
        return float(sum(s.values.sum() for s in self.sums))

    @property
    def size(self) -> float:
        """The sum of their absolute values: what rounding errors are measured by."""
        return float(sum(np.abs(s.values).sum() for s in self.sums))

    def largest(self, count: int = 3) -> list[Term]:
        """The terms of the largest absolute value, the largest first."""
        found = []
        for s in self.sums:
            order = np.argsort(-np.abs(s.values), kind="stable")[:count]
            found += [s.term(int(i)) for i in order]
        return sorted(found, key=lambda term: -abs(term.value))[:count]


@dataclass(frozen=True)
class Difference:
    """A finite difference beside a gradient.

    Attributes:
        value: The difference quotient, in float64.
        gradient: The gradient, by the same rules as the engine's, in float64.
        agrees: Whether the two are one number, as far as the difference's own error tells.
        slopes: Those from the left and from the right, where the element is on a kink.
    """

    value: float
    gradient: float
    agrees: bool
    slopes: tuple[float, float] | None = None


@dataclass(frozen=True)
class Derivation:
    r"""The gradient of a scalar with respect to one element, derived.

    `str` is a text of at most 100 columns, and `to_json` a plain dictionary.

    Attributes:
        of: What the scalar is called.
        place: The element.
        title: What was computed.
        gradient: The engine's: the number that a training step would use.
        dtype: In which dtype that was computed.
        executor: By which executor.
        links: The steps, from the element to the scalar. Each follows the largest term of the one
            before; the first holds all terms of the gradient.
        difference: A finite difference.
        rows: How much each row of the batch adds, where the terms belong to rows.
        learning_rate: That of the next step, where one was given.

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
    learning_rate: float | None = None

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

    def __str__(self) -> str:
        from pullback.insight.text import text

        return text(self)

    __repr__ = __str__

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


def by_row(sums: Sequence[Sum], rows: int | None) -> Array | None:
    """How much each row adds, where the first axis of all that was computed counts rows."""
    if not rows or any(not s.shape or s.shape[0] != rows for s in sums):
        return None
    found = np.zeros(rows)
    for s in sums:
        row = s.numbers // max(int(np.prod(s.shape[1:])), 1)
        np.add.at(found, row, s.values)
    return found
