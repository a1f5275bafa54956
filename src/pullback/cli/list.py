"""`pullback list`: what can be chosen by name."""

from __future__ import annotations

from typing import Any

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json

EXAMPLES = ("list losses", "list optimizers adamw")


@click.command("list", cls=Command, examples=EXAMPLES)
@click.argument("table", required=False)
@click.argument("name", required=False)
@as_json
def command(table: str | None, name: str | None, as_json: bool) -> None:
    """List what can be chosen by name: the entries of TABLE, or all that is said of one NAME.

    Tables: layers, activations, networks, initialisers, losses, optimizers, schedules, metrics,
    operations. Each entry has one line, and where it was described first.
    """
    from pullback.catalogue import TABLES, entries
    from pullback.errors import unknown

    if table is None:
        counts = {known: len(entries(known)) for known in TABLES}
        if as_json:
            output.emit("list", {"tables": counts, "table": None, "entries": None})
            return
        shown = output.table(["table", "entries"], list(counts.items()), right=[1])
        output.show(shown, "", "All of one table: pullback list TABLE")
        return
    found = entries(table.casefold())
    if name is not None:
        one = [e for e in found if name.casefold() in _names(e)]
        if not one:
            raise unknown(f"name in {table}", name, [e.name for e in found])
        found = one
    if as_json:
        entries_ = [_plain(entry) for entry in found]
        output.emit("list", {"tables": None, "table": table.casefold(), "entries": entries_})
        return
    if name is not None:
        output.show(*_page(found[0]))
        return
    rows = [(entry.name, entry.summary, _short(entry.reference)) for entry in found]
    output.show(
        output.table(["name", "what it is", "reference"], rows, dim=[2], keep=[0]),
        "",
        f"More of one: pullback list {table.casefold()} {found[0].name}",
    )


def _names(entry: Any) -> tuple[str, ...]:
    return entry.name.casefold(), entry.cls.__name__.casefold(), *getattr(entry.cls, "aliases", ())


def _short(reference: str) -> str:
    """The authors and the year of a reference."""
    words = reference.split(", ")
    year = next((i for i, word in enumerate(words) if word[:4].isdigit()), None)
    return reference if year is None else ", ".join([*words[:year], words[year][:4]])


def _plain(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "class": entry.cls.__name__,
        "aliases": list(getattr(entry.cls, "aliases", ())),
        "summary": entry.summary,
        "settings": entry.settings,
        "reference": entry.reference,
    }


def _page(entry: Any) -> list[Any]:
    """The whole docstring of an entry, under its call."""
    import inspect

    text = inspect.getdoc(entry.cls) or ""
    call = f"{entry.cls.__name__}({entry.settings})"
    return [output.heading(entry.name), call, "", *text.split("\n")]
