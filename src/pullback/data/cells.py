"""From the text of cells to typed columns: missing markers, numbers, levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pullback.data.table import Column

if TYPE_CHECKING:
    import polars as pl

MISSING = (
    *("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "<NA>", "NaT"),
    *("null", "NULL", "Null", "None", "none", "?", "-"),
)
"""The cells that are read as 'no value', after surrounding blanks are cut off."""

THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"
ONE_GROUP = r"^[+-]?[1-9]\d{0,2},\d{3}$"
DECIMAL_COMMA = r"^[+-]?\d+,\d+([eE][+-]?\d+)?$"
LEADING_ZERO = r"^[+-]?0\d"


def column_from_text(
    name: str, cells: pl.Series, *, missing: Sequence[str] = (), separator: str = ","
) -> Column:
    """Type one column of text cells.

    The column is one of numbers when every cell that is not missing is a number. A number
    written with leading zeros ("007") is a code, so that its column stays text. A column in
    which only some cells are numbers stays text; `find_roles` decides what that means.

    Args:
        name: The column's name.
        cells: The cells as a polars series of strings.
        missing: Words that mean 'missing' beside the usual ones.
        separator: The character between the fields of its file, which tells what a comma inside
            a number can be; see `comma_means`.

    Example:
        >>> import polars
        >>> column_from_text("x", polars.Series(["1", " 2.5", "NA"])).values
        array([1. , 2.5, nan])
    """
    import polars as pl

    if not missing:  # most columns of numbers need no second look
        numbers = cells.cast(pl.Float64, strict=False)
        clean = numbers.null_count() == cells.null_count() < len(cells)
        if clean and not cells.str.contains(LEADING_ZERO).any():
            return _number_column(name, numbers)
    cells = cells.str.strip_chars()
    absent = cells.is_in([*MISSING, *missing]).fill_null(True)
    cells = pl.select(pl.when(~absent).then(cells)).to_series()
    present = len(cells) - cells.null_count()
    comma, note = comma_means(cells, separator)
    numbers = _numbers(cells, comma)
    clean = len(numbers) - numbers.null_count() == present
    if clean and (not present or not cells.str.contains(LEADING_ZERO).any()):
        return _number_column(name, numbers, note)
    levels = cells.drop_nulls().unique().sort()
    codes = cells.cast(pl.Enum(levels)).to_physical().cast(pl.Int32).fill_null(-1)
    return Column(name, "text", codes.to_numpy(), tuple(levels.to_list()))


def _number_column(name: str, numbers: pl.Series, note: str = "") -> Column:
    return Column(name, "number", numbers.fill_null(float("nan")).to_numpy(), note=note)


def comma_means(cells: pl.Series, separator: str) -> tuple[str, str]:
    r"""What a comma in the numbers of a column is, "thousands" or "decimal", and any doubt.

    Between commas it groups thousands. In other files it is a decimal comma if some cell cannot
    be grouped thousands (1,5 or 0,125). If all cells with a comma can, plain cells below 1000
    beside them show that it groups. Where nothing shows, it is a decimal comma in files divided
    by semicolons, whose makers write one, and the doubt is told.

    Example:
        >>> import polars
        >>> comma_means(polars.Series(["1,200", "950"]), "\t")
        ('thousands', '')
        >>> comma_means(polars.Series(["1,200", "3,5"]), "\t")
        ('decimal', '')
    """
    commas = cells.drop_nulls()
    commas = commas.filter(commas.str.contains(",", literal=True))
    if separator == "," or not len(commas):
        return "thousands", ""
    if not commas.str.contains(THOUSANDS).all():
        return "decimal", ""
    if separator != ";" or not commas.str.contains(ONE_GROUP).all() or _groups(cells):
        return "thousands", ""
    return "decimal", f"the comma in {commas[0]!r} taken as a decimal comma, not for thousands"


def _groups(cells: pl.Series) -> bool:
    """Whether plain numbers stand in a column, and none so large that it would be grouped."""
    import polars as pl

    plain = cells.cast(pl.Float64, strict=False).drop_nulls()
    return len(plain) > 0 and bool((plain.abs() < 1000).all())


def _numbers(cells: pl.Series, comma: str) -> pl.Series:
    """The cells as float64, null where one is no number."""
    import polars as pl

    numbers = cells.cast(pl.Float64, strict=False)
    if numbers.null_count() == cells.null_count():
        return numbers
    pattern = DECIMAL_COMMA if comma == "decimal" else THOUSANDS
    commas = cells.str.contains(pattern)
    if not commas.any():
        return numbers
    plain = cells.str.replace_all(",", "." if comma == "decimal" else "", literal=True)
    repaired = pl.select(pl.when(commas).then(plain).otherwise(cells)).to_series()
    return repaired.cast(pl.Float64, strict=False)


def column_from_list(name: str, cells: Sequence[object], missing: Sequence[str] = ()) -> Column:
    """Type a column of Python objects (from an object array or a dict of lists)."""
    import polars as pl

    truths = [cell for cell in cells if isinstance(cell, (bool, np.bool_))]
    if truths and all(cell is None or isinstance(cell, (bool, np.bool_)) for cell in cells):
        values = [np.nan if cell is None else float(bool(cell)) for cell in cells]
        return Column(name, "boolean", np.array(values))
    texts = [None if cell is None else str(cell) for cell in cells]
    return column_from_text(name, pl.Series(texts, dtype=pl.String), missing=missing)
