"""`pullback report`: one page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option
from pullback.errors import unknown
from pullback.writing import counted

EXAMPLES = (
    "report runs/penguins-1",
    "report runs/penguins-1 --landscape --output penguins.html",
)
ENDINGS = (".html", ".htm")


@click.command("report", cls=Command, examples=EXAMPLES)
@click.argument("run", metavar="RUN")
@option("--output", "-o", "file", metavar="FILE", help="The page.  [the run's name, .html]")
@option("--landscape", is_flag=True, help="Compute curvature and loss around the final weights.")
@option("--force", is_flag=True, help="Replace a file that exists.")
@as_json
def command(run: str, file: str | None, landscape: bool, force: bool, as_json: bool) -> None:
    """Write one HTML page about RUN: what was trained, how it went, how to reproduce it.

    The page needs nothing beside it, neither files nor the network. Its figures are drawn by
    matplotlib: pip install 'pullback[plot]'. The run is only read.
    """
    from pullback.cli import places
    from pullback.insight.figures.style import require

    places.check_there(run)
    require()
    target = file or f"{Path(run).resolve().name}.html"
    if not target.lower().endswith(ENDINGS):
        raise unknown("ending of a report", target, ENDINGS)
    places.check_free(target, force)
    from pullback.insight.report import written

    made = written(run, target, landscape=landscape, progress="none" if as_json else "auto")
    output.warn(made.problems)
    if as_json:
        plain: dict[str, Any] = {
            "run": run,
            "written": str(made.path),
            "bytes": made.size,
            "figures": made.figures,
            "landscape": landscape,
            "problems": list(made.problems),
        }
        output.emit("report", plain)
        return
    size = counted(made.figures, "figure")
    output.show(f"report written to {made.path} ({size}, {made.size / 1024:,.0f} KiB)")
