"""What was measured of one workload, and what follows from it: medians, ratios, agreement.

A row is plain data, as it is written to the JSON file: tables and pages are made of that alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import OURS

Row = dict[str, Any]
Entry = dict[str, Any]

TOLERANCE = 1e-4
STEPS = 20  # after which the losses must agree


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The first quartile, the median and the third, by linear interpolation."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def median(entry: Entry) -> float:
    """The median of a contender's microseconds a step."""
    return quartiles(entry["us"])[1]


def measured(row: Row) -> list[Entry]:
    """The contenders that were measured."""
    return [entry for entry in row["contenders"] if entry["us"]]


def best(entries: Iterable[Entry]) -> Entry | None:
    """The fastest of them; None where there is none."""
    return min(entries, key=median, default=None)


def of_library(row: Row, library: str, whole: bool | None = None) -> list[Entry]:
    """The contenders of one library that were measured, if asked only those that loop or not."""
    found = [entry for entry in measured(row) if entry["library"] == library]
    return found if whole is None else [entry for entry in found if entry["whole"] == whole]


def ratios(peer: Entry, ours: Entry) -> list[float]:
    """How many times as long the peer took, in each round: both had the same minute."""
    return [a / b for a, b in zip(peer["us"], ours["us"], strict=False)]


def reason_void(row: Row) -> str:
    """Why the row does not count; empty where it does.

    All candidates must have trained the same network: their losses after `STEPS` steps agree.
    """
    after = {entry["label"]: entry["losses"][STEPS] for entry in row["contenders"] if entry["us"]}
    if not after:
        return "nothing could be measured"
    middle = statistics.median(after.values())
    off = {label: abs(loss - middle) for label, loss in after.items()}
    off = {label: d if math.isfinite(d) else math.inf for label, d in off.items()}
    spread = max(after.values()) - min(after.values())
    if all(map(math.isfinite, off.values())) and spread <= TOLERANCE * max(1.0, abs(middle)):
        return ""
    worst = max(off, key=lambda label: off[label])
    return (
        f"losses after {STEPS} steps differ: {after[worst]:.6g} in {worst}, "
        f"{middle:.6g} in the middle"
    )


def headline(row: Row) -> Entry | None:
    """What the peers are compared with: Pullback's fastest whole loop."""
    return best(of_library(row, OURS, whole=True))


@dataclass(frozen=True)
class Verdict:
    """Whether Pullback is as much faster than the best of a library as is asked."""

    library: str
    asked: float
    found: float

    @property
    def holds(self) -> bool:
        return self.found >= self.asked


def verdicts(row: Row) -> list[Verdict]:
    """One for each library that was measured and that the workload asks about."""
    ours = headline(row)
    if row["void"] or ours is None:
        return []
    found = []
    for library, asked in row["asked"].items():
        peer = best(of_library(row, library))
        if peer is not None:
            found.append(Verdict(library, asked, quartiles(ratios(peer, ours))[1]))
    return found
