"""`pullback explain`: the derivation of the gradient of one number of a trained network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option
from pullback.errors import ConfigError, DataError

EXAMPLES = (
    "explain runs/penguins-1 penguins '0.weight[0,3]'",
    "explain runs/penguins-1 penguins '2.output[5,1]' --rows 0:64",
)
ROWS = "0:32"


@click.command("explain", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@click.argument("element", metavar="ELEMENT")
@option("--rows", default=ROWS, metavar="FROM:TO", help=f"Which rows are the batch.  [{ROWS}]")
@option("--loss", metavar="NAME", help="Of the network.  [that of the run]")
@option("--learning-rate", type=float, metavar="RATE", help="Of the next step, for the words.")
@option("--training", is_flag=True, help="As in a training step: dropout drops.")
@option("--open", "open_fused", is_flag=True, help="Open fused operations into their definitions.")
@option("--separator", metavar="CHARACTER", help="Between fields of FILE, or 'tab'.  [found]")
@option("--encoding", metavar="NAME", help="Of FILE.  [utf-8]")
@as_json
def command(
    model: str,
    file: str,
    element: str,
    rows: str,
    loss: str | None,
    learning_rate: float | None,
    training: bool,
    open_fused: bool,
    separator: str | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Derive the gradient of the loss with respect to one element, by the chain rule.

    ELEMENT is that of a parameter (0.weight[3,7]), of the input (x[0,2]), or of the output of a
    layer (0.output[0,7]); numbers are counted from 0. FILE holds the columns that the network was
    trained on, and the target. Each step of the derivation shows the largest of its terms; a
    finite difference stands beside their sum.
    """
    from pullback.cli import places
    from pullback.insight import explain

    loaded = places.load(model)
    source = places.read(loaded, file, separator, encoding)
    x, y = _arrays(loaded, source, file)
    first, last = _bounds(rows, len(x))
    found = explain(
        loaded.network,
        (x[first:last], y[first:last]),
        element,
        loss=_loss(model, loss),
        learning_rate=learning_rate,
        open_fused=open_fused,
        training=training,
    )
    found = replace(found, first_row=first)
    if as_json:
        plain = {"model": model, "file": file, "rows": [first, last]}
        output.emit("explain", {**plain, "derivation": found.to_json()})
        return
    print(output.plain(str(found)))


def _arrays(loaded: Any, source: Any, file: str) -> tuple[Any, Any]:
    """Features and targets as a training step takes them."""
    from pullback.cli import places

    if loaded.encoder is not None:
        x, y = loaded.encoder.examples(source)
        return x, y
    x, y = places.plain_arrays(loaded, source)
    if y is None:
        raise DataError(
            "the file must hold the features and the targets, as x and y", file, "Use an .npz file."
        )
    return x, y


def _bounds(text: str, count: int) -> tuple[int, int]:
    """From which row to which.

    Raises:
        ConfigError: It is no range of rows, or there are none in it.
    """
    first, colon, last = text.partition(":")
    try:
        bounds = (int(first or 0), int(last or count)) if colon else (int(first), int(first) + 1)
    except ValueError:
        bounds = (-1, -1)
    if not 0 <= bounds[0] < min(bounds[1], count):
        raise ConfigError(
            f"rows are given as FROM:TO, from 0 to {count}, TO not among them",
            repr(text),
            f"Write --rows 0:{min(32, count)}.",
        )
    return bounds[0], min(bounds[1], count)


def _loss(model: str, name: str | None) -> Any:
    """The loss that is named, or that of the run."""
    from pullback.document import read_document
    from pullback.losses import get
    from pullback.runs.store import RUN
    from pullback.train.objective import Objective

    if name is not None:
        return get(name)
    record = Path(model) / RUN
    training = read_document(record, kind="run").get("training", {}) if record.is_file() else {}
    known = training.get("loss")
    if known is None:
        raise ConfigError(
            "the loss of a network is known from its run",
            f"{model}, which is no run's folder",
            "Name it: --loss cross_entropy.",
        )
    return Objective.from_config(known)
