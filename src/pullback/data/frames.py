"""Data frames, dicts of arrays and single arrays as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pullback.data.cells import column_from_list, column_from_text
from pullback.data.delimited import check_names
from pullback.data.table import Column, Table, table_of
from pullback.errors import DataError


def column_from_array(name: str, values: Any, missing: Sequence[str] = ()) -> Column:
    """Type one array of any NumPy dtype.

    Raises:
        DataError: The array has more than one axis, or holds complex numbers or objects
            that are no cells.

    Example:
        >>> column_from_array("x", [1, 2]).kind, column_from_array("ok", [True, None]).kind
        ('number', 'boolean')
    """
    array: Any = values if isinstance(values, np.ndarray) else _as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            "a column must be an array of one axis",
            f"{name!r} of shape {array.shape}",
            "Give each column on its own, or the whole as a pair (X, y).",
        )
    if isinstance(array, np.ma.MaskedArray):
        array = without_mask(array)
    kind = array.dtype.kind
    if kind in "fiu":
        with np.errstate(over="ignore"):  # inf, which is refused where it matters
            return Column(name, "number", array.astype(np.float64))
    if kind == "b":
        return Column(name, "boolean", array.astype(np.float64))
    if kind == "M":
        return Column(name, "date", _seconds(array))
    if kind == "m":
        seconds = array.astype("timedelta64[us]").astype(np.float64) / 1e6
        return Column(name, "number", np.where(np.isnat(array), np.nan, seconds))
    if kind in "OUST":
        return column_from_list(name, [_cell(cell) for cell in array.tolist()], missing)
    raise DataError(
        "a column must hold numbers, text, truth values or dates",
        f"{name!r} of dtype {array.dtype}",
        "Convert it, for instance a complex number to its two parts.",
    )


def without_mask(array: Any) -> Any:
    """A masked array as a plain one in which what was masked is missing: NaN, or None.

    Example:
        >>> without_mask(np.ma.array([1, 2], mask=[False, True]))
        array([ 1., nan])
    """
    if not np.ma.is_masked(array):
        return np.asarray(array)
    if array.dtype.kind in "fiu":
        return np.ma.filled(array.astype(np.float64), np.nan)
    return np.ma.filled(array.astype(object), None)


def _as_array(values: Any) -> Any:
    if isinstance(values, (list, tuple)) and any(value is None for value in values):
        return np.array([*values, None], dtype=object)[:-1]
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(
            "a column must be an array of one axis",
            "lists of different lengths",
            "Give one value for each row.",
        ) from None


def _cell(cell: Any) -> Any:
    """A cell of an object array; a float NaN and pandas' own markers mean missing."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if cell is None or type(cell).__name__ in ("NAType", "NaTType") or cell != cell:
        return None
    return cell


def _seconds(array: Any) -> Any:
    seconds = array.astype("datetime64[us]").astype(np.float64) / 1e6
    return np.where(np.isnat(array), np.nan, seconds)


def table_from_arrays(
    columns: Mapping[str, Any], source: str = "a dict of arrays", missing: Sequence[str] = ()
) -> Table:
    """A table from a dict of arrays of equal length.

    Raises:
        DataError: The arrays differ in length, or there are none.

    Example:
        >>> table_from_arrays({"x": [1.0, 2.0], "y": ["a", "b"]}).names
        ['x', 'y']
    """
    names = check_names([str(name) for name in columns], source)
    table = [
        column_from_array(name, values, missing)
        for name, values in zip(names, columns.values(), strict=True)
    ]
    lengths = {column.name: len(column) for column in table}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"the columns of {source} must have one length",
            ", ".join(f"{name!r} of {length} rows" for name, length in list(lengths.items())[:5]),
            "Give one value a row in each.",
        )
    return checked(table_of(table, source))


def table_from_frame(frame: Any, source: str, missing: Sequence[str] = ()) -> Table:
    """A table from a pandas, polars or Arrow frame, or any other that narwhals knows.

    Raises:
        DataError: The object is no frame, has two columns of one name, or a column of lists
            or of other objects that are no cells.
    """
    import narwhals as nw

    try:
        whole = nw.from_native(frame)
        whole = whole.collect() if isinstance(whole, nw.LazyFrame) else whole
        names: Iterable[str] = [str(name) for name in whole.columns]
    except TypeError:
        raise DataError(
            "data must be a path, a frame, a dict of arrays or a pair (X, y)",
            f"a value of type {type(frame).__name__}",
            "Pass, for instance, the path of a CSV file.",
        ) from None
    except Exception as error:  # each frame library has its own error for two equal names
        columns = getattr(frame, "columns", None)
        check_names([str(name) for name in columns] if columns is not None else [], source)
        raise DataError(f"{source} must be readable", str(error), "Check the frame.") from None
    names = check_names(names, source)
    columns = [
        _column_from_series(name, whole[:, index], missing) for index, name in enumerate(names)
    ]
    return checked(table_of(columns, source))


def _column_from_series(name: str, series: Any, missing: Sequence[str]) -> Column:
    import narwhals as nw
    import polars as pl

    dtype = series.dtype
    if dtype == nw.Boolean or dtype.is_numeric():
        values = series.cast(nw.Float64).to_numpy().astype(np.float64)
        return Column(name, "boolean" if dtype == nw.Boolean else "number", values)
    if dtype in (nw.Date, nw.Datetime):
        series = series if dtype == nw.Date else series.dt.replace_time_zone(None)
        values = np.array(series.cast(nw.Datetime("us")).to_numpy(), "datetime64[us]")
        return Column(name, "date", _seconds(values))
    if dtype == nw.Duration:
        series = series.dt.total_microseconds()
        return Column(name, "number", series.cast(nw.Float64).to_numpy().astype(np.float64) / 1e6)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        cells = [_cell(cell) for cell in series.cast(nw.String).to_list()]
        return column_from_text(name, pl.Series(cells, dtype=pl.String), missing=missing)
    cells = [_cell(cell) for cell in series.to_list()]
    if dtype.is_nested() or any(isinstance(cell, (list, tuple, dict)) for cell in cells):
        raise DataError(
            "a column must hold numbers, text, truth values or dates",
            f"{name!r} of dtype {dtype}",
            "Leave that column out, or make columns of its parts.",
        )
    return column_from_list(name, cells, missing)


def checked(table: Table) -> Table:
    """The table, once it is known to hold columns and rows."""
    if not table.columns or not table.rows:
        raise DataError(
            f"{table.source} must hold rows",
            f"{len(table.columns)} columns and no rows",
            "Check where the data come from.",
        )
    return table
