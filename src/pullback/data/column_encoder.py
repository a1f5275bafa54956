"""What the encoder of one column has to do."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pullback.data.fields import Fields
from pullback.data.table import KIND_WORDS, Column, Table
from pullback.errors import DataError

Floats = NDArray[np.float64]
CLIP = 10.0
"""Standardised values are cut off here, so that one outlier cannot drown a batch."""


@dataclasses.dataclass(frozen=True)
class ColumnEncoder(abc.ABC):
    """Turns one column into features; everything it knows was fitted on training rows.

    Args:
        name: The column's name.
    """

    kind: ClassVar[str]
    name: str

    @property
    @abc.abstractmethod
    def feature_names(self) -> list[str]:
        """The names of the features, each beginning with the column's name."""

    @abc.abstractmethod
    def encode(self, column: Column, table: Table) -> Floats:
        """The features of the column.

        Shape:
            Returns: (rows, features)

        Raises:
            DataError: A cell cannot be what the column must hold; its place is named.
        """

    @abc.abstractmethod
    def describe(self) -> str:
        """How the column is encoded, in a few words."""

    def unseen(self, column: Column) -> NDArray[np.bool_]:
        """Which rows hold a value that training rows did not."""
        return np.zeros(len(column), bool)

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the encoder again."""
        return {"kind": self.kind} | dataclasses.asdict(self)

    @classmethod
    @abc.abstractmethod
    def read(cls, fields: Fields) -> ColumnEncoder:
        """The encoder stored as `fields`; raises `FileFormatError` when it cannot be."""


def center_and_scale(values: Floats) -> tuple[float, float]:
    """Mean and standard deviation of finite values, safe from overflow; a spread of 0 gives 1.

    Example:
        >>> center_and_scale(np.array([-1e300, 1e300]))
        (0.0, 1e+300)
    """
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0:
        return 0.0, 1.0
    reduced = values / largest
    center, scale = float(reduced.mean()), float(reduced.std())
    if scale <= 1e-12 or scale * largest == 0.0:
        return center * largest, 1.0
    return center * largest, scale * largest


def standardised(values: Floats, center: float, scale: float) -> Floats:
    """(values - center) / scale, cut off at +-10."""
    with np.errstate(over="ignore"):
        return np.clip((values - center) / scale, -CLIP, CLIP)


def numbers_of(column: Column, table: Table, lenient: bool = False) -> Floats:
    """The column as numbers; NaN where missing.

    Args:
        column: The column.
        table: The table it is in, for the place of a bad cell.
        lenient: Whether a text that is no number counts as missing.

    Raises:
        DataError: The column holds text, dates or infinite numbers.
    """
    if column.kind == "text":
        return _parsed(column, table, lenient)
    if column.kind == "date":
        raise wrong_kind(column, "numbers")
    refuse_infinite(column, table)
    return column.values


def refuse_infinite(column: Column, table: Table) -> None:
    """Refuse a column of numbers with an infinite one."""
    if column.kind != "number":
        return
    infinite = np.flatnonzero(np.isinf(column.values))
    if len(infinite):
        raise DataError(
            f"every value of the column {column.name!r} must be finite",
            f"{column.cell(int(infinite[0]))} on {table.places(infinite)}",
            "Mend those cells, or leave them empty.",
        )


def _parsed(column: Column, table: Table, lenient: bool) -> Floats:
    numbers = column.level_numbers()
    bad = ~np.isfinite(numbers)
    rows = np.flatnonzero((column.values >= 0) & bad[column.values])
    if len(rows) and not lenient:
        raise text_among_numbers(column, table, rows)
    numbers[bad] = np.nan
    padded: Floats = np.append(numbers, np.nan)[column.values]
    return padded


def text_among_numbers(column: Column, table: Table, rows: NDArray[np.int64]) -> DataError:
    """The error for text in a column of numbers, with the first cells and their places."""
    cells = [f"{column.cell(int(row))!r} on {table.place(int(row))}" for row in rows[:3]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return DataError(
        f"the column {column.name!r} must hold numbers",
        f"{', '.join(cells)}{more}",
        "Mend those cells, name the word as missing, or give the column another role "
        '("numeric" reads them as missing; "categorical"; "drop").',
    )


def wrong_kind(column: Column, expected: str) -> DataError:
    """The error for a column that holds another kind of value than at training."""
    return DataError(
        f"the column {column.name!r} must hold {expected}, as at training",
        f"{KIND_WORDS[column.kind]}, first {column.cell(0)!r}",
        "Give the column in the form it had at training.",
    )
