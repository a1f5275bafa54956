"""A landscape as a curve, or as a map with lines of equal loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.graph.dtypes import Array
from pullback.insight.figures.style import (
    BODY,
    FAINT,
    INK,
    MAP,
    ON_WHITE,
    SERIES,
    SMALL,
    limits_of,
    name_axes,
    note,
    on_white,
    sheet,
    shorter,
    title,
    wide_range,
)
from pullback.insight.landscape import Landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 14


def landscape_figure(found: Landscape) -> Figure:
    """A curve along one direction, a map along two; the network itself is marked."""
    return _curve(found) if found.losses.ndim == 1 else _map(found)


def _said(found: Landscape, which: int) -> str:
    """What an axis measures: of a direction of length l, a place t is l t away."""
    name, length = found.directions[which], found.lengths[which]
    return f"{shorter(name, 44)} (1 is a distance of {length:.4g})"


def _curve(found: Landscape) -> Figure:
    figure, (axes,) = sheet([3.4])
    (t,), losses = found.axes, found.losses
    title(axes, f"{found.title}, along {found.directions[0]}")
    log = wide_range(losses, 1000)
    axes.set_yscale("log" if log else "linear")
    name_axes(axes, _said(found, 0), "loss" + " (logarithmic)" * log)
    known = np.isfinite(losses)
    room = 0.03 * float(t[-1] - t[0])
    axes.set_xlim(float(t[0]) - room, float(t[-1]) + room)
    if not known.any():
        note(axes, "no loss is finite")
        return figure
    values = np.where(known, losses, np.nan)
    axes.plot(t, values, color=SERIES[0], linewidth=1.8, marker="o", markersize=3)
    axes.set_ylim(*limits_of(np.append(losses, found.centre), log=log))
    _gaps(axes, t, known)
    if math.isfinite(found.centre) and t[0] <= 0 <= t[-1]:
        axes.plot([0], [found.centre], **_star())
        axes.annotate(
            f"the network: {found.centre:.4g}", (0, found.centre), **_beside(axes, t, values)
        )
    return figure


def _beside(axes: Axes, t: Array, values: Array) -> dict[str, Any]:
    """Where the words of the network stand: in the valley, or on the side that the curve leaves."""
    left = values[t < 0][-1:] if (t < 0).any() else values[:0]
    right = values[t > 0][:1]
    rises = bool(len(left) and len(right) and left[0] < right[0])
    room = bool(-t[0] > 0.2 * (t[-1] - t[0]))
    to_left = (rises and room) or not len(right)
    where, side = ((-9, 9), "right") if to_left else ((9, 9), "left")
    start, *later = values[t >= 0][: 1 + len(t) // 4].tolist()
    height = (axes.transScale + axes.transLimits).transform
    rise = height((0, max(later, default=start)))[1] - height((0, start))[1]
    if len(right) and height((0, start))[1] > 0.85 and not rise > 0:
        where, side = (12, -3), "left"  # below the title, beside a curve that falls
    elif not len(left) and rise > 0:  # at the edge: below a curve that rises at once, else above
        where = (12, -4) if rise > 0.12 else (-2, 24)
    return {
        "xytext": where, "textcoords": "offset points", "ha": side, "annotation_clip": False,
        "zorder": 6, **on_white(),
    }  # fmt: skip


def _gaps(axes: Axes, t: Array, known: Array) -> None:
    """Grey where the loss is not finite, with a word."""
    if known.all():
        return
    edges = np.concatenate([t[:1], (t[1:] + t[:-1]) / 2, t[-1:]])
    for i in np.flatnonzero(~known):
        axes.axvspan(edges[i], edges[i + 1], color=FAINT, alpha=0.3, linewidth=0)
    runs = np.split(np.flatnonzero(~known), 1 + np.flatnonzero(np.diff(np.flatnonzero(~known)) > 1))
    longest = max(runs, key=len)
    axes.annotate(
        "not finite", ((edges[longest[0]] + edges[longest[-1] + 1]) / 2, 0.5),
        xycoords=("data", "axes fraction"), rotation=90, ha="center", va="center", color=INK,
        fontsize=SMALL,
    )  # fmt: skip


def _star() -> dict[str, Any]:
    return {
        "marker": "*", "markersize": 15, "markerfacecolor": "white", "markeredgecolor": ON_WHITE,
        "linestyle": "", "zorder": 5, "clip_on": False,
    }  # fmt: skip


def _map(found: Landscape) -> Figure:
    x, y = found.axes
    figure, (axes,) = sheet([5.4])
    figure.set_layout_engine("none")  # which gives a square and its colours too much room
    axes.set_position((0.13, 0.14, 0.5833, 0.7778))
    from matplotlib.colors import LogNorm, Normalize

    title(axes, f"{found.title}, along two directions")
    losses = np.ma.masked_invalid(found.losses.T)
    gaps = bool(np.ma.is_masked(losses))
    name_axes(axes, _said(found, 0) + "\ngrey: the loss is not finite" * gaps, _said(found, 1))
    axes.grid(False)
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_ylim(float(y[0]), float(y[-1]))
    if losses.count() == 0:
        note(axes, "no loss is finite")
        return figure
    low, high = float(losses.min()), float(losses.max())
    log = wide_range(found.losses, 30)
    if high <= low:
        low, high = low - max(abs(low), 1e-12) * 1e-3, low + max(abs(low), 1e-12) * 1e-3
    levels = np.geomspace(low, high, LEVELS) if log else np.linspace(low, high, LEVELS)
    norm = LogNorm(low, high) if log else Normalize(low, high)
    filled: Any
    if gaps:  # a single finite place shows too
        axes.set_facecolor(FAINT)
        filled = axes.pcolormesh(x, y, losses, shading="nearest", cmap=MAP, norm=norm)
    else:
        filled = axes.contourf(x, y, losses, levels=levels, cmap=MAP, norm=norm)
    lines = axes.contour(
        x, y, losses, levels=levels[1:-1], colors="white", linewidths=0.7, alpha=0.75
    )
    axes.clabel(lines, [*levels[1:-1:3]], fontsize=SMALL - 1, fmt=lambda v: f"{v:.3g}")
    bar = figure.colorbar(
        filled, cax=figure.add_axes((0.735, 0.14, 0.022, 0.7778)), ticks=levels[::2]
    )
    bar.ax.set_yticks(levels[::2], [f"{v:.4g}" for v in levels[::2]])
    bar.ax.minorticks_off()
    bar.ax.tick_params(colors=INK, labelsize=SMALL, color=FAINT)
    bar.outline.set_visible(False)
    bar.set_label("loss" + " (logarithmic)" * log, color=INK, fontsize=BODY)
    if x[0] <= 0 <= x[-1] and y[0] <= 0 <= y[-1]:
        axes.plot([0], [0], **_star())
        axes.annotate(
            f"the network: {found.centre:.4g}", (0, 0), xytext=(0, 11),
            textcoords="offset points", ha="center", **on_white(),
        )  # fmt: skip
    return figure
