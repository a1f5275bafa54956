"""What each column is for: found from training rows, shown with its reason, overridable."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import text_among_numbers
from pullback.data.dates import date_format
from pullback.data.numeric import TRUTHS
from pullback.data.table import Column, Table, no_such_column
from pullback.errors import unknown

OVERRIDES = ("numeric", "categorical", "boolean", "date", "text", "drop")
FEATURE_ROLES = ("numeric", "categorical", "boolean", "date", "text")
MOSTLY = 0.9
"""With so large a share of numbers, a column of text is one of numbers with mistakes."""
ID_NAME = re.compile(r"(^|[_\s-])(id|ids|uuid|guid|key|index|idx|rownum|serial)$|[a-z]I[dD]$", re.I)


@dataclasses.dataclass(frozen=True)
class ColumnRole:
    """The role of one column.

    Args:
        name: The column's name.
        role: "numeric", "categorical", "boolean", "date" or "text" for a feature; "target",
            "weight", "group", "time" or "split" for its part in training; "identifier",
            "constant", "empty", "duplicate" or "dropped" for one that is left out.
        reason: Why it has this role.
        detail: How it is encoded, or what it holds.
    """

    name: str
    role: str
    reason: str
    detail: str = ""

    @property
    def used(self) -> bool:
        """Whether the column becomes features."""
        return self.role in FEATURE_ROLES


def find_roles(
    table: Table,
    rows: NDArray[np.int64] | None = None,
    *,
    taken: Mapping[str, str] | None = None,
    roles: Mapping[str, str] | None = None,
) -> list[ColumnRole]:
    """Find the role of every column.

    Args:
        table: The whole table.
        rows: The training rows, from which all is found; every row if `None`.
        taken: Columns with a part in training: name to "target", "weight", "group", ...
        roles: The user's own choices: name to one of "numeric", "categorical", "boolean",
            "date", "text" and "drop".

    Raises:
        DataError: A column of numbers holds some text, or `roles` names no column.
        UnknownNameError: `roles` gives a role that does not exist.

    Example:
        >>> from pullback.data.reading import read_table
        >>> table = read_table({"x": [1.5, 2.5, 2.0], "y": ["a", "b", "a"], "z": [1, 1, 1]})
        >>> [role.role for role in find_roles(table, taken={"y": "target"})]
        ['numeric', 'target', 'constant']
    """
    roles, taken = dict(roles or {}), dict(taken or {})
    for name, role in roles.items():
        if name not in table.columns:
            raise no_such_column(name, table, f"roles must name columns of {table.source}")
        if role not in OVERRIDES:
            raise unknown("role", role, OVERRIDES)
    index = np.arange(table.rows) if rows is None else rows
    training = table.take(index)
    found: list[ColumnRole] = []
    contents: dict[str, str] = {}
    for name, column in training.columns.items():
        if name in taken:
            found.append(ColumnRole(name, taken[name], "as asked for"))
            continue
        if name in roles:
            role = "dropped" if roles[name] == "drop" else roles[name]
            found.append(ColumnRole(name, role, "as asked for"))
            continue
        role_found = _find_role(column, table, index)
        if column.note:
            reason = f"{role_found.reason}; {column.note}"
            role_found = dataclasses.replace(role_found, reason=reason)
        if role_found.used:
            twin = contents.setdefault(_fingerprint(column), name)
            if twin != name:
                role_found = ColumnRole(name, "duplicate", f"the same values as {twin!r}")
        found.append(role_found)
    return _with_something(found)


def _with_something(found: list[ColumnRole]) -> list[ColumnRole]:
    """If nothing else is left, a row counter is a feature after all (x = 0, 1, 2, ...)."""
    if any(role.used for role in found):
        return found
    return [
        ColumnRole(role.name, "numeric", f"{role.reason}, but there is no other feature")
        if role.role == "identifier" and role.detail == "number"
        else role
        for role in found
    ]


def _find_role(column: Column, table: Table, rows: NDArray[np.int64]) -> ColumnRole:
    """The role of one column of training rows."""
    present = column.values[~column.missing]
    name = column.name
    if not len(present):
        return ColumnRole(name, "empty", "no value in the training rows")
    if present.min() == present.max() and len(present) == len(column):
        return ColumnRole(name, "constant", f"only {column.cell(0)!r}")
    if column.kind == "boolean":
        return ColumnRole(name, "boolean", "true or false")
    if column.kind == "date":
        return ColumnRole(name, "date", "dates")
    if column.kind == "text":
        return _text_role(column, table, np.unique(present), len(present))
    return _number_role(column, present, rows, table.rows)


def _number_role(
    column: Column,
    present: NDArray[np.float64],
    rows: NDArray[np.int64],
    total: int,
) -> ColumnRole:
    name = column.name
    if ((present == 0.0) | (present == 1.0)).all():
        return ColumnRole(name, "boolean", "only 0 and 1")
    if not (present == np.floor(present)).all() or not np.isfinite(present).all():
        return ColumnRole(name, "numeric", "numbers with fractions")
    distinct = np.unique(present)
    if len(distinct) == len(column) >= 5:
        if (column.values - rows == column.values[0] - rows[0]).all():
            return ColumnRole(name, "identifier", "counts the rows", "number")
        dense = len(column) >= 50 and distinct[-1] < distinct[0] + 1.05 * total
        if dense or (len(column) >= 20 and ID_NAME.search(name)):
            return ColumnRole(
                name, "identifier", "a whole number of its own in every row", "number"
            )
    return ColumnRole(name, "numeric", f"whole numbers, {len(distinct)} distinct")


def _text_role(column: Column, table: Table, codes: NDArray[np.int32], present: int) -> ColumnRole:
    name, distinct = column.name, len(codes)
    levels = [column.levels[code] for code in codes]
    if distinct <= 2 and {level.casefold() for level in levels} <= set(TRUTHS):
        return ColumnRole(name, "boolean", f"only {' and '.join(levels)}")
    _refuse_stray_text(table[name], table)
    here = Column(name, "text", codes, tuple(levels))
    form = date_format(here)
    if form:
        return ColumnRole(name, "date", f"texts of the form {form}")
    several = sum(" " in level.strip() for level in levels) >= 0.5 * distinct
    many = distinct > 0.5 * present or distinct > max(100, 0.1 * present)
    if several and many and present >= 20:
        return ColumnRole(name, "text", f"words, {distinct} distinct in {present} rows")
    if distinct > 0.5 * present and (present >= 20 or distinct == present > 4):
        return ColumnRole(name, "identifier", f"{distinct} distinct texts in {present} rows")
    return ColumnRole(name, "categorical", f"text with {distinct} distinct values")


def _refuse_stray_text(column: Column, table: Table) -> None:
    """Refuse text in a column of numbers, unless the text is itself a repeated code."""
    numbers = np.isfinite(column.level_numbers())
    if not numbers.any() or numbers.all():
        return
    counts = column.counts()
    share = counts[numbers].sum() / counts.sum()
    code = len(column.levels) <= 20 and counts[~numbers].min() >= 3
    if share >= MOSTLY and not code:
        bad = np.append(~numbers, False)[column.values]
        raise text_among_numbers(column, table, np.flatnonzero(bad))


def _fingerprint(column: Column) -> str:
    """Equal for columns that hold the same, texts up to other names for the levels."""
    values = column.values
    if column.kind == "text":
        _, first, codes = np.unique(values, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        values = np.where(values < 0, -1, rank[codes])
    kind = "text" if column.kind == "text" else "number"
    return kind + hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
