"""The features of a table: one encoder for each column that is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays
from pullback.data.categorical import CategoricalEncoder
from pullback.data.column_encoder import ColumnEncoder, Floats
from pullback.data.dates import DateEncoder
from pullback.data.fields import Fields, damaged
from pullback.data.keywords import KeywordEncoder
from pullback.data.numeric import BooleanEncoder, NumericEncoder
from pullback.data.roles import ColumnRole
from pullback.data.table import Table, no_such_column
from pullback.memory import must_fit

KINDS: dict[str, type[ColumnEncoder]] = {
    kind.kind: kind
    for kind in (NumericEncoder, BooleanEncoder, CategoricalEncoder, DateEncoder, KeywordEncoder)
}
INTERVALS = ((10_000, 16), (1_500, 8), (100, 4))
"""From so many training rows on, so many intervals for each column of numbers."""
MOST_NUMERIC = 64
MOST_CELLS = 20_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class TableInputs:
    """How the columns of a table become features.

    Args:
        columns: The encoders of the columns that are used, in order.
    """

    columns: tuple[ColumnEncoder, ...]

    @classmethod
    def fit(
        cls, training: Table, roles: Iterable[ColumnRole], target: Floats | None
    ) -> TableInputs:
        """Fit an encoder for every column that is used, on training rows.

        Args:
            training: The training rows.
            roles: The roles of the columns.
            target: The encoded targets of the same rows, one column an output.

        Shape:
            target: (rows, outputs)
        """
        used = [role for role in roles if role.used]
        numeric = sum(role.role == "numeric" for role in used)
        intervals = intervals_for(training.rows, numeric)
        encoders = [_fit(training, role, target, intervals) for role in used]
        return cls(tuple(encoder for encoder in encoders if encoder.feature_names))

    @property
    def feature_names(self) -> list[str]:
        """The names of the features, in order."""
        return [name for column in self.columns for name in column.feature_names]

    @property
    def feature_columns(self) -> list[str]:
        """For each feature, the column that it comes from."""
        return [column.name for column in self.columns for _ in column.feature_names]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row of features."""
        return (len(self.feature_names),)

    @property
    def reading(self) -> dict[str, Any]:
        """A table is read in one way."""
        return {}

    def encode(self, source: Table | Arrays) -> NDArray[np.float32]:
        """The features of a table.

        Shape:
            Returns: (rows, features)

        Raises:
            DataError: A column is missing or holds what it must not.
        """
        table = self._table(source)
        must_fit(4 * table.rows * len(self.feature_names), f"the features of {table.source}")
        features = np.empty((table.rows, len(self.feature_names)), np.float32)
        start = 0
        for encoder in self.columns:
            stop = start + len(encoder.feature_names)
            features[:, start:stop] = encoder.encode(table[encoder.name], table)
            start = stop
        return features

    def examples(self, x: NDArray[np.float32], y: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Features and targets that belong together: row by row, as they are."""
        return x, y

    def count(self, source: Table | Arrays) -> tuple[dict[str, int], dict[str, int]]:
        """How many rows of each column hold an unseen value, and how many none."""
        table = self._table(source)
        unseen, missing = {}, {}
        for encoder in self.columns:
            column = table[encoder.name]
            unseen[encoder.name] = int(encoder.unseen(column).sum())
            missing[encoder.name] = int(column.missing.sum())
        return (
            {name: count for name, count in unseen.items() if count},
            {name: count for name, count in missing.items() if count},
        )

    def _table(self, source: Table | Arrays) -> Table:
        table = source.as_table() if isinstance(source, Arrays) else source
        for encoder in self.columns:
            if encoder.name not in table.columns:
                must = f"{table.source} must hold the column {encoder.name!r}, as at training"
                raise no_such_column(encoder.name, table, must)
        return table

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the inputs again."""
        return {"kind": "table", "columns": [column.content() for column in self.columns]}

    @classmethod
    def read(cls, fields: Fields) -> TableInputs:
        """The inputs stored as `fields`."""
        columns = []
        for content in fields.list("columns"):
            column = Fields(content, "a stored column")
            columns.append(KINDS[column.text("kind", tuple(KINDS))].read(column))
        names = [column.name for column in columns]
        if not names or len(set(names)) < len(names):
            raise damaged("stored columns must have names of their own", names)
        return cls(tuple(columns))


def intervals_for(rows: int, numeric: int) -> int:
    """How many intervals a column of numbers is divided into.

    The more training rows, the finer a bend that they can teach; but not in tables of very many
    columns, nor where these features would take more than 80 MB.

    Example:
        >>> intervals_for(50, 5), intervals_for(300, 5), intervals_for(20_000, 5)
        (0, 4, 16)
    """
    if numeric > MOST_NUMERIC:
        return 0
    fitting = (n for least, n in INTERVALS if rows >= least and rows * numeric * n <= MOST_CELLS)
    return next(fitting, 0)


def _fit(training: Table, role: ColumnRole, target: Floats | None, intervals: int) -> ColumnEncoder:
    column = training[role.name]
    if role.role == "numeric":
        return NumericEncoder.fit(
            column, training, intervals=intervals, lenient=column.kind == "text"
        )
    if role.role == "boolean":
        return BooleanEncoder.fit(column)
    if role.role == "date":
        return DateEncoder.fit(column, training)
    if role.role == "text":
        return KeywordEncoder.fit(column, target)
    return CategoricalEncoder.fit(column)
