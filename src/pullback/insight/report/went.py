"""How it went: the curves, the scores, the epochs, and where it broke if it did."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pullback.insight.figures.history import history_figure
from pullback.insight.markup import DASH, Html, code, element, folded, joined, section, table
from pullback.insight.report.picture import picture
from pullback.insight.report.subject import Told
from pullback.insight.report.trained import PART_WORDS
from pullback.writing import counted, score

EDGE = 8
"""Epochs that are shown at both ends, and 2 at each side of the best one."""
MOST_MATRIX = 12
MOST_EVENTS = 30


def went(told: Told) -> Html:
    """The section."""
    parts: list[object] = [*_ending(told)]
    drawn = len(told.history.steps["step"]) or len(told.history.epochs["epoch"])
    if drawn:
        words = "Loss, metrics and learning rate. Faint: the loss of single steps."
        parts.append(picture(history_figure(told.history), "history", words))
    parts += [*_scores(told), *_classes(told), *_epochs(told), *_events(told)]
    return section("How it went", *parts)


def _ending(told: Told) -> Iterator[Html]:
    reason = told.status.reason
    if reason:
        yield element("p", element("b", "Why it stopped: "), reason, ".")
    best = told.best()
    if best is None:
        return
    place, column, value = best
    epochs = told.history.epochs
    said = f"{epochs['epoch'][place]:,} (after step {epochs['step'][place]:,}), by {_label(column)}"
    kept = told.has_best_weights()
    more = ""
    if kept is not None:
        more = " The network has the weights of that epoch." if kept else (
            " The network has the weights of the last epoch."
        )  # fmt: skip
    yield element("p", element("b", "Best epoch: "), f"{said}: {score(value, DASH)}.{more}")


def failure(told: Told) -> Iterator[Html]:
    """Where NaN or inf arose, if they did."""
    if told.status.state != "failed":
        return
    step = told.status.step
    lines = [
        element("p", element("b", f"NaN or inf arose in step {step + 1:,}.")),
        element("p", f"{told.status.reason[:1].upper()}{told.status.reason[1:]}."),
        element("p", _advice(told)),
    ]
    if step > 0:
        lines += [
            element("p", "The step before it, with every value and every derivative:"),
            code(f"pullback replay {shlex.quote(str(told.store.path))} --step {step}"),
        ]
    yield Html(f'<div class="callout">{joined(lines)}</div>')


def _advice(told: Told) -> str:
    """What to do, as the run says; in general where it does not."""
    origin = told.status.summary.get("origin")
    advice = origin.get("advice") if isinstance(origin, Mapping) else None
    general = "Lower the learning rate, clip the gradient, or check the data there."
    return advice if isinstance(advice, str) and advice else general


def _label(name: str) -> str:
    part, _, metric = name.partition(".")
    return f"{PART_WORDS.get(part, part)} {metric.replace('_', ' ')}"


def _scores(told: Told) -> Iterator[Html]:
    scores = told.scores
    if not scores:
        return
    parts = [part for part in PART_WORDS if any(key.startswith(f"{part}.") for key in scores)]
    names = list(dict.fromkeys(key.partition(".")[2] for key in scores))
    cells = [
        (name.replace("_", " "), *(score(scores.get(f"{part}.{name}"), DASH) for part in parts))
        for name in names
    ]
    yield element("h3", "Scores of the final network")
    headers = ["", *(f"{PART_WORDS[part]} rows" for part in parts)]
    yield table(headers, cells, right=range(1, len(headers)))


def _classes(told: Told) -> Iterator[Html]:
    """How each class fares, on the rows that say most."""
    reports = told.status.summary.get("classes", {})
    chosen = [k for part in PART_WORDS for k in reports if k.partition(".")[0] == part]
    order = {"test": 0, "validation": 1, "train": 2}
    chosen.sort(key=lambda key: order.get(key.partition(".")[0], 3))
    first = chosen[0].partition(".")[0] if chosen else ""
    for key in (k for k in chosen if k.partition(".")[0] == first):
        report, output = reports[key], key.partition(".")[2]
        known = [row for row in report["rows"] if row["support"] is not None]
        if not known:
            continue
        of = f" of {output}" if output else ""
        yield element("h3", f"Classes{of}, on the {PART_WORDS[first]} rows")
        cells = [
            (row["name"], *(score(row[k], DASH) for k in ("precision", "recall", "f1")),
             _count(row["support"]))
            for row in report["rows"]
        ]  # fmt: skip
        headers = ["class", "precision", "recall", "F1", "rows"]
        yield table(headers, cells, right=range(1, 5))
        if len(cells) <= MOST_MATRIX:
            yield _matrix(report)


def _matrix(report: Mapping[str, Any]) -> Html:
    names = [row["name"] for row in report["rows"]]
    cells = [(name, *map(_count, row)) for name, row in zip(names, report["matrix"], strict=True)]
    caption = "How many rows of each class (down) were taken for which (across)"
    return table(["", *names], cells, right=range(1, len(names) + 1), caption=caption)


def _count(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _epochs(told: Told) -> Iterator[Html]:
    """The epochs, those in the middle of a long training left out, but for the best one."""
    epochs, names = told.history.epochs, told.history.names
    count = len(epochs["epoch"])
    if not count:
        yield element("p", "No epoch has ended.", cls="soft")
        return
    best = told.best()
    middle = None if best is None else best[0]
    headers = ["epoch", "step", *map(_label, names)]

    def row(i: int) -> Sequence[object]:
        return (
            f"{epochs['epoch'][i]:,}",
            f"{epochs['step'][i]:,}",
            *(score(float(epochs[name][i]), DASH) for name in names),
        )

    cells: list[Sequence[object]] = []
    marked, last = [], -1
    for i in _shown(count, middle):
        if i > last + 1:
            cells.append([f"{counted(i - last - 1, 'epoch')} left out"])
        if i == middle:
            marked.append(len(cells))
        cells.append(row(i))
        last = i
    yield element("h3", "Epochs")
    words = "The best one stands out." if marked else ""
    yield table(headers, cells, right=range(len(headers)), marked=marked, caption=words)


def _shown(count: int, best: int | None) -> list[int]:
    """Which epochs are listed.

    Example:
        >>> _shown(5, None), _shown(30, 15)[6:14]
        ([0, 1, 2, 3, 4], [6, 7, 13, 14, 15, 16, 17, 22])
    """
    near = set() if best is None else set(range(best - 2, best + 3))
    ends = set(range(EDGE)) | set(range(count - EDGE, count))
    if count <= 3 * EDGE:
        ends = set(range(count))
    return sorted(i for i in near | ends if 0 <= i < count)


def _events(told: Told) -> Iterator[Html]:
    events = told.events
    if not events:
        return
    cells = [
        (
            datetime.datetime.fromtimestamp(event.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"),
            f"{event.step:,}",
            event.kind,
            event.text,
        )
        for event in events[-MOST_EVENTS:]
    ]
    made = table(["when (UTC)", "step", "event", ""], cells, right=[1])
    yield folded(f"What befell the run: {counted(len(events), 'event')}", made)


def seconds(told: Told) -> float | None:
    """How long it was trained, as far as the telemetry says."""
    times = told.history.steps["time"]
    return float(np.nanmax(times)) if len(times) and np.isfinite(times).any() else None
