"""What looking at a training costs: `fit` with probes, beside `fit` without any.

And one step recorded with everything in it, beside a plain step that is called by itself.

Run as `python -m benchmarks probes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks import report
from benchmarks.contenders import Contender, ours
from benchmarks.rows import Entry, Row, measured, quartiles, ratios
from benchmarks.speed import Terms, measure, only_ours
from benchmarks.workloads import WORKLOADS

WHICH = (1, 3, 4, 6)
# Outputs, cotangents, parameters and gradients: what the limits are asked of.
ALL = ["*.output", "*.cotangent", "*.weight", "*.bias", "*.gradient"]
NONE: dict[str, Any] = {"patterns": []}

LOOKS: dict[str, tuple[Any, float | None]] = {
    "by default": (None, 1.01),
    "every step": ({"patterns": ALL, "every": 1}, 1.05),
    "and updates": ({"patterns": ["*"], "every": 1}, None),
    "and norms of samples": ({"patterns": ALL, "every": 1, "samples": True}, 1.20),
    "with histograms": ({"patterns": ALL, "every": 1, "histograms": True}, 1.25),
    "with histograms, every 10th": ({"patterns": ALL, "every": 10, "histograms": True}, 1.10),
}
"""What is looked at, and how long a step may take at most, where a limit is asked: that of a step
that is not looked at is 1. Workload 1 is asked of the default alone."""

RECORDED = 2.0  # how long a step may take at most that is recorded, where a plain step is 1


def contenders(executor: str = "native") -> list[Contender]:
    """The whole loop without probes, then with each kind; a step by itself, and recorded."""
    loop, step = (next(c for c in ours((executor,)) if c.whole is whole) for whole in (True, False))
    kinds = {"no probes": NONE, **{name: probes for name, (probes, _) in LOOKS.items()}}
    recorded = {**step.settings, "kind": "trace"}
    return [
        *(
            replace(loop, label=f"Pullback, {name}", settings={**loop.settings, "probes": probes})
            for name, probes in kinds.items()
        ),
        replace(step, label="Pullback, a step by itself"),
        replace(step, label="Pullback, a step recorded", settings=recorded),
    ]


def run(terms: Terms, pythons: Mapping[str, str]) -> list[Row]:
    """Measure and print."""
    say = report.Progress()
    workloads = [w for w in WORKLOADS if w.number in WHICH]
    rows = measure(workloads, contenders(), only_ours(pythons), terms, say)
    say.clear()
    print("\n".join(lines(rows)), flush=True)
    return rows


def lines(rows: list[Row]) -> list[str]:
    """Every kind on every workload, and the times that of a plain step."""
    shown = []
    for row in rows:
        shown += report.lines_of(row)
        if row["void"] or len(measured(row)) < 3 + len(LOOKS):
            continue
        plain, *looking, step, recorded = row["contenders"]
        number = row["number"]
        for entry, (name, (_, most)) in zip(looking, LOOKS.items(), strict=True):
            asked = None if number == 1 and name != "by default" else most
            shown.append(_line(f"{number}: {name} takes", entry, plain, "plain step", asked))
        what = f"{number}: one step with everything recorded takes"
        asked = None if number == 1 else RECORDED
        shown.append(_line(what, recorded, step, "plain step by itself", asked))
        shown.append(_line(what, recorded, plain, "step of fit", None))
    return shown


def _line(what: str, entry: Entry, plain: Entry, of: str, most: float | None) -> str:
    """How many times as long as a plain step; with a verdict, if a limit is asked."""
    found = quartiles(ratios(entry, plain))[1]
    text = f"{what} {report.times(found)} a {of}"
    if most is None:
        return f"  {text}"
    return report.verdict(f"{text}, {most:g}x asked", found <= most)
