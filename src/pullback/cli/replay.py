"""`pullback replay`: a step of a run again, with everything in it."""

from __future__ import annotations

from typing import Any

import click

from pullback.cli import forms, output
from pullback.cli.options import Command, as_json, option
from pullback.writing import printable

EXAMPLES = (
    "replay runs/penguins-1 --step 40",
    "replay runs/penguins-1 --step 40 '0.weight[0,3]'",
)


@click.command("replay", cls=Command, examples=EXAMPLES)
@click.argument("run", metavar="RUN")
@click.argument("element", metavar="[ELEMENT]", required=False)
@option("--step", type=int, required=True, metavar="N", help="Which step, counted from 1.")
@option("--open", "open_fused", is_flag=True, help="Open fused operations into their definitions.")
@forms.as_form
@as_json
def command(
    run: str,
    element: str | None,
    step: int,
    open_fused: bool,
    form: str | None,
    as_json: bool,
) -> None:
    """Compute a step of a run again, to the bit, from the nearest checkpoint before it.

    It shows the values of every layer and parameter as they were before the update, with the norm
    of the derivative of the loss with respect to each; with ELEMENT (0.weight[3,7]) the derivation
    of its gradient. The run itself is only read.
    """
    from pullback.cli import places
    from pullback.insight import replay

    places.check_there(run)
    forms.check(form, as_json, element is not None)
    found = replay(run, step)
    derived = None if element is None else found.explain(element, open_fused=open_fused)
    problems = [found.lost] if found.lost else []
    output.warn(problems)
    if as_json:
        plain: dict[str, Any] = {
            "run": run,
            "step": found.step,
            "checkpoint": found.start,
            "exact": found.is_exact,
            "loss": found.loss,
            "places": found.to_json(),
            "derivation": None if derived is None else derived.to_json(),
            "problems": problems,
        }
        output.emit("replay", plain)
        return
    print(printable(str(found)) if derived is None else forms.written(derived, form))
