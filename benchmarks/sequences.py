"""Language models: an LSTM and a causal transformer, beside PyTorch.

Run as `python -m benchmarks sequences`.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import report, steps
from benchmarks.contenders import PEERS, ours
from benchmarks.rows import Row
from benchmarks.speed import Terms
from benchmarks.workloads import SEQUENCES


def run(terms: Terms, pythons: Mapping[str, str]) -> list[Row]:
    """Measure and print."""
    return steps.run(SEQUENCES, (*ours(("native",)), *PEERS), terms, pythons)


def lines(rows: list[Row]) -> list[str]:
    """Every candidate, and whether what is asked holds."""
    each = [line for row in rows for line in report.lines_of(row)]
    return [*each, *report.asked(rows)]
