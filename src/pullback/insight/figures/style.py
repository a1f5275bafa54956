"""How every figure looks: one sheet without global state, colours that all eyes tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#23272e"
"""Text and axes; a page in the dark replaces it."""
ON_WHITE = "#23272f"
"""Text on a white ground of its own, which stays as it is."""
FAINT = "#8b929c"
"""Grids, marks and what is in the background."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""The colours of Okabe and Ito, those that show on white and on black."""
MAP, SIGNED = "viridis", "PuOr"
WIDE = 7.2
"""The width of a figure in inches."""
SMALL, BODY = 8.5, 9.5
"""Sizes of type in points."""


def require() -> None:
    """Load matplotlib.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  # whether it is there
    except ImportError as error:
        raise ConfigError(
            "figures are drawn with matplotlib",
            "matplotlib is not installed",
            "Install it: pip install 'pullback[plot]'.",
        ) from error


def sheet(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A transparent figure with panels below each other; none of pyplot's state is touched.

    Args:
        heights: Of the panels, in inches.
    """
    require()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, sum(heights)), layout="constrained", facecolor="none")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=list(heights))
    panels = [figure.add_subplot(grid[i]) for i in range(len(heights))]
    for axes in panels:
        plain(axes)
    return figure, panels


def plain(axes: Axes) -> None:
    """Two axes without a frame, and a faint grid."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=SMALL, color=FAINT)
    axes.tick_params(axis="x", pad=6)
    axes.grid(True, color=FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def name_axes(axes: Axes, x: str = "", y: str = "") -> None:
    """What the axes measure, in plain text: a dollar sign is one."""
    axes.set_xlabel(x, color=INK, fontsize=BODY, parse_math=False)
    axes.set_ylabel(y, color=INK, fontsize=BODY, parse_math=False)


def title(axes: Axes, text: str) -> None:
    """What the panel shows, on the left above it."""
    axes.set_title(
        shorter(text, 90), loc="left", color=INK, fontsize=BODY + 1, fontweight="bold",
        parse_math=False,
    )  # fmt: skip


def note(axes: Axes, text: str) -> None:
    """Words in the middle of a panel that has nothing to show."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=INK,
        fontsize=BODY, parse_math=False,
    )  # fmt: skip


def label_ends(
    axes: Axes, ends: Sequence[tuple[str, float, str]], limits: tuple[float, float], inches: float
) -> None:
    """The name of each line beside its right end, moved apart where they would touch.

    Args:
        axes: Whose lines they are.
        ends: Of each line its name, the height at which it ends, and its colour.
        limits: The lowest and the highest value of the vertical axis, which is set to them.
        inches: How high the panel is, about.
    """
    axes.set_ylim(*limits)
    scale = np.log if axes.get_yscale() == "log" else np.asarray
    low, high = (float(scale(x)) for x in limits)
    heights = [(float(scale(y)) - low) / (high - low) for _, y, _ in ends]
    gap = 1.35 * SMALL / 72 / inches
    placed = apart(heights, min(gap, 1 / max(len(ends), 1)))
    for (name, _, colour), height in zip(ends, placed, strict=True):
        axes.annotate(
            shorter(name, 28), (1, height), xycoords="axes fraction", xytext=(6, 0),
            textcoords="offset points", color=colour, fontsize=SMALL, va="center",
            annotation_clip=False, parse_math=False,
        )  # fmt: skip


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights from 0 to 1, moved as little as need be so that `gap` lies between any two.

    Example:
        >>> [round(h, 2) for h in apart([0.5, 0.52, 0.9], 0.1)]
        [0.46, 0.56, 0.9]
        >>> [round(h, 2) for h in apart([1.0, 1.0], 0.1)]
        [0.9, 1.0]
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[tuple[float, list[int]]] = []  # the middle of each group, and who is in it
    for i in order:
        middle, members = heights[i], [i]
        while True:
            half = gap * (len(members) - 1) / 2
            middle = min(max(middle, half), 1 - half)
            if not groups or middle - half - gap >= groups[-1][0] + _half(groups[-1], gap) - 1e-12:
                break
            below, others = groups.pop()
            whole = len(others) + len(members)
            middle = (below * len(others) + middle * len(members)) / whole
            members = others + members
        groups.append((middle, members))
    placed = [0.0] * len(heights)
    for middle, members in groups:
        for place, i in enumerate(members):
            placed[i] = middle + gap * (place - (len(members) - 1) / 2)
    return placed


def _half(group: tuple[float, list[int]], gap: float) -> float:
    return gap * (len(group[1]) - 1) / 2


def on_white() -> dict[str, Any]:
    """Text that stands on what is drawn: on a light ground of its own."""
    ground = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "lw": 0}
    return {"color": ON_WHITE, "fontsize": SMALL, "bbox": ground}


def limits_of(values: Array, *, log: bool) -> tuple[float, float]:
    """The range of an axis that shows all finite values, with some room."""
    shown = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(shown):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(shown.min()), float(shown.max())
    if log:
        room = max((high / low) ** 0.06, 1.1)
        return low / room, high * room
    room = 0.06 * (high - low) or 0.05 * max(abs(high), 1e-12)
    return low - room, high + room


def wide_range(values: Array, factor: float = 100) -> bool:
    """Whether only a logarithmic axis shows both ends: all are positive and far apart."""
    shown = values[np.isfinite(values)]
    return bool(len(shown) and shown.min() > 0 and shown.max() > factor * shown.min())


def shorter(text: str, most: int) -> str:
    """A name in at most `most` characters, all of which can be drawn.

    Example:
        >>> shorter("a very long name", 9)
        'a very l…'
    """
    text = "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"
