"""Options in groups, and the kinds of values that they take."""

from __future__ import annotations

import re
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
        name, *rest = _apart(str(value)) or [""]
        found: dict[str, Any] = {"name": name}
        for word in rest:
            key, equals, text = word.partition("=")
            if not equals:
                self.fail(f"{value!r} must be a name and settings: 'sgd, momentum=0.9'", param, ctx)
            found[key] = plain_value(text)
        return found


class NetworkType(Named):
    """A network by name with settings, or widths of hidden layers."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value).strip()
        if isinstance(value, (list, tuple)) or text.casefold() in OFF or text[:1].isdigit():
            return Sizes().convert(value, param, ctx)
        return super().convert(value, param, ctx)


class ImageSize(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Height and width in pixels: "32x48", or "32" for both."""

    name = "image size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        words = value if isinstance(value, (list, tuple)) else str(value).casefold().split("x")
        try:
            sizes = [int(str(word)) for word in words]
        except ValueError:
            sizes = []
        if len(sizes) not in (1, 2):
            self.fail(f"{value!r} must be a size such as 32x32 (height x width)", param, ctx)
        return sizes[0], sizes[-1]


def _apart(text: str) -> list[str]:
    """The words of a text, at commas and blanks that do not stand in brackets.

    Example:
        >>> _apart("convnet, channels=[8, 16] shift=1")
        ['convnet', 'channels=[8, 16]', 'shift=1']
    """
    return re.findall(r"(?:\[[^\]]*\]|[^\s,\[])+", text)


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
    """A number, true, false, a list of such in brackets, or the text itself.

    Example:
        >>> [plain_value(word) for word in ("2", "0.5", "true", "cosine")]
        [2, 0.5, True, 'cosine']
    """
    if text.startswith("[") and text.endswith("]"):
        return [plain_value(word.strip()) for word in text[1:-1].split(",") if word.strip()]
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
