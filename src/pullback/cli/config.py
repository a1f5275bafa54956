"""Settings from a TOML file and from flags, and the file that repeats a training.

    [data]
    file = "penguins.csv"
    target = "species"

    [network]
    hidden = [64, 64]

    [training]
    epochs = 100
    optimizer = {name = "sgd", momentum = 0.9}

Keys are the long flags with `_` for `-`. Flags win over the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Any

import click

from pullback.cli.options import Option
from pullback.errors import ConfigError, FileFormatError, unknown
from pullback.files import atomic_write_text, open_regular, read_bounded

TABLES = ("data", "network", "training")
LIMIT = 1 << 20
HEADING = "# pullback train --config FILE repeats this training."


def read(path: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        FileFormatError: The file is missing, or no TOML.
        UnknownNameError: A table that does not exist; the nearest is named.
    """
    try:
        found = tomllib.loads(read_bounded(path, LIMIT).decode("utf-8"))
    except (ValueError, RecursionError) as error:  # no TOML or UTF-8; a number without end
        raise FileFormatError(
            f"{path} must be a TOML file", str(error), "Mend it, or begin with --write-config."
        ) from None
    for name, table in found.items():
        if name not in TABLES:
            raise unknown(f"table in {path}", name, TABLES)
        if not isinstance(table, dict):
            raise ConfigError(
                f"{name} must be a table in {path}",
                f"{table!r}",
                f"Write [{name}] on its own line.",
            )
    return found


def merged(ctx: click.Context, path: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that was asked for: by a flag, else by the file at `path`.

    Raises:
        UnknownNameError: The file has a key that is no setting; the nearest is named.
    """
    asked = {key: value for key, value in given.items() if value not in (None, ())}
    if path is None:
        return asked
    known = _known(ctx)
    for name, table in read(path).items():
        for key, value in table.items():
            if key not in known[name]:
                raise unknown(f"key in [{name}] of {path}", key, known[name])
            parameter = known[name][key]
            asked.setdefault(str(parameter.name), _converted(ctx, parameter, key, value, path))
    return asked


def _known(ctx: click.Context) -> dict[str, dict[str, click.Parameter]]:
    """The settings of each table, by their keys."""
    known: dict[str, dict[str, click.Parameter]] = {name: {} for name in TABLES}
    for parameter in ctx.command.params:
        if isinstance(parameter, click.Argument):
            known["data"][str(parameter.name)] = parameter
        elif isinstance(parameter, Option) and parameter.group.casefold() in known:
            known[parameter.group.casefold()][str(parameter.name)] = parameter
    return known


def _converted(
    ctx: click.Context, parameter: click.Parameter, key: str, value: Any, path: str
) -> Any:
    """A value of the file as its flag would have given it."""
    whole: Any = value
    if parameter.multiple if isinstance(parameter, Option) else False:
        if isinstance(value, Mapping):
            pairs = value.items()
            whole = tuple((str(k), v if isinstance(v, Mapping) else str(v)) for k, v in pairs)
            if key == "class_weight":
                whole = tuple(f"{name}={item}" for name, item in whole)
        else:
            whole = tuple(value) if isinstance(value, list) else (value,)
    elif isinstance(parameter, Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise _wrong(key, value, path, "Write true or false.")
    elif isinstance(value, (int, float, bool)):
        whole = str(value)  # so that 2.5 is no whole number, and true no number at all
    try:
        return parameter.type_cast_value(ctx, whole)
    except (click.BadParameter, TypeError) as error:
        why = error.message if isinstance(error, click.BadParameter) else str(error)
        raise _wrong(key, value, path, f"{why.rstrip('.')}.") from None


def _wrong(key: str, value: Any, path: str, do: str) -> ConfigError:
    return ConfigError(f"{key} in {path} must have a value of its kind", f"{value!r}", do)


def write(path: str, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the settings of a training, so that `--config` repeats it."""
    import tomli_w

    check_free(path)
    text = tomli_w.dumps({name: _without_none(table) for name, table in tables.items() if table})
    atomic_write_text(path, f"{HEADING}\n\n{text}")


def check_free(path: str) -> None:
    """Refuse to write settings over a file that holds anything else, such as the data.

    Raises:
        ConfigError: Such a file stands there.
    """
    if os.path.isfile(path):
        with open_regular(path) as (file, _):
            ours = file.read(len(HEADING)) == HEADING.encode()
        if not ours:
            raise ConfigError(
                "--write-config must not replace a file that it did not write",
                path,
                "Choose another name.",
            )


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value]
    return value
