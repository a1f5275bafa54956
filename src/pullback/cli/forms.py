"""In which form the command line prints a derivation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pullback.cli.options import option
from pullback.errors import ConfigError
from pullback.writing import printable

if TYPE_CHECKING:
    from pullback.insight import Derivation

FORMS = ("text", "markdown", "latex", "html")


def as_form(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--format`."""
    return option(
        "--format",
        "form",
        type=click.Choice(FORMS, case_sensitive=False),
        metavar="FORM",
        help=f"{', '.join(FORMS[:-1])} or {FORMS[-1]}.  [{FORMS[0]}]",
    )(command)


def check(form: str | None, as_json: bool, derives: bool = True) -> None:
    """Refuse a form beside `--json`, or where no derivation is printed.

    Raises:
        ConfigError: So it is.
    """
    if form is not None and as_json:
        raise ConfigError(
            "JSON is a form of its own", f"--json and --format {form}", "Leave one of them out."
        )
    if form is not None and not derives:
        raise ConfigError(
            "--format is that of a derivation",
            f"--format {form} without an ELEMENT",
            "Name an element, such as 0.weight[0,3].",
        )


def written(found: Derivation, form: str | None) -> str:
    """The derivation in that form."""
    made = {
        "markdown": found.to_markdown,
        "latex": found.to_latex,
        "html": found.to_html,
    }.get(form or "", found.__str__)
    return printable(made()).rstrip("\n")
