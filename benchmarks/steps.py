"""The table of steps: a block of lines for each workload as soon as it is there, then a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import report
from benchmarks.contenders import Contender
from benchmarks.rows import Row
from benchmarks.speed import Terms, measure
from benchmarks.workloads import Workload


def run(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    terms: Terms,
    pythons: Mapping[str, str],
) -> list[Row]:
    """Measure and print."""
    say = report.Progress()

    def done(row: Row) -> None:
        say.clear()
        print("\n".join(report.lines_of(row)), flush=True)

    rows = measure(workloads, contenders, pythons, terms, say, done)
    print("\n".join(["", *report.summary(rows)]), flush=True)
    return rows
