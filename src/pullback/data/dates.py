"""Dates as features: how far along, and where in the year, the week and the day."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from pullback.data.column_encoder import (
    ColumnEncoder,
    Floats,
    center_and_scale,
    standardised,
    wrong_kind,
)
from pullback.data.fields import Fields
from pullback.data.table import Column, Table
from pullback.errors import DataError

DAY = 86_400.0
YEAR = 365.2425 * DAY
CYCLES = {"year": YEAR, "week": 7 * DAY, "day": DAY}
FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"),
    *("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"),
    *("%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M", "%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"),
    *("%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d-%m-%Y", "%d-%b-%Y"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y-%m"),
)


def date_format(column: Column) -> str | None:
    """The first format in which every text of a column is a date; month before day if both fit.

    Example:
        >>> date_format(Column("day", "text", np.array([0, 1]), ("2024-01-31", "2024-02-01")))
        '%Y-%m-%d'
    """
    if column.kind != "text" or not column.levels:
        return None
    few = Column(column.name, "text", column.values[:0], column.levels[:50])
    for form in FORMATS:
        if np.isnan(level_seconds(few, form)).any():
            continue
        if len(column.levels) <= 50 or not np.isnan(level_seconds(column, form)).any():
            return form
    return None


def level_seconds(column: Column, form: str) -> Floats:
    """Each level as seconds since 1970; NaN where it is no date of that format."""
    import polars as pl

    texts = pl.Series(list(column.levels), dtype=pl.String)
    if form == "%Y-%m":
        texts, form = texts + "-01", "%Y-%m-%d"
    zone = "UTC" if form.endswith("z") else None
    try:
        if "%H" in form:
            parsed = texts.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False)
        else:
            parsed = texts.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError:
        return np.full(len(texts), np.nan)
    micros = parsed.dt.timestamp("us").cast(pl.Float64).fill_null(float("nan"))
    seconds: Floats = micros.to_numpy() / 1e6
    return seconds


def seconds_of(column: Column, form: str, table: Table) -> Floats:
    """The column as seconds since 1970; NaN where missing.

    Raises:
        DataError: A text is no date of that format, or the column holds numbers.
    """
    if column.kind == "date" or column.missing.all():
        return column.values if column.kind == "date" else np.full(len(column), np.nan)
    if column.kind != "text" or not form:
        raise wrong_kind(column, "dates")
    seconds = level_seconds(column, form)
    bad = np.flatnonzero((column.values >= 0) & np.isnan(seconds)[column.values])
    if len(bad):
        raise DataError(
            f"the column {column.name!r} must hold dates of the form {form}",
            f"{column.cell(int(bad[0]))!r} on {table.places(bad)}",
            "Mend those cells, or leave them empty.",
        )
    all_seconds: Floats = np.append(seconds, np.nan)[column.values]
    return all_seconds


@dataclasses.dataclass(frozen=True)
class DateEncoder(ColumnEncoder):
    r"""The date as a standardised number, and cycles as points on a circle.

    A cycle of period T (year, week, day) gives $\sin(2\pi t/T)$ and $\cos(2\pi t/T)$, so that
    31 December is near 1 January. A cycle is used when the training rows span it.

    Args:
        name: The column's name.
        form: The format of its texts; empty when the dates came as dates.
        fill: What a missing date becomes: the median, in seconds since 1970.
        center: The mean, in seconds since 1970.
        scale: The standard deviation, in seconds.
        cycles: The cycles used.
        indicator: Whether there is a feature for 'missing'.
    """

    kind: ClassVar[str] = "date"
    form: str
    fill: float
    center: float
    scale: float
    cycles: tuple[str, ...]
    indicator: bool

    @classmethod
    def fit(cls, column: Column, table: Table) -> DateEncoder:
        """Fit on a column of training rows."""
        column = column.trimmed()  # a text of other rows must not decide the format
        form = date_format(column) or ""
        seconds = seconds_of(column, form, table)
        present = seconds[~np.isnan(seconds)]
        center, scale = center_and_scale(present)
        fill = float(np.median(present)) if len(present) else 0.0
        cycles = tuple(name for name in CYCLES if spans(present, name))
        return cls(column.name, form, fill, center, scale, cycles, len(present) < len(seconds))

    @property
    def feature_names(self) -> list[str]:
        circles = [f"{self.name}:{cycle}_{f}" for cycle in self.cycles for f in ("sin", "cos")]
        return [self.name, *circles, *([f"{self.name}=missing"] if self.indicator else [])]

    def encode(self, column: Column, table: Table) -> Floats:
        seconds = seconds_of(column, self.form, table)
        missing = np.isnan(seconds)
        filled = np.where(missing, self.fill, seconds)
        parts = [standardised(filled, self.center, self.scale)]
        for cycle in self.cycles:
            angle = filled * (2 * math.pi / CYCLES[cycle])
            parts += [np.where(missing, 0.0, np.sin(angle)), np.where(missing, 0.0, np.cos(angle))]
        parts += [missing.astype(np.float64)] if self.indicator else []
        return np.column_stack(parts)

    def describe(self) -> str:
        cycles = f"; sine and cosine of the {', '.join(self.cycles)}" if self.cycles else ""
        return f"standardised{cycles}" + ("; an indicator for missing" if self.indicator else "")

    @classmethod
    def read(cls, fields: Fields) -> DateEncoder:
        cycles = fields.list("cycles")
        known = tuple(cycle for cycle in CYCLES if cycle in cycles)
        return cls(
            fields.text("name"),
            fields.text("form", ("", *FORMATS)),
            fields.number("fill"),
            fields.number("center"),
            fields.positive("scale"),
            known,
            fields.flag("indicator"),
        )


def spans(seconds: Floats, cycle: str) -> bool:
    """Whether dates cover enough of a cycle for it to mean anything."""
    if len(seconds) < 10:
        return False
    extent = float(seconds.max() - seconds.min())
    if cycle == "day":
        return len(np.unique(np.floor(seconds % DAY / 3600))) >= 4
    if cycle == "week":
        return extent >= 14 * DAY and len(np.unique(np.floor(seconds % (7 * DAY) / DAY))) >= 3
    return extent >= 0.75 * YEAR
