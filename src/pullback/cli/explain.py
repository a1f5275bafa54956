"""`pullback explain`: the derivation of the gradient of one number of a trained network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pullback.cli import batches, forms, output
from pullback.cli.options import Command, Named, as_json, option

if TYPE_CHECKING:
    from pullback.insight import Derivation

EXAMPLES = (
    "explain runs/penguins-1 penguins '0.weight[0,3]'",
    "explain runs/penguins-1 penguins '2.output[5,1]' --rows 0:64",
    "explain runs/penguins-1 penguins '0.bias[1]' --format html > a.html",
)


def _is_run(model: str) -> bool:
    """Whether it is the folder of a training, whose next step can be told."""
    from pullback.runs.store import RUN

    return (Path(model) / RUN).is_file()


def _explained(batch: batches.Batch, element: str, told: dict[str, Any], **how: Any) -> Derivation:
    """The derivation, and if it can be read from the run what its next step would be."""
    from pullback.errors import FileFormatError, UnknownNameError
    from pullback.insight import explain

    try:
        return explain(batch.network, batch.data, element, loss=batch.loss, **told, **how)
    except (FileFormatError, UnknownNameError) as error:  # also an optimizer of the user's own
        if "run" not in told:
            raise
        found = explain(batch.network, batch.data, element, loss=batch.loss, **how)
        output.warn([f"the next step of the run is not known: {error.received}"])
        return found


@click.command("explain", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@click.argument("file", metavar="FILE")
@click.argument("element", metavar="ELEMENT")
@option("--learning-rate", type=float, metavar="RATE", help="Of a step of plain gradient descent.")
@option(
    "--optimizer",
    type=Named(),
    metavar="NAME",
    help="Whose first step is told: 'adam, learning_rate=0.01'.  [the run's next step]",
)
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
    optimizer: dict[str, Any] | None,
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
    forms.check(form, as_json)
    batch = batches.batch_of(model, file, rows, loss, separator, encoding, weight)
    told: dict[str, Any] = {"learning_rate": learning_rate, "optimizer": optimizer}
    if _is_run(model) and learning_rate is None and optimizer is None:
        told = {"run": model}
    found = _explained(batch, element, told, open_fused=open_fused, training=training)
    found = replace(found, first_row=batch.rows[0])
    if as_json:
        plain = {"model": model, "file": file, "rows": list(batch.rows)}
        output.emit("explain", {**plain, "derivation": found.to_json()})
        return
    print(forms.written(found, form))
