"""The figures of docs/benchmarks.md, written from a JSON file of measurements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import further, report
from benchmarks.machine import BUSY
from benchmarks.named import NAMED
from benchmarks.speed import Terms

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def unfit(found: dict[str, Any]) -> str:
    """Why figures are not to be published; empty where they are."""
    terms = found["terms"]
    if terms["quick"] or terms["rounds"] < Terms.rounds or terms["seconds"] < Terms.seconds:
        return f"they need {Terms.rounds} rounds of {Terms.seconds} s: measure without --quick"
    rows = [*found.get("speed", ()), *found.get("sequences", ())]
    rows += [found["doubles"]] if "doubles" in found else []
    others = max((row["others"] for row in rows), default=0.0)
    if others > BUSY:
        return f"other processes took {others:.1f} cores: measure when nothing else runs"
    return ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, all but the first two columns aligned to the right."""
    rule = ["---" if i < 2 else "---:" for i in range(len(head))]
    return [f"| {' | '.join(line)} |" for line in (head, rule, *rows)]


def figures(found: dict[str, Any]) -> list[str]:
    """The lines between the marks."""
    lines = [f"Measured on {found['when']}.", "", "```text", *report.about(found["machine"]), "```"]
    if found.get("speed"):
        rows = found["speed"]
        head = ["#", "workload", *report.COLUMNS, "spread"]
        cells = [[str(r["number"]), r["title"], *report.cells(r), report.spread(r)] for r in rows]
        lines += ["", *table(head, cells)]
        lines += ["", "Every candidate, the fastest first:", "", "```text"]
        lines += [line for row in rows for line in report.lines_of(row)]
        lines += [*report.asked(rows), "```"]
    for name, module in NAMED.items():
        if found.get(name):
            lines += ["", "```text", *module.lines(found[name]), "```"]
    if found.get("further"):
        lines += ["", "```text", *further.lines(found["further"]), "```"]
    return lines


def write(path: Path, source: Path) -> None:
    """Write the figures of `source` between the marks of the page.

    Raises:
        SystemExit: There are none, or they are not fit to be published.
    """
    if not source.exists():
        raise SystemExit(f"there is no {source}: run python -m benchmarks first")
    found = json.loads(source.read_text("utf-8"))
    reason = unfit(found)
    if reason:
        raise SystemExit(f"these figures are not fit to be published: {reason}")
    before, rest = path.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    text = "\n".join([f"{before}{BEGIN}", *figures(found), f"{END}{after}"])
    path.write_text(text, "utf-8")
