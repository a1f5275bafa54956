"""Things that are chosen by name and kept as JSON: losses, optimizers, schedules, initialisers.

Each kind has a base class that derives from `Named` and sets `kind`. A concrete class is a frozen
dataclass entered in its kind's table with `@named.register`; its fields are its settings.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

from pullback.errors import ConfigError, unknown


@dataclass(frozen=True)
class Named:
    """A frozen record of settings with a name within its kind.

    Class attributes:
        kind: What it is: `loss`, `optimizer`, ...; its table's name in messages.
        name: Its name within the kind.
        aliases: Other names that mean the same.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Check the settings; each kind and class adds its own.

        Raises:
            ConfigError: One of them cannot be used; the message names it and its value.
        """

    def to_config(self) -> dict[str, Any]:
        """The name and the settings as plain JSON data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"name": self.name, **{k: _plain(v) for k, v in values.items()}}

    def describe(self) -> str:
        """The name and the settings in one line, such as `huber(delta=1.0)`."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        shown = [f"{k}={v.describe() if isinstance(v, Named) else v}" for k, v in values]
        return f"{self.name}({', '.join(shown)})" if shown else self.name

    def check_number(
        self,
        setting: str,
        *,
        above: float | None = None,
        least: float | None = None,
        below: float | None = None,
        most: float | None = None,
    ) -> None:
        """Check that a setting is a finite number in its range, and keep it as a float.

        Raises:
            ConfigError: It is not.
        """
        value = getattr(self, setting)
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        number = float(value) if real else math.nan
        inside = (
            math.isfinite(number)
            and (above is None or number > above)
            and (least is None or number >= least)
            and (below is None or number < below)
            and (most is None or number <= most)
        )
        if not inside:
            bounds = (
                *(("above", above), ("at least", least)),
                *(("below", below), ("at most", most)),
            )
            said = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
            raise ConfigError(
                f"{setting} of the {self.kind} {self.name!r} must be a number {said}",
                f"{setting}={value!r}",
                self._advice(setting),
            )
        object.__setattr__(self, setting, number)

    def check_whole(self, setting: str, *, least: int) -> None:
        """Check that a setting is a whole number of at least `least`, and keep it as an int.

        Raises:
            ConfigError: It is not.
        """
        self.check_number(setting, least=least)
        number = getattr(self, setting)
        if not number.is_integer():
            raise ConfigError(
                f"{setting} of the {self.kind} {self.name!r} must be a whole number",
                f"{setting}={number!r}",
                self._advice(setting),
            )
        object.__setattr__(self, setting, int(number))

    def check_flag(self, setting: str) -> None:
        """Check that a setting is true or false.

        Raises:
            ConfigError: It is neither.
        """
        value = getattr(self, setting)
        if not isinstance(value, bool):
            raise ConfigError(
                f"{setting} of the {self.kind} {self.name!r} must be true or false",
                f"{setting}={value!r}",
                self._advice(setting),
            )

    def _advice(self, setting: str) -> str:
        default = next(f.default for f in fields(self) if f.name == setting)
        return "Choose another value." if default is MISSING else f"Its default is {default!r}."


N = TypeVar("N", bound=Named)
_TABLES: dict[str, dict[str, type[Named]]] = {}


@dataclass_transform(frozen_default=True)
def register(cls: type[N]) -> type[N]:
    """Class decorator: a frozen dataclass, entered in the table of its kind."""
    made = dataclass(frozen=True)(cls)
    table = _TABLES.setdefault(made.kind, {})
    taken = {name for other in table.values() for name in (other.name, *other.aliases)}
    for name in (made.name, *made.aliases):
        if name in taken:
            raise ValueError(f"two of kind {made.kind!r} are named {name!r}")
    table[made.name] = made
    return made


def registry(base: type[N]) -> dict[str, type[N]]:
    """All classes of the kind of `base` by name, sorted."""
    return cast(dict[str, type[N]], dict(sorted(_TABLES.get(base.kind, {}).items())))


def get(base: type[N], value: N | type[N] | str | dict[str, Any], custom: Iterable[Any] = ()) -> N:
    """An instance of the kind of `base`: from its name, configuration or class, or itself.

    Args:
        base: The kind's base class.
        value: What names it.
        custom: Classes that are not in the table; those of another kind are passed over.

    Raises:
        UnknownNameError: No such name; the nearest is named.
        ConfigError: A setting that the class does not have, or a value it does not take.
    """
    if isinstance(value, base):
        return value
    if isinstance(value, type) and issubclass(value, base):
        return _made(value, {})
    settings = dict(value) if isinstance(value, dict) else {"name": value}
    name = settings.pop("name", None)
    table = registry(base)
    wanted = str(name).casefold().replace("-", "_").replace(" ", "_")
    custom = tuple(custom)
    own = [cls for cls in custom if isinstance(cls, type) and issubclass(cls, base)]
    for cls in (*own, *table.values()):
        if wanted in (cls.name, *cls.aliases):
            return _made(cls, settings, custom)
    raise unknown(base.kind, name, table)


def _made(cls: type[N], settings: dict[str, Any], custom: tuple[Any, ...] = ()) -> N:
    known = [f.name for f in fields(cls)]
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of the {cls.kind} {cls.name!r}", setting, known)
    try:
        return cls(**{k: _restored(v, custom) for k, v in settings.items()})
    except TypeError as error:
        raise ConfigError(
            f"the {cls.kind} {cls.name!r} needs its settings", str(error), "Name them all."
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Named):
        return {"kind": value.kind, **value.to_config()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _restored(value: Any, custom: tuple[Any, ...]) -> Any:
    """A setting from plain JSON data; one that is itself chosen by name may be of one's own."""
    if isinstance(value, dict) and value.get("kind") in _TABLES:
        rest = {k: v for k, v in value.items() if k != "kind"}
        own = [c for c in custom if isinstance(c, type) and issubclass(c, Named)]
        table = _TABLES[value["kind"]] | {c.name: c for c in own if c.kind == value["kind"]}
        if rest.get("name") not in table:
            raise unknown(value["kind"], rest.get("name"), table)
        return _made(table[rest.pop("name")], rest, custom)
    return tuple(_restored(v, custom) for v in value) if isinstance(value, list) else value
