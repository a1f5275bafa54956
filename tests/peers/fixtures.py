"""Files of what the other libraries gave: inputs and results of every comparison of a table."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.peers.case import Arrays, Table

FOLDER = Path(__file__).parent / "fixtures"
Record = tuple[Arrays, Arrays]
"""Inputs and results."""


def cases_by_id(table: Table) -> dict[str, tuple[str, int]]:
    """The name and number of each comparison, by what it is called in files and tests."""
    return {f"{name}.{i}": (name, i) for name, cases in table.items() for i in range(len(cases))}


def write(name: str, records: Mapping[str, Record], versions: str) -> Path:
    """The file of a table: all numbers of each kind in a row, and what stands where."""
    rows = [
        (case, part, key, array)
        for case, parts in records.items()
        for part, arrays in enumerate(parts)
        for key, array in arrays.items()
    ]
    layout = [(case, part, key, x.dtype.name, x.shape) for case, part, key, x in rows]
    numbers: Arrays = {}
    for kind in sorted({x.dtype.name for *_, x in rows}):
        numbers[kind] = np.concatenate([x.ravel() for *_, x in rows if x.dtype.name == kind])
    about = {"versions": np.array(versions), "layout": np.array(json.dumps(layout))}
    path = FOLDER / f"{name}.npz"
    with path.open("wb") as file:
        np.savez_compressed(file, **about, **numbers)
    return path


@functools.cache
def read(name: str) -> dict[str, Record]:
    """The records of a table by comparison."""
    records: dict[str, Record] = {}
    with np.load(FOLDER / f"{name}.npz") as file:
        left = {key: file[key] for key in file.files}
    for case, part, key, kind, shape in json.loads(str(left["layout"])):
        size = math.prod(shape)
        array, left[kind] = left[kind][:size].reshape(shape), left[kind][size:]
        records.setdefault(case, ({}, {}))[part][key] = array
    return records


def versions(name: str) -> dict[str, str]:
    """The libraries that a table was computed by, with their versions."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(library.split() for library in str(file["versions"]).split(", "))
