"""The tables that come with the package."""

from __future__ import annotations

import csv

import pytest

from pullback import datasets, errors


@pytest.mark.parametrize(("name", "rows", "columns"), [("penguins", 344, 8), ("auto-mpg", 392, 9)])
def test_a_table_is_whole(name: str, rows: int, columns: int) -> None:
    with datasets.path(name).open(encoding="utf-8", newline="") as file:
        header, *body = csv.reader(file)
    assert len(body) == rows
    assert {len(row) for row in [header, *body]} == {columns}


def test_every_file_has_its_name_and_every_name_its_file() -> None:
    folder = datasets.path("penguins").parent
    assert {path.stem for path in folder.glob("*.csv")} == set(datasets.NAMES)


def test_an_unknown_table_gets_the_nearest_name() -> None:
    with pytest.raises(errors.UnknownNameError, match="Did you mean 'penguins'"):
        datasets.path("pengiuns")
