"""`pullback show`: everything that is known of a run or a model file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option

if TYPE_CHECKING:
    from pullback.runs import RunStore
    from pullback.runs.recorded import Recorded
    from pullback.train import Model


@click.command("show", cls=Command)
@click.argument("model", metavar="RUN|MODEL")
@option("--history", is_flag=True, help="Show the metrics of the epochs, and what befell the run.")
@option("--program", is_flag=True, help="Print the program of one training step, and nothing else.")
@as_json
def command(model: str, history: bool, program: bool, as_json: bool) -> None:
    """Show a run (or a model file): how it ended, its scores, network, settings and columns."""
    from pullback.cli import places, portrait

    places.check_there(model)
    is_run = Path(model).is_dir()
    if program:
        _program(model, is_run, as_json)
        return
    if not is_run:
        loaded = places.load(model)
        if as_json:
            output.emit("show", {"run": None, **_model_json(loaded)})
        else:
            output.show(output.heading(model), "", *portrait.model(loaded))
        return
    from pullback.runs import RunStore
    from pullback.runs.recorded import recorded

    with RunStore.open(model) as store:
        loaded_or_none = _model_of(model)
        seen = recorded(store)
        problems = store.problems(seen)
        output.warn(problems)
        if as_json:
            output.emit("show", _run_json(store, seen, problems, loaded_or_none))
        else:
            output.show(*portrait.run(store, seen, loaded_or_none, history))


def _model_of(path: str) -> Model | None:
    """The run's model, once there is one; a training that goes on has none yet."""
    from pullback.cli import places

    return places.load(path) if os.path.lexists(Path(path) / "model.safetensors") else None


def _program(path: str, is_run: bool, as_json: bool) -> None:
    from pullback.cli import portrait

    if not is_run:
        from pullback.errors import ConfigError

        raise ConfigError(
            "a training program belongs to a run", f"{path}, a model file", "Name a run's folder."
        )
    from pullback.runs import RunStore

    with RunStore.open(path) as store:
        text = str(portrait.training_program(store))
    if as_json:
        output.emit("program", {"run": path, "program": text.split("\n")})
    else:
        click.echo(text)


def _run_json(
    store: RunStore, seen: Recorded, problems: list[str], model: Model | None
) -> dict[str, Any]:
    status, record = store.status, store.record
    run = {
        "name": store.name,
        "path": str(store.path),
        "created": record.get("created"),
        "file": record.get("file"),
        "status": status.state,
        "reason": status.reason,
        "origin": status.summary.get("origin"),
        "steps": status.step,
        "scores": status.summary.get("scores", {}),
        "classes": status.summary.get("classes", {}),
        "checkpoints": store.checkpoints(),
        "training": record.get("training", {}),
        "data": record.get("data", {}),
        "build": record.get("build", {}),
        "history": seen.epochs,
        "problems": problems,
    }
    empty: dict[str, Any] = {"head": None, "network": None, "columns": []}
    return {"run": run, **(empty if model is None else _model_json(model))}


def _model_json(model: Model) -> dict[str, Any]:
    import dataclasses

    from pullback.nn.summary import rows

    encoder = model.encoder
    roles = () if encoder is None else encoder.roles
    return {
        "head": None if model.head is None else model.head.to_config(),
        "network": [
            dataclasses.asdict(row)
            for row in rows(model.network, None if encoder is None else encoder.input_shape)
        ],
        "columns": [dataclasses.asdict(role) for role in roles],
    }
