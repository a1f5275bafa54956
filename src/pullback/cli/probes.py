"""`pullback probes`: what was seen of a run while it trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json
from pullback.writing import counted

if TYPE_CHECKING:
    from pullback.train import Reading, Readings

EXAMPLES = (
    "probes runs/penguins-1",
    "probes runs/penguins-1 '*.gradient'",
    "probes runs/penguins-1 0.output --json",
)
BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 16
UNKNOWN = "?"
WIDEST_PLACE = 36


@click.command("probes", cls=Command, examples=EXAMPLES)
@click.argument("run", metavar="RUN")
@click.argument("pattern", metavar="[PATTERN]", default="*")
@as_json
def command(run: str, pattern: str, as_json: bool) -> None:
    """Show what probes saw while a run trained: of each place its numbers at the last look.

    Places are a layer's output (0.output), its cotangent (0.output.cotangent), a parameter
    (0.weight), its gradient and its update; PATTERN chooses some, such as '*.gradient'. Every run
    is looked at now and then; 'pullback train --probe PATTERN' looks in every step.
    """
    from pullback.cli import places
    from pullback.train import Readings

    places.check_there(run)
    if not Path(run).is_dir():
        from pullback.errors import FileFormatError

        raise FileFormatError(
            f"{run} must be the folder of a run", "a file", "Name the folder, such as runs/NAME-1."
        )
    readings = Readings.of(run)
    if not readings:
        output.emit("probes", {"run": run, "places": []}) if as_json else output.show(
            f"Nothing was looked at in {run}.", "Train with: pullback train ... --probe '*'"
        )
        return
    found = readings.matching(pattern)
    if as_json:
        output.emit("probes", {"run": run, "places": [_plain(r) for r in found.values()]})
        return
    output.show(*_table(readings, found))


def _table(readings: Readings, found: dict[str, Reading]) -> list[Any]:
    steps = sorted({int(step) for reading in found.values() for step in reading.step})
    looks = counted(len(steps), "look")
    title = f"{looks}, from step {steps[0]:,} to step {steps[-1]:,}; numbers of the last"
    headers = ["place", "mean", "deviation", "norm", "zeros", "saturated", "norm, step by step"]
    rows = [
        (
            _short(place),
            _number(reading.mean[-1]),
            _number(reading.deviation[-1]),
            _number(reading.norm[-1]),
            _share(reading.zeros[-1]),
            _share(reading.saturated[-1]),
            bars(reading.norm.tolist()),
        )
        for place, reading in found.items()
    ]
    table = output.table(headers, rows, right=[1, 2, 3, 4, 5], keep=[0, 6])
    parameters = [p for p in found if f"{p}.update" in readings]
    lines: list[Any] = [output.heading(title), table]
    if parameters:
        ratios = [(_short(p), f"{readings.update_ratio(p)[-1]:.1e}") for p in parameters]
        lines += ["", output.table(["parameter", "update / weight"], ratios, right=[1])]
    return lines


def _short(place: str) -> str:
    """A place, with its middle left out where it is long: both ends tell most."""
    return place if len(place) <= WIDEST_PLACE else f"{place[:12]}...{place[15 - WIDEST_PLACE :]}"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    """A part as a percentage; a dash where it is not known."""
    return "-" if value != value else "0" if value == 0 else f"{100 * value:.3g} %"


def bars(values: list[float]) -> str:
    """Numbers over time as a row of bars, the highest that of the greatest; at most 16.

    Example:
        >>> bars([0.0, 1.0, 2.0])
        '▁▅█'
    """
    every = -(-len(values) // MOST_BARS)
    parts = [values[i : i + every] for i in range(0, len(values), every)]
    means = [sum(part) / len(part) for part in parts]
    most = max((m for m in means if m < float("inf")), default=0.0)

    def bar(mean: float) -> str:
        if mean != mean:
            return UNKNOWN
        return BARS[min(int(8 * mean / most), 7) if most > 0 and mean < most else 7 * (mean > 0)]

    return "".join(map(bar, means))


def _plain(reading: Reading) -> dict[str, Any]:
    """A reading as plain data; what was never known is null."""
    columns = ("step", "count", "mean", "deviation", "norm", "low", "high", "zeros", "saturated")
    return {
        "place": reading.place,
        **{name: getattr(reading, name) for name in columns},
        "histogram": reading.histogram,
    }
