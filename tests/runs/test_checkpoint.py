"""Which checkpoints are kept, and which files in the folder count."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.errors import ConfigError, FileFormatError
from pullback.runs.checkpoint import CheckpointFolder, KeepPolicy

W = {"w": np.ones(3)}


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    folder = CheckpointFolder(tmp_path / "checkpoints")
    folder.prepare()
    return folder


@given(
    gaps=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
    latest=st.integers(1, 4),
    spread=st.integers(0, 8),
)
def test_first_and_latest_stay_and_the_number_is_bounded(gaps, latest, spread):
    policy = KeepPolicy(latest, spread)
    kept: list[int] = [0]
    steps = [0]
    for gap in gaps:
        steps.append(steps[-1] + gap)
        kept = policy.kept([*kept, steps[-1]])
        assert kept[0] == 0
        assert kept[-latest:] == steps[-latest:]
        assert len(kept) <= 1 + latest + spread


def test_what_stays_is_spread_evenly():
    policy = KeepPolicy(latest=2, spread=10)
    kept: list[int] = []
    for step in range(0, 100_000, 100):
        kept = policy.kept([*kept, step])
    gaps = np.diff(kept[:-2])
    # Thinning by halves cannot do better than a factor of two around the even gap.
    assert gaps.max() <= 2.5 * 100_000 / 11
    assert len(kept) == 13


@pytest.mark.parametrize("settings", [{"latest": 0}, {"spread": -1}])
def test_impossible_policies_are_refused(settings):
    with pytest.raises(ConfigError, match="at least its latest"):
        KeepPolicy(**settings)


def test_round_trip(folder):
    checksum = folder.save(12, W, {"epoch": 1, "rate": 0.1})
    checkpoint = folder.load(12)
    assert (checkpoint.step, checkpoint.state) == (12, {"epoch": 1, "rate": 0.1})
    assert checkpoint.checksum == checksum
    np.testing.assert_array_equal(checkpoint.tensors["w"], W["w"])


def test_large_steps_sort_as_numbers(folder):
    for step in (999_999_999, 1_000_000_000, 5, 10**17):
        folder.save(step, {}, {})
    assert folder.steps() == [5, 999_999_999, 1_000_000_000, 10**17]
    assert folder.load(10**17).step == 10**17


@pytest.mark.parametrize("step", [-1, 10**18])
def test_impossible_steps_are_refused(folder, step):
    with pytest.raises(ConfigError, match="a step must be a count"):
        folder.save(step, {}, {})


def test_only_well_named_regular_files_count(folder, tmp_path):
    folder.save(3, W, {})
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(folder.file(3).read_bytes())
    for name in (
        "3.safetensors",
        "0000000003.safetensors",  # a second spelling of 3
        "٠٠٠٠٠٠٠٠٣.safetensors",
        "000000004.safetensors.tmp",
        "-00000004.safetensors",
        "9" * 30 + ".safetensors",
        "notes.txt",
    ):
        (folder.path / name).write_text("not ours")
    (folder.path / "000000005.safetensors").mkdir()
    os.mkfifo(folder.path / "000000006.safetensors")
    (folder.path / "000000007.safetensors").symlink_to(outside)
    assert folder.steps() == [3]
    with pytest.raises(FileFormatError, match="a link in the place of a file"):
        folder.load(7)
    folder.remove([7])
    assert outside.exists()


def test_a_linked_folder_is_not_followed(tmp_path, folder):
    folder.save(3, W, {})
    (tmp_path / "run").mkdir()
    linked = CheckpointFolder(tmp_path / "run" / "checkpoints")
    linked.path.symlink_to(folder.path)
    assert linked.steps() == []
    with pytest.raises(FileFormatError, match="a link"):
        linked.prepare()
    with pytest.raises(FileFormatError, match="a link"):
        linked.load(3)


def test_a_renamed_checkpoint_is_noticed(folder):
    folder.save(3, W, {})
    folder.file(3).rename(folder.file(4))
    with pytest.raises(FileFormatError, match="another step"):
        folder.load(4)


def test_the_newest_intact_one_is_found(folder):
    for step in (1, 2, 3, 4):
        folder.save(step, W, {})
    folder.file(3).write_bytes(b"damaged")
    folder.file(4).write_bytes(b"")
    assert folder.load_newest().step == 2
    assert folder.load_newest(up_to=1).step == 1
    assert folder.load_newest(up_to=0) is None


def test_a_missing_folder_holds_nothing(tmp_path):
    missing = CheckpointFolder(tmp_path / "missing")
    assert missing.steps() == []
    assert missing.load_newest() is None
    missing.remove([1, 2])
