"""What float64 costs: workload 4 in float64 beside float32.

Run as `python -m benchmarks doubles`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks import report
from benchmarks.contenders import Contender, ours
from benchmarks.rows import Row, measured, quartiles, ratios
from benchmarks.speed import Terms, measure, only_ours
from benchmarks.workloads import WORKLOADS

ASKED = 0.4  # of float32's speed
DTYPES = ("float32", "float64")


def contenders(executor: str = "native") -> list[Contender]:
    """Pullback's whole loop, in each of the two."""
    loop = next(c for c in ours((executor,)) if c.whole)
    return [
        replace(loop, label=f"{loop.label}, {dtype}", settings={**loop.settings, "dtype": dtype})
        for dtype in DTYPES
    ]


def run(terms: Terms, pythons: Mapping[str, str]) -> Row:
    """Measure and print."""
    say = report.Progress()
    (row,) = measure(WORKLOADS[3:4], contenders(), only_ours(pythons), terms, say)
    say.clear()
    print("\n".join(lines(row)), flush=True)
    return row


def lines(row: Row) -> list[str]:
    """Both, and the ratio of their speeds."""
    shown = report.lines_of(row)
    if not row["void"] and len(measured(row)) == len(DTYPES):
        found = quartiles(ratios(*row["contenders"]))[1]
        speed = f"float64 has {report.times(found)} the speed of float32, {ASKED:g}x asked"
        shown.append(report.verdict(speed, found >= ASKED))
    return shown
