"""Folders of pictures: classes and parts from folders' names, sizes, channels, unreadable files."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pullback as pb
from pullback.data.arrays import Arrays
from pullback.data.reading import read
from pullback.errors import ConfigError, DataError

GREY, RED = (9, 7), (9, 7, 3)


def picture(path: Path, shape: tuple[int, ...] = GREY, value: int = 7) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = (np.arange(np.prod(shape)).reshape(shape) * value % 256).astype(np.uint8)
    Image.fromarray(array).save(path)
    return array


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, value in (("cats", 3), ("dogs", 5)):
        for i in range(10):
            picture(tmp_path / "pets" / label / f"{i}.png", value=value + i)
    return tmp_path / "pets"


def found(source: Any, **options: Any) -> Arrays:
    arrays = read(source, **options)
    assert isinstance(arrays, Arrays)
    return arrays


def test_the_classes_are_the_names_of_the_folders(folder: Path) -> None:
    arrays = found(folder)
    assert arrays.x.shape == (20, 9, 7, 1)
    assert arrays.x.dtype == np.uint8
    assert arrays.y is not None
    assert arrays.y.tolist() == ["cats"] * 10 + ["dogs"] * 10
    assert arrays.names[:2] == ("cats/0.png", "cats/1.png")
    np.testing.assert_array_equal(arrays.x[0, ..., 0], picture(folder / "again.png", value=3))


def test_colour_where_one_picture_has_it(folder: Path) -> None:
    red = picture(folder / "cats" / "0.png", RED)
    arrays = found(folder)
    assert arrays.x.shape == (20, 9, 7, 3)
    np.testing.assert_array_equal(arrays.x[0], red)
    assert (arrays.x[1] == arrays.x[1][..., :1]).all(), "grey has equal channels"


def test_parts_that_stand_above_the_classes(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("val", 2), ("test", 3)):
        for label in ("a", "b"):
            for i in range(count):
                picture(tmp_path / part / label / f"{i}.png", value=i + 1)
    prepared = pb.data.prepare(tmp_path)
    assert [len(p) for p in (prepared.train, prepared.validation, prepared.test)] == [8, 4, 6]
    assert prepared.split == "as given"
    assert prepared.encoder.target.classes == ("a", "b")


def test_a_network_trains_on_a_folder_and_predicts_pictures(folder: Path) -> None:
    prepared = pb.data.prepare(folder, validation=0.2, test=0.2)
    assert prepared.train.x.shape[1:] == (9, 7, 1)
    network = pb.nn.Sequential(pb.nn.Flatten(), pb.nn.Linear(63, 2))
    run = pb.fit(network, prepared, epochs=3)
    (said,) = run.predict(folder / "cats" / "3.png")
    assert said in ("cats", "dogs")
    assert len(run.predict(folder)) == 20
    assert run.evaluate(folder)["accuracy"] >= 0


def test_pictures_are_read_as_those_at_training(folder: Path, tmp_path: Path) -> None:
    prepared = pb.data.prepare(folder)
    picture(tmp_path / "large.png", (18, 14, 3))
    assert prepared.encoder.features(tmp_path / "large.png").shape == (1, 9, 7, 1)


def test_sizes_that_differ_are_named(folder: Path) -> None:
    picture(folder / "dogs" / "wide.png", (9, 8))
    with pytest.raises(DataError, match="image_size") as caught:
        read(folder)
    assert "9 x 7" in str(caught.value)
    assert "wide.png is 9 x 8" in str(caught.value)
    assert found(folder, image_size=(4, 5)).x.shape == (21, 4, 5, 1)


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_picture_that_cannot_be_read_is_named(folder: Path, damage: str) -> None:
    bad = folder / "dogs" / "bad.png"
    picture(bad, (9, 7, 3))
    whole = bad.read_bytes()
    bad.write_bytes({"empty": b"", "text": b"hello", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(DataError, match=r"bad\.png") as caught:
        read(folder)
    assert "skip_unreadable" in str(caught.value)
    arrays = found(folder, skip_unreadable=True)
    assert len(arrays.x) == len(arrays.names) == 20
    assert arrays.left_out == 1
    prepared = pb.data.prepare(folder, skip_unreadable=True)
    assert "left out: 1 picture that could not be read" in prepared.warnings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_size": (0, 4)}, "whole numbers"),
        ({"image_size": 32}, "height, width"),
        ({"channels": 2}, "1 or 3"),
    ],
)
def test_settings_out_of_range(folder: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(folder, **options)


def test_a_folder_without_pictures_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("hello")
    with pytest.raises(DataError, match="must be a file"):
        read(tmp_path)


def test_without_pillow_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "PIL":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pullback\[images\]"):
        read(folder)
