"""The measurements as text of at most 100 columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from benchmarks.contenders import OURS
from benchmarks.machine import BUSY
from benchmarks.rows import (
    Entry,
    Row,
    best,
    headline,
    measured,
    median,
    of_library,
    quartiles,
    ratios,
    verdicts,
)

NAMES = {OURS: "Pullback", "torch": "PyTorch", "jax": "JAX"}


class Progress:
    """One line that says what is being done, on a terminal; a line for each thing elsewhere."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream

    def __call__(self, text: str) -> None:
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[2K{text[:99]}")
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()

    def clear(self) -> None:
        """Make room for other lines."""
        if self.stream.isatty():
            self.stream.write("\r\x1b[2K")
            self.stream.flush()


def number(value: float) -> str:
    """Three digits that count, without an exponent.

    Example: 3.214 is `3.21`, 62244.1 is `62,200`.
    """
    if value >= 100:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:#.3g}".rstrip(".")


def times(value: float) -> str:
    """A ratio."""
    return f"{number(value)}x"


def lines_of(row: Row) -> list[str]:
    """One workload: a line for each candidate, the fastest first."""
    ours = headline(row)
    lines = [f"{row['number']}  {row['title']}"]
    for entry in sorted(measured(row), key=median):
        low, middle, high = quartiles(entry["us"])
        ratio = ""
        if ours is not None and entry is not ours and not row["void"]:
            ratio = times(quartiles(ratios(entry, ours))[1])
        lines.append(
            f"   {entry['label']:<36}{number(middle):>9} us"
            f"{'quartiles':>13} {number(low):>8} to {number(high):>8}{ratio:>10}"
        )
    for entry in row["contenders"]:
        if entry["error"]:
            lines.append(f"   {entry['label']:<36} failed: {entry['error']}"[:100])
    if row["others"] > BUSY:
        lines.append(f"   not alone: other processes took {row['others']:.1f} cores")
    if row["void"]:
        lines.append(f"   VOID: {row['void']}"[:100])
    return lines


COLUMNS = (
    *("eager", "PyTorch", "JAX step", "JAX scan", "sklearn"),
    *("fit", "step", "/ PyTorch", "/ JAX"),
)


def cells(row: Row) -> list[str]:
    """One workload in the summary: microseconds a step, then the ratios."""
    if row["void"]:
        return ["void"] * len(COLUMNS)

    def shown(entry: Entry | None) -> str:
        return "-" if entry is None else number(median(entry))

    torch = of_library(row, "torch")
    eager = best(e for e in torch if e["label"] == "PyTorch eager")
    jax = [best(of_library(row, "jax", whole)) for whole in (False, True)]
    ours = headline(row)
    times_us = [eager, best(torch), *jax, best(of_library(row, "scikit-learn")), ours]
    times_us.append(best(of_library(row, OURS, whole=False)))
    compared = []
    for peer in (best(torch), best(of_library(row, "jax"))):
        known = peer is not None and ours is not None
        compared.append(times(quartiles(ratios(peer, ours))[1]) if known else "-")
    return [*map(shown, times_us), *compared]


def spread(row: Row) -> str:
    """The largest interquartile range of the row, relative to its median."""
    found = [quartiles(entry["us"]) for entry in measured(row)]
    return f"{max((high - low) / middle for low, middle, high in found):.0%}" if found else "-"


def summary(rows: Sequence[Row]) -> list[str]:
    """All workloads, a line each."""
    head = f"{'':<4}" + "".join(f"{c:>10}" for c in COLUMNS) + f"{'':>1}{'iqr':>5}"
    lines = [
        "Microseconds a step: PyTorch (eager, and its best), JAX, scikit-learn, Pullback (fit, and",
        "a step called); then how many times as long as fit the best of PyTorch and of JAX takes.",
        head,
    ]
    for row in rows:
        shown = "".join(f"{cell:>10}" for cell in cells(row))
        lines.append(f"{row['number']:<4}{shown} {spread(row):>5}")
    return [*lines, *asked(rows)]


def verdict(what: str, holds: bool) -> str:
    """What is asked, and whether it holds."""
    return f"{what}: {'holds' if holds else 'MISSED'}"


def asked(rows: Sequence[Row]) -> list[str]:
    """For each workload, whether fit is as much faster as is asked; a line each."""
    lines = []
    for row in rows:
        each = [
            verdict(f"{NAMES[v.library]} {times(v.found)} of {v.asked:g}x", v.holds)
            for v in verdicts(row)
        ]
        if each:
            lines.append(f"{row['number']:<4}" + "".join(f"{one:<34}" for one in each).rstrip())
    return ["", "Asked of fit, beside the best of each library:", *lines] if lines else []


def about(machine: dict[str, Any]) -> list[str]:
    """The machine, in two or three lines."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}, {machine['os']}"]
    for word in versions.split(", "):
        if len(lines) == 1 or len(lines[-1]) + len(word) > 96:
            lines.append(word)
        else:
            lines[-1] += f", {word}"
    return lines
