"""Options in groups, and the kinds of values that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
OFF = ("none", "off")
"""How a setting that has a default is switched off."""


class Option(click.Option):
    """An option that belongs to a group of the help text, which is a table of the TOML file too."""

    def __init__(self, *args: Any, group: str = "Output", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group


class Command(click.Command):
    """A command whose help lists its options group by group."""

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
        name, *rest = [word for word in str(value).replace(",", " ").split() if word]
        found: dict[str, Any] = {"name": name}
        for word in rest:
            key, equals, text = word.partition("=")
            if not equals:
                self.fail(f"{value!r} must be a name and settings: 'sgd, momentum=0.9'", param, ctx)
            found[key] = plain_value(text)
        return found


class Pair(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Two words with an equals sign between them."""

    name = "pair"

    def __init__(self, left: str, right: str) -> None:
        self.metavar = f"{left}={right}".upper()

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        left, equals, right = str(value).rpartition("=")  # a column's name may hold one too
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


def as_json(function: F) -> F:
    """The option `--json`."""
    return option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")(
        function
    )


def data_options(function: F) -> F:
    """How a file is read, and what its columns and rows are for."""
    data = "Data"
    for decorate in reversed(
        [
            option(
                "-t",
                "--target",
                multiple=True,
                metavar="COLUMN",
                group=data,
                help="The column to predict; several times for several numbers.",
            ),
            option(
                "--task",
                metavar="TASK",
                group=data,
                help="classification or regression.  [found from the target]",
            ),
            option(
                "--role",
                "roles",
                multiple=True,
                type=Pair("column", "role"),
                group=data,
                help="What a column is: numeric, categorical, boolean, date, text or drop.",
            ),
            option(
                "--drop",
                multiple=True,
                metavar="COLUMN",
                group=data,
                help="Leave a column out; several times for several.",
            ),
            option("--weight", metavar="COLUMN", group=data, help="The weight of each row."),
            option(
                "--split",
                metavar="HOW",
                group=data,
                help="random, stratified, group, time, or a column that says train, validation "
                "or test.  [stratified for classes, else random]",
            ),
            option(
                "--group", metavar="COLUMN", group=data, help="Rows of one group stay together."
            ),
            option(
                "--time-column",
                metavar="COLUMN",
                group=data,
                help="Train on the earliest rows, test on the latest.",
            ),
            option(
                "--validation",
                type=float,
                metavar="SHARE",
                group=data,
                help="The share of rows that decide when to stop.  [0.2]",
            ),
            option(
                "--test",
                type=float,
                metavar="SHARE",
                group=data,
                help="The share of rows that nothing looks at until the end.  [0.2]",
            ),
            option(
                "--separator",
                metavar="CHARACTER",
                group=data,
                help="Between fields of a text, or 'tab'.  [found]",
            ),
            option("--encoding", metavar="NAME", group=data, help="Of a text.  [utf-8]"),
            option(
                "--missing",
                multiple=True,
                metavar="WORD",
                group=data,
                help="A word that means 'no value', beside NA, null, ? and the like.",
            ),
            option(
                "--drop-missing-target",
                is_flag=True,
                default=None,
                group=data,
                help="Leave out rows without a target.",
            ),
        ]
    ):
        function = decorate(function)
    return function


def network_options(function: F) -> F:
    """What the network looks like."""
    network = "Network"
    for decorate in reversed(
        [
            option(
                "--hidden",
                "--network",
                "hidden",
                type=Sizes(),
                metavar="SIZES",
                group=network,
                help="Widths of the hidden layers, such as 64,64; none for a linear model.",
            ),
            option(
                "--activation",
                metavar="NAME",
                group=network,
                help="relu, leaky_relu, elu, gelu, silu, sigmoid, tanh, softplus.",
            ),
            option(
                "--dropout",
                type=float,
                metavar="P",
                group=network,
                help="Probability of dropping a hidden number while training.",
            ),
        ]
    ):
        function = decorate(function)
    return function


def training_options(function: F) -> F:
    """How the network is trained: everything that `pb.fit` takes."""
    training = "Training"
    for decorate in reversed(
        [
            option(
                "--until",
                metavar="LEVEL",
                group=training,
                help="Stop when good enough: 'accuracy >= 0.97', 'train.loss < 0.1'.",
            ),
            option(
                "--epochs",
                type=int,
                metavar="N",
                group=training,
                help="Times through the data, at most.",
            ),
            option("--steps", type=int, metavar="N", group=training, help="Updates, at most."),
            option(
                "--time", metavar="TIME", group=training, help="At most so long: 90s, 5min, 1h."
            ),
            option(
                "--patience",
                type=Switchable(int),
                metavar="N",
                group=training,
                help="Stop after so many epochs without improvement; none never does.",
            ),
            option(
                "--monitor",
                metavar="METRIC",
                group=training,
                help="What has to improve: loss, or a metric.",
            ),
            option(
                "--min-delta",
                type=float,
                metavar="X",
                group=training,
                help="By how much it has to improve.  [0]",
            ),
            option(
                "--metrics",
                multiple=True,
                metavar="NAMES",
                group=training,
                help="What is measured after every epoch, such as accuracy,f1,log_loss.",
            ),
            option(
                "--loss",
                type=Named(),
                metavar="NAME",
                group=training,
                help="cross_entropy, binary_cross_entropy_with_logits; mse, mae, 'huber, delta=2'.",
            ),
            option(
                "--class-weight",
                multiple=True,
                metavar="W",
                group=training,
                help="balanced, or CLASS=WEIGHT several times.",
            ),
            option(
                "--optimizer",
                type=Named(),
                metavar="NAME",
                group=training,
                help="adamw, adam, rmsprop, 'sgd, momentum=0.9, nesterov=true'.",
            ),
            option(
                "--learning-rate",
                type=float,
                metavar="X",
                group=training,
                help="The highest that the schedule reaches.",
            ),
            option(
                "--weight-decay",
                type=float,
                metavar="X",
                group=training,
                help="How strongly weights are pulled towards 0.",
            ),
            option(
                "--schedule",
                type=Named(),
                metavar="NAME",
                group=training,
                help="constant, cosine, warmup, 'step, every=0.3'.",
            ),
            option("--batch-size", type=int, metavar="N", group=training, help="Rows a step."),
            option(
                "--clip-norm",
                type=Switchable(float),
                metavar="X",
                group=training,
                help="Largest norm of the gradient.",
            ),
            option(
                "--l1",
                type=float,
                metavar="X",
                group=training,
                help="Times the sum of absolute weights, added to the loss.  [0]",
            ),
            option(
                "--l2",
                type=float,
                metavar="X",
                group=training,
                help="Times the sum of squared weights, added to the loss.  [0]",
            ),
            option(
                "--accumulate",
                type=int,
                metavar="N",
                group=training,
                help="Compute each batch in so many parts, to save memory.  [1]",
            ),
            option(
                "--seed",
                type=int,
                metavar="N",
                group=training,
                help="The same seed gives the same split and the same network.  [0]",
            ),
            option(
                "--executor",
                metavar="NAME",
                group=training,
                help="numpy, or reference (slow, float64 inside).  [numpy]",
            ),
            option(
                "--checkpoint-steps",
                type=int,
                metavar="N",
                group=training,
                help="Save after so many steps.  [every few seconds]",
            ),
        ]
    ):
        function = decorate(function)
    return function
