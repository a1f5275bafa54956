"""Options in groups, and the kinds of values that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]
OFF = ("none", "off")
"""How a setting that has a default is switched off."""


class Option(click.Option):
    """An option that belongs to a group of the help text, which is a table of the TOML file too."""

    def __init__(self, *args: Any, group: str = "Output", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group


class Command(click.Command):
    """A command whose help shows examples, and lists its options group by group."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        if self.examples:
            formatter.write_paragraph()
            for example in self.examples:
                formatter.write(f"    pullback {example}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):
                groups.setdefault(getattr(parameter, "group", "Output"), []).append(record)
        for name in sorted(groups, key=_last_output):
            with formatter.section("Options" if len(groups) == 1 else name):
                formatter.write_dl(groups[name], col_max=26)


def _last_output(name: str) -> bool:
    return name == "Output"


def option(*names: str, group: str = "Output", **settings: Any) -> Callable[[F], F]:
    """A click option in a group."""
    return click.option(*names, cls=Option, group=group, **settings)


class Sizes(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Widths of hidden layers: "64,64", or "none" for a linear model."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        if isinstance(value, str) and value.strip().casefold() in (*OFF, ""):
            return []
        words = (
            value if isinstance(value, (list, tuple)) else str(value).replace(" ", "").split(",")
        )
        try:
            return [int(str(word)) for word in words]
        except ValueError:
            self.fail(f"{value!r} must be widths such as 64,64, or none", param, ctx)


class Switchable(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """A number, or "none" to switch off what has a default."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "number" if kind is float else "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).strip().casefold() in OFF:
            return "none"
        try:
            return self.kind(str(value))
        except ValueError:
            what = "a number" if self.kind is float else "a whole number"
            self.fail(f"{value!r} must be {what}, or none", param, ctx)


class Named(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """A name with settings: "huber", "huber, delta=2", or a table in a TOML file."""

    name = "name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        if isinstance(value, dict):
            return dict(value)
        name, *rest = str(value).replace(",", " ").split() or [""]
        found: dict[str, Any] = {"name": name}
        for word in rest:
            key, equals, text = word.partition("=")
            if not equals:
                self.fail(f"{value!r} must be a name and settings: 'sgd, momentum=0.9'", param, ctx)
            found[key] = plain_value(text)
        return found


class Pair(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Two words with an equals sign between them: the last one, or the first one."""

    name = "pair"

    def __init__(self, left: str, right: str, *, first: bool = False) -> None:
        self.metavar = f"{left}={right}".upper()
        self.first = first

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        # A column's name may hold one too; so may the settings after a pattern.
        text = str(value)
        left, equals, right = text.partition("=") if self.first else text.rpartition("=")
        if not equals or not left or not right:
            self.fail(f"{value!r} must be {self.metavar}", param, ctx)
        return left, right

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return self.metavar


def plain_value(text: str) -> Any:
    """A number, true, false, or the text itself.

    Example:
        >>> [plain_value(word) for word in ("2", "0.5", "true", "cosine")]
        [2, 0.5, True, 'cosine']
    """
    truths = {"true": True, "false": False, "none": None}
    if text.casefold() in truths:
        return truths[text.casefold()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def words(value: Iterable[str] | None) -> list[str]:
    """Names given one by one or with commas between them.

    Example:
        >>> words(["accuracy,f1", "log_loss"])
        ['accuracy', 'f1', 'log_loss']
    """
    return [word.strip() for item in value or () for word in item.split(",") if word.strip()]


def all_of(*tables: Sequence[Decorator]) -> Callable[[F], F]:
    """A decorator that adds every option of some tables, in their order."""

    def decorate(function: F) -> F:
        for add in reversed([add for table in tables for add in table]):
            function = add(function)
        return function

    return decorate


def as_json(function: F) -> F:
    """The option `--json`."""
    return option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")(
        function
    )
