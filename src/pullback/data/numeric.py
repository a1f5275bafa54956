"""Numbers and truth values as features."""

from __future__ import annotations

import dataclasses
import itertools
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import (
    ColumnEncoder,
    Floats,
    center_and_scale,
    numbers_of,
    standardised,
)
from pullback.data.fields import Fields, damaged
from pullback.data.table import Column, Table, number_text

HEAVY = 2.0
"""A column whose skewness is beyond this, or excess kurtosis beyond its square x 2, is curved."""

MOST_LEVELS = 8
"""A whole-number column with at most so many values also gets one indicator a value."""


@dataclasses.dataclass(frozen=True)
class NumericEncoder(ColumnEncoder):
    r"""Standardises numbers: $z = (u(x) - c) / s$, cut off at $\pm 10$.

    $u(x) = x$, or $u(x) = \operatorname{asinh}((x - m)/w)$ where the tails are heavy, with the
    median $m$ and the interquartile range $w$: linear around the middle, logarithmic far out,
    for either sign. A missing value becomes the median, and, when training rows had any
    missing, the feature `name=missing` becomes 1. Whole numbers with few values also get one
    indicator for each value, so that they can act as an order and as categories.

    With knots $k_0 < k_1 < \dots$ (quantiles) there is also, for each interval, how far x has
    come through it: $\min(1, \max(0, (x - k_i)/(k_{i+1} - k_i)))$. A network learns jumps and
    bends in x from these far sooner than from x alone.

    Args:
        name: The column's name.
        fill: What a missing value becomes.
        curve: "linear" or "asinh".
        pivot: The median m.
        width: The interquartile range w.
        center: The mean c.
        scale: The standard deviation s.
        indicator: Whether there is a feature for 'missing'.
        levels: The values that have an indicator.
        knots: The bounds of the intervals, rising; empty for none.
        lenient: Whether text counts as missing.
    """

    kind: ClassVar[str] = "numeric"
    fill: float
    curve: str
    pivot: float
    width: float
    center: float
    scale: float
    indicator: bool
    levels: tuple[float, ...]
    knots: tuple[float, ...]
    lenient: bool

    @classmethod
    def fit(
        cls, column: Column, table: Table, *, intervals: int = 0, lenient: bool = False
    ) -> NumericEncoder:
        """Fit on a column of training rows.

        Args:
            column: The column.
            table: The training rows, for the place of a bad cell.
            intervals: The most intervals; 0 for none.
            lenient: Whether text counts as missing.
        """
        values = numbers_of(column, table, lenient)
        present = values[~np.isnan(values)]
        fill = float(np.median(present)) if len(present) else 0.0
        heavy = len(present) >= 20 and heavy_tailed(present)
        low, high = np.quantile(present, [0.25, 0.75]) if heavy else (0.0, 0.0)
        with np.errstate(over="ignore"):
            width = float(high - low)
        width = width or center_and_scale(present)[1]
        curve = "asinh" if heavy and np.isfinite(width) else "linear"
        encoder = cls(
            *(column.name, fill, curve, fill, width if curve == "asinh" else 1.0, 0.0, 1.0),
            *(len(present) < len(values), few_levels(present), (), lenient),
        )
        filled = np.where(np.isnan(values), fill, values)
        center, scale = center_and_scale(encoder._curved(filled))
        knots = () if encoder.levels else quantile_knots(present, intervals)
        return dataclasses.replace(encoder, center=center, scale=scale, knots=knots)

    def _curved(self, values: Floats) -> Floats:
        if self.curve == "linear":
            return values
        with np.errstate(over="ignore"):
            curved: Floats = np.arcsinh(np.clip((values - self.pivot) / self.width, -1e300, 1e300))
        return curved

    @property
    def feature_names(self) -> list[str]:
        levels = [f"{self.name}={number_text(level)}" for level in self.levels]
        steps = [f"{self.name}>{number_text(knot)}" for knot in self.knots[:-1]]
        missing = [f"{self.name}=missing"] if self.indicator else []
        return [self.name, *levels, *steps, *missing]

    def encode(self, column: Column, table: Table) -> Floats:
        values = numbers_of(column, table, self.lenient)
        missing = np.isnan(values)
        filled = np.where(missing, self.fill, values)
        parts = [standardised(self._curved(filled), self.center, self.scale)]
        parts += [values == level for level in self.levels]
        with np.errstate(over="ignore"):
            for low, high in itertools.pairwise(self.knots):
                parts.append(np.clip((filled - low) / (high - low), 0.0, 1.0))
        parts += [missing] if self.indicator else []
        return np.column_stack(parts).astype(np.float64)

    def describe(self) -> str:
        parts = ["standardised" if self.curve == "linear" else "asinh (heavy tails), standardised"]
        parts += [f"an indicator for each of {len(self.levels)} values"] if self.levels else []
        parts += [f"progress through {len(self.knots) - 1} intervals"] if self.knots else []
        parts += [f"missing: {self.fill:.6g} and an indicator"] if self.indicator else []
        parts += ["text counts as missing"] if self.lenient else []
        return "; ".join(parts)

    @classmethod
    def read(cls, fields: Fields) -> NumericEncoder:
        knots = fields.numbers("knots")
        if len(knots) == 1 or any(high - low <= 0 for low, high in itertools.pairwise(knots)):
            raise damaged(f"'knots' of {fields.where} must rise", knots)
        return cls(
            fields.text("name"),
            fields.number("fill"),
            fields.text("curve", ("linear", "asinh")),
            fields.number("pivot"),
            fields.positive("width"),
            fields.number("center"),
            fields.positive("scale"),
            fields.flag("indicator"),
            fields.numbers("levels"),
            knots,
            fields.flag("lenient"),
        )


