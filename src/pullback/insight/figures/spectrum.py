"""The largest eigenvalues of a Hessian, beside the bound of gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pullback.insight.curvature import Curvature
from pullback.insight.figures.style import (
    FAINT,
    INK,
    SERIES,
    SMALL,
    name_axes,
    sheet,
    title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curvature_figure(found: Curvature) -> Figure:
    """An eigenvalue a bar, with how far off it may be; the lowest one last."""
    names = [*(f"{i + 1}" for i in range(len(found.eigenvalues))), "lowest"]
    values = np.append(found.eigenvalues, found.lowest)
    figure, (axes,) = sheet([0.9 + 0.34 * len(names)])
    title(axes, "Eigenvalues of the Hessian: how sharply the loss bends")
    name_axes(axes, "eigenvalue (curvature of the loss along its eigenvector)", "")
    places = np.arange(len(names))
    colours = [SERIES[0] if value >= 0 else SERIES[1] for value in values]
    axes.barh(places, values, height=0.6, color=colours)
    axes.errorbar(
        found.eigenvalues, places[:-1], xerr=found.errors, fmt="none", ecolor=INK,
        elinewidth=1.2, capsize=3,
    )  # fmt: skip
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.axvline(0, color=FAINT, linewidth=0.8)
    for place, value in zip(places, values, strict=True):
        off = found.errors[place] if place < len(found.errors) else 0.0
        axes.annotate(
            f"{value:.4g}", (max(value, 0.0) + off, place), xytext=(5, 0),
            textcoords="offset points", va="center", color=INK, fontsize=SMALL,
            annotation_clip=False,
        )  # fmt: skip
    axes.margins(x=0.12)
    rate = found.learning_rate
    if rate is None or rate <= 0:
        return figure
    near = 2 / rate <= 4 * max(found.sharpness, 1e-30)
    if near:
        axes.axvline(2 / rate, color=SERIES[1], linewidth=1.2, linestyle=(0, (4, 3)))
    low, high = axes.get_xlim()
    left = near and 2 / rate - low < (high - low) / 2  # its words go where there is room
    said = f"2 / learning rate {rate:g} = {2 / rate:.4g}: beyond, gradient descent overshoots"
    axes.annotate(
        said if near else f"{said} (off to the right)", (2 / rate if near else 1, 0),
        xycoords=("data" if near else "axes fraction", "axes fraction"),
        xytext=(4 if left else -4, 4), textcoords="offset points", ha="left" if left else "right",
        color=INK, fontsize=SMALL,
    )  # fmt: skip
    return figure
