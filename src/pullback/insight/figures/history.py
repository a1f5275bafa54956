"""How a training went, as it is drawn: loss, metrics and learning rate over the epochs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.errors import PullbackError
from pullback.graph.dtypes import Array
from pullback.insight.figures.style import (
    FAINT,
    INK,
    SERIES,
    SMALL,
    label_ends,
    limits_of,
    name_axes,
    note,
    sheet,
    title,
    wide_range,
)
from pullback.metrics import get as metric_named
from pullback.runs.recorded import Columns
from pullback.runs.store import RunStore
from pullback.train.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"train": "training", "validation": "validation", "test": "test"}
COLOURS = dict(zip(PARTS, SERIES, strict=False))
MOST_PANELS = 4
BINS = 400
"""Into so many pieces the steps of a long training are cut; each shows its range and its mean."""


@dataclass(frozen=True)
class History:
    """The numbers of a training.

    Attributes:
        name: Of the run.
        steps: By step: `step`, `loss`, `learning_rate`.
        epochs: By measurement: `epoch`, `step`, and one column for each part and metric.
        best: The step of the epoch that was the best so far, where the run knows it.
        failed: The step in which NaN or inf arose.
    """

    name: str
    steps: Mapping[str, Array]
    epochs: Mapping[str, Array]
    best: int | None = None
    failed: int | None = None

    @property
    def per_epoch(self) -> float | None:
        """Steps of an epoch; None where they differ, or where there are no two epochs."""
        epoch, step = self.epochs["epoch"], self.epochs["step"]
        if len(epoch) < 2 or (epoch <= 0).any():
            return None
        each = step / epoch
        return float(each[0]) if np.allclose(each, each[0], rtol=1e-3) else None

    @property
    def names(self) -> list[str]:
        """The columns of the epochs that are measured values, such as `validation.loss`."""
        return [name for name in self.epochs if name not in ("epoch", "step")]


def history_of(run: Run | str | os.PathLike[str]) -> History:
    """The numbers of a run: those of its folder, or of this session where it was not saved.

    Raises:
        FileFormatError: There is no run, or its telemetry is damaged.
    """
    if isinstance(run, Run) and run.path is None:
        names = sorted({key for e in run.epochs for key in e.values if "." in key})
        epochs = {
            "epoch": np.array([e.epoch for e in run.epochs], np.int64),
            "step": np.array([e.step for e in run.epochs], np.int64),
            **{name: run.history(name) for name in names},
        }
        failed = run.step + 1 if run.ending == "failed" else None
        return History("this run", run.steps.columns(), epochs, run.best_step, failed)
    with RunStore.open(run.path if isinstance(run, Run) else run) as store:  # type: ignore[arg-type]
        telemetry = store.telemetry
        return stored_history(store, telemetry.history(), telemetry.metrics())


def stored_history(store: RunStore, steps: Columns, epochs: Columns) -> History:
    """The numbers of a run's folder, from the columns of its telemetry."""
    status = store.status
    failed = status.step + 1 if status.state == "failed" else None
    return History(store.name, steps, epochs, store.best_step, failed)


def history_figure(history: History) -> Figure:
    """The loss of each step and epoch, the metrics, and the learning rate, below each other."""
    groups = _groups(history)
    figure, panels = sheet([2.5, *[1.9] * len(groups), 1.2])
    _loss(panels[0], history)
    for axes, (unit, names) in zip(panels[1:], groups.items(), strict=False):
        _metrics(axes, history, unit, names)
    rates = history.steps["learning_rate"]
    x = _x(history, history.steps["step"])
    if len(x):
        panels[-1].plot(x, rates, color=INK, linewidth=1.2, marker="o" if len(x) <= 40 else "",
                        markersize=2.6)  # fmt: skip
        log = wide_range(rates, 1e4) and float(np.median(rates)) < 0.02 * float(rates.max())
        panels[-1].set_yscale("log" if log else "linear")
        low, high = limits_of(rates, log=log)
        panels[-1].set_ylim(low if log else min(0.0, low), high)
    each = history.per_epoch
    said = "step" if each is None else f"epoch (of {each:,.4g} step{'s' * (each != 1)} each)"
    name_axes(panels[-1], said, "learning rate")
    limits = _horizontal(history)
    for axes in panels:
        axes.set_xlim(*limits)
        axes.locator_params(axis="x", integer=True)
        _marks(axes, history)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    figure.align_ylabels(panels)
    return figure


def _x(history: History, steps: Array) -> Array:
    """Steps as the horizontal axis has them."""
    return steps / (history.per_epoch or 1.0)


def _horizontal(history: History) -> tuple[float, float]:
    known = [history.steps["step"], history.epochs["step"], np.array([history.failed or 0])]
    last = max(int(a.max(initial=0)) for a in known) or 1
    end = float(_x(history, np.array([last]))[0])
    return 0.0, end * 1.01


