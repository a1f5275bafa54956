"""Parts are disjoint, of the size asked for, the same for the same seed."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import pullback as pb
from pullback.data import prepare, split
from pullback.data.splits import random_order, split_by_rows
from pullback.errors import ConfigError, DataError, PullbackError, UnknownNameError


def together(parts: Any) -> list[int]:
    return sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist())


@given(
    rows=st.integers(10, 300),
    shares=st.tuples(st.sampled_from([0, 0.1, 0.2, 0.35]), st.sampled_from([0, 0.1, 0.2, 0.35])),
    how=st.sampled_from(["random", "stratified", "time"]),
    seed=st.integers(0, 2**63 - 1),
)
def test_parts_are_disjoint_and_of_the_size_asked_for(
    rows: int, shares: tuple[float, float], how: str, seed: int
) -> None:
    keys = {"labels": np.arange(rows) % 3, "times": np.arange(rows)[::-1]}
    options = {"validation": shares[0], "test": shares[1], "seed": seed}
    parts = split(rows, how, **options, **keys)
    assert together(parts) == list(range(rows))
    assert len(parts.validation) == pytest.approx(rows * shares[0], abs=1)
    assert len(parts.test) == pytest.approx(rows * shares[1], abs=1)
    again = split(rows, how, **options, **keys)
    assert (parts.train == again.train).all()
    assert (parts.test == again.test).all()


def test_another_seed_gives_another_split() -> None:
    assert (split(100, seed=0).test != split(100, seed=1).test).any()


def test_the_random_order_is_pinned() -> None:
    # Runs are replayed from their seed, so that this order must never change.
    assert random_order(8, seed=0).tolist() == PINNED


PINNED = [0, 2, 1, 5, 4, 3, 6, 7]


@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_stratified_keeps_proportions_and_a_training_row_of_each_class(
    counts: list[int], seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    if len(labels) < 10:
        return
    parts = split(len(labels), "stratified", labels=labels, seed=seed)
    assert together(parts) == list(range(len(labels)))
    assert set(labels[parts.train]) == set(labels)
    for name, count in enumerate(counts):
        if count >= 5:
            share = (labels[parts.test] == name).sum() / count
            assert share == pytest.approx(0.2, abs=2 / count)


def test_no_class_is_lost_to_the_training_part_however_small_it_is_meant_to_be() -> None:
    labels = np.array([0] * 50 + [1, 2, 2, 3, 3, 3])
    parts = split(56, "stratified", labels=labels, validation=0.45, test=0.5)
    assert set(labels[parts.train]) == {0, 1, 2, 3}


def test_thin_classes_are_warned_of() -> None:
    labels = np.array(["a"] * 20 + ["b"] * 20 + ["c"])
    parts = split(41, "stratified", labels=labels)
    assert 40 in parts.train
    assert "too few rows" in parts.warnings[0]


@given(sizes=st.lists(st.integers(1, 12), min_size=12, max_size=40), seed=st.integers(0, 1000))
def test_a_group_stays_in_one_part(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    parts = split(len(groups), "group", groups=groups, seed=seed)
    held = [set(groups[rows]) for rows in (parts.train, parts.validation, parts.test)]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]
    assert together(parts) == list(range(len(groups)))


def test_time_puts_the_latest_rows_last_and_equal_times_together() -> None:
    times = np.repeat(np.arange(50), 4)[np.random.default_rng(0).permutation(200)]
    parts = split(200, "time", times=times)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (120, 40, 40)
    assert times[parts.train].max() < times[parts.validation].min()
    assert times[parts.validation].max() < times[parts.test].min()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 1.0}, "between 0 and 1"),
        ({"test": -0.1}, "between 0 and 1"),
        ({"test": float("nan")}, "between 0 and 1"),
        ({"validation": "a"}, "between 0 and 1"),
        ({"validation": 0.5, "test": 0.5}, "leave rows for training"),
        ({"seed": -1}, "a seed must be"),
        ({"seed": 1.5}, "a seed must be"),
        ({"how": "stratified"}, "must have labels"),
        ({"how": "group"}, "must have groups"),
        ({"how": "time"}, "must have times"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split(100, **options)


def test_an_unknown_split_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'stratified'"):
        split(10, "stratify")


@pytest.mark.parametrize(
    ("rows", "how", "keys"),
    [
        (1, "random", {}),
        (2, "random", {}),
        (10, "group", {"groups": np.zeros(10)}),
        (10, "time", {"times": np.zeros(10)}),
    ],
)
def test_an_empty_part_is_refused(rows: int, how: str, keys: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="part must hold rows") as caught:
        split(rows, how, **keys)
    assert caught.value.do


def test_rows_of_ones_own() -> None:
    parts = split_by_rows({"test": [1, 3], "validation": np.arange(6) == 5}, 6)
    assert parts.train.tolist() == [0, 2, 4]
    assert parts.validation.tolist() == [5]
    assert parts.test.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"train": [0, 1], "test": [1]}, "one part only"),
        ({"test": [9]}, "indices from 0 to 5"),
        ({"test": [-1]}, "indices from 0 to 5"),
        ({"test": [True, False]}, "a mask of 6 rows"),
        ({"test": [0.5]}, "a mask of 6 rows"),
        ({"tset": [1]}, "Did you mean 'test'"),
        ({"train": [], "test": [1]}, "the training part must hold rows"),
    ],
)
def test_wrong_rows_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(PullbackError, match=message):
        split_by_rows(chosen, 6)


def table(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=60), "y": rng.normal(size=60), **more}


def test_a_column_names_the_part() -> None:
    part = ["train"] * 40 + ["val"] * 10 + ["Test"] * 10
    prepared = prepare(table(part=part), "y", split="part")
    assert prepared.test.rows.tolist() == list(range(50, 60))
    assert "part" not in prepared.encoder.feature_columns
    with pytest.raises(DataError, match="'train', 'validation' or 'test'"):
        prepare(table(part=["tran", *part[1:]]), "y", split="part")


def test_groups_and_times_may_be_columns_or_arrays() -> None:
    patient = np.repeat(np.arange(20), 3)
    by_column = prepare(table(patient=patient), "y", group="patient")
    by_array = prepare(table(), "y", group=patient)
    assert (by_column.test.rows == by_array.test.rows).all()
    assert by_column.encoder.feature_columns == ["x"]
    days = [f"{1 + i % 28}.{1 + i // 28}.2020" for i in range(60)]
    by_time = prepare(table(day=days), "y", time_column="day")
    assert by_time.test.rows.tolist() == list(range(48, 60))


def test_time_is_a_budget_of_training_not_a_column() -> None:
    run = pb.fit_table(table(), "y", time=1e-6, epochs=500)
    assert "the budget of" in run.reason
    assert len(run.epochs) < 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "pateint"}, "Did you mean 'patient'"),
        ({"group": "gappy"}, "without one: row 0"),
        ({"group": np.zeros(3)}, "shape \\(3,\\)"),
        ({"group": "y"}, "must have one part"),
        ({"weight": "gappy"}, "without one: row 0"),
        ({"weight": "negative"}, "-1.0 in 'negative' on row 1"),
        ({"weight": "zero"}, "only zeros"),
        ({"weight": "word"}, "must hold numbers"),
        ({"split": "patiant"}, "Did you mean 'patient'"),
    ],
)
def test_wrong_columns_are_refused(options: dict[str, Any], message: str) -> None:
    more = {
        "patient": np.repeat(np.arange(20), 3),
        "gappy": [np.nan] + [1.0] * 59,
        "negative": [1.0, -1.0] * 30,
        "zero": np.zeros(60),
        "word": ["a", "b"] * 30,
    }
    with pytest.raises(PullbackError, match=message):
        prepare(table(**more), "y", **options)
