"""`pullback trace`: one step of a trained network on a batch, with everything in it."""

from __future__ import annotations

import click

from pullback.cli import batches, output
from pullback.cli.options import Command, as_json
from pullback.writing import printable

EXAMPLES = ("trace runs/penguins-1 penguins", "trace runs/penguins-1 penguins --rows 0:8")


@click.command("trace", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@batches.options
@as_json
def command(
    model: str,
    file: str,
    rows: str,
    loss: str | None,
    training: bool,
    separator: str | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Compute the loss of some rows of FILE and its derivatives, and show all that lies between.

    A line for every parameter and the output of every layer: its shape, the mean and deviation of
    its values, and the norm of the derivative of the loss with respect to it.
    """
    from pullback.insight import trace_step

    batch = batches.batch_of(model, file, rows, loss, separator, encoding)
    seen = trace_step(batch.network, batch.data, loss=batch.loss, training=training)
    if as_json:
        plain = {"model": model, "file": file, "rows": list(batch.rows), "loss": seen.loss}
        output.emit("trace", {**plain, "places": seen.to_json()})
        return
    print(printable(str(seen)))
