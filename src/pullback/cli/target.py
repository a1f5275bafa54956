"""What the argument RUN|MODEL means, and files that are written only where nothing stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

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
        return
    beside = where.parent if where.parent.is_dir() else Path("runs")
    names = [p.name for p in beside.iterdir()] if beside.is_dir() else []
    guess = nearest(where.name, [name for name in names if not name.startswith(".")])
    raise FileFormatError(
        f"{path} must be the folder of a run, or a model file",
        "nothing of that name",
        f"Did you mean {beside / guess}?" if guess else "`pullback runs` lists the runs.",
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
