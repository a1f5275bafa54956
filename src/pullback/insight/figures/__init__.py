"""Figures of runs, landscapes, curvature and of plain arrays, drawn by matplotlib.

matplotlib is an extra, and imported when the first figure is drawn. Figures are built without
pyplot, so they need no display, and change neither its state nor its settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pullback.errors import ConfigError
from pullback.insight.curvature import Curvature
from pullback.insight.figures.grids import histograms, layers_by_steps
from pullback.insight.figures.history import history_figure, history_of
from pullback.insight.figures.probes import quantity_figure, reading_figure, readings_figure
from pullback.insight.figures.spectrum import curvature_figure
from pullback.insight.figures.terrain import landscape_figure
from pullback.insight.landscape import Landscape
from pullback.train.readings import Reading, Readings
from pullback.train.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure", "histograms", "layers_by_steps"]


Drawn = Run | str | os.PathLike[str] | Landscape | Curvature | Readings | Reading


def figure(of: Drawn, *, quantity: str | None = None, pattern: str | None = None) -> Figure:
    """The picture of a result; `figure.savefig("loss.svg")` writes it.

    Of a run: its loss, metrics and learning rate over the epochs. Of a landscape: a curve, or a map
    with lines of equal loss. Of a curvature: the eigenvalues. Of what probes saw, `run.probes`: one
    quantity of many places, by step; of one place, `run.probe("0.output")`, how large its numbers
    were, or their mean, or the quantity that is asked for.

    Args:
        of: A run or its folder, what `pb.landscape` or `pb.curvature` found, or what probes saw.
        quantity: Of what probes saw: mean, deviation, norm, low, high, zeros, saturated, or
            update_ratio, the norm of a parameter's update over its own. None takes the norm of
            many places.
        pattern: Of the places that are shown, such as "*.gradient"; None takes parameters for
            update_ratio, outputs for zeros and saturated, and else gradients.

    Returns:
        A `matplotlib.figure.Figure`, made without pyplot.

    Raises:
        ConfigError: matplotlib is not installed, there is no picture of such a thing, or it has no
            quantities or places to choose from.
        FileFormatError: The folder holds no run, or its telemetry is damaged.
        UnknownNameError: There is no such quantity, or the pattern matches no place.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1, bias=False).initialise(seed=0)
        >>> seen = pb.landscape(network, ([[1.0]], [[0.0]]), loss="mse", along="random")
        >>> pb.figure(seen).savefig("landscape.png")
    """
    if isinstance(of, Readings):
        return readings_figure(of, quantity or "norm", pattern)
    _refuse(of, {"pattern": pattern} | ({} if isinstance(of, Reading) else {"quantity": quantity}))
    if isinstance(of, Landscape):
        return landscape_figure(of)
    if isinstance(of, Curvature):
        return curvature_figure(of)
    if isinstance(of, Reading):
        return reading_figure(of) if quantity is None else quantity_figure(of, quantity)
    if isinstance(of, (Run, str, os.PathLike)):
        return history_figure(history_of(of))
    raise ConfigError(
        "there are figures of runs, landscapes, curvatures and of what probes saw",
        _kind(of),
        "Pass a run or its folder; of plain arrays see pullback.insight.figures.",
    )


def _refuse(of: Any, given: Mapping[str, str | None]) -> None:
    """Refuse what can be chosen of readings alone."""
    wrong = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    if wrong:
        raise ConfigError(
            "a quantity and a pattern of places are chosen of what probes saw, run.probes",
            f"{' and '.join(wrong)} for a {_kind(of)}",
            'Write pb.figure(run.probes, quantity="mean", pattern="*.output").',
        )


def _kind(of: Any) -> str:
    return type(of).__name__
