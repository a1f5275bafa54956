"""Arrays on the disk: never copied as a whole, the same bits as in memory, found again by path."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import large
from pullback.errors import DataError
from pullback.large import Lazy
from tests.train.trainings import Stop, left, table

SETTINGS: dict[str, Any] = {
    "batch_size": 16,
    "epochs": 3,
    "optimizer": pb.optim.Adam(0.05),
    "progress": "none",
    "seed": 5,
}


def network() -> pb.nn.Module:
    return pb.nn.dense(4, [6], 3, dropout=0.2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything on the disk counts as large, and a chunk is a few rows."""
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(large, "CHUNK", 100)


def mapped(path: Path, array: np.ndarray) -> np.ndarray:
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("validation", [0.2, "arrays", None])
def test_the_same_bits_as_in_memory(tmp_path: Path, dtype: str, validation: Any) -> None:
    x, y = table()
    x = x.astype(dtype)
    disk, held = mapped(tmp_path / "x.npy", x), mapped(tmp_path / "held.npy", x[:9])
    settings = {**SETTINGS, "validation": (held, y[:9]) if validation == "arrays" else validation}
    one = pb.fit(network(), (x, y), **settings)
    other = pb.fit(network(), (disk, y), **settings)
    assert one.losses.tolist() == other.losses.tolist()
    assert one.scores == other.scores
    assert np.array_equal(
        one.predict(x, probabilities=True), other.predict(disk, probabilities=True)
    )
    assert one.evaluate((x, y)) == other.evaluate((disk, y))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("part", [slice(None), slice(5, 41)])
@pytest.mark.parametrize("validation", [0.2, "arrays"])
def test_resumed_from_the_file_without_being_passed_again(
    tmp_path: Path, part: slice, validation: Any
) -> None:
    x, labels = table()
    y = np.array(["red", "green", "blue"])[labels][part]
    disk = mapped(tmp_path / "x.npy", x)[part]
    held = mapped(tmp_path / "held.npy", x[:9])
    settings = {**SETTINGS, "save": tmp_path / "runs", "class_weight": "balanced"}
    settings["validation"] = (held, y[:9]) if validation == "arrays" else validation
    whole = pb.fit(network(), (disk, y), **settings)
    stopped = pb.fit(network(), (disk, y), callbacks=Stop(4), **settings)
    assert whole.path is not None
    assert sum(f.stat().st_size for f in whole.path.glob("data.*")) < x.nbytes + 2000
    again = pb.resume(stopped.path, progress="none")
    assert left(stopped.path) == left(whole.path)
    assert np.array_equal(again.predict(disk), whole.predict(disk))


@pytest.mark.usefixtures("small")
def test_targets_on_the_disk_too(tmp_path: Path) -> None:
    x, _ = table()
    y = np.stack([x[:, 0] * x[:, 1], x[:, 2]], axis=1).astype(np.float64)
    disk = mapped(tmp_path / "x.npy", x), mapped(tmp_path / "y.npy", y)
    settings = {**SETTINGS, "validation": 0.2}
    one = pb.fit(pb.nn.dense(4, [6], 2), (x, y), **settings)
    settings["save"] = tmp_path / "runs"
    other = pb.fit(pb.nn.dense(4, [6], 2), disk, **settings)
    assert one.losses.tolist() == other.losses.tolist()
    assert one.scores == other.scores
    path = pb.fit(pb.nn.dense(4, [6], 2), disk, callbacks=Stop(4), **settings).path
    pb.resume(path, progress="none")
    assert left(path) == left(other.path)


@pytest.mark.usefixtures("small")
def test_a_file_that_changed_or_is_gone(tmp_path: Path) -> None:
    x, y = table()
    disk = mapped(tmp_path / "x.npy", x)
    settings = {**SETTINGS, "save": tmp_path / "runs"}
    path = pb.fit(network(), (disk, y), callbacks=Stop(4), **settings).path
    writable = np.load(tmp_path / "x.npy", mmap_mode="r+")
    writable[3] += 1
    writable.flush()
    with pytest.raises(DataError, match="the data that it was started with"):
        pb.resume(path, progress="none")
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match=r"must be where it was[\s\S]*x\.npy"):
        pb.resume(path, progress="none")
    assert pb.resume(path, data=(x, y), progress="none").ending == "finished"


