"""The folder of a run: created whole, saved, thinned, resumed, and never trusted."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pullback.container import read_tensors
from pullback.document import NewerVersionError, write_document
from pullback.errors import ConfigError, DtypeError, FileFormatError, StorageError
from pullback.runs import store as module
from pullback.runs.checkpoint import KeepPolicy
from pullback.runs.folder import folder_name
from pullback.runs.status import Status, write_status
from pullback.runs.store import RunStore


def weights(step: int = 0) -> dict[str, np.ndarray]:
    return {"0.weight": np.full((3, 4), step, np.float32), "count": np.array(step)}


@pytest.fixture
def store(tmp_path):
    store = RunStore.create(
        tmp_path / "runs", "demo", record={"task": "regression"}, tensors=weights(), state={"s": 0}
    )
    yield store
    store.close()


def visible(root: Path) -> list[str]:
    return sorted(name for name in os.listdir(root) if name != "index.sqlite")


# ------------------------------------------------------------------ creation


def test_a_new_run_is_complete(tmp_path):
    arrays = {"x": np.ones((4, 2), np.float32)}
    store = RunStore.create(
        tmp_path,
        "penguins",
        record={"task": "classification", "configuration": {"rate": 1e-3}},
        tensors=weights(),
        state={"epoch": 0},
        encoder={"columns": ["a"]},
        arrays=arrays,
    )
    store.close()
    again = RunStore.open(store.path)
    assert again.name == "penguins-1"
    assert again.record["configuration"] == {"rate": 1e-3}
    assert again.record["created"].endswith("+00:00")
    assert again.load_encoder() == {"columns": ["a"]}
    np.testing.assert_array_equal(again.load_data()["x"], arrays["x"])
    assert again.checkpoints() == [0]
    assert again.load_checkpoint().state == {"epoch": 0}
    assert again.load_best() is None
    assert again.problems() == []
    assert again.telemetry.checkpoints()[0][1] == again.load_checkpoint().checksum
    again.close()


def test_what_is_optional_may_be_absent(store):
    assert store.load_encoder() is None
    assert store.load_data() is None
    with pytest.raises(FileFormatError, match="no such file"):
        store.load_model()


def test_large_arrays_are_not_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "COPY_LIMIT", 800)
    for size, copied in ((99, True), (100, False)):
        with RunStore.create(
            tmp_path, "a", record={}, tensors={}, state={}, arrays={"x": np.zeros(size)}
        ) as store:
            assert (store.load_data() is not None) is copied


def test_numbers_go_on_from_the_highest(tmp_path):
    for name in ("demo-7", "demo-x", "demo-9-1", "demolition-30"):
        (tmp_path / name).mkdir()
    (tmp_path / "demo-11").write_text("a file")
    names = []
    for _ in range(2):
        with RunStore.create(tmp_path, "demo", record={}, tensors={}, state={}) as store:
            names.append(store.name)
    assert names == ["demo-12", "demo-13"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("penguins", "penguins"),
        ("../../etc/passwd", "etc-passwd"),
        ("größe (2).csv", "größe-2-.csv"),
        ("..", "run"),
        ("", "run"),
        (".hidden", "hidden"),
        ("a\0b\nc", "a-b-c"),
        ("n" * 300, "n" * 48),
    ],
)
def test_names_of_folders(tmp_path, text, name):
    assert folder_name(text) == name
    with RunStore.create(tmp_path, text, record={}, tensors={}, state={}) as store:
        assert store.path == tmp_path / f"{name}-1"


def failing(monkeypatch, name: str, at: int, code: int = errno.ENOSPC):
    """Let the call number `at` of `os.<name>` fail; tells whether it came to that."""
    calls = itertools.count()
    function = getattr(os, name)
    failed = []

    def call(*arguments, **options):
        if next(calls) == at:
            failed.append(True)
            raise OSError(code, os.strerror(code))
        return function(*arguments, **options)

    monkeypatch.setattr(os, name, call)
    return failed


@pytest.mark.parametrize("point", ["fsync", "replace", "rename", "open", "mkdir"])
def test_creation_that_fails_anywhere_leaves_nothing(tmp_path, monkeypatch, point):
    for at in range(100):
        root = tmp_path / str(at)
        root.mkdir()
        with monkeypatch.context() as patch:
            failed = failing(patch, point, at)
            with contextlib.suppress(StorageError):
                RunStore.create(root, "a", record={}, tensors=weights(), state={}).close()
        # Only a failure after the renaming may leave a run, which then is complete.
        for name in visible(root):
            with RunStore.open(root / name) as left:
                assert left.problems() == []
                assert left.status.state == "interrupted"
        if not failed:
            break
    assert at > 0


def test_values_that_cannot_be_saved_leave_nothing(tmp_path):
    good = {"record": {}, "tensors": {}, "state": {}}
    for change, kind in (
        ({"record": {"a": object()}}, ConfigError),
        ({"state": {"a": object()}}, ConfigError),
        ({"tensors": {"a": np.array(["text"])}}, DtypeError),
        ({"arrays": {"a": np.array([None])}}, DtypeError),
    ):
        with pytest.raises(kind):
            RunStore.create(tmp_path, "a", **{**good, **change})
    assert visible(tmp_path) == []


def test_a_root_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        RunStore.create(tmp_path / "file" / "runs", "a", record={}, tensors={}, state={})


# ------------------------------------------------------------------ saving


def test_the_latest_and_chosen_checkpoints_are_loaded(store):
    for step in (10, 20):
        store.save_checkpoint(step, weights(step), {"s": step})
    assert store.load_checkpoint().state == {"s": 20}
    assert store.load_checkpoint(10).tensors["count"] == 10
    with pytest.raises(FileFormatError, match="the checkpoints are 0, 10, 20"):
        store.load_checkpoint(15)


def test_checkpoints_are_thinned_and_their_best_weights_stay(tmp_path):
    store = RunStore.create(
        tmp_path, "a", record={}, tensors={}, state={}, keep=KeepPolicy(latest=2, spread=2)
    )
    for step in range(1, 41):
        if step % 3 == 0:
            store.save_best(step, weights(step), {})
        store.save_checkpoint(step, weights(step), {})
    kept = store.checkpoints()
    assert len(kept) == 5
    assert (kept[0], kept[-2:]) == (0, [39, 40])
    assert list(store.telemetry.checkpoints()) == kept
    for step in kept[1:]:
        assert store.load_best(up_to=step).step == step // 3 * 3
    assert store.load_best().step == 39
    assert len(os.listdir(store.path / "best")) <= len(kept)
    store.close()


@pytest.mark.parametrize("point", ["fsync", "replace", "open", "unlink"])
def test_a_checkpoint_that_fails_anywhere_loses_nothing(tmp_path, monkeypatch, point):
    for at in range(100):
        keep = KeepPolicy(latest=1, spread=0)
        store = RunStore.create(
            tmp_path, "a", record={}, tensors=weights(), state={"s": 0}, keep=keep
        )
        store.telemetry.append_step(1, 0, 1.0, 1.0, 1.0)
        store.save_checkpoint(1, weights(1), {"s": 1})
        store.telemetry.append_step(2, 0, 1.0, 1.0, 1.0)
        with monkeypatch.context() as patch:
            failed = failing(patch, point, at)
            with contextlib.suppress(StorageError):
                store.save_checkpoint(2, weights(2), {"s": 2})
        store.close()
        with RunStore.open(store.path, write=True) as again:
            checkpoint = again.load_checkpoint()
            assert checkpoint.state == {"s": checkpoint.step}
            assert checkpoint.step in ((1, 2) if failed else (2,))
            again.rewind(checkpoint)
            assert again.telemetry.history()["step"][-1] == checkpoint.step
            again.save_checkpoint(3, weights(3), {"s": 3})
            assert again.problems() == []
        if not failed:
            break
    assert at > 0


def test_a_real_limit_on_file_size(store):
    store.close()
    program = """if True:
        import resource, sys
        import numpy as np
        from pullback.errors import StorageError
        from pullback.runs.store import RunStore
        store = RunStore.open(sys.argv[1], write=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for save in (
            lambda: store.save_checkpoint(5, {"w": np.ones(100_000)}, {}),
            lambda: store.save_best(5, {"w": np.ones(100_000)}, {}),
            lambda: store.save_model({"w": np.ones(100_000)}, {}),
        ):
            try:
                save()
            except StorageError as error:
                print(error.received)
        store.save_checkpoint(6, {"w": np.ones(10)}, {})
        store.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(store.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["File too large"] * 3
    with RunStore.open(store.path) as again:
        assert again.checkpoints() == [0, 6]
        assert again.load_checkpoint().tensors["w"].sum() == 10
        assert again.problems() == []


def test_the_model_is_usable_alone(store, tmp_path):
    path = store.save_model(weights(5), {"layers": ["Linear"]})
    moved = shutil.copy(path, tmp_path / "elsewhere.safetensors")
    contents = read_tensors(moved, kind="network")
    assert contents.metadata == {"layers": ["Linear"]}
    assert store.load_model().tensors["count"] == 5


# ------------------------------------------------------------------ resuming


def test_rewind_deletes_what_lies_beyond(store):
    for step in range(1, 9):
        store.telemetry.append_step(step, 0, 1.0, 1.0, 1.0)
        store.save_best(step, weights(step), {})
        store.save_checkpoint(step, weights(step), {"s": step}, {"best": step})
    store.finish("finished", "done", {"best": 8}, step=8)
    store.rewind(store.load_checkpoint(5))
    assert store.checkpoints()[-1] == 5
    assert store.load_best().step == 5
    assert store.telemetry.history()["step"][-1] == 5
    assert list(store.telemetry.checkpoints())[-1] == 5
    assert (store.status.state, store.status.step) == ("running", 5)


def test_a_row_that_a_kill_prevented_is_made_up_for(store):
    store.save_checkpoint(5, weights(5), {})
    store.telemetry.remove_checkpoints([5])
    store.rewind(store.load_checkpoint())
    assert store.telemetry.checkpoints()[5][1] == store.load_checkpoint().checksum


def test_a_damaged_latest_checkpoint_names_the_one_before(store):
    for step in (1, 2, 3):
        store.save_checkpoint(step, weights(step), {"s": step})
    for step in (2, 3):
        file = store.path / f"checkpoints/00000000{step}.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FileFormatError) as caught:
        store.load_checkpoint()
    assert "000000003.safetensors" in caught.value.must
    assert f"pullback resume {store.path} --step 1" in caught.value.do
    checkpoint = store.load_checkpoint(fallback=True)
    assert checkpoint.state == {"s": 1}
    store.rewind(checkpoint)
    assert store.load_checkpoint().step == 1


def test_a_byte_that_looks_like_a_newer_version_can_be_fallen_back_from(store):
    store.save_checkpoint(1, weights(1), {"s": 1})
    file = store.path / "checkpoints/000000001.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"version": "1"', b'"version": "9"'))
    with pytest.raises(NewerVersionError, match="Upgrade"):
        store.load_checkpoint()
    assert store.load_checkpoint(fallback=True).step == 0
    store.close()
    connection = sqlite3.connect(store.path / "telemetry.sqlite")
    connection.execute("PRAGMA user_version=65537")
    connection.close()
    with RunStore.open(store.path, write=True) as again:
        assert again.problems() == []


def test_no_intact_checkpoint_says_train_again(store):
    (store.path / "checkpoints/000000000.safetensors").write_bytes(b"")
    for fallback in (False, True):
        with pytest.raises(FileFormatError, match="train again"):
            store.load_checkpoint(fallback=fallback)
    (store.path / "checkpoints/000000000.safetensors").unlink()
    with pytest.raises(FileFormatError, match="the checkpoints are none"):
        store.load_checkpoint()
    assert any("cannot be resumed" in problem for problem in store.problems())


def test_leftovers_of_a_killed_writer_go(store):
    store.close()
    for place in ("", "checkpoints", "best"):
        (store.path / place / ".x.0123456789ab.tmp").write_text("half")
    RunStore.open(store.path, write=True).close()
    assert not list(store.path.rglob(".*.tmp"))


# ------------------------------------------------------------------ status and lock


@pytest.mark.parametrize("state", ["finished", "interrupted", "failed"])
def test_the_end_of_a_run_is_told(store, state):
    store.save_checkpoint(4, {}, {}, {"metric": "r2", "best": 0.5})
    assert store.status == Status("running", "", 4, {"metric": "r2", "best": 0.5})
    store.finish(state, "because", {"metric": "r2", "best": 0.75}, step=6)
    store.close()
    told = RunStore.open(store.path).status
    assert told == Status(state, "because", 6, {"metric": "r2", "best": 0.75})


def test_a_run_that_nobody_holds_was_interrupted(store):
    assert store.status.state == "running"
    store.close()
    assert store.status.state == "interrupted"
    assert "killed" in store.status.reason


def test_a_second_writer_is_refused_also_in_one_process(store, monkeypatch):
    monkeypatch.setattr("pullback.runs.lock.PATIENCE", 0.05)
    with pytest.raises(StorageError, match="only one process at a time"):
        RunStore.open(store.path, write=True)
    store.close()
    store.close()
    RunStore.open(store.path, write=True).close()


def test_a_renamed_or_copied_run_opens(store, tmp_path):
    store.save_checkpoint(3, weights(3), {"s": 3})
    store.close()
    moved = shutil.move(store.path, tmp_path / "best of all")
    with RunStore.open(moved, write=True) as again:
        assert again.name == "best of all"
        assert again.load_checkpoint().state == {"s": 3}
        assert again.problems() == []


# ------------------------------------------------------------------ damage and hostility


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place, received in (
        (tmp_path / "missing", "no such folder"),
        (tmp_path / "file", "a file"),
        (tmp_path, "no such file"),
    ):
        with pytest.raises(FileFormatError, match=received):
            RunStore.open(place)


def test_a_damaged_record_names_the_model(store):
    store.save_model(weights(), {})
    store.close()
    (store.path / "run.json").write_text("{}")
    with pytest.raises(FileFormatError, match=r"alone can still be loaded: .*model\.safetensors"):
        RunStore.open(store.path)


def test_a_newer_run_says_upgrade(store):
    write_document(store.path / "run.json", {}, kind="run", version=9)
    with pytest.raises(NewerVersionError, match="Upgrade"):
        RunStore.open(store.path)


def test_damaged_telemetry_takes_nothing_else_along(store):
    store.save_checkpoint(3, weights(3), {"s": 3})
    store.save_model(weights(3), {})
    store.close()
    (store.path / "telemetry.sqlite").write_bytes(b"damaged" * 1000)
    with RunStore.open(store.path) as again:
        (problem,) = again.problems()
        assert problem.startswith("telemetry.sqlite is lost")
        assert again.load_model().tensors["count"] == 3
        with pytest.raises(FileFormatError, match="telemetry"):
            again.telemetry.history()
    with RunStore.open(store.path, write=True) as again:
        again.rewind(again.load_checkpoint())
        assert [event.kind for event in again.telemetry.events()] == ["telemetry lost"]
        assert again.problems() == []
    assert (store.path / "telemetry.damaged-1.sqlite").read_bytes().startswith(b"damaged")


def test_locked_telemetry_is_not_set_aside(store, monkeypatch):
    store.close()
    monkeypatch.setattr("pullback.runs.database.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(store.path / "telemetry.sqlite", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FileFormatError, match="locked"):
        RunStore.open(store.path, write=True)
    other.close()
    with RunStore.open(store.path, write=True) as again:
        assert again.problems() == []


def test_a_lost_status_is_interrupted(store):
    store.save_checkpoint(3, {}, {})
    store.close()
    (store.path / "status.json").write_text("")
    with RunStore.open(store.path) as again:
        assert (again.status.state, again.status.step) == ("interrupted", 3)
        assert "status.json" in again.problems()[0]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state": "asleep", "reason": "", "step": 0, "summary": {}},
        {"state": ["running"], "reason": "", "step": 0, "summary": {}},
        {"state": "finished", "reason": "", "step": "7", "summary": {}},
        {"state": "finished", "reason": "", "step": 0, "summary": []},
    ],
)
def test_a_hostile_status_is_interrupted(store, content):
    store.close()
    write_document(store.path / "status.json", content, kind="status")
    assert RunStore.open(store.path).status.state == "interrupted"


def test_nothing_outside_the_folder_is_touched(store, tmp_path):
    store.close()
    outside = tmp_path / "outside"
    shutil.move(store.path / "checkpoints", outside)
    (store.path / "checkpoints").symlink_to(outside)
    before = sorted(os.listdir(outside))
    with RunStore.open(store.path) as again:
        assert again.checkpoints() == []
    with pytest.raises(FileFormatError, match="a link"):
        RunStore.open(store.path, write=True)
    assert sorted(os.listdir(outside)) == before
    assert store.status.state == "interrupted"  # and the lock was given back


def test_writing_through_a_linked_lock_is_refused(store, tmp_path):
    store.close()
    (tmp_path / "precious").write_text("precious")
    (store.path / "lock").unlink()
    (store.path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError):
        RunStore.open(store.path, write=True)
    assert (tmp_path / "precious").read_text() == "precious"


def test_the_library_does_not_import_the_database():
    program = (
        "import sys, pullback.runs.store, pullback.runs.index; print('sqlite3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_status_is_written_whole(store, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, "replace", 0)
        with pytest.raises(StorageError):
            write_status(store.path, Status("finished"))
    assert store.status.state == "running"
