"""Damaged files of a run: our own error or a right load, never a crash nor a flood of memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.store_corruptor import make_run

CORRUPTOR = Path(__file__).with_name("store_corruptor.py")
LOG = "telemetry.sqlite-wal"
FILES = {  # how often each is damaged
    "checkpoints/000000010.safetensors": 200,
    "best/000000005.safetensors": 50,
    "model.safetensors": 200,
    "data.safetensors": 50,
    "run.json": 200,
    "status.json": 50,
    "encoder.json": 50,
    "telemetry.sqlite": 200,
    LOG: 100,
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    """A run that ended well."""
    return make_run(tmp_path_factory.mktemp("closed"), live=False).path


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A copy of a run as a killed process leaves it, with its telemetry in the log."""
    store = make_run(tmp_path_factory.mktemp("live"), live=True)
    copy = tmp_path_factory.mktemp("killed") / store.name
    shutil.copytree(store.path, copy)
    store.close()
    assert (copy / LOG).stat().st_size > 100_000
    return copy


def corrupt(run: Path, root: Path, file: str, count: int, seed: int) -> dict[str, int]:
    copy = root / "pristine" / run.name
    shutil.copytree(run, copy)
    done = subprocess.run(
        [sys.executable, str(CORRUPTOR), str(copy), file, str(count), str(seed)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert sum(counts.values()) == count
    return counts


def test_every_file_of_a_run_is_damaged_here(pristine):
    parts = {str(path.relative_to(pristine)) for path in pristine.rglob("*") if path.is_file()}
    untouched = {"lock", "checkpoints/000000000.safetensors"}
    assert parts - untouched == set(FILES) - {LOG}


@pytest.mark.parametrize("file", FILES)
def test_damage(tmp_path, pristine, killed, file):
    counts = corrupt(killed if file == LOG else pristine, tmp_path, file, FILES[file], seed=1)
    # What falls back or is a log that ends early is no error; elsewhere most damage must be.
    if not file.startswith(("best", "status", "telemetry")):
        assert counts["refused"] > 0.75 * FILES[file]


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("file", FILES)
def test_much_damage(tmp_path, pristine, killed, file):
    corrupt(killed if file == LOG else pristine, tmp_path, file, 1000, seed=2)
