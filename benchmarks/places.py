"""Where the larger data sets are, if they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

from pullback import datasets

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_file(name: str) -> Path | None:
    """A data file: from `PULLBACK_DATA`, from `shared/data` beside the checkout, or as shipped."""
    for folder in (os.environ.get("PULLBACK_DATA"), BESIDE):
        if folder and (Path(folder) / name).exists():
            return Path(folder) / name
    stem = name.partition(".")[0]
    return Path(datasets.path(stem)) if stem in ("penguins", "auto-mpg") else None
