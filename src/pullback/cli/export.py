"""`pullback export`: the trained network, or how training went, as files to use elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option
from pullback.errors import ConfigError, unknown

if TYPE_CHECKING:
    import polars as pl


EXAMPLES = (
    "export runs/penguins-1 penguins.safetensors",
    "export runs/penguins-1 --telemetry steps.csv",
)


@click.command(
    "export",
    cls=Command,
    short_help="Write the network or its history to a file.",
    examples=EXAMPLES,
)
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="[FILE]", required=False)
@option("--telemetry", metavar="FILE", help="Write every step (loss, rate, time) to a .csv file.")
@option("--history", metavar="FILE", help="Write the metrics of every epoch to a .csv file.")
@option("--force", is_flag=True, help="Replace files that exist.")
@as_json
def command(
    run: str,
    file: str | None,
    telemetry: str | None,
    history: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the network of RUN to FILE (.safetensors), usable without the run.

    It holds the network, what its outputs mean, and how raw rows become its inputs, so that
    predict, evaluate, show and pb.load take it in place of the run.
    """
    from pullback.cli import places, predictions

    wanted = {"model": file, "telemetry": telemetry, "history": history}
    written = {what: path for what, path in wanted.items() if path is not None}
    if not written:
        raise click.UsageError("A file to write must be named", click.get_current_context())
    for what, path in written.items():
        endings = (".safetensors",) if what == "model" else predictions.FORMATS
        if not path.endswith(endings):
            raise unknown(f"ending of the {what} file", path, endings)
        places.check_free(path, force)
    if len(set(written.values())) < len(written):
        raise ConfigError("each file must have a name of its own", file or "", "Rename one.")
    if telemetry or history:
        steps, epochs = _history(run)
        if telemetry:
            predictions.write(steps, telemetry)
        if history:
            predictions.write(epochs, history)
    if file:
        places.load(run).save(file)
    if as_json:
        output.emit("export", {"run": run, "written": written})
    else:
        output.show(*(f"{what} written to {path}" for what, path in written.items()))


def _history(run: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every step, and the metrics of every epoch."""
    import polars as pl

    from pullback.cli.places import check_there
    from pullback.runs import RunStore

    check_there(run)
    with RunStore.open(run) as store:
        return pl.DataFrame(store.telemetry.history()), pl.DataFrame(store.telemetry.metrics())
