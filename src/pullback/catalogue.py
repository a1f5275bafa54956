"""Everything that goes by a name, table by table: for `pullback list` and the reference pages.

What is said of an entry is read from its docstring: the first line, and the references.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pullback import losses, metrics, nn, ops, optim
from pullback.errors import unknown
from pullback.nn import activations, architectures, initialisers
from pullback.optim import schedules

_SECTIONS = r"Args|Attributes|Shape|Returns|Raises|Example|Examples|References|Class attributes"


@dataclass(frozen=True)
class Entry:
    """One entry of a table.

    Attributes:
        name: The name by which it is chosen.
        cls: Its class.
        summary: The first line of its docstring, without mathematics.
        reference: Where it was described first, or what it is known from; empty for what
            belongs to everybody.
    """

    name: str
    cls: type[Any]
    summary: str
    reference: str

    @property
    def settings(self) -> str:
        """What it can be told, as `name=default`."""
        # A module's class takes anything, and hands it to `__init__`.
        made: Callable[..., Any] = self.cls.__init__
        if made is object.__init__:
            return ""
        parameters = list(inspect.signature(made).parameters.values())[1:]
        return ", ".join(str(p).split(":")[0] + _default(p) for p in parameters)

    def section(self, name: str) -> str:
        """A section of its docstring, without its heading; empty where there is none."""
        return section(self.cls, name)

    @property
    def text(self) -> str:
        """What its docstring says before the first section, formulas included."""
        text = inspect.cleandoc(self.cls.__doc__ or "")
        return re.split(rf"^(?:{_SECTIONS}):$", text, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _default(p: inspect.Parameter) -> str:
    return "" if p.default is p.empty else f"={p.default!r}"


def _layers() -> Mapping[str, type[Any]]:
    """The layers that are no activations."""
    own = {cls.__name__ for cls in activations.registry().values()}
    return {name: cls for name, cls in nn.layers().items() if name not in own}


TABLES: dict[str, Callable[[], Mapping[str, type[Any]]]] = {
    "layers": _layers,
    "activations": activations.registry,
    "networks": architectures.registry,
    "initialisers": initialisers.registry,
    "losses": losses.registry,
    "optimizers": optim.registry,
    "schedules": schedules.registry,
    "metrics": metrics.registry,
    "operations": ops.registry,
}


def entries(table: str) -> list[Entry]:
    """All entries of a table, sorted by name.

    Raises:
        UnknownNameError: There is no such table; the nearest is named.

    Example:
        >>> [entry.summary for entry in entries("schedules") if entry.name == "constant"]
        ['The same rate throughout: the factor is 1.']
    """
    if table not in TABLES:
        raise unknown("table", table, TABLES)
    found = TABLES[table]()
    return [
        Entry(name, cls, summary(cls), " ".join(section(cls, "References").split()))
        for name, cls in sorted(found.items())
    ]


def summary(cls: type[Any]) -> str:
    """The first line of a class's docstring, up to the colon before a formula."""
    text = inspect.getdoc(cls) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return re.sub(r": \$.*", ".", first)


def section(cls: type[Any], name: str) -> str:
    """A section of a class's own docstring, without its heading."""
    text = inspect.cleandoc(cls.__doc__ or "")
    found = re.search(rf"^{name}:\n(.*?)(?=^(?:{_SECTIONS}):|\Z)", text, re.MULTILINE | re.DOTALL)
    return inspect.cleandoc(found[1]).strip() if found else ""