def _loss(axes: Axes, history: History) -> None:
    """The loss: faint for steps, full for epochs."""
    step, loss = history.steps["step"], history.steps["loss"]
    shown = {k: v for k, v in history.epochs.items() if k.endswith(".loss")}
    values = np.concatenate([loss, *shown.values()])
    log = wide_range(values)
    axes.set_yscale("log" if log else "linear")
    title(axes, f"How {history.name} was trained")
    name_axes(axes, "", "loss" + " (logarithmic)" * log)
    if not np.isfinite(values).any():
        note(axes, "no loss was recorded" if not len(values) else "no loss was finite")
        return
    if len(step) <= 2 * BINS:
        axes.plot(
            _x(history, step), loss, color=COLOURS["train"], alpha=0.35, linewidth=0.8,
            marker="o" if len(step) <= 40 else "", markersize=2.6,
        )  # fmt: skip
    else:
        x, low, high = _binned(_x(history, step), loss)
        axes.fill_between(x, low, high, color=COLOURS["train"], alpha=0.22, linewidth=0)
    ends = _lines(axes, history, shown)
    if "train.loss" not in shown and len(loss):
        ends.append(("each step", float(loss[-1]), COLOURS["train"]))
    label_ends(axes, [e for e in ends if math.isfinite(e[1])], limits_of(values, log=log), 2.1)


def _binned(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """The place, the smallest and the largest finite value of each piece of a long series."""
    pieces = [p for p in np.array_split(np.arange(len(x)), BINS) if np.isfinite(y[p]).any()]
    low = np.array([np.nanmin(np.where(np.isfinite(y[p]), y[p], np.nan)) for p in pieces])
    high = np.array([np.nanmax(np.where(np.isfinite(y[p]), y[p], np.nan)) for p in pieces])
    return np.array([x[p].mean() for p in pieces]), low, high


def _lines(axes: Axes, history: History, shown: Mapping[str, Array]) -> list[Any]:
    """A line a column; what stands at their ends."""
    x = _x(history, history.epochs["step"])
    parts = {name.partition(".")[0] for name in shown}
    several = len(shown) > len(parts)
    ends = []
    for place, (name, values) in enumerate(shown.items()):
        known = np.isfinite(values)
        if not known.any():
            continue
        part, _, metric = name.partition(".")
        colour = SERIES[place % len(SERIES)] if several else COLOURS.get(part, SERIES[3])
        few = known.sum() <= 40
        axes.plot(
            x[known], values[known], color=colour, linewidth=1.6,
            marker="o" if few else "", markersize=2.6,
        )  # fmt: skip
        words = metric.replace("_", " ")
        label = PARTS.get(part, part) if not several else words
        if several and len(parts) > 1:
            label = f"{words}, {PARTS.get(part, part)}"
        ends.append((label, float(values[known][-1]), colour))
    return ends


def _groups(history: History) -> dict[str, list[str]]:
    """The metrics by panel: shares from 0 to 1 together, each other metric for itself."""
    groups: dict[str, list[str]] = {}
    for name in history.names:
        metric = name.rpartition(".")[2]
        if metric == "loss":
            continue
        try:
            bounds = metric_named(metric).bounds
        except (PullbackError, TypeError, ValueError):  # one of the user's own
            bounds = (-math.inf, math.inf)
        groups.setdefault("" if bounds == (0.0, 1.0) else metric, []).append(name)
    return dict(list(groups.items())[:MOST_PANELS])


def _metrics(axes: Axes, history: History, unit: str, names: list[str]) -> None:
    """Some metrics on one axis."""
    shown = {name: history.epochs[name] for name in names}
    values = np.concatenate([*shown.values()])
    log = bool(unit) and wide_range(values)
    axes.set_yscale("log" if log else "linear")
    parts = {PARTS.get(n.partition(".")[0], n.partition(".")[0]) for n in names}
    what = {n.partition(".")[2].replace("_", " ") for n in names}
    said = what.pop() if len(what) == 1 else f"{parts.pop()} metrics" if len(parts) == 1 else ""
    name_axes(axes, "", said or "metrics")
    ends = _lines(axes, history, shown)
    if not ends:
        note(axes, "no value was finite")
        return
    low, high = limits_of(values, log=log)
    label_ends(axes, ends, (low, high if unit else min(high, 1.02)), 1.5)


def _marks(axes: Axes, history: History) -> None:
    """Where the best epoch ended, and where NaN or inf arose."""
    for step, said, colour in (
        (history.best, "best epoch", FAINT),
        (history.failed, "NaN or inf", SERIES[1]),
    ):
        if step is None:
            continue
        x = float(_x(history, np.array([step]))[0])
        axes.axvline(x, color=colour, linewidth=1.0, linestyle=(0, (4, 3)))
        if axes.get_title(loc="left"):
            left = x > axes.get_xlim()[1] / 2
            where = f" {x:,.4g}" if history.per_epoch and said == "best epoch" else ""
            axes.annotate(
                f"{said}{where}", (x, 1), xycoords=("data", "axes fraction"),
                xytext=(-4 if left else 4, -2), textcoords="offset points", va="top",
                ha="right" if left else "left", color=INK, fontsize=SMALL,
            )  # fmt: skip
