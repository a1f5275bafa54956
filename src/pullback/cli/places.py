"""What the argument RUN|MODEL means, and files that are written only where nothing stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.errors import ConfigError, FileFormatError, nearest

if TYPE_CHECKING:
    from pullback.train import Model


def load(path: str) -> Model:
    """The model of a run's folder or of a file; a mistyped run is answered with the nearest.

    Raises:
        FileFormatError: There is nothing, it is damaged, or made by a newer version.
    """
    from pullback.train import load as load_model

    check_there(path)
    return load_model(path)


def check_there(path: str) -> None:
    """Raise FileFormatError, with the nearest name, where no such run or model is."""
    where = Path(path)
    if os.path.lexists(where):
        _check_is_one(where)
        return
    beside = where.parent if where.parent.is_dir() else Path("runs")
    names = [p.name for p in beside.iterdir()] if beside.is_dir() else []
    guess = nearest(where.name, [name for name in names if not name.startswith(".")])
    raise FileFormatError(
        f"{path} must be the folder of a run, or a model file",
        "nothing of that name",
        f"Did you mean {beside / guess}?" if guess else "`pullback runs` lists the runs.",
    )


def _check_is_one(where: Path) -> None:
    """Raise FileFormatError for a folder that is none of a run, such as the folder of all runs."""
    own = ("run.json", "status.json", "model.safetensors")
    if not where.is_dir() or any((where / name).exists() for name in own):
        return
    inside = sorted(path.parent.name for path in where.glob("*/run.json"))
    raise FileFormatError(
        f"{where} must be the folder of a run, or a model file",
        "a folder of runs" if inside else "another folder",
        f"Name one of its runs, such as {where / inside[-1]}."
        if inside
        else "`pullback runs` lists the runs.",
    )


def check_free(path: str, force: bool) -> None:
    """Raise ConfigError where a file stands already, unless it may be replaced."""
    if Path(path).is_dir():
        raise ConfigError("the output must be a file", f"{path}, a folder", "Name a file in it.")
    if os.path.lexists(path) and not force:
        raise ConfigError(
            "an output file must not exist yet", f"{path}", "Choose another name, or add --force."
        )
    folder = Path(path).parent
    if not folder.is_dir():
        raise ConfigError(
            "the folder of the output must exist",
            f"{path}, where {folder} is no folder",
            "Make it first, or choose another.",
        )


def read(model: Model, file: str, separator: str | None, encoding: str | None) -> Any:
    """The rows of a file, read as those of the training were."""
    from pullback.cli.plan import find
    from pullback.data.reading import read as read_file

    options: dict[str, Any] = {}
    if separator is not None:
        options["separator"] = "\t" if separator in ("tab", "\\t") else separator
    if encoding is not None:
        options["encoding"] = encoding
    path, _ = find(file)
    if model.encoder is not None:
        return model.encoder.read(path, **options)
    return read_file(path, **options)


def plain_arrays(model: Model, source: Any) -> Any:
    """What a model without an encoder takes: the features, and the targets if there are any.

    Raises:
        DataError: The source is a table with columns of text.
    """
    from pullback.data import Arrays
    from pullback.data.column_encoder import numbers_of

    if model.encoder is not None:
        return source
    if isinstance(source, Arrays):
        return source.x, source.y
    return np.column_stack([numbers_of(column, source) for column in source.columns.values()]), None
