"""The task is found as a person would; bad targets are refused; outputs become answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.data import find_target, prepare, read_table
from pullback.data.encoder import Encoder
from pullback.errors import DataError, PullbackError
from pullback.nn.head import Head

N = 60
RNG = np.random.default_rng(0)

TASKS: dict[str, tuple[Any, str, tuple[Any, ...]]] = {
    "text": (["cat", "dog", "bird"] * 20, "classification", ("bird", "cat", "dog")),
    "truth": ([True, False] * 30, "classification", (False, True)),
    "0 and 1": ([1, 0] * 30, "classification", (0, 1)),
    "-1 and 1": ([1, -1] * 30, "classification", (-1, 1)),
    "1 and 2": ([2, 1] * 30, "classification", (1, 2)),
    "digits": (list(range(10)) * 6, "classification", tuple(range(10))),
    "1.0 and 2.0": ([2.0, 1.0] * 30, "classification", (1, 2)),
    "fractions": (RNG.normal(size=N), "regression", ()),
    "few fractions": ([0.5, 1.5] * 30, "regression", ()),
    "years": (RNG.integers(1990, 2010, N), "regression", ()),
    "26 letters": (list(range(26)) * 50, "classification", tuple(range(26))),
    "counts": (RNG.integers(0, 1000, N), "regression", ()),
    "rare whole numbers": ([100, 2000, 30_000] * 20, "regression", ()),
    "xor": ([0, 1, 1, 0], "classification", (0, 1)),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_task_is_found(name: str) -> None:
    values, task, classes = TASKS[name]
    target = find_target(read_table({"y": values}), ["y"])
    assert target.task == task
    assert target.classes == classes
    assert [type(label) for label in target.classes] == [type(label) for label in classes]
    assert target.reason


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([1, 2, 3] * 20, "regression", ()),
        ([0.5, 1.5] * 30, "classification", (0.5, 1.5)),
        (["1", "2"] * 30, "regression", ()),
    ],
)
def test_the_task_can_be_given(values: Any, task: str, classes: tuple[Any, ...]) -> None:
    target = find_target(read_table({"y": values}), ["y"], task)
    assert target.task == task
    assert target.classes == classes


BAD = {
    "one class": (["a"] * N, None, "only 'a'"),
    "one number": ([3.5] * N, None, "3.5 in every row"),
    "missing": ([None, "a", "b"] * 20, None, "20 of 60 without one: row 0, row 3, row 6, ..."),
    "missing number": ([np.nan, 1.5, 2.5] * 20, None, "row 0, row 3"),
    "infinite": ([np.inf, 1.5, 2.5] * 20, None, "inf on row 0, row 3"),
    "infinite class": ([np.inf, 1.0, 2.0] * 20, "classification", "inf on row 0"),
    "text": (["a", "b"] * 30, "regression", "'a' on row 0"),
    "a name a row": ([f"n{i}" for i in range(N)], None, "60 distinct values in 60 rows"),
    "dates": (np.datetime64("2020-01-01") + np.arange(N), None, "dates"),
    "task": ([0, 1] * 30, "clasification", "'clasification'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_target_is_refused(name: str) -> None:
    values, task, received = BAD[name]
    with pytest.raises(PullbackError) as caught:
        prepare({"x": RNG.normal(size=N), "y": values}, "y", task=task)
    assert received in caught.value.received
    assert caught.value.do


def test_a_missing_target_names_the_option_and_the_option_works() -> None:
    columns = {"x": RNG.normal(size=N), "y": [np.nan, 1.5, 2.5] * 20}
    with pytest.raises(DataError, match="drop_missing_target=True"):
        prepare(columns, "y")
    prepared = prepare(columns, "y", drop_missing_target=True)
    assert "20 rows without a target" in prepared.warnings[0]
    rows = np.concatenate([prepared.train.rows, prepared.validation.rows, prepared.test.rows])
    assert sorted(rows) == [i for i in range(N) if i % 3]
    with pytest.raises(DataError, match="none of 60"):
        prepare(columns | {"y": [None] * N}, "y", drop_missing_target=True)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("spceies", "Did you mean 'species'"),
        (None, "must be named"),
        ([], "named once"),
        (["species", "species"], "named once"),
        (["species", "x"], "must hold numbers"),
    ],
)
def test_a_wrong_name_is_refused(target: Any, message: str) -> None:
    columns = {"x": RNG.normal(size=N), "species": ["a", "b"] * 30}
    with pytest.raises(PullbackError, match=message):
        prepare(columns, target)


def test_several_targets_are_a_regression() -> None:
    columns = {"x": RNG.normal(size=N), "a": RNG.normal(5, 2, N), "b": [1, 2] * 30}
    prepared = prepare(columns, ["a", "b"])
    assert prepared.task == "regression"
    assert prepared.train.y.shape == (len(prepared.train), 2)
    goal = prepared.encoder.target
    values = Head("values", None, goal.scale, goal.center).decide(prepared.test.y)
    np.testing.assert_allclose(values[:, 0], columns["a"][prepared.test.rows], 1e-5)


def labels() -> dict[str, Any]:
    smoker, tall, old = ["no", "yes"] * 30, [True, False, False] * 20, [1, 1, 0, 0] * 15
    return {"x": RNG.normal(size=N), "smoker": smoker, "tall": tall, "old": old}


NAMES = ("smoker", "tall", "old")


def test_several_columns_of_two_values_are_labels() -> None:
    columns = labels()
    prepared = prepare(columns, NAMES)
    goal = prepared.encoder.target
    assert (prepared.task, goal.outputs) == ("multilabel", 3)
    assert goal.pairs == (("no", "yes"), (False, True), (0, 1))
    wanted = [
        [columns[n][row] == yes for n, (_, yes) in zip(NAMES, goal.pairs, strict=True)]
        for row in prepared.train.rows
    ]
    assert prepared.train.y.dtype == np.float32
    assert np.array_equal(prepared.train.y, wanted)
    assert prepared.summary()["labels"]["old"] == prepared.train.y[:, 2].sum()
    again = Encoder.from_json(prepared.encoder.to_json())
    assert again.target == goal
    assert np.array_equal(again.targets(columns)[prepared.train.rows], wanted)


def test_what_labels_are_can_be_said() -> None:
    assert prepare(labels(), ["tall", "old"], task="regression").task == "regression"
    assert prepare(labels(), "smoker", task="multilabel").train.y.shape[1] == 1
    assert prepare(labels() | {"old": RNG.normal(size=N)}, ["tall", "old"]).task == "regression"
    with pytest.raises(DataError, match="two values, no and yes"):
        prepare(labels() | {"old": list(range(N))}, NAMES, task="multilabel")
    with pytest.raises(DataError, match="'maybe' on row 0; known are no, yes"):
        prepare(labels(), NAMES).encoder.targets(
            {k: v[:1] for k, v in labels().items()} | {"smoker": ["maybe"]}
        )


def test_labels_are_stratified_by_the_rows_that_have_the_same_ones() -> None:
    prepared = prepare(labels(), NAMES, split="stratified", validation=0.5, test=0)
    shares = [
        np.unique(p.y, axis=0, return_counts=True)[1] for p in (prepared.train, prepared.validation)
    ]
    assert np.abs(shares[0] - shares[1]).max() <= 1


def test_a_label_unknown_from_training_is_refused() -> None:
    columns = {"x": RNG.normal(size=N), "y": ["a", "b"] * 30}
    encoder = prepare(columns, "y").encoder
    with pytest.raises(DataError, match="'c' on row 1; known are a, b"):
        encoder.targets({"x": [1.0, 2.0], "y": ["a", "c"]})
    with pytest.raises(DataError, match="'y' must be in"):
        encoder.targets({"x": [1.0, 2.0]})
