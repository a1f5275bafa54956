"""`pullback trace`: one step of a trained network on a batch, with everything in it."""

from __future__ import annotations

import click

from pullback.cli import batches, output
from pullback.cli.options import Command, as_json, option
from pullback.writing import printable

EXAMPLES = (
    "trace runs/penguins-1 penguins",
    "trace runs/penguins-1 penguins --rows 0:8",
    "trace runs/penguins-1 penguins --updates",
)


@click.command("trace", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@batches.options
@option("--updates", is_flag=True, help="Those that the run's optimizer would begin with.")
@as_json
def command(
    model: str,
    file: str,
    rows: str,
    loss: str | None,
    training: bool,
    separator: str | None,
    encoding: str | None,
    updates: bool,
    as_json: bool,
) -> None:
    """Compute the loss of some rows of FILE and its derivatives, and show all that lies between.

    A line for every parameter and the output of every layer: its shape, the mean and deviation of
    its values, and the norm of the derivative of the loss with respect to it. With --updates, the
    norm of what the first step of the run's optimizer would add to it, in a step of training.
    """
    from pullback.insight import trace_step

    batch = batches.batch_of(model, file, rows, loss, separator, encoding)
    rule, steps = batches.optimizer_of(model) if updates else (None, None)
    seen = trace_step(
        batch.network,
        batch.data,
        loss=batch.loss,
        optimizer=rule,
        training=training or None,
        total_steps=steps,
    )
    if as_json:
        plain = {"model": model, "file": file, "rows": list(batch.rows), "loss": seen.loss}
        output.emit("trace", {**plain, "places": seen.to_json()})
        return
    print(printable(str(seen)))
