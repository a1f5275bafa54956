"""`pullback check`: every derivative rule of a trained network, against finite differences."""

from __future__ import annotations

import dataclasses

import click

from pullback.cli import batches, output
from pullback.cli.options import Command, as_json
from pullback.writing import printable

EXAMPLES = ("check runs/penguins-1 penguins --rows 0:4",)


@click.command("check", cls=Command, examples=EXAMPLES)
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
    """Check the derivative rule of every operation of the network against finite differences.

    Each operation is taken by itself, at the values that it has for some rows of FILE; the wrong
    ones are named with their layer. A few rows are enough. The exit status is 1 if one is wrong.
    """
    from pullback.insight import check_gradients

    batch = batches.batch_of(model, file, rows, loss, separator, encoding)
    found = check_gradients(batch.network, batch.data, loss=batch.loss, training=training)
    if as_json:
        wrong = [dataclasses.asdict(one) for one in found.wrong]
        plain = {"model": model, "file": file, "rows": list(batch.rows)}
        counts = {"checked": len(found.checked), "kinks": sum(o.kinks for o in found.checked)}
        output.emit("check", {**plain, "right": bool(found), **counts, "wrong": wrong})
    else:
        print(printable(str(found)))
    if not found:
        raise SystemExit(1)
