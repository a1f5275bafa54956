"""The split that a table's user asked for, and the columns that steer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import numbers_of
from pullback.data.dates import date_format, seconds_of
from pullback.data.splits import (
    STRATEGIES,
    Split,
    parts,
    split_by_column,
    split_by_rows,
)
from pullback.data.splits import split as split_rows
from pullback.data.table import Table
from pullback.data.targets import Target
from pullback.errors import DataError, unknown


def partition(
    table: Table,
    target: Target,
    how: str | Mapping[str, Any] | Split,
    validation: float,
    test: float,
    seed: int,
    apart: NDArray[np.bool_] | None = None,
    held: NDArray[np.bool_] | None = None,
    *,
    group: NDArray[Any] | None = None,
    time: NDArray[Any] | None = None,
) -> Split:
    """Divide the rows of a table as asked for.

    Args:
        table: The rows.
        target: Their target; its classes are what "stratified" keeps in proportion.
        how: "auto", a strategy, a column, or the rows of each part.
        validation: The share of all rows for validation.
        test: The share of all rows for the test.
        seed: Which random choice.
        apart: The rows that their maker set apart for the test.
        held: The rows that their maker set apart for validation.
        group: The group of each row.
        time: The time of each row.
    """
    if isinstance(how, Split):
        how = {"train": how.train, "validation": how.validation, "test": how.test}
    if isinstance(how, Mapping):
        return split_by_rows(how, table.rows)
    if how in table.columns:
        return split_by_column(table[how])
    if how == "auto":
        by_class = "stratified" if target.task == "classification" else "random"
        how = "group" if group is not None else "time" if time is not None else by_class
    if how not in STRATEGIES:
        raise unknown("split", how, ["auto", *STRATEGIES, *table.names])
    if held is not None:
        given = np.where(held, 1, 0 if apart is None else np.where(apart, 2, 0)).astype(np.int8)
        return parts(given, "as given", (True, apart is not None))
    labels = None
    if how == "stratified" and target.task != "regression":
        y = target.encode(table)  # of labels, the rows with the same ones are a class
        labels = y if y.ndim == 1 else np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
    keys = {"labels": labels, "groups": group, "times": time}
    if apart is None:
        return split_rows(table.rows, how, validation=validation, test=test, seed=seed, **keys)
    rest = np.flatnonzero(~apart)
    keys = {name: None if value is None else value[rest] for name, value in keys.items()}
    inner = split_rows(len(rest), how, validation=validation, test=0, seed=seed, **keys)
    part = np.where(apart, 2, 0).astype(np.int8)
    part[rest[inner.validation]] = 1
    return parts(part, f"{how}, with the test rows given", (validation > 0, True), inner.warnings)


def row_values(table: Table, given: Any, what: str, kept: NDArray[np.int64]) -> NDArray[Any] | None:
    """The value of each row by which to group or order them, from a column or an array.

    Raises:
        DataError: A row has none, or an array does not fit the table.
    """
    if given is None:
        return None
    if not isinstance(given, str):
        array = np.asarray(given)
        if array.shape != (table.rows,):
            raise DataError(
                f"{what} must have one value for each of the {table.rows} rows",
                f"an array of shape {array.shape}",
                "Name a column, or pass an array of one axis.",
            )
        return array[kept]
    column = table[given].take(kept)
    absent = np.flatnonzero(column.missing)
    if len(absent):
        raise DataError(
            f"every row must have a value in the {what} column {given!r}",
            f"{len(absent)} without one: {table.places(kept[absent])}",
            "Fill them in, or split in another way.",
        )
    form = date_format(column) if what == "time" else None
    return seconds_of(column, form, table) if form else column.values


def row_weights(table: Table, given: Any, kept: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """The weight of each row, checked: finite, not negative, not all zero."""
    if given is None:
        return None
    name = given if isinstance(given, str) else "weight"
    values = row_values(table, given, "weight", kept)
    if isinstance(given, str):
        values = numbers_of(table[given], table)[kept]
    weights = np.asarray(values)
    bad = (
        np.arange(len(weights))
        if weights.dtype.kind not in "fiub"
        else np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    )
    if len(bad) or not weights.sum() > 0:
        what = "only zeros"
        if len(bad):
            what = f"{weights[bad[0]]} in {name!r} on {table.place(int(kept[bad[0]]))}"
        raise DataError(
            "weights must be finite and not negative, and some of them positive",
            what,
            "Mend those weights.",
        )
    return weights.astype(np.float32)
