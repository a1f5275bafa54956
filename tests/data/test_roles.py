"""Each column gets the role that a person would give it, and says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.data import find_roles, read_table
from pullback.errors import DataError, UnknownNameError

N = 100
RNG = np.random.default_rng(0)
X = RNG.normal(size=N)

COLUMNS: dict[str, tuple[Any, str, str]] = {
    "measure": (X, "numeric", "fractions"),
    "cylinders": (RNG.choice([3, 4, 5, 6, 8], N), "numeric", "5 distinct"),
    "flag": (RNG.integers(0, 2, N), "boolean", "0 and 1"),
    "truth": (RNG.integers(0, 2, N) > 0, "boolean", "true or false"),
    "answer": (RNG.choice(["yes", "No"], N), "boolean", "No and yes"),
    "colour": (RNG.choice(["red", "green", "blue"], N), "categorical", "3 distinct"),
    "gappy colour": (RNG.choice(["red", "green", None], N), "categorical", "2 distinct"),
    "zip": ([f"0{i % 7}" for i in range(N)], "categorical", "7 distinct"),
    "counter": (np.arange(N), "identifier", "counts the rows"),
    "counter from 7": (np.arange(N) + 7, "identifier", "counts the rows"),
    "shuffled": (RNG.permutation(N) + 1, "identifier", "own in every row"),
    "customer_id": (RNG.permutation(10**6)[:N], "identifier", "own in every row"),
    "customerId": (RNG.permutation(10**6)[:N], "identifier", "own in every row"),
    "large whole": (RNG.permutation(10**6)[:N], "numeric", "whole"),
    "code": ([f"A{i * 37 % 997}" for i in range(N)], "identifier", "100 distinct"),
    "name": ([f"Smith, Mr John {i}th" for i in range(N)], "text", "words"),
    "day": ([f"2020-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(N)], "date", "%Y-%m-%d"),
    "us day": ([f"{1 + i % 12}/{1 + i % 28}/2020" for i in range(N)], "date", "%m/%d/%Y"),
    "eu day": ([f"{1 + i % 28}.{1 + i % 12}.2020" for i in range(N)], "date", "%d.%m.%Y"),
    "stamp": (np.datetime64("2020-01-01") + np.arange(N), "date", "dates"),
    "same": (np.full(N, 3.0), "constant", "only '3'"),
    "same text": (["a"] * N, "constant", "only 'a'"),
    "nothing": (np.full(N, np.nan), "empty", "no value"),
    "sparse": ([1.5] + [None] * (N - 1), "numeric", "fractions"),
    "grade": (RNG.choice(["1", "2", "3"], N - 5).tolist() + ["K"] * 5, "categorical", "4 dis"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_role_of_each_kind_of_column(name: str) -> None:
    values, role, reason = COLUMNS[name]
    table = read_table({"other": -X, name: values})
    found = find_roles(table)[1]
    assert found.role == role
    assert reason in found.reason
    assert found.used == (role in ("numeric", "boolean", "categorical", "date", "text"))


def test_a_second_column_of_the_same_content_is_left_out() -> None:
    columns = {
        "a": X,
        "b": X.copy(),
        "c": RNG.choice(["u", "v"], N),
    }
    columns["d"] = np.where(columns["c"] == "u", "one", "two")
    found = {role.name: role for role in find_roles(read_table(columns))}
    assert found["b"].role == found["d"].role == "duplicate"
    assert "'a'" in found["b"].reason
    assert "'c'" in found["d"].reason
    assert found["a"].used


def test_a_row_counter_is_a_feature_when_there_is_no_other() -> None:
    table = read_table({"t": np.arange(N), "y": X})
    assert find_roles(table, taken={"y": "target"})[0].role == "numeric"
    assert find_roles(table)[0].role == "identifier"


def test_roles_come_from_training_rows_alone() -> None:
    values = np.where(np.arange(N) < 50, 1.0, X)
    table = read_table({"x": values, "z": X})
    assert find_roles(table, np.arange(50))[0].role == "constant"
    assert find_roles(table)[0].role == "numeric"


@pytest.mark.parametrize("role", ["numeric", "categorical", "boolean", "date", "text", "drop"])
def test_a_role_can_be_given(role: str) -> None:
    found = find_roles(read_table({"x": X}), roles={"x": role})[0]
    assert found.role == ("dropped" if role == "drop" else role)
    assert found.reason == "as asked for"


def test_wrong_roles_are_refused_with_the_nearest_name() -> None:
    table = read_table({"height": X})
    with pytest.raises(DataError, match="Did you mean 'height'"):
        find_roles(table, roles={"hieght": "drop"})
    with pytest.raises(UnknownNameError, match="Did you mean 'numeric'"):
        find_roles(table, roles={"height": "numerical"})


def test_text_among_numbers_is_refused_with_its_lines(tmp_path: Any) -> None:
    path = tmp_path / "table.csv"
    cells = [f"{x:.3f}" for x in X]
    cells[4], cells[9] = "1.2.3", "tall"
    path.write_text("height,z\n" + "".join(f"{cell},1\n" for cell in cells))
    with pytest.raises(DataError) as caught:
        find_roles(read_table(path))
    assert "'height' must hold numbers" in caught.value.must
    assert caught.value.received == "'1.2.3' on line 6, 'tall' on line 11"
    found = find_roles(read_table(path), roles={"height": "numeric"})[0]
    assert found.role == "numeric"
