"""Sequences: windows, padding, and a table in the order of time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.data import Encoder, pad, prepare_series, windows
from pullback.errors import ConfigError, DataError, FileFormatError, ShapeError

TABLE = {
    "value": np.sin(np.arange(200) / 7),
    "other": np.arange(200) % 5 + 0.5,
    "day": ["mon", "tue", "wed", "thu"] * 50,
}


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 4))
def test_windows_are_stretches(steps: int, length: int, stride: int) -> None:
    series = np.arange(steps)
    if steps < length:
        with pytest.raises(DataError):
            windows(series, length, stride)
        return
    wanted = [series[i : i + length] for i in range(0, steps - length + 1, stride)]
    np.testing.assert_array_equal(windows(series, length, stride), wanted)


def test_windows_keep_the_rest_of_the_shape_and_copy_nothing() -> None:
    series = np.arange(24.0).reshape(6, 2, 2)
    found = windows(series, 3)
    assert found.shape == (4, 3, 2, 2)
    np.testing.assert_array_equal(found[1, 2], series[3])
    assert np.shares_memory(found, series)


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_and_its_mask(side: Any) -> None:
    array, mask = pad([[1.5, 2], [], [3]], 3, value=-1, side=side)
    assert array.shape == mask.shape == (3, 3)
    assert array[mask].tolist() == [1.5, 2, 3]
    assert (array[~mask] == -1).all()
    assert mask[0].tolist() == ([True, True, False] if side == "right" else [False, True, True])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pad([[1, 2, 3]], 2), DataError, "sequence 0 of 3 steps"),
        (lambda: pad([]), DataError, "sequences to pad"),
        (lambda: pad([[[1, 2]], [[1, 2, 3]]]), ShapeError, "alike"),
        (lambda: pad([1, 2]), ShapeError, "alike"),
        (lambda: pad([[1]], side="middle"), ConfigError, "right"),  # type: ignore[arg-type]
        (lambda: windows([1, 2], 0), ConfigError, "length"),
        (lambda: windows([1, 2], 1, 0), ConfigError, "stride"),
        (lambda: windows(3, 1), DataError, "0 steps"),
    ],
)
def test_what_is_no_sequence(call: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_a_longer_sequence_is_cut_when_asked() -> None:
    assert pad([[1, 2, 3]], 2, truncate=True)[0].tolist() == [[1, 2]]


def test_windows_of_a_table_and_what_follows_them() -> None:
    prepared = prepare_series(TABLE, "value", 10, validation=0.2, test=0.2)
    rows = prepared.encoder.inputs.row.encode(prepared.encoder.read(TABLE))
    target = prepared.encoder.target
    count = 200 - 10
    assert [len(p) for p in (prepared.train, prepared.validation, prepared.test)] == [114, 38, 38]
    for part in (prepared.train, prepared.validation, prepared.test):
        for i, row in enumerate(part.rows):
            np.testing.assert_array_equal(part.x[i], rows[row : row + 10])
            value = part.y[i, 0] * target.scale[0] + target.center[0]
            assert value == pytest.approx(TABLE["value"][row + 10], abs=1e-6)
    assert prepared.test.rows[-1] == count - 1


def test_statistics_are_of_training_rows_alone() -> None:
    later = {**TABLE, "value": TABLE["value"].copy()}
    later["value"][150:] += 1e6
    a = prepare_series(TABLE, "value", 10).encoder.to_json()
    assert prepare_series(later, "value", 10).encoder.to_json() == a


def test_several_rows_ahead_and_the_window_after_the_last_row() -> None:
    prepared = prepare_series(TABLE, ["value", "other"], 6, horizon=3)
    assert prepared.encoder.target.names[:3] == ("value+1", "other+1", "value+2")
    assert prepared.train.y.shape[1] == 6
    encoder = Encoder.from_json(prepared.encoder.to_json())
    assert encoder.features(TABLE).shape[0] == 200 - 6 + 1, "one more than have an answer"
    x, y = encoder.examples(TABLE)
    assert len(x) == len(y) == 200 - 6 - 3 + 1
    np.testing.assert_array_equal(y[-1], prepared.test.y[-1])


def test_classes_that_follow() -> None:
    prepared = prepare_series(TABLE, "day", 4)
    assert prepared.task == "classification"
    assert prepared.train.y.shape == (len(prepared.train),)
    assert prepared.train.y[:5].tolist() == [0, 2, 3, 1, 0]
    with pytest.raises(ConfigError, match="one row ahead"):
        prepare_series(TABLE, "day", 4, horizon=2)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"window": 0}, ConfigError, "window"),
        ({"horizon": 1.5}, ConfigError, "horizon"),
        ({"window": 200}, DataError, "long enough"),
        ({"window": 199}, DataError, "long enough"),
        ({"target": "valeu"}, DataError, "value"),
        ({"validation": 2}, ConfigError, "share"),
    ],
)
def test_what_cannot_be_a_series(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        prepare_series(TABLE, **({"target": "value"} | options))


def test_hostile_stored_forms_are_refused() -> None:
    stored = json.loads(prepare_series(TABLE, "value", 6).encoder.to_json())
    for key, value in (("window", 0), ("horizon", True), ("row", {}), ("target", {"names": []})):
        content = copy.deepcopy(stored)
        content["inputs"][key] = value
        with pytest.raises(FileFormatError):
            Encoder.from_json(json.dumps(content))
