"""`pullback train`: from a table to a trained network that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pullback.cli import output
from pullback.cli.options import Command, all_of, as_json, option
from pullback.cli.settings import DATA, NETWORK, TRAINING

if TYPE_CHECKING:
    from pullback.cli.plan import Plan

OWN = ("as_json", "quiet", "dry_run", "config", "write_config", "runs", "name")


EXAMPLES = (
    "train penguins",
    'train titanic.csv --target survived --until "accuracy >= 0.8"',
)


@click.command("train", cls=Command, examples=EXAMPLES)
@click.argument("file", required=False)
@all_of(DATA, NETWORK, TRAINING)
@option("--runs", metavar="DIR", default="runs", help="Where runs are kept.  [runs]")
@option("--name", metavar="NAME", help="What the run is called.  [after the file]")
@option("--config", metavar="FILE", help="Settings from a TOML file; flags win over it.")
@option("--write-config", metavar="FILE", help="Write all settings to a TOML file.")
@option("--dry-run", is_flag=True, help="Show what would be done, and train nothing.")
@option("-q", "--quiet", is_flag=True, help="Show errors only, and where the run was saved.")
@as_json
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Train a network on FILE until it is good enough, and keep it.

    FILE is a CSV, TSV (either may be gzipped), Parquet, Arrow or .npz file, or the name of a table
    that comes along: penguins or auto-mpg. A folder with pictures in one folder a class, or with
    MNIST's IDX files, is a set of images; a .txt file without --target is a text to go on with.
    Everything that is not asked for is chosen, and shown with the flag that changes it.
    """
    from pullback.cli import config
    from pullback.cli.plan import plan_of
    from pullback.train.progress import progress as shown

    own = {name: given.pop(name) for name in OWN}
    asked = config.merged(ctx, own["config"], given)
    if "file" not in asked:
        raise click.UsageError("A file of data must be named, such as penguins", ctx)
    plan = plan_of(asked, shown(progress(own["as_json"], own["quiet"])))
    tell = not (own["as_json"] or own["quiet"])
    if tell:
        from pullback.cli.choices import show_choices

        show_choices(plan)
    if own["write_config"]:
        config.write(own["write_config"], plan.tables())
    if own["dry_run"]:
        return _nothing_trained(plan, own)
    return _train(plan, own, tell)


def _nothing_trained(plan: Plan, own: dict[str, Any]) -> int:
    if own["as_json"]:
        output.emit("train", {**plan.to_json(), "outcome": None})
    elif not own["quiet"]:
        output.show("", "Nothing was trained (--dry-run).")
    return 0


def _train(plan: Plan, own: dict[str, Any], tell: bool) -> int:
    from pullback.cli import closing
    from pullback.cli.plan import run_name
    from pullback.train import fit

    run = fit(
        plan.network,
        plan.prepared,
        **plan.settings,
        save=own["runs"],
        name=own["name"] or run_name(plan.file),
        progress=progress(own["as_json"], own["quiet"]),
        record={"file": str(plan.file.absolute()), "command": plan.tables()},
    )
    if own["as_json"]:
        output.emit("train", {**plan.to_json(), "outcome": closing.outcome(run)})
    elif tell:
        closing.show(run)
    else:
        output.show(str(run.path))
    return closing.exit_status(run)


def progress(as_json: bool, quiet: bool) -> Any:
    """How progress is shown: a bar on a terminal, else lines; machines see none."""
    import sys

    if quiet:
        return "none"
    return "auto" if as_json or sys.stderr.isatty() else "plain"