@pytest.mark.usefixtures("small")
def test_a_number_that_is_not_finite_is_found_in_its_chunk(tmp_path: Path) -> None:
    x, y = table()
    x[37, 2] = np.inf
    disk = mapped(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="inf in row 37, column 2"):
        pb.fit(network(), (disk, y), **SETTINGS)
    with pytest.raises(DataError, match="inf in row 37, column 2"):
        network().initialise().predict(disk)
    x[37, 2] = 1
    wide = x.astype(np.float64)
    wide[30, 1] = 1e300
    disk = mapped(tmp_path / "wide.npy", wide)
    with pytest.raises(DataError, match="inf in row 30, column 1"):
        pb.fit(network(), (disk, y), **SETTINGS)


def test_small_files_are_read_into_memory(tmp_path: Path) -> None:
    x, y = table()
    run = pb.fit(network(), (mapped(tmp_path / "x.npy", x), y), save=tmp_path, **SETTINGS)
    assert run.path is not None
    assert (run.path / "data.safetensors").stat().st_size > x.nbytes


def test_lazy_rows_are_those_of_the_array() -> None:
    array = np.arange(60, dtype=np.int16).reshape(20, 3)
    lazy = Lazy(array, np.dtype("float32"))
    some = lazy.chosen(np.array([7, 3, 3, 0]))
    assert (some.shape, some.nbytes, len(some), some.ndim) == ((4, 3), 48, 4, 2)
    found = some.take(np.array([3, 1]))
    assert found.dtype == np.float32
    assert np.array_equal(found, array[[0, 3]])


def peak_of(training: Any) -> int:
    tracemalloc.start()
    try:
        training()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """96 MB of bytes, 400 MB as float32: training, scores and predictions take less than 80 MB."""
    rows, width = 24_000, 4_000
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (rows, width))
    x[:, 0] = np.arange(rows) % 2
    y = np.arange(rows) % 2
    disk = np.load(tmp_path / "x.npy", mmap_mode="r")
    del x
    net = pb.nn.dense(width, [2], 2)

    def training() -> None:
        run = pb.fit(net, (disk, y), validation=0.1, steps=20, metrics=[], progress="none")
        run.predict(disk[:2000])
        net.predict(disk)

    assert peak_of(training) < 80 * 2**20


class Capsule:
    """An array of another library, which knows the DLPack protocol and nothing else of ours."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.ndim = array.ndim

    def __dlpack__(self, **settings: Any) -> Any:
        return self.array.__dlpack__(**settings)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


def test_arrays_of_other_libraries_and_tensors_are_data() -> None:
    x, y = table()
    one = pb.fit(network(), (x, y), **SETTINGS)
    for wrapped in ((Capsule(x), Capsule(y)), (pb.tensor(x), pb.tensor(y))):
        other = pb.fit(network(), wrapped, **SETTINGS)
        assert other.losses.tolist() == one.losses.tolist()
        assert np.array_equal(other.predict(wrapped[0]), one.predict(x))
        assert other.evaluate(wrapped) == one.evaluate((x, y))
    assert np.array_equal(pb.tensor(Capsule(x)).numpy(), x)


def test_a_tensor_is_handed_to_others_as_a_copy() -> None:
    tensor = pb.tensor([[1.0, 2.0], [3.0, 4.0]]) * 2
    taken = np.from_dlpack(tensor)
    assert np.array_equal(taken, [[2, 4], [6, 8]])
    assert not np.shares_memory(taken, tensor.numpy())
    assert tensor.numpy()[0, 0] == 2


class Far(Capsule):
    def __dlpack__(self, **settings: Any) -> Any:
        raise BufferError("the memory of another device")


def test_memory_out_of_reach_is_told() -> None:
    x, y = table()
    with pytest.raises(DataError, match="memory of another device"):
        pb.fit(network(), (Far(x), y), **SETTINGS)
    with pytest.raises(DataError, match="memory of another device"):
        pb.tensor(Far(x))
