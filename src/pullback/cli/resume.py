"""`pullback resume`: go on with a training that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option
from pullback.errors import DataError


@click.command("resume", cls=Command)
@click.argument("run", metavar="RUN")
@option("--epochs", type=int, metavar="N", help="Train until so many epochs, those before counted.")
@option("--steps", type=int, metavar="N", help="Train until so many updates.")
@option("--time", metavar="TIME", help="Train for so long in all: 90s, 5min, 1h.")
@option("--patience", type=int, metavar="N", help="Wait for so many epochs without improvement.")
@option("--until", metavar="LEVEL", help="Another level at which to stop, such as 'f1 >= 0.9'.")
@option(
    "--step",
    type=int,
    metavar="N",
    help="Go on from the checkpoint of this step; what came after it is deleted.",
)
@option("--data", metavar="FILE", help="Where the data are now, if too large to be in the run.")
@option("-q", "--quiet", is_flag=True, help="Show errors only, and where the run is.")
@as_json
def command(
    run: str,
    epochs: int | None,
    steps: int | None,
    time: str | None,
    patience: int | None,
    until: str | None,
    step: int | None,
    data: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Go on with RUN from its last checkpoint, to the same bits as if it had never stopped."""
    from pullback.cli import closing
    from pullback.cli.places import check_there
    from pullback.cli.train import progress
    from pullback.train.resume import resume

    check_there(run)
    done = resume(
        run,
        data=_data_again(run, data),
        step=step,
        epochs=epochs,
        steps=steps,
        time=time,
        patience=patience,
        until=until,
        progress=progress(as_json, quiet),
    )
    if as_json:
        output.emit("resume", {"outcome": closing.outcome(done)})
    elif quiet:
        output.show(str(done.path))
    else:
        closing.show(done)
    return closing.exit_status(done)


def _data_again(run: str, file: str | None) -> Any:
    """The data of a run that was too large to hold them, read and split as at first."""
    from pullback.cli.plan import prepared_of
    from pullback.runs import RunStore
    from pullback.runs.store import DATA

    if (Path(run) / DATA).exists() or not Path(run).is_dir():
        return None
    with RunStore.open(run) as store:
        command, first = store.record.get("command"), store.record.get("file")
    if not isinstance(command, dict) or not isinstance(command.get("data"), dict):
        return None
    if file is None and not Path(str(first)).is_file():
        raise DataError(
            "the data of this run were too large to be kept in it, and must be where they were",
            f"no file {first}",
            "Say where they are now: --data FILE.",
        )
    settings = command["data"] | {"file": file or first}
    return prepared_of(settings, command.get("training", {}).get("seed", 0))
