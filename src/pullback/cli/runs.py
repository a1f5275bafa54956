"""`pullback runs`: all runs in a folder."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from pullback.cli import output
from pullback.writing import score

if TYPE_CHECKING:
    from pullback.runs import RunSummary


@click.command("runs")
@click.argument("folder", default="runs", type=click.Path(), required=False)
@click.option("--runs", "alternative", type=click.Path(), help="The folder; as the argument.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(folder: str, alternative: str | None, as_json: bool) -> None:
    """List the runs in FOLDER (runs): what each predicts, how it ended, how good it is."""
    from pullback.runs import list_runs

    root = alternative or folder
    found = list_runs(root)
    if as_json:
        output.emit("runs", {"folder": root, "runs": [dataclasses.asdict(run) for run in found]})
        return
    if not found:
        output.show(f"No runs in {root}.", "Train a network: pullback train FILE --target COLUMN")
        return
    rows = [
        (
            run.name,
            run.status,
            run.target or "-",
            _score(run),
            f"{run.steps:,}",
            run.created.replace("T", " ")[:16],
        )
        for run in found
    ]
    headers = ["run", "status", "target", "score", "steps", "created (UTC)"]
    table = output.table(headers, rows, right=[4], keep=[0, 1, 5], dim=[5])
    stopped = [run for run in found if run.status == "interrupted"]
    notes = (
        [f"Go on with an interrupted run: pullback resume {stopped[-1].path}"] if stopped else []
    )
    damaged = [f"{run.name}: {run.reason}" for run in found if run.status in ("damaged", "failed")]
    output.show(table, *([""] if notes or damaged else []), *damaged, *notes)


def _score(run: RunSummary) -> str:
    if run.best is None:
        return "-"
    part, _, name = run.metric.partition(".")
    return f"{score(run.best)} {part} {name.replace('_', ' ')}"
