"""`pullback predict`: what a trained network says of new rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option
from pullback.writing import counted, printable

if TYPE_CHECKING:
    from pullback.cli.predictions import Predicted


EXAMPLES = (
    "predict runs/penguins-1 new.csv",
    "predict runs/penguins-1 new.csv --keep -o answers.parquet",
)


@click.command("predict", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="Write to a .csv, .tsv, .parquet or .json file instead of standard output.",
)
@option("--probabilities", is_flag=True, help="Add the probability of every class.")
@option("--keep", is_flag=True, help="Repeat the columns of FILE beside the predictions.")
@option("--force", is_flag=True, help="Replace an output file that exists.")
@option("--separator", metavar="CHARACTER", help="Between fields of FILE, or 'tab'.  [found]")
@option("--encoding", metavar="NAME", help="Of FILE.  [utf-8]")
@option("-q", "--quiet", is_flag=True, help="Say nothing of unseen categories and missing cells.")
@as_json
def command(
    model: str,
    file: str,
    target: str | None,
    probabilities: bool,
    keep: bool,
    force: bool,
    separator: str | None,
    encoding: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say what the network of a run (or of a model file) predicts for the rows of FILE.

    FILE holds the columns that the network was trained on, in any order; others are ignored. The
    answer has one line a row: its number (from 1), the prediction, and for classes how probable
    it is. It goes to standard output as CSV.
    """
    from pullback.cli import places, predictions

    if target is not None:
        places.check_free(target, force)
        predictions.check_format(target)
    loaded = places.load(model)
    source = places.read(loaded, file, separator, encoding)
    found = predictions.predicted(loaded, source, probabilities)
    if target is not None:
        predictions.write(found.table(source if keep else None), target)
    if as_json:
        plain = found.to_json()
        if target is not None:
            plain["columns"] = None
        output.emit("predict", {"model": model, "file": file, "output": target, **plain})
        return
    if target is None:
        sys.stdout.write(predictions.csv_of(found.table(source if keep else None)))
        sys.stdout.flush()
    if not quiet:
        _tell(found, target)


def _tell(found: Predicted, target: str | None) -> None:
    """Say on standard error what a reader of the predictions should know."""
    notes: list[Any] = [f"warning: {text}" for text in found.warnings]
    if found.missing:
        shown = ", ".join(f"{name} {count:,}" for name, count in found.missing.items())
        notes.append(f"missing cells, filled in as in training: {shown}")
    if target is not None:
        notes.append(f"{counted(found.rows, 'prediction')} written to {target}")
    for note in notes:
        print(printable(note), file=sys.stderr)
