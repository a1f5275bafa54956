"""IDX files: every dtype, damage, and the pairs that a folder holds."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.data.idx import DTYPES, parse_idx
from pullback.data.reading import read
from pullback.errors import DataError


def idx(array: np.ndarray, code: int = 8) -> bytes:
    head = struct.pack(">BBBB", 0, 0, code, array.ndim)
    return (
        head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(DTYPES[code]).tobytes()
    )


@pytest.mark.parametrize("code", DTYPES)
def test_every_dtype(code: int) -> None:
    array = np.arange(12).reshape(3, 2, 2)
    found = parse_idx(idx(array, code), "a.idx")
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative


@pytest.mark.parametrize("cut", [3, 5, 12, -1])
def test_a_file_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises(DataError, match=r"a\.idx"):
        parse_idx(idx(np.arange(6).reshape(2, 3))[:cut], "a.idx")


def test_a_header_that_promises_too_much_takes_no_memory() -> None:
    data = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31)
    with pytest.raises(DataError, match="cut short"):
        parse_idx(data, "a.idx")


def written(folder: Path, sizes: dict[str, int]) -> Path:
    random = np.random.default_rng(0)
    for name, size in sizes.items():
        images = random.integers(0, 256, (size, 4, 4))
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        labels = np.arange(size) % 3
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


def test_a_folder_of_pairs_has_its_own_test_part(tmp_path: Path) -> None:
    prepared = pb.data.prepare(written(tmp_path, {"train": 30, "t10k": 12}), validation=0.2)
    assert len(prepared.test) == 12
    assert len(prepared.train) + len(prepared.validation) == 30
    assert prepared.train.x.shape[1:] == (4, 4)
    assert prepared.encoder.target.classes == (0, 1, 2)


def test_a_single_file_finds_its_labels(tmp_path: Path) -> None:
    arrays = read(written(tmp_path, {"train": 6}) / "train-images-idx3-ubyte.gz")
    assert arrays.x.shape == (6, 4, 4)
    assert arrays.y.tolist() == [0, 1, 2, 0, 1, 2]


def test_labels_of_another_number_are_refused(tmp_path: Path) -> None:
    written(tmp_path, {"train": 6})
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(5))))
    with pytest.raises(DataError, match="same number of rows"):
        read(tmp_path)


@pytest.mark.shared_data("fashion-mnist")
def test_fashion_mnist(shared_data: Path) -> None:
    arrays = read(shared_data / "fashion-mnist")
    assert arrays.x.shape == (70_000, 28, 28)
    assert arrays.test.sum() == 10_000
