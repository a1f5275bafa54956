"""A table in memory: named columns, each already a number, a text, a boolean or a date."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pullback.errors import DataError, nearest

Kind = Literal["number", "text", "boolean", "date"]

KIND_WORDS = {"number": "numbers", "text": "text", "boolean": "true or false", "date": "dates"}


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One column of a table, stored so that NumPy can work on all of it at once.

    Args:
        name: The column's name.
        kind: "number", "boolean" (0 and 1) and "date" (seconds since 1970) keep float64
            values in which NaN means missing; "text" keeps codes into `levels`.
        values: float64 values, or int32 codes in which -1 means missing.
        levels: The distinct texts, sorted; a code is an index into them.
        note: What had to be assumed to read it, for the reason of its role.

    Shape:
        values: (rows,)

    Example:
        >>> colour = Column("colour", "text", np.array([1, 0, -1]), ("blue", "red"))
        >>> [colour.cell(row) for row in range(3)]
        ['red', 'blue', '']
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    levels: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows hold no value."""
        found: NDArray[np.bool_]
        found = self.values < 0 if self.kind == "text" else np.isnan(self.values)
        return found

    def take(self, rows: NDArray[Any]) -> Column:
        """The column at the given rows (indices or a mask)."""
        return dataclasses.replace(self, values=self.values[rows])

    def trimmed(self) -> Column:
        """The column without the levels that no row of it holds.

        Rows that are taken keep the levels of all rows, so that codes agree; where the levels
        decide something, those of other rows must not.

        Example:
            >>> two = Column("colour", "text", np.array([2, -1, 0]), ("blue", "green", "red"))
            >>> two.trimmed().levels, two.trimmed().values.tolist()
            (('blue', 'red'), [1, -1, 0])
        """
        if self.kind != "text":
            return self
        held = self.counts() > 0
        if held.all():
            return self
        place = np.append(np.cumsum(held) - 1, -1).astype(self.values.dtype)
        levels = tuple(np.array(self.levels, object)[held])
        return dataclasses.replace(self, values=place[self.values], levels=levels)

    def cell(self, row: int) -> str:
        """The value in one row as a person would write it."""
        value = self.values[row]
        if self.kind == "text":
            return self.levels[value] if value >= 0 else ""
        if np.isnan(value):
            return ""
        if self.kind == "date":
            return str(np.datetime64(round(value), "s")).removesuffix("T00:00:00")
        if self.kind == "boolean":
            return str(bool(value))
        return number_text(value)

    def as_text(self) -> Column:
        """The same column as text, so that it can be read as categories.

        Example:
            >>> Column("class", "number", np.array([2.0, np.nan, 1.0])).as_text().levels
            ('1', '2')
        """
        if self.kind == "text":
            return self
        missing = self.missing
        distinct, codes = np.unique(self.values[~missing], return_inverse=True)
        names = [Column("", self.kind, distinct).cell(i) for i in range(len(distinct))]
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names), np.int32)
        rank[order] = np.arange(len(names), dtype=np.int32)
        values = np.full(len(self), -1, np.int32)
        values[~missing] = rank[codes]
        return Column(self.name, "text", values, tuple(names[i] for i in order))

    def level_numbers(self) -> NDArray[np.float64]:
        """Each level as a number; NaN where it is not one.

        Shape:
            Returns: (levels,)
        """
        return np.array([as_number(level) for level in self.levels], np.float64)

    def counts(self) -> NDArray[np.int64]:
        """How many rows hold each level."""
        return np.bincount(self.values[self.values >= 0], minlength=len(self.levels))


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, with where they came from.

    Args:
        columns: The columns by name, in their order.
        source: What was read, for messages ("penguins.csv").
        hash: SHA-256 of the file's bytes, or of the arrays.
        lines: The line of the file on which each row begins, where it came from text.
        origin: The row of the whole table that each row was, if some were taken.

    Example:
        >>> table = table_of([Column("x", "number", np.array([1.0, 2.0]))])
        >>> table.rows, table.names
        (2, ['x'])
    """

    columns: Mapping[str, Column]
    source: str
    hash: str
    lines: NDArray[np.int64] | None = None
    origin: NDArray[np.int64] | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next((len(column) for column in self.columns.values()), 0)

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.columns)

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, name: str) -> Column:
        if name in self.columns:
            return self.columns[name]
        raise no_such_column(name, self)

    def take(self, rows: NDArray[Any]) -> Table:
        """The table at the given rows; each keeps the line it came from."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        lines = None if self.lines is None else self.lines[rows]
        origin = (np.arange(self.rows) if self.origin is None else self.origin)[rows]
        return dataclasses.replace(self, columns=columns, lines=lines, origin=origin)

    def place(self, row: int) -> str:
        """Where a row stands: its line in the file, or its index.

        Example:
            >>> table_of([Column("x", "number", np.array([1.0]))]).place(0)
            'row 0'
        """
        if self.lines is not None:
            return f"line {self.lines[row]}"
        return f"row {row if self.origin is None else self.origin[row]}"

    def places(self, rows: NDArray[Any] | Iterable[int], limit: int = 3) -> str:
        """Where the first few of many rows stand, as one phrase."""
        indices = [int(row) for row in rows]
        shown = ", ".join(self.place(row) for row in indices[:limit])
        return shown + (", ..." if len(indices) > limit else "")


def table_of(
    columns: Iterable[Column],
    source: str = "a table in memory",
    digest: str | None = None,
    lines: NDArray[np.int64] | None = None,
) -> Table:
    """Make a table from columns; its hash is that of their contents unless given."""
    table = {column.name: column for column in columns}
    return Table(table, source, digest or content_hash(table.values()), lines)


def content_hash(columns: Iterable[Column]) -> str:
    """SHA-256 over the names, kinds and values of the columns."""
    digest = hashlib.sha256()
    for column in columns:
        digest.update(repr((column.name, column.kind, column.levels)).encode())
        digest.update(np.ascontiguousarray(column.values).tobytes())
    return digest.hexdigest()


def no_such_column(name: str, table: Table, must: str | None = None) -> DataError:
    """The error for a column that the table lacks; the nearest name is suggested."""
    shown = ", ".join(table.names[:30]) + (", ..." if len(table.names) > 30 else "")
    guess = nearest(name, table.names)
    return DataError(
        must or f"the column {name!r} must be in {table.source}",
        f"the columns {shown}",
        f"Did you mean {guess!r}?" if guess else "Name one of those columns.",
    )


def number_text(value: float) -> str:
    """A number as text: whole numbers without a fraction.

    Example:
        >>> number_text(3.0), number_text(2.5)
        ('3', '2.5')
    """
    whole = np.isfinite(value) and float(value).is_integer() and abs(value) < 2**53
    return str(int(value)) if whole else repr(float(value))


def as_number(text: str) -> float:
    """The number a text stands for, or NaN."""
    try:
        return float(text) if "_" not in text else float("nan")
    except ValueError:
        return float("nan")
