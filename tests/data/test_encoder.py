"""Encoding: exact values, training rows alone, the same after JSON, hostile JSON refused."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from pullback.data import Encoder, prepare
from pullback.errors import DataError, FileFormatError, PullbackError

N = 120
RNG = np.random.default_rng(0)
COLUMNS: dict[str, Any] = {
    "size": RNG.normal(10, 3, N),
    "gappy": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
    "tail": np.exp(3 * RNG.normal(size=N)),
    "cylinders": RNG.choice([4, 6, 8], N),
    "flag": RNG.choice(["yes", "no"], N),
    "colour": RNG.choice(["red", "green", "blue"], N),
    "day": [f"20{10 + i % 12}-{1 + i % 12:02}-11" for i in range(N)],
    "name": [f"{RNG.choice(['Mr', 'Miss'])} Someone {i}" for i in range(N)],
}
COLUMNS["y"] = np.array([float("Mr" in name) for name in COLUMNS["name"]]) + COLUMNS["size"] / 9


def prepared(**changes: Any) -> Any:
    return prepare(COLUMNS | changes, "y")


PREPARED = prepared()
ENCODER = PREPARED.encoder


def feature(features: Any, name: str) -> Any:
    return features[:, ENCODER.feature_names.index(name)]


def row(**changes: Any) -> dict[str, list[Any]]:
    return {name: [changes.get(name, COLUMNS[name][0])] for name in COLUMNS if name != "y"}


def test_features_are_float32_named_and_traced_to_their_columns() -> None:
    features = ENCODER.features(COLUMNS)
    assert features.dtype == np.float32
    assert features.shape == (N, len(ENCODER.feature_names))
    assert len(set(ENCODER.feature_names)) == len(ENCODER.feature_names)
    for name, column in zip(ENCODER.feature_names, ENCODER.feature_columns, strict=True):
        assert name.startswith(column)
    assert (features[PREPARED.test.rows] == PREPARED.test.x).all()


def test_numbers_are_standardised_by_training_rows() -> None:
    training = COLUMNS["size"][PREPARED.train.rows]
    expected = (COLUMNS["size"] - training.mean()) / training.std()
    np.testing.assert_allclose(feature(ENCODER.features(COLUMNS), "size"), expected, rtol=1e-5)


def test_a_missing_number_becomes_the_median_and_is_flagged() -> None:
    features = ENCODER.features(COLUMNS)
    missing = np.isnan(COLUMNS["gappy"])
    assert (feature(features, "gappy=missing") == missing).all()
    training = COLUMNS["gappy"][PREPARED.train.rows]
    filled = np.where(np.isnan(training), np.nanmedian(training), training)
    expected = (np.nanmedian(training) - filled.mean()) / filled.std()
    np.testing.assert_allclose(feature(features, "gappy")[missing], expected, atol=1e-6)


def test_heavy_tails_are_curved_and_outliers_cut_off() -> None:
    role = next(role for role in PREPARED.roles if role.name == "tail")
    assert "asinh" in role.detail
    values = feature(ENCODER.features(COLUMNS), "tail")
    assert np.abs(values).max() < 6
    order = np.argsort(COLUMNS["tail"])
    assert (np.diff(values[order]) >= 0).all()
    assert feature(ENCODER.features(row(size=1e9)), "size") == 10


def test_few_whole_numbers_are_a_number_and_indicators() -> None:
    features = ENCODER.features(COLUMNS)
    for value in (4, 6, 8):
        assert (feature(features, f"cylinders={value}") == (COLUMNS["cylinders"] == value)).all()


def test_numbers_progress_through_intervals_of_equal_count() -> None:
    columns = {"x": RNG.permutation(400) * 0.5, "y": RNG.normal(size=400)}
    encoder = prepare(columns, "y", validation=0, test=0).encoder
    assert encoder.feature_names == ["x", "x>0", "x>49.5", "x>99.5", "x>149.5"]
    features = encoder.features({"x": [-9.0, 0.0, 74.5, 300.0, None]})[:, 1:]
    expected = [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0.5, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]
    np.testing.assert_allclose(features, expected, atol=0.01)


def test_dates_go_round_the_year() -> None:
    assert "day:year_sin" in ENCODER.feature_names
    features = [ENCODER.features(row(day=day)) for day in ("2019-12-31", "2020-01-01")]
    sine = [feature(x, "day:year_sin")[0] for x in features]
    assert sine[0] == pytest.approx(sine[1], abs=0.03)


def test_words_of_a_text_that_tell_of_the_target_are_features() -> None:
    assert "name:mr" in ENCODER.feature_names
    assert "name:someone" not in ENCODER.feature_names
    features = ENCODER.features(row(name="mr Nobody"))
    assert feature(features, "name:mr") == 1


def test_words_that_tell_nothing_are_no_features() -> None:
    words = RNG.choice(["north", "south"], 200)
    columns = {"place": [f"the {word} side {i}" for i, word in enumerate(words)]}
    columns |= {"x": RNG.normal(size=200).tolist(), "y": RNG.normal(size=200).tolist()}
    found = prepare(columns, "y")
    assert {"place"}.isdisjoint(found.encoder.feature_columns)
    assert next(role for role in found.roles if role.name == "place").role == "text (left out)"


def test_unseen_and_missing_values_are_encoded_and_counted() -> None:
    new = {name: column * 2 for name, column in row(colour="violet", flag="perhaps").items()}
    new["size"] = [None, 3.0]
    features = ENCODER.features(new)
    assert np.isfinite(features).all()
    assert not any(feature(features, f"colour={c}").any() for c in ("red", "green", "blue"))
    report = ENCODER.report(new | {"extra": [1, 2]})
    assert report.unseen == {"colour": 2, "flag": 2}
    assert report.missing["size"] == 1
    assert "'extra'" in report.warnings[0]


def test_rare_levels_share_one_feature_with_unseen_ones() -> None:
    levels = np.array(["a", "b"] * 100 + ["c", "d"])
    columns = {"level": levels, "y": RNG.normal(size=202)}
    encoder = prepare(columns, "y", test=0, validation=0).encoder
    assert encoder.feature_names == ["level=a", "level=b", "level=(other)"]
    features = encoder.features({"level": ["c", "never", None, "a"]})
    assert features.tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    report = encoder.report({"level": ["c", "never", None, "a"]})
    assert report.unseen == {"level": 1}


@pytest.mark.parametrize(
    ("levels", "rows", "own"), [(100, 30, 100), (100, 9, 64), (300, 20, 256), (64, 9, 64)]
)
def test_frequent_levels_have_features_of_their_own(levels: int, rows: int, own: int) -> None:
    names = [f"L{i:03}" for i in range(levels)] * rows
    y = np.arange(levels * rows) * 0.5
    encoder = prepare({"c": names, "y": y}, "y", validation=0, test=0).encoder
    column: Any = encoder.inputs.columns[0]
    assert len(column.levels) == own
    assert len(column.pooled) == levels - own
    assert ("c=(other)" in encoder.feature_names) == (own < levels)
    role = next(role for role in encoder.roles if role.name == "c")
    assert (f"shared by {levels - own} rarer levels" in role.detail) == (own < levels)


def test_neither_order_nor_target_nor_further_columns_matter() -> None:
    reversed_columns = {name: COLUMNS[name] for name in reversed(COLUMNS) if name != "y"}
    more = reversed_columns | {"extra": ["?"] * N}
    assert (ENCODER.features(more) == ENCODER.features(COLUMNS)).all()


BAD_ROWS = {
    "missing column": ({"siez": [1.0]}, {"size"}, "Did you mean 'siez'"),
    "text among numbers": ({"size": ["tall"]}, set(), "'tall' on row 0"),
    "infinite": ({"size": [np.inf]}, set(), "inf on row 0"),
    "dates for numbers": ({"size": np.array(["2020"], "M8[D]")}, set(), "dates, first"),
    "numbers for dates": ({"day": [3]}, set(), "numbers, first '3'"),
    "another date format": ({"day": ["3.4.2020"]}, set(), "form %Y-%m-%d"),
    "dates for categories": ({"colour": np.array(["2020"], "M8[D]")}, set(), "categories"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_rows_that_do_not_fit_are_refused(name: str) -> None:
    changes, without, message = BAD_ROWS[name]
    new = {key: value for key, value in (row() | changes).items() if key not in without}
    with pytest.raises(DataError, match="(?s)" + message.replace("(", "\\(")):
        ENCODER.features(new)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_features_are_refused_with_their_rows(value: float) -> None:
    size = COLUMNS["size"].copy()
    size[[5, 7]] = value
    with pytest.raises(DataError, match=r"'size' must be finite(?s:.)*row 5, row 7"):
        prepared(size=size)


def test_a_row_keeps_its_number_when_others_are_left_out() -> None:
    size, y = COLUMNS["size"].copy(), COLUMNS["y"].copy()
    y[[0, 2]], size[5] = np.nan, np.inf
    with pytest.raises(DataError, match="inf on row 5"):
        prepare(COLUMNS | {"size": size, "y": y}, "y", drop_missing_target=True)


@pytest.mark.parametrize("scale", [1e-310, 1e-30, 1e30, 1e308])
@pytest.mark.parametrize("curve", [1, 9])
def test_numbers_of_any_size_are_standardised(scale: float, curve: int) -> None:
    x = RNG.uniform(-1, 1, 400) ** curve
    found = prepare({"x": x * scale, "y": RNG.uniform(-1, 1, 400) * 1e300}, "y")
    assert np.isfinite(found.train.x).all()
    assert np.abs(found.train.x).max() <= 10
    assert found.train.y.std() == pytest.approx(1, rel=1e-3)
    expected = prepare({"x": x, "y": RNG.normal(size=400)}, "y", validation=0, test=0)
    if 1e-300 < scale < 1e300:
        features = prepare({"x": x * scale, "y": x}, "y", validation=0, test=0).train.x
        np.testing.assert_allclose(features, expected.train.x, rtol=1e-3, atol=1e-5)


def test_statistics_come_from_training_rows_alone() -> None:
    held_out = np.concatenate([PREPARED.validation.rows, PREPARED.test.rows])
    changes: dict[str, Any] = {}
    for name, values in COLUMNS.items():
        changed = np.array(values, dtype=object)
        changed[held_out] = changed[np.roll(held_out, 1)]
        changes[name] = changed.tolist()
    changes["size"] = np.array(COLUMNS["size"])
    changes["size"][held_out] *= 1000
    changes["colour"] = [
        "never seen" if i in held_out else colour for i, colour in enumerate(COLUMNS["colour"])
    ]
    other = prepared(**changes)
    assert (other.train.rows == PREPARED.train.rows).all()
    assert other.encoder.to_json() == ENCODER.to_json()
    assert (other.train.x == PREPARED.train.x).all()
    assert (other.train.y == PREPARED.train.y).all()
    assert (other.test.x != PREPARED.test.x).any()


numbers = st.floats(allow_nan=True, allow_infinity=False, width=64)
texts = st.sampled_from(["a", "b", "c d", "é", "1", "", "2020-01-01", "yes"])


@given(
    x=st.lists(numbers, min_size=12, max_size=12),
    text=st.lists(texts, min_size=12, max_size=12),
    new_x=st.lists(numbers, min_size=5, max_size=5),
    new_text=st.lists(texts, min_size=5, max_size=5),
)
def test_an_encoder_is_the_same_after_json(
    x: list[float], text: list[str], new_x: list[float], new_text: list[str]
) -> None:
    columns = {"x": x, "z": list(range(6)) * 2, "t": text, "y": ["u", "v"] * 6}
    encoder = prepare(columns, "y", roles={"t": "categorical", "x": "numeric"}).encoder
    again = Encoder.from_json(encoder.to_json())
    assert again.to_json() == encoder.to_json()
    new = {"x": new_x, "z": [1, 2, 3, 4, 5], "t": new_text}
    first, second = encoder.features(new), again.features(new)
    assert np.isfinite(first).all()
    assert first.tobytes() == second.tobytes()
    assert again.feature_names == encoder.feature_names
    assert again.target == encoder.target
    assert again.roles == encoder.roles


def edited(**changes: Any) -> str:
    return json.dumps(json.loads(ENCODER.to_json()) | changes)


CONTENT = json.loads(ENCODER.to_json())
HOSTILE = {
    "empty": "",
    "no JSON": "{",
    "cut": ENCODER.to_json()[:-20],
    "a list": "[]",
    "deep": "[" * 100_000,
    "another format": edited(format="pickle"),
    "a version that is text": edited(version="1"),
    "version 0": edited(version=0),
    "no inputs": edited(inputs=None),
    "an unknown kind": edited(inputs={"kind": "os.system", "columns": []}),
    "no columns": edited(inputs={"kind": "table", "columns": []}),
    "an unknown column": edited(inputs={"kind": "table", "columns": [{"kind": "eval"}]}),
    "a column twice": edited(
        inputs={"kind": "table", "columns": [CONTENT["inputs"]["columns"][0]] * 2}
    ),
    "a huge shape": edited(
        inputs={"kind": "images", "shape": [10**9, 10**9], "unit": 1, "center": 0, "scale": 1}
    ),
    "a negative shape": edited(
        inputs={"kind": "images", "shape": [-3], "unit": 1, "center": 0, "scale": 1}
    ),
    "one class": edited(target=CONTENT["target"] | {"task": "classification", "classes": ["a"]}),
    "no center": edited(target=CONTENT["target"] | {"center": []}),
    "zero scale": edited(target=CONTENT["target"] | {"scale": [0.0]}),
    "mixed classes": edited(target=CONTENT["target"] | {"classes": ["a", 1]}),
    "roles of numbers": edited(roles=[1]),
    "a digit too many": edited(version=1).replace('"version": 1', '"version": ' + "9" * 5000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_is_refused(name: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        Encoder.from_json(HOSTILE[name])
    assert caught.value.do


def test_a_newer_version_says_so() -> None:
    with pytest.raises(FileFormatError, match="version 2"):
        Encoder.from_json(edited(version=2))


@given(st.data())
def test_any_changed_member_is_refused_or_harmless(data: st.DataObject) -> None:
    content = json.loads(ENCODER.to_json())
    column = data.draw(st.sampled_from(content["inputs"]["columns"]))
    member = data.draw(st.sampled_from(sorted(column)))
    column[member] = data.draw(
        st.sampled_from([None, -1, 0, 1e308, -1e308, "x", "", [], [None], {}, True, [[]], [1e308]])
    )
    try:
        encoder = Encoder.from_json(json.dumps(content))
        features = encoder.features(COLUMNS)
    except PullbackError:
        return
    assert np.isfinite(features).all()


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_changed_byte_is_refused_or_harmless(place: int, byte: int) -> None:
    stored = bytearray(ENCODER.to_json().encode())
    stored[place % len(stored)] = byte
    try:
        features = Encoder.from_json(bytes(stored)).features(COLUMNS)
    except PullbackError:
        return
    assert np.isfinite(features).all()
