"""Categories as indicators, one for each level."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import ColumnEncoder, Floats, wrong_kind
from pullback.data.fields import Fields, damaged
from pullback.data.table import Column, Table

MOST_LEVELS = 64
"""So many of the commonest levels get an indicator of their own, unless they are rare."""
MOST_FREQUENT, FREQUENT = 256, 10
"""Beyond those, so many levels at most, each in so many training rows at least."""


@dataclasses.dataclass(frozen=True)
class CategoricalEncoder(ColumnEncoder):
    """One indicator a level; rare levels share one, which tells them apart no more.

    The 64 commonest levels have their own, and up to 256 that stand in 10 training rows or more:
    enough to learn what each of them means.

    A level that training rows did not hold counts as 'other', where there is such a feature,
    and otherwise leaves all indicators 0. So does a missing value without a feature of its own.

    Args:
        name: The column's name.
        levels: The levels with an indicator of their own, sorted.
        pooled: The rare levels of the training rows, which share 'other'.
        indicator: Whether there is a feature for 'missing'.
    """

    kind: ClassVar[str] = "categorical"
    levels: tuple[str, ...]
    pooled: tuple[str, ...]
    indicator: bool

    @classmethod
    def fit(cls, column: Column) -> CategoricalEncoder:
        """Fit on a column of training rows."""
        text = column.as_text()
        counts = text.counts()
        seen = np.flatnonzero(counts)
        kept = seen[counts[seen] >= rare(len(text))]
        if len(seen) - len(kept) == 1 and len(seen) <= MOST_LEVELS:
            kept = seen  # one rare level alone is its own 'other'
        kept = kept[np.argsort(-counts[kept], kind="stable")]
        most = max(MOST_LEVELS, int((counts[kept] >= FREQUENT).sum()))
        kept = kept[: min(most, MOST_FREQUENT)]
        levels = sorted(text.levels[i] for i in kept)
        pooled = [text.levels[i] for i in np.setdiff1d(seen, kept)]
        missing = bool(text.missing.any())
        return cls(column.name, tuple(levels), tuple(pooled), missing)

    @property
    def feature_names(self) -> list[str]:
        names = [f"{self.name}={level}" for level in self.levels]
        names += [f"{self.name}=(other)"] if self.pooled else []
        return [*names, *([f"{self.name}=(missing)"] if self.indicator else [])]

    def encode(self, column: Column, table: Table) -> Floats:
        text = as_categories(column)
        place = {level: i for i, level in enumerate(self.levels)}
        width = len(self.feature_names)
        other = len(self.levels) if self.pooled else -1
        where = [place.get(level, other) for level in text.levels]
        where.append(width - 1 if self.indicator else -1)  # code -1, a missing value
        index = np.array(where, np.int64)[text.values]
        features = np.zeros((len(text), width))
        rows = np.flatnonzero(index >= 0)
        features[rows, index[rows]] = 1.0
        return features

    def describe(self) -> str:
        parts = [f"an indicator for each of {len(self.levels)} levels"]
        parts += [f"one shared by {len(self.pooled)} rarer levels"] if self.pooled else []
        parts += ["one for missing"] if self.indicator else []
        return "; ".join(parts)

    def unseen(self, column: Column) -> NDArray[np.bool_]:
        text = as_categories(column)
        known = {*self.levels, *self.pooled}
        new = np.array([*(level not in known for level in text.levels), False])
        found: NDArray[np.bool_] = new[text.values]
        return found

    @classmethod
    def read(cls, fields: Fields) -> CategoricalEncoder:
        levels, pooled = fields.texts("levels"), fields.texts("pooled")
        if len({*levels, *pooled}) < len(levels) + len(pooled):
            raise damaged(f"the levels of {fields.where} must differ", levels)
        return cls(fields.text("name"), levels, pooled, fields.flag("indicator"))


def rare(rows: int) -> int:
    """With fewer rows than this, a level is rare.

    Example:
        >>> rare(10), rare(300), rare(10_000)
        (1, 3, 20)
    """
    return max(1 if rows < 50 else 3, round(0.002 * rows))


def as_categories(column: Column) -> Column:
    """The column as text; dates are no categories unless they were text."""
    if column.kind == "date" and not column.missing.all():
        raise wrong_kind(column, "categories")
    return column.as_text()
