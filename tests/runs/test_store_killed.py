"""A run can be loaded and resumed whenever its process was killed, and is trained by one only."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pullback.runs.folder import STALE_SECONDS
from pullback.runs.index import list_runs
from pullback.runs.store import RunStore
from tests.runs.store_writer import loss, tensors

WRITER = Path(__file__).with_name("store_writer.py")


def start(root: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, str(WRITER), str(root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def check(path: Path) -> int:
    """Everything in the run is whole and fits together; returns its last step."""
    with RunStore.open(path) as store:
        assert store.problems() == []
        assert store.status.state == "interrupted"
        last = store.checkpoints()[-1]
        for step in store.checkpoints():
            checkpoint = store.load_checkpoint(step)
            assert checkpoint.state == {"step": step}
            for name, array in tensors(step).items():
                np.testing.assert_array_equal(checkpoint.tensors[name], array)
            best = store.load_best(up_to=step)
            assert (best.step if best else 0) == step // 5 * 5
        history = store.telemetry.history()
        assert history["step"].tolist() == list(range(1, len(history["step"]) + 1))
        assert len(history["step"]) >= last
        assert history["loss"].tolist() == [loss(step) for step in history["step"]]
        # A row's file is there; a file may lack its row, if the kill came between the two.
        rows = store.telemetry.checkpoints()
        for step, (file, sha256) in rows.items():
            assert (path / file).is_file()
            assert store.load_checkpoint(step).checksum == sha256
        assert 0 in rows
        if (path / "model.safetensors").exists():
            model = store.load_model()
            assert (model.tensors["w"] == model.metadata["step"]).all()
    return last


def kill_and_check(root: Path, times: int, seed: int) -> None:
    draw = random.Random(seed)
    last = -1
    for _ in range(times):
        process = start(root)
        time.sleep(draw.choice([0.02, 0.3]) * draw.random())
        kill(process)
        for run in list_runs(root):
            assert run.status == "interrupted"
            step = check(Path(run.path))
            assert step >= last
            last = step
    assert last > 0


def test_killed_at_random_moments(tmp_path):
    kill_and_check(tmp_path, 10, seed=1)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_at_many_random_moments(tmp_path):
    kill_and_check(tmp_path, 50, seed=2)


@pytest.fixture
def writer(tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(tmp_path)
    deadline = time.monotonic() + 30
    while not list_runs(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    yield process
    kill(process)


def test_two_processes_cannot_train_one_run(tmp_path, writer):
    (run,) = list_runs(tmp_path)
    assert run.status == "running"
    second = subprocess.run(
        [sys.executable, str(WRITER), str(tmp_path)], capture_output=True, text=True
    )
    assert second.returncode != 0
    assert "only one process at a time may train" in second.stderr
    assert f"process {writer.pid} on" in second.stderr
    # Whoever only reads is not kept out, and sees a run that is alive.
    with RunStore.open(run.path) as store:
        assert store.status.state == "running"
        assert store.problems() == []
    kill(writer)
    assert [run.status for run in list_runs(tmp_path)] == ["interrupted"]


def test_processes_that_start_at_once_get_names_of_their_own(tmp_path):
    program = """if True:
        import sys, time, numpy, sqlite3
        from pullback.runs.store import RunStore
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(5):
            RunStore.create(sys.argv[1], "race", record={}, tensors={}, state={}).close()
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert {run.name for run in list_runs(tmp_path)} == {f"race-{n}" for n in range(1, 21)}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_processes_that_open_at_once_share_nothing(tmp_path):
    """Of four that want to train one run at the same moment, one may."""
    store = RunStore.create(tmp_path, "race", record={}, tensors={}, state={})
    store.close()
    program = """if True:
        import sys
        from pullback.errors import StorageError
        from pullback.runs.store import RunStore
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            store = RunStore.open(sys.argv[1], write=True)
            print("trains", flush=True)
        except StorageError:
            print("refused", flush=True)
        sys.stdin.readline()
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", program, str(store.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(process.stdout.readline().strip() for process in processes)
    for process in processes:
        process.communicate("\n")
    assert answers == ["refused"] * 3 + ["trains"]


def test_abandoned_drafts_go_when_the_next_run_starts(tmp_path, monkeypatch):
    (tmp_path / ".old.0123456789ab.tmp").mkdir()
    (tmp_path / ".old.0123456789ab.tmp" / "run.json").write_text("{}")
    assert list_runs(tmp_path) == []
    RunStore.create(tmp_path, "a", record={}, tensors={}, state={}).close()
    assert (tmp_path / ".old.0123456789ab.tmp").exists()  # its process may yet be alive
    monkeypatch.setattr("pullback.runs.folder.STALE_SECONDS", -STALE_SECONDS)
    RunStore.create(tmp_path, "a", record={}, tensors={}, state={}).close()
    assert sorted(run.name for run in list_runs(tmp_path)) == ["a-1", "a-2"]
    assert not (tmp_path / ".old.0123456789ab.tmp").exists()


def test_the_lock_file_may_hold_anything(tmp_path, monkeypatch):
    monkeypatch.setattr("pullback.runs.lock.PATIENCE", 0.05)
    with RunStore.create(tmp_path, "a", record={}, tensors={}, state={}) as store:
        for note in (b"", b"[]", b"\xff", json.dumps({"process": "x"}).encode(), b"9" * 5000):
            (store.path / "lock").write_bytes(note)
            with pytest.raises(OSError, match="another process"):
                RunStore.open(store.path, write=True)
