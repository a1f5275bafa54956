"""A comma in a number: for thousands or for decimals, decided by the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pullback.data import find_roles, read_table


@pytest.mark.parametrize(
    ("separator", "cells", "values"),
    [
        ("\t", ["1,200", "950", "12,500"], [1200, 950, 12500]),
        ("\t", ["1,200", "2,300"], [1200, 2300]),
        ("\t", ["1,200", "1200"], [1200, 1200]),
        ("\t", ["1,5", "12,500"], [1.5, 12.5]),
        ("\t", ["12,34", "1"], [12.34, 1]),
        ("\t", ["0,125", "1,250"], [0.125, 1.25]),
        ("|", ["1,200.50", "NA", "-1,000"], [1200.5, np.nan, -1000]),
        (";", ["1,5", "2"], [1.5, 2]),
        (";", ["1,200", "950"], [1200, 950]),
        (";", ["1,200,000", "1,200"], [1.2e6, 1200]),
        (";", ["1,200", "1500"], [1.2, 1500]),
        (",", ['"1,200"', "950"], [1200, 950]),
    ],
    ids=str,
)
def test_a_comma_means_what_its_column_shows(
    tmp_path: Path, separator: str, cells: list[str], values: list[float]
) -> None:
    path = tmp_path / "prices.txt"
    lines = [separator.join(("a", cell, "b")) for cell in cells]
    path.write_text("\n".join([separator.join(("left", "price", "right")), *lines]) + "\n")
    column = read_table(path, separator=separator)["price"]
    assert column.kind == "number"
    np.testing.assert_array_equal(column.values, values)


def test_a_comma_in_doubt_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("price;y\n1,200;0\n2,350;1\n1,100;0\n2,350;1\n")
    table = read_table(path)
    np.testing.assert_array_equal(table["price"].values, [1.2, 2.35, 1.1, 2.35])
    roles = {role.name: role for role in find_roles(table)}
    assert "'1,200' taken as a decimal comma" in roles["price"].reason
    assert "comma" not in roles["y"].reason