def heavy_tailed(values: Floats) -> bool:
    """Whether skewness or kurtosis is far from that of a normal distribution."""
    center, scale = center_and_scale(values)
    z = (values - center) / scale
    square = z * z
    skewness, excess = float(np.mean(square * z)), float(np.mean(square * square)) - 3.0
    return abs(skewness) > HEAVY or excess > 2 * HEAVY**2


def few_levels(values: Floats) -> tuple[float, ...]:
    """The values of a whole-number column that repeats a few of them often."""
    if not len(values) or len(values) < 50 or (values != np.floor(values)).any():
        return ()
    distinct, counts = np.unique(values, return_counts=True)
    if not 3 <= len(distinct) <= MOST_LEVELS:
        return ()
    often = distinct[counts >= max(3, len(values) // 200)]
    return tuple(float(value) for value in often)


def quantile_knots(values: Floats, intervals: int) -> tuple[float, ...]:
    """Bounds of intervals that hold equally many values each; none where values hardly vary.

    Example:
        >>> quantile_knots(np.arange(101.0), 4)
        (0.0, 25.0, 50.0, 75.0, 100.0)
    """
    if not intervals or not len(values):
        return ()
    knots = np.unique(np.quantile(values, np.linspace(0, 1, intervals + 1), method="lower"))
    with np.errstate(over="ignore"):
        apart = np.isfinite(np.diff(knots)).all()
    return tuple(float(knot) for knot in knots) if len(knots) >= 4 and apart else ()


TRUTHS = {
    **dict.fromkeys(("true", "yes", "t", "y", "on", "1"), 1.0),
    **dict.fromkeys(("false", "no", "f", "n", "off", "0"), 0.0),
}


@dataclasses.dataclass(frozen=True)
class BooleanEncoder(ColumnEncoder):
    """Truth values (also 0 and 1, yes and no) as one feature, 0 or 1.

    Args:
        name: The column's name.
        fill: What a missing value becomes: the share of true ones.
        indicator: Whether there is a feature for 'missing'.
    """

    kind: ClassVar[str] = "boolean"
    fill: float
    indicator: bool

    @classmethod
    def fit(cls, column: Column) -> BooleanEncoder:
        """Fit on a column of training rows."""
        values = truths(column)
        missing = np.isnan(values)
        fill = float(values[~missing].mean()) if not missing.all() else 0.0
        return cls(column.name, fill, bool(missing.any()))

    @property
    def feature_names(self) -> list[str]:
        return [self.name, *([f"{self.name}=missing"] if self.indicator else [])]

    def encode(self, column: Column, table: Table) -> Floats:
        values = truths(column)
        missing = np.isnan(values)
        parts = [np.where(missing, self.fill, values)]
        parts += [column.missing.astype(np.float64)] if self.indicator else []
        return np.column_stack(parts)

    def describe(self) -> str:
        return "0 or 1" + ("; an indicator for missing" if self.indicator else "")

    def unseen(self, column: Column) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.isnan(truths(column)) & ~column.missing
        return found

    @classmethod
    def read(cls, fields: Fields) -> BooleanEncoder:
        fill = fields.number("fill")
        if not 0 <= fill <= 1:
            raise damaged(f"'fill' of {fields.where} must be between 0 and 1", fill)
        return cls(fields.text("name"), fill, fields.flag("indicator"))


def truths(column: Column) -> Floats:
    """The column as 0 and 1; NaN where it is missing or neither.

    Example:
        >>> truths(Column("x", "text", np.array([0, 1, -1]), ("no", "yes")))
        array([ 0.,  1., nan])
    """
    if column.kind == "text":
        values = [TRUTHS.get(level.casefold(), np.nan) for level in column.levels]
        found: Floats = np.array([*values, np.nan])[column.values]
        return found
    return np.where(np.isin(column.values, (0.0, 1.0)), column.values, np.nan)
