"""Words of free text as indicators."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import ColumnEncoder, Floats
from pullback.data.fields import Fields
from pullback.data.table import Column, Table

WORD = re.compile(r"[^\W\d_]{2,}")
MOST = 30
LEAST_SHARE, MOST_SHARE, LEAST_ROWS = 0.01, 0.99, 5
CANDIDATES = 300
SAMPLE = 100_000
EVIDENCE = 5.0
"""A word is used when its correlation with the target is so many standard errors from 0."""


def words(text: str) -> set[str]:
    """The distinct words of a text, of two letters or more, without case.

    Example:
        >>> sorted(words("Allen, Miss E. Walton (miss)"))
        ['allen', 'miss', 'walton']
    """
    return {word.casefold() for word in WORD.findall(text)}


@dataclasses.dataclass(frozen=True)
class KeywordEncoder(ColumnEncoder):
    """One indicator a word, for words in 1 % to 99 % of the training rows (at least 5 rows).

    Of those, up to 30 are kept: the ones whose correlation with the target in the training
    rows is farthest from 0, if more than five standard errors.

    Args:
        name: The column's name.
        words: The words, in order of the alphabet.
    """

    kind: ClassVar[str] = "keywords"
    words: tuple[str, ...]

    @classmethod
    def fit(cls, column: Column, target: Floats | None) -> KeywordEncoder:
        """Fit on a column of training rows.

        Args:
            column: The column, text.
            target: The targets of the same rows, one column for each class or output.

        Shape:
            target: (rows, outputs)
        """
        step = max(1, -(-len(column) // SAMPLE))
        rows = np.arange(0, len(column), step)
        text = column.as_text().take(rows)
        found = _common(text)
        if not found:
            return cls(column.name, ())
        here = _presence(text, found)
        if target is None:
            return cls(column.name, tuple(sorted(found[:MOST])))
        z = _evidence(here, target[rows])
        best = [i for i in np.argsort(-z, kind="stable")[:MOST] if z[i] >= EVIDENCE]
        return cls(column.name, tuple(sorted(found[i] for i in best)))

    @property
    def feature_names(self) -> list[str]:
        return [f"{self.name}:{word}" for word in self.words]

    def encode(self, column: Column, table: Table) -> Floats:
        return _presence(column.as_text(), list(self.words)).astype(np.float64)

    def describe(self) -> str:
        shown = ", ".join(self.words[:8]) + (", ..." if len(self.words) > 8 else "")
        return f"an indicator for each of {len(self.words)} words: {shown}"

    @classmethod
    def read(cls, fields: Fields) -> KeywordEncoder:
        return cls(fields.text("name"), fields.texts("words"))


def _common(text: Column) -> list[str]:
    """The words in 1 % to 99 % of the rows, most frequent first."""
    counts: Counter[str] = Counter()
    for level, count in zip(text.levels, text.counts().tolist(), strict=True):
        if count:
            counts.update(dict.fromkeys(words(level), count))
    least, most = max(LEAST_ROWS, LEAST_SHARE * len(text)), MOST_SHARE * len(text)
    fitting = [(-n, word) for word, n in counts.items() if least <= n <= most]
    return [word for _, word in sorted(fitting)[:CANDIDATES]]


def _presence(text: Column, chosen: list[str]) -> NDArray[np.bool_]:
    """Which of the chosen words each row holds.

    Shape:
        Returns: (rows, words)
    """
    place = {word: i for i, word in enumerate(chosen)}
    table = np.zeros((len(text.levels) + 1, len(chosen)), bool)
    used = np.unique(text.values[text.values >= 0]).tolist()
    for row in used:
        hits = [place[word] for word in words(text.levels[row]) if word in place]
        table[row, hits] = True
    present: NDArray[np.bool_] = table[text.values]
    return present


def _evidence(here: NDArray[np.bool_], target: Floats) -> Floats:
    """How many standard errors the correlation of each word with the target is from 0."""
    x = here - here.mean(axis=0)
    y = target - target.mean(axis=0)
    spread = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    r = np.abs(x.T @ y) / np.where(spread > 0, spread, np.inf)
    strongest: Floats = r.max(axis=1) * np.sqrt(len(here))
    return strongest
