"""`pullback explain`: the derivation of the gradient of one number of a trained network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from pullback.cli import batches, forms, output
from pullback.cli.options import Command, as_json, option

EXAMPLES = (
    "explain runs/penguins-1 penguins '0.weight[0,3]'",
    "explain runs/penguins-1 penguins '2.output[5,1]' --rows 0:64",
    "explain runs/penguins-1 penguins '0.bias[1]' --format html > a.html",
)


@click.command("explain", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@click.argument("element", metavar="ELEMENT")
@option("--learning-rate", type=float, metavar="RATE", help="Of the next step, for the words.")
@option("--open", "open_fused", is_flag=True, help="Open fused operations into their definitions.")
@batches.options
@batches.weight
@forms.as_form
@as_json
def command(
    model: str,
    file: str,
    element: str,
    learning_rate: float | None,
    open_fused: bool,
    rows: str,
    loss: dict[str, Any] | None,
    training: bool,
    separator: str | None,
    encoding: str | None,
    weight: str | None,
    form: str | None,
    as_json: bool,
) -> None:
    """Derive the gradient of the loss with respect to one element, by the chain rule.

    ELEMENT is that of a parameter (0.weight[3,7]), of the input (x[0,2]), or of the output of a
    layer (0.output[0,7]); numbers are counted from 0. FILE holds the columns that the network was
    trained on, and the target. Each step of the derivation shows the largest of its terms; a
    finite difference stands beside their sum.
    """
    from pullback.insight import explain

    forms.check(form, as_json)
    batch = batches.batch_of(model, file, rows, loss, separator, encoding, weight)
    found = explain(
        batch.network,
        batch.data,
        element,
        loss=batch.loss,
        learning_rate=learning_rate,
        open_fused=open_fused,
        training=training,
    )
    found = replace(found, first_row=batch.rows[0])
    if as_json:
        plain = {"model": model, "file": file, "rows": list(batch.rows)}
        output.emit("explain", {**plain, "derivation": found.to_json()})
        return
    print(forms.written(found, form))
