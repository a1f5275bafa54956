"""What plain arrays hold of every layer and step, as coloured grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pullback.errors import ShapeError
from pullback.graph.dtypes import Array
from pullback.insight.figures.style import (
    BODY,
    FAINT,
    INK,
    MAP,
    SERIES,
    SIGNED,
    SMALL,
    name_axes,
    note,
    on_white,
    sheet,
    shorter,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMES = 40


def layers_by_steps(
    names: Sequence[str],
    steps: ArrayLike,
    values: ArrayLike,
    title: str,
    *,
    log: bool = False,
    unit: str = "",
) -> Figure:
    """A number of every layer at every step, as a heatmap: the first layer on top.

    Values of both signs are shown from purple to orange, white at 0; others in viridis. What is not
    finite, or not positive where the scale is logarithmic, is grey.

    Args:
        names: Of the layers.
        steps: The steps, in order; they need not be equally far apart.
        values: One number a layer and step.
        title: What they are.
        log: Whether colours follow the logarithm.
        unit: What stands beside the colours.

    Shape:
        names: (layers,)
        steps: (steps,)
        values: (layers, steps)

    Raises:
        ShapeError: The shapes do not fit, or steps do not grow.
        ConfigError: matplotlib is not installed.

    Example:
        >>> norms = [[1.0, 0.5, 0.2], [0.1, 0.3, 0.4]]
        >>> drawn = layers_by_steps(["0", "2"], [1, 2, 4], norms, "norm of the gradient", log=True)
        >>> len(drawn.axes)  # the grid and its colours
        2
    """
    at, table = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    _check(at, table, (len(names), len(at)), "(layers, steps)")
    figure, (axes,) = sheet([1.2 + min(max(0.24 * len(names), 1.0), 7.0)])
    _head(axes, title)
    shown = np.ma.masked_where(~np.isfinite(table) | (log & (table <= 0)), table)
    grey = "\ngrey: not finite" + " or not positive" * log
    name_axes(axes, "step" + grey * bool(np.ma.is_masked(shown)), "")
    axes.set_facecolor(FAINT)
    rows = np.arange(len(names) + 1) - 0.5
    if shown.count() == 0:
        note(axes, "nothing to show: no value is finite" + " and positive" * log)
        return figure
    drawn = axes.pcolormesh(_edges(at), rows, shown, **_colours(shown, log), rasterized=True)
    axes.invert_yaxis()
    if at[0] > 0 and at[-1] > 50 * at[len(at) // 2]:  # close together at first, then far apart
        axes.set_xscale("log")
    some = range(0, len(names), max(1, -(-len(names) // MOST_NAMES)))
    axes.set_yticks(some, [shorter(names[i], 28) for i in some], parse_math=False)
    axes.grid(False)
    _bar(figure, axes, drawn, unit + (" (logarithmic)" if log else ""))
    return figure


def histograms(
    steps: ArrayLike, edges: ArrayLike, counts: ArrayLike, title: str, *, unit: str = "value"
) -> Figure:
    """How values are spread at every step: the share of each bin as a colour, the median as a line.

    Args:
        steps: The steps, in order.
        edges: The borders of the bins, in order.
        counts: How many values lie in each bin.
        title: What they are.
        unit: What stands beside the vertical axis.

    Shape:
        steps: (steps,)
        edges: (bins + 1,)
        counts: (steps, bins)

    Raises:
        ShapeError: The shapes do not fit, or steps or edges do not grow.
        ConfigError: matplotlib is not installed.

    Example:
        >>> drawn = histograms([1, 2], [-1.0, 0.0, 1.0], [[3, 1], [2, 2]], "0.output")
        >>> drawn.axes[0].get_ylabel()
        'value'
    """
    at, borders = np.asarray(steps, np.float64), np.asarray(edges, np.float64)
    table = np.asarray(counts, np.float64)
    _check(at, table, (len(at), len(borders) - 1), "(steps, bins)")
    _check_grows("edges", borders)
    figure, (axes,) = sheet([3.2])
    _head(axes, title)
    name_axes(axes, "step", unit)
    axes.grid(False)
    sums = table.sum(axis=1, keepdims=True)
    shares = np.divide(100 * table, sums, out=np.zeros_like(table), where=sums > 0)
    if not shares.any():
        note(axes, "nothing to show: no bin holds a value")
        return figure
    shown = np.ma.masked_equal(shares, 0.0)
    drawn = axes.pcolormesh(
        _edges(at), borders, shown.T, cmap=MAP, vmin=0, vmax=float(shares.max()), rasterized=True
    )
    median = _median(borders, table)
    axes.plot(at, median, color="white", linewidth=3.2)
    axes.plot(at, median, color=SERIES[1], linewidth=1.6)
    known = np.flatnonzero(np.isfinite(median))
    middle = known[len(known) // 2]
    axes.annotate(
        "median", (at[middle], median[middle]), xytext=(0, 12), textcoords="offset points",
        ha="center", **on_white(),
    )  # fmt: skip
    _bar(figure, axes, drawn, "% of the values of a step")
    return figure


def _head(axes: Axes, text: str) -> None:
    title(axes, text)


def _check(at: Array, table: Array, wanted: tuple[int, int], named: str) -> None:
    if table.shape != wanted or at.ndim != 1:
        raise ShapeError(
            f"there must be one number for each of {named}, {wanted} here",
            f"an array of shape {table.shape}",
            "Check how the array was stacked; it may be transposed.",
        )
    _check_grows("steps", at)


def _check_grows(what: str, values: Array) -> None:
    if not len(values) or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise ShapeError(
            f"{what} must be finite and grow",
            f"{values.tolist()[:8]}",
            "Sort them, and leave out what comes twice.",
        )


def _edges(at: Array) -> Array:
    """The borders between steps, half way between them."""
    if len(at) == 1:
        return np.array([at[0] - 0.5, at[0] + 0.5])
    inner = (at[1:] + at[:-1]) / 2
    return np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])


def _colours(shown: Any, log: bool) -> dict[str, Any]:
    from matplotlib.colors import LogNorm, Normalize

    low, high = float(shown.min()), float(shown.max())
    if log:
        return {"cmap": MAP, "norm": LogNorm(low, high if high > low else low * 1.001)}
    if low < 0 < high:
        size = max(-low, high)
        return {"cmap": SIGNED, "norm": Normalize(-size, size)}
    return {"cmap": MAP, "norm": Normalize(low, high if high > low else low + 1e-12)}


def _bar(figure: Figure, axes: Axes, drawn: Any, label: str) -> None:
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.ax.tick_params(colors=INK, labelsize=SMALL, color=FAINT, which="both")
    bar.outline.set_visible(False)
    bar.set_label(label.strip(), color=INK, fontsize=BODY)


def _median(borders: Array, table: Array) -> Array:
    """The median of each step, as if values were spread evenly inside their bins."""
    found = np.full(len(table), np.nan)
    for i, counts in enumerate(table):
        half, upto = counts.sum() / 2, np.concatenate([[0.0], np.cumsum(counts)])
        if half > 0:
            bin_ = int(np.searchsorted(upto, half, side="left")) - 1
            part = (half - upto[bin_]) / counts[bin_]
            found[i] = borders[bin_] + part * (borders[bin_ + 1] - borders[bin_])
    return found
