"""The grammar of `until=`: conditions on metrics, epochs, steps and time, read from text.

    until      = conditions ("or" conditions)*
    conditions = condition ("and" condition)*
    condition  = [part "."] metric op number      part: train, validation
               | ("epoch" | "step" | "time") op number
    op         = ">=" | ">" | "<=" | "<"
    number     = digits, with "%" for metrics that end at 1 and a unit for time

`and` binds closer than `or`; there are no parentheses. A metric without its part means
validation. The parser is written by hand, so that a mistake is shown where it stands.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from pullback.errors import ConfigError, UnknownNameError, unknown
from pullback.metrics import Metric, Task, check_task, get, registry

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
COUNTERS = {"epoch": (1.0, math.inf), "step": (1.0, math.inf), "time": (0.0, math.inf)}
OPERATORS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
SPELLINGS = {"≥": ">=", "≤": "<=", "=>": ">=", "=<": "<="}
_SECONDS = {1e-3: "ms", 1: "s sec second", 60: "min minute", 3600: "h hr hour", 86400: "d day"}
UNITS = {
    spelling: size
    for size, words in _SECONDS.items()
    for word in words.split()
    for spelling in (word, word + "s")
}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<word>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<sign>>=|<=|=>|=<|==|!=|[<>=≥≤%()])|(?P<other>\S))"
)
# The width of "  received: ", which stands before the text in an error.
_INDENT = 12


class Loss(Metric):
    """The network's own loss, which is no metric but may be asked for like one."""

    name, better = "loss", "lower"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: `part.name op number`; counters have no part.

    Example:
        >>> str(Condition("validation", "accuracy", ">=", 0.95))
        'accuracy >= 0.95'
        >>> Condition("train", "loss", "<", 0.1).key
        'train.loss'
    """

    part: str | None
    name: str
    op: str
    number: float

    @property
    def key(self) -> str:
        """Where the value stands: `validation.accuracy`, `train.loss`, `epoch`."""
        return self.name if self.part is None else f"{self.part}.{self.name}"

    @property
    def label(self) -> str:
        """The shortest name that means the same: validation goes without saying."""
        return self.key if self.part == "train" else self.name

    def value(self, values: Mapping[str, float]) -> float:
        """The condition's value; a bare name serves for validation.

        Raises:
            UnknownNameError: There is no such value.
        """
        for key in (self.key, self.label):
            if key in values:
                return values[key]
        raise unknown("value", self.key, values)

    def holds(self, value: float) -> bool:
        """Whether `value` meets the condition; NaN never does."""
        return bool(OPERATORS[self.op](value, self.number))

    def shown(self, value: float) -> str:
        """The value in as few digits as still tell it from the target."""
        unit = "s" if self.name == "time" else ""
        if self.part is None and float(value).is_integer():
            return f"{int(value)}{unit}"
        for digits in range(3, 17):
            text = f"{value:.{digits}g}"
            if self.holds(float(text)) == self.holds(value):
                return text + unit
        return repr(float(value)) + unit

    def __str__(self) -> str:
        number = int(self.number) if float(self.number).is_integer() else self.number
        return f"{self.label} {self.op} {number}{'s' if self.name == 'time' else ''}"


@dataclass(frozen=True, slots=True)
class Token:
    """A number, word, sign, other character or the end, and where it starts in the text."""

    kind: str
    text: str
    start: int


def tokens(text: str) -> Iterator[Token]:
    """The numbers, words and signs of a text, then one token for its end."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        yield Token(kind, match[kind], match.start(kind))
    yield Token("end", "", len(text))


