"""From a file or arrays to encoded parts, in one call."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from pullback import datasets
from pullback.data import Arrays, Encoder, prepare, read_table
from pullback.errors import DataError, PullbackError, ShapeError
from pullback.nn.head import Head

RNG = np.random.default_rng(0)


def roles(prepared: Any) -> dict[str, str]:
    return {role.name: role.role for role in prepared.roles}


def test_penguins() -> None:
    prepared = prepare(datasets.path("penguins"), "species")
    assert prepared.task == "classification"
    assert prepared.encoder.target.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert roles(prepared) == {
        "species": "target",
        "island": "categorical",
        "bill_length_mm": "numeric",
        "bill_depth_mm": "numeric",
        "flipper_length_mm": "numeric",
        "body_mass_g": "numeric",
        "sex": "categorical",
        "year": "numeric",
    }
    assert len(prepared.train) + len(prepared.validation) + len(prepared.test) == 344
    assert prepared.train.x.mean(axis=0)[3] == pytest.approx(0, abs=1e-6)
    assert not prepared.warnings


def test_auto_mpg() -> None:
    prepared = prepare(datasets.path("auto-mpg"), "mpg")
    assert prepared.task == "regression"
    assert roles(prepared)["name"] == "text (left out)"  # no word stands out among 236 rows
    table = read_table(datasets.path("auto-mpg"))
    goal = prepared.encoder.target
    answers = Head("values", None, goal.scale, goal.center).decide(prepared.test.y)
    np.testing.assert_allclose(answers, table["mpg"].values[prepared.test.rows], rtol=1e-6)


@pytest.mark.shared_data("titanic.csv")
def test_titanic(shared_data: Path) -> None:
    prepared = prepare(shared_data / "titanic.csv", "survived")
    assert prepared.encoder.target.classes == (0, 1)
    assert {"name:mr", "name:miss", "name:mrs", "age=missing"} <= set(
        prepared.encoder.feature_names
    )


@pytest.mark.shared_data("mnist-10k.npz")
def test_images_stay_whole_and_keep_their_test_part(shared_data: Path) -> None:
    prepared = prepare(shared_data / "mnist-10k.npz")
    assert prepared.encoder.input_shape == (28, 28)
    assert prepared.test.rows.tolist() == list(range(8000, 10000))
    assert prepared.encoder.target.classes == tuple(range(10))
    assert prepared.train.x.mean() == pytest.approx(0, abs=1e-4)
    assert prepared.train.x.std() == pytest.approx(1, abs=1e-4)


def test_a_test_part_set_apart_stays_apart(tmp_path: Path) -> None:
    x, y = RNG.normal(size=(50, 4, 4)), np.arange(50) % 2
    np.savez(tmp_path / "own.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    assert prepare(tmp_path / "own.npz").test.rows.tolist() == list(range(40, 50))
    first = Arrays(x, y, "arrays", np.arange(50) < 10)
    prepared = prepare(first, validation=0.2)
    assert prepared.test.rows.tolist() == list(range(10))
    assert len(prepared.validation) == 8
    assert not set(prepared.validation.rows) & set(range(10))


def test_the_summary_is_plain_data_and_the_encoder_does_the_same_again() -> None:
    prepared = prepare(datasets.path("penguins"), "species", seed=3)
    assert json.loads(json.dumps(prepared.summary())) == prepared.summary()
    assert prepared.summary()["classes"] == {"Adelie": 92, "Chinstrap": 40, "Gentoo": 74}
    again = Encoder.from_json(prepared.encoder.to_json())
    for part in (prepared.train, prepared.validation, prepared.test):
        assert (again.features(datasets.path("penguins"))[part.rows] == part.x).all()
        assert (again.targets(datasets.path("penguins"))[part.rows] == part.y).all()


def test_one_row_without_its_target_is_encoded_as_in_the_whole_table(tmp_path: Path) -> None:
    prepared = prepare(datasets.path("penguins"), "species")
    lines = datasets.path("penguins").read_text().splitlines()
    for row in (0, 3):  # the second holds missing values only
        path = tmp_path / "new.csv"
        path.write_text("\n".join(line.split(",", 1)[1] for line in (lines[0], lines[row + 1])))
        whole = prepared.encoder.features(datasets.path("penguins"))
        assert (prepared.encoder.features(path) == whole[row]).all()


def test_the_same_content_gives_the_same_hash_and_other_content_another(tmp_path: Path) -> None:
    first = prepare({"x": np.arange(20) * 0.5, "y": [0, 1] * 10}, "y")
    again = prepare({"x": np.arange(20) * 0.5, "y": [0, 1] * 10}, "y")
    other = prepare({"x": np.arange(20) * 0.25, "y": [0, 1] * 10}, "y")
    assert first.hash == again.hash != other.hash
    pair = prepare((RNG.normal(size=(20, 2)), np.arange(20) % 2))
    assert len(pair.hash) == 64


def test_parts_may_be_absent() -> None:
    prepared = prepare(datasets.path("penguins"), "species", validation=0, test=0)
    assert len(prepared.train) == 344
    assert len(prepared.validation) == len(prepared.test) == 0
    assert prepared.test.x.shape == (0, prepared.train.x.shape[1])


def test_weights_go_with_their_rows() -> None:
    columns = {"x": RNG.normal(size=50), "y": [0, 1] * 25, "w": np.arange(50.0)}
    prepared = prepare(columns, "y", weight="w")
    assert (prepared.train.weight == columns["w"][prepared.train.rows]).all()
    assert prepared.encoder.feature_names == ["x"]
    by_array = prepare(columns, "y", weight=np.arange(50), roles={"w": "drop"})
    assert (by_array.test.weight == by_array.test.rows).all()


def test_xor_needs_no_held_out_rows() -> None:
    prepared = prepare(([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]), validation=0, test=0)
    assert prepared.train.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert prepared.train.y.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (RNG.normal(size=(40, 3)), (3,)),
        (RNG.normal(size=40), (1,)),
        (RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8), (8, 8)),
        (RNG.integers(0, 256, (40, 64)).astype(np.uint8), (64,)),
        (RNG.normal(size=(40, 5, 5, 3)), (5, 5, 3)),
    ],
)
@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.arange(40) % 4, "classification"),
        (np.array(["a", "b"] * 20), "classification"),
        (RNG.normal(size=40), "regression"),
        (RNG.normal(size=(40, 1)), "regression"),
        (RNG.normal(size=(40, 2)), "regression"),
    ],
)
def test_pairs_of_arrays(x: Any, shape: tuple[int, ...], y: Any, task: str) -> None:
    prepared = prepare((x, y))
    assert prepared.task == task
    assert prepared.encoder.input_shape == shape
    assert prepared.train.x.shape[1:] == shape
    assert len(prepared.encoder.feature_names) == np.prod(shape)
    again = Encoder.from_json(prepared.encoder.to_json())
    features = again.features(x)
    assert (features[prepared.train.rows] == prepared.train.x).all()
    assert (again.targets((x, y))[prepared.train.rows] == prepared.train.y).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((9, 4, 4), np.nan), "nan at X\\[0, 0, 0\\]"),
        (np.zeros((9, 4, 4), dtype="U1"), "must hold numbers"),
        (np.full((9, 3), np.inf), "'x0' must be finite"),
    ],
)
def test_bad_arrays_are_refused(x: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare((x, np.arange(9) % 2), validation=0, test=0)


def test_images_of_another_shape_are_refused() -> None:
    encoder = prepare((RNG.normal(size=(20, 4, 4)), np.arange(20) % 2)).encoder
    with pytest.raises(ShapeError, match="\\(rows, 4, 4\\)"):
        encoder.features(RNG.normal(size=(1, 5, 4)))
    with pytest.raises(DataError, match="a table with the columns a"):
        encoder.features({"a": [1.0]})


NUMBERS = RNG.normal(size=80)
WARNINGS = {
    "constant": ({"z": np.ones(80)}, {}, "'z' is left out (constant)"),
    "many": ({f"z{i}": np.ones(80) for i in range(9)}, {}, "9 columns are left out (constant)"),
    "duplicate": ({"z": NUMBERS.copy()}, {}, "'z' is left out (duplicate)"),
    "identifier": ({"z": np.arange(80)}, {}, "'z' is left out (identifier)"),
    "leaked class": ({"z": ["u", "v"] * 40}, {}, "'z' tells the target"),
    "leaked number": ({"z": np.arange(80) % 2 * 5 + RNG.random(80)}, {}, "'z' tells the target"),
    "leaked value": (
        {"y": np.exp(NUMBERS) + 0.5, "x": NUMBERS},
        {},
        "'x' tells the target",
    ),
    "thin class": ({"y": ["a", "b"] * 39 + ["c", "b"]}, {}, "too few rows"),
    "copies": (
        {"x": np.repeat(NUMBERS[:40], 2), "y": np.repeat([0, 1] * 20, 2)},
        {},
        "copies of training rows",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_a_user_should_know_is_said(name: str) -> None:
    changes, options, warning = WARNINGS[name]
    columns = {"x": NUMBERS, "y": [0, 1] * 40} | changes
    prepared = prepare(columns, "y", **options)
    assert any(warning in line for line in prepared.warnings), prepared.warnings


def test_honest_features_raise_no_alarm() -> None:
    y = NUMBERS + 0.5 * RNG.normal(size=80)
    assert not prepare({"x": NUMBERS, "y": y}, "y").warnings
    assert not prepare({"x": NUMBERS, "y": np.where(y > 0, "a", "b")}, "y").warnings


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": np.ones(30)}, {}, "some column must serve as a feature"),
        ({"x": NUMBERS[:30]}, {"roles": {"x": "drop"}}, "some column must serve as a feature"),
        ({"x": NUMBERS[:30]}, {"roles": {"y": "numeric"}}, "must not have another role"),
        ({"x": NUMBERS[:30]}, {"roles": {"z": "drop"}}, "roles must name columns"),
        ({"x": NUMBERS[:30]}, {"split": "radnom"}, "Did you mean 'random'"),
        ({"x": NUMBERS[:30]}, {"test": 2}, "between 0 and 1"),
    ],
)
def test_what_cannot_work_is_refused(
    columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PullbackError, match=message):
        prepare(columns | {"y": [0, 1] * 15}, "y", **options)


def test_arrays_without_targets_are_refused() -> None:
    with pytest.raises(DataError, match="must hold targets"):
        prepare(RNG.normal(size=(20, 2)))


def test_a_long_table_takes_seconds(tmp_path: Path) -> None:
    rows = 100_000
    columns: dict[str, Any] = {f"x{i}": RNG.normal(size=rows).round(4) for i in range(15)}
    columns |= {f"c{i}": RNG.choice(["red", "green", "blue"], rows) for i in range(4)}
    columns["y"] = RNG.integers(0, 2, rows)
    path = tmp_path / "long.csv"
    polars.DataFrame(columns).write_csv(path)
    zipped = tmp_path / "long.csv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes(), 1))
    start = time.perf_counter()
    prepared = prepare(zipped, "y")
    assert time.perf_counter() - start < 20  # a few seconds for ten times as much, when idle
    assert prepared.train.x.shape == (60_000, 27 + 15 * 16)
