"""What probes saw of a training: places by steps, and one place over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pullback.errors import ConfigError, unknown
from pullback.graph.dtypes import Array
from pullback.insight.figures.grids import histograms, layers_by_steps
from pullback.insight.figures.style import (
    SERIES,
    label_ends,
    limits_of,
    name_axes,
    sheet,
    title,
    wide_range,
)
from pullback.train.readings import COLUMNS, Reading, Readings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UPDATE_RATIO = "update_ratio"
SIZES = ("deviation", "norm", UPDATE_RATIO)  # never below 0, and of many orders of magnitude
SHARES = ("zeros", "saturated")
USUAL = {UPDATE_RATIO: "*", "zeros": "*.output", "saturated": "*.output"}
BIAS = 127
HEIGHT = 3.0


def readings_figure(readings: Readings, quantity: str, pattern: str | None = None) -> Figure:
    """One quantity of all places that a pattern matches, by step.

    Args:
        readings: What was seen.
        quantity: A column of a reading, or `update_ratio`: the norm of updates over that of what
            they change.
        pattern: Of the places; None takes those that `USUAL` has for the quantity.

    Raises:
        UnknownNameError: There is no such quantity, or the pattern matches nothing.
        ConfigError: Nothing that it matches has the quantity.
    """
    if quantity not in (*COLUMNS, UPDATE_RATIO):
        raise unknown("quantity of a reading", quantity, (*COLUMNS, UPDATE_RATIO))
    pattern = USUAL.get(quantity, "*.gradient") if pattern is None else str(pattern)
    found = readings.matching(pattern)
    rows = {}
    for place, reading in found.items():
        if quantity != UPDATE_RATIO:
            rows[place] = reading.step, getattr(reading, quantity)
        elif f"{place}.update" in readings:
            rows[place] = reading.step, readings.update_ratio(place)
    known = {place: row for place, row in rows.items() if np.isfinite(row[1]).any()}
    if not known:
        raise ConfigError(
            f"something must have been seen of {quantity}",
            f"nothing, at {', '.join(list(found)[:5])}",
            "Choose another quantity, or other places.",
        )
    steps = np.unique(np.concatenate([step for step, _ in known.values()]))
    table = np.full((len(known), len(steps)), np.nan)
    for row, (step, values) in zip(table, known.values(), strict=True):
        row[np.searchsorted(steps, step)] = values
    of = "" if pattern == "*" else f" of {pattern}"
    words = {UPDATE_RATIO: "norm of the update / norm", "zeros": "zeros among the numbers",
             "saturated": "saturated numbers"}.get(quantity, quantity) + of  # fmt: skip
    if quantity in SHARES:
        return layers_by_steps([*known], steps, 100 * table, words, unit="%")
    log = quantity in SIZES and bool((table > 0).any())
    return layers_by_steps([*known], steps, table, words, log=log)


def reading_figure(reading: Reading) -> Figure:
    """One place over the steps: how large its numbers were where that was counted, else the mean.

    Around the mean lies the deviation; thin lines are the extremes.
    """
    counted = reading.histogram
    if counted is not None and counted[:, 1:-1].any():
        return _sizes(reading, counted)
    figure, (axes,) = sheet([HEIGHT])
    title(axes, reading.place)
    step, mean, deviation = reading.step, reading.mean, reading.deviation
    marker = "o" if len(step) <= 40 else ""
    axes.fill_between(step, mean - deviation, mean + deviation, color=SERIES[0], alpha=0.2, lw=0)
    axes.plot(step, mean, color=SERIES[0], linewidth=1.6, marker=marker, markersize=2.6)
    for values in (reading.low, reading.high):
        axes.plot(step, values, color=SERIES[0], linewidth=0.7)
    if len(step) > 2 and step[0] > 0 and step[-1] > 50 * step[len(step) // 2]:
        axes.set_xscale("log")
    ends = {"least": reading.low, "mean, deviation": mean, "greatest": reading.high}
    named = [(name, float(values[-1]), SERIES[0]) for name, values in ends.items()]
    limits = limits_of(np.concatenate([reading.low, reading.high]), log=False)
    label_ends(axes, [end for end in named if np.isfinite(end[1])], limits, HEIGHT)
    name_axes(axes, "step", "value")
    return figure


def quantity_figure(reading: Reading, quantity: str) -> Figure:
    """One quantity of one place over the steps.

    Raises:
        UnknownNameError: There is no such quantity.
        ConfigError: It is that of a parameter and its update together, or was never known here.
    """
    if quantity == UPDATE_RATIO:
        raise ConfigError(
            "an update ratio is that of a parameter and its update, two places",
            f"{reading.place} alone",
            'Write pb.figure(run.probes, quantity="update_ratio", pattern="0.weight").',
        )
    if quantity not in COLUMNS:
        raise unknown("quantity of a reading", quantity, (*COLUMNS, UPDATE_RATIO))
    values = np.asarray(getattr(reading, quantity))
    if not np.isfinite(values).any():
        raise ConfigError(
            f"something must have been seen of {quantity}",
            f"nothing, at {reading.place}",
            "Choose another quantity, or another place.",
        )
    share = quantity in SHARES
    values = 100 * values if share else values
    figure, (axes,) = sheet([HEIGHT])
    title(axes, f"{reading.place}: {quantity}")
    marker = "o" if len(values) <= 40 else ""
    axes.plot(reading.step, values, color=SERIES[0], linewidth=1.6, marker=marker, markersize=2.6)
    log = quantity in SIZES and wide_range(values, 1e3)
    axes.set_yscale("log" if log else "linear")
    axes.set_ylim(*limits_of(values, log=log))
    name_axes(axes, "step", f"{quantity}, %" if share else quantity)
    return figure


def _sizes(reading: Reading, counted: Array) -> Figure:
    """How many numbers had each size, as powers of 2; zeros and what is not finite are left out."""
    inner = counted[:, 1:-1]
    there = np.flatnonzero(inner.any(axis=0))
    low, high = int(there[0]), int(there[-1]) + 1
    edges = np.arange(low, high + 1) + 1 - BIAS
    return histograms(
        reading.step, edges, inner[:, low:high], f"{reading.place}: sizes", unit="log2 of the size"
    )