class Parser:
    """One pass over the tokens, one method for each line of the grammar."""

    def __init__(
        self,
        text: str,
        own: Mapping[str, Metric],
        task: Task | None,
        validation: bool,
        outputs: Mapping[str, Task],
    ) -> None:
        if not isinstance(text, str):
            raise ConfigError(
                "until must be text", repr(text), "Write for instance until='accuracy >= 0.95'."
            )
        self.text = " ".join(text.split())  # one line, so that the marker stands below
        self.own, self.task, self.validation = own, task, validation
        self.outputs = outputs
        self.notes: list[str] = []
        self.at = 0
        self.tokens = list(tokens(self.text))

    def expression(self) -> tuple[tuple[Condition, ...], ...]:
        """The whole text: conditions joined by 'and', joined by 'or'."""
        alternatives = [[self.condition()]]
        while self.token.kind != "end":
            word = self.token.text.casefold()
            if word not in ("and", "or"):
                self.refuse("'and' or 'or' must stand between conditions", "Join them by a word.")
            self.at += 1
            if word == "or":
                alternatives.append([])
            alternatives[-1].append(self.condition())
        return tuple(map(tuple, alternatives))

    def condition(self) -> Condition:
        """One comparison, and a note where its direction is unusual."""
        name = self.token
        if name.kind != "word" or name.text.casefold() in ("and", "or"):
            self.refuse(
                "a condition must start with a metric, epoch, step or time",
                "Parentheses are not needed: 'and' binds closer than 'or'."
                if name.text in ("(", ")")
                else "Write for instance accuracy >= 0.95.",
            )
        self.at += 1
        counter = name.text.casefold()
        if counter in COUNTERS:
            op = self.operator()
            return self.possible(None, counter, op, COUNTERS[counter])
        part, label, metric = self.metric(name)
        op = self.operator()
        condition = self.possible(part, label, op, metric.bounds)
        if (op in (">=", ">")) != (metric.better == "higher"):
            self.notes.append(f"'{condition}' stops at a poor {label}: {metric.better} is better")
        return condition

    def metric(self, token: Token) -> tuple[str, str, Metric]:
        """The part, the name and the metric that a word means, if they can be measured here."""
        *words, name = token.text.split(".")
        output = words.pop() if words and words[-1] in self.outputs else ""
        prefix = ".".join(words)
        if prefix and prefix.casefold() not in PARTS:
            do = "Write train or validation."
            if prefix.casefold() == "test":
                do = "The test part is kept for the end; write validation."
            self.refuse("the part before the dot must be train or validation", do, token)
        found = self.lookup(name, token)
        if self.outputs and not output and found.name != "loss":
            do = f"Write for instance {next(iter(self.outputs))}.{found.name}."
            self.refuse("a metric must name its output, where there are several", do, token)
        try:
            check_task(found, self.outputs.get(output, self.task))
        except ConfigError as error:
            self.refuse(error.must + f"; {found.name} is for {found.task}", error.do, token)
        if not found.scalar:
            self.refuse(f"{found.name} is no single number", "Choose another metric.", token)
        part = PARTS[prefix.casefold() or "validation"]
        label = f"{output}.{found.name}" if output else found.name
        if part == "validation" and not self.validation:
            if prefix:
                do = f"Give fit validation=0.1 or so, or write train.{label}."
                self.refuse("there is no validation part to measure", do, token)
            self.notes.append(f"there is no validation part: {label} means train.{label}")
            part = "train"
        return part, label, found

    def lookup(self, name: str, token: Token) -> Metric:
        """The metric of a name: the user's own first, then the loss and the registered ones."""
        if name.casefold() in self.own:
            return self.own[name.casefold()]
        if name.casefold() == "loss":
            return Loss()
        try:
            return get(name)
        except UnknownNameError:
            scalars = [key for key, metric in registry().items() if metric.scalar]
            own = [metric.name for metric in self.own.values()]
            error = unknown("metric", name, [*own, "loss", *scalars, *COUNTERS])
            self.refuse(error.must, error.do, token, unknown_choices=error.received)

    def operator(self) -> str:
        """One of the four comparisons, in its usual spelling."""
        token = self.token
        op = SPELLINGS.get(token.text, token.text)
        if op not in OPERATORS:
            do = "A value is rarely met exactly: write >= or <=." if "=" in op else ""
            self.refuse("one of >=, >, <=, < must follow", do or "Write for instance >= 0.95.")
        self.at += 1
        return op

    def possible(
        self, part: str | None, name: str, op: str, bounds: tuple[float, float]
    ) -> Condition:
        """The condition whose number comes next, if any value can meet it."""
        token, number = self.token, self.number(name, bounds[1])
        condition = Condition(part, name, op, number)
        low, high = bounds
        if not condition.holds(high if op in (">=", ">") else low):
            lies = f"lies between {low:g} and {high:g}"
            if math.isinf(high):
                lies = f"is at least {low:g}"
            elif math.isinf(low):
                lies = f"is at most {high:g}"
            percent = high == 1 and 2 <= number <= 100
            do = f"For a percentage write {number:g}%." if percent else "Choose another number."
            self.refuse(f"{name} is never {op} {number:g}: it {lies}", do, token)
        return condition

    def number(self, name: str, high: float) -> float:
        """A number with its percent sign or unit of time."""
        token = self.token
        if token.kind != "number":
            self.refuse("a number must follow", "Write for instance >= 0.95.")
        self.at += 1
        number, unit = float(token.text), self.token.text.casefold()
        if unit == "%":
            if high != 1:
                self.refuse(f"{name} is not a fraction of 1", "Leave out the %.")
            self.at += 1
            # Shifting the point in the text rounds once: 97.3% is the float 0.973.
            plain = token.text.replace(".", "").isdigit()
            number = float(token.text + "e-2") if plain else number / 100
        elif name == "time" and self.token.kind == "word" and unit not in ("and", "or"):
            if unit not in UNITS:
                self.refuse("unknown unit of time", "Write ms, s, min, h or d.")
            self.at += 1
            number *= UNITS[unit]
        elif unit in UNITS:
            self.refuse(f"{name} has no unit", "Write the number alone.")
        if not math.isfinite(number):
            self.refuse("the number must be finite", "Write a smaller one.", token)
        return number

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def refuse(
        self, must: str, do: str, token: Token | None = None, *, unknown_choices: str = ""
    ) -> NoReturn:
        """Raise with the text and a marker below the place."""
        place = (token or self.token).start
        shown = f"{self.text}\n{' ' * (_INDENT + place)}^"
        if unknown_choices:
            raise UnknownNameError(must, f"{shown}\n{' ' * _INDENT}{unknown_choices}", do)
        raise ConfigError(must, shown, do)
