"""Telemetry: what is noted can be read, in order, and nothing else passes for it."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.document import NewerVersionError
from pullback.errors import FileFormatError, StorageError
from pullback.execute.seen import EXPONENTS, STATISTICS
from pullback.runs import database
from pullback.runs import telemetry as module
from pullback.runs.telemetry import Telemetry


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "telemetry.sqlite"
    Telemetry.create(path)
    return path


@pytest.fixture
def telemetry(path):
    telemetry = Telemetry(path, write=True)
    yield telemetry
    telemetry.close()


number = st.floats() | st.floats(width=32).map(np.float32)


@given(rows=st.lists(st.tuples(st.integers(0, 2**62), number, number, number), max_size=20))
def test_steps_come_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("steps") / "telemetry.sqlite"
    Telemetry.create(path)
    telemetry = Telemetry(path, write=True)
    for step, row in enumerate(rows):
        telemetry.append_step(step, *row)
    telemetry.close()
    again = Telemetry(path)
    history = again.history()
    again.close()
    assert history["step"].tolist() == list(range(len(rows)))
    assert history["step"].dtype == history["epoch"].dtype == np.int64
    for place, name in enumerate(("epoch", "loss", "learning_rate", "time")):
        np.testing.assert_array_equal(history[name], [row[place] for row in rows])


def test_an_empty_run_has_empty_columns(telemetry):
    history = telemetry.history()
    assert list(history) == ["step", "epoch", "loss", "learning_rate", "time"]
    assert {column.shape for column in history.values()} == {(0,)}
    assert list(telemetry.metrics()) == ["epoch", "step"]
    assert telemetry.events() == []
    assert telemetry.checkpoints() == {}


def test_metrics_are_columns_with_gaps(telemetry):
    telemetry.append_epoch(1, 10, "training", {"loss": 0.5})
    telemetry.append_epoch(1, 10, "validation", {"loss": 0.75, "accuracy": np.float32(0.5)})
    telemetry.append_epoch(2, 20, "validation", {"loss": math.inf, "accuracy": math.nan})
    metrics = telemetry.metrics()
    assert list(metrics) == [
        "epoch",
        "step",
        "training.loss",
        "validation.loss",
        "validation.accuracy",
    ]
    assert metrics["epoch"].tolist() == [1, 2]
    assert metrics["step"].tolist() == [10, 20]
    np.testing.assert_array_equal(metrics["training.loss"], [0.5, np.nan])
    np.testing.assert_array_equal(metrics["validation.loss"], [0.75, np.inf])
    np.testing.assert_array_equal(metrics["validation.accuracy"], [0.5, np.nan])


def test_events_keep_their_order_and_text(telemetry):
    telemetry.append_event(3, "interrupted", "größe 'quoted' \U0001f600")
    telemetry.append_event(3, "resumed", "")
    events = telemetry.events()
    assert [(event.step, event.kind) for event in events] == [(3, "interrupted"), (3, "resumed")]
    assert events[0].text == "größe 'quoted' \U0001f600"
    assert events[0].time > 1e9


def test_truncation_takes_all_that_lies_beyond(telemetry):
    for step in range(1, 11):
        telemetry.append_step(step, 0, 1.0, 1.0, 1.0)
        telemetry.append_epoch(step, step, "validation", {"loss": 1.0})
        telemetry.append_event(step, "kind", "text")
        telemetry.add_checkpoint(step, f"{step}", "sha")
    telemetry.append_step(11, 0, 1.0, 1.0, 1.0)  # still waits in memory
    telemetry.truncate_after(6)
    assert telemetry.history()["step"].tolist() == list(range(1, 7))
    assert telemetry.metrics()["step"].tolist() == list(range(1, 7))
    assert [event.step for event in telemetry.events()] == list(range(1, 7))
    assert list(telemetry.checkpoints()) == list(range(1, 7))


def test_a_step_noted_again_replaces_itself(telemetry):
    telemetry.append_step(1, 0, 0.5, 1.0, 1.0)
    telemetry.flush()
    telemetry.append_step(1, 0, 0.25, 1.0, 1.0)
    telemetry.append_epoch(0, 1, "validation", {"loss": 1.0})
    telemetry.append_epoch(0, 1, "validation", {"loss": 2.0})
    assert telemetry.history()["loss"].tolist() == [0.25]
    assert telemetry.metrics()["validation.loss"].tolist() == [2.0]


def test_steps_go_to_the_disk_together(telemetry, path, monkeypatch):
    reader = Telemetry(path)
    now = [0.0]
    monkeypatch.setattr(module.clock, "monotonic", lambda: now[0])
    telemetry.flush()
    for step in range(100):
        telemetry.append_step(step, 0, 1.0, 1.0, 1.0)
    assert len(reader.history()["step"]) == 0
    now[0] = 0.6
    telemetry.append_step(100, 0, 1.0, 1.0, 1.0)
    assert len(reader.history()["step"]) == 101
    now[0] = 1.3
    telemetry.extend_steps((step, 0, 1.0, 1.0, 1.0) for step in range(101, 110))
    assert len(reader.history()["step"]) == 110
    reader.close()


def test_a_checkpoint_row_is_synced_and_other_rows_are_not(telemetry, monkeypatch):
    durable = []
    transaction = database.transaction

    def noted(connection, **options):
        durable.append(options["durable"])
        return transaction(connection, **options)

    monkeypatch.setattr(module, "transaction", noted)
    telemetry.append_step(1, 0, 1.0, 1.0, 1.0)
    telemetry.flush()
    telemetry.add_checkpoint(1, "file", "sha")
    assert durable == [False, True]


def test_a_failed_write_loses_nothing(telemetry, path):
    telemetry.append_step(1, 0, 1.0, 1.0, 1.0)
    telemetry._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StorageError, match="readonly"):
        telemetry.flush()
    telemetry._connection.execute("PRAGMA query_only=OFF")
    telemetry.append_step(2, 0, 1.0, 1.0, 1.0)
    assert telemetry.history()["step"].tolist() == [1, 2]


def test_a_disk_that_is_full_is_said(tmp_path, path):
    """A real limit on file size; SQLite's log cannot grow."""
    program = """if True:
        import resource, sys
        from pathlib import Path
        from pullback.errors import StorageError
        from pullback.runs.telemetry import Telemetry
        telemetry = Telemetry(Path(sys.argv[1]), write=True)
        telemetry.append_step(0, 0, 1.0, 1.0, 1.0)
        telemetry.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
        telemetry.extend_steps((s, 0, 1 / (s + 1), 1.0, 1.0) for s in range(1, 100_000))
        try:
            telemetry.flush()
        except StorageError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        telemetry.flush()
        assert len(telemetry.history()["step"]) == 100_000
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "must be writable" in done.stdout


def test_a_locked_database_is_said(path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FileFormatError, match="another program holds it locked"):
        Telemetry(path)
    other.close()
    Telemetry(path).close()


def change(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


HOSTILE = {
    "a view": ["DROP TABLE steps", "CREATE VIEW steps AS SELECT 1 AS step"],
    "an endless view": [
        "DROP TABLE steps",
        "CREATE VIEW steps AS WITH RECURSIVE c(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM c)"
        " SELECT step, 1 AS epoch, 1 AS loss, 1 AS learning_rate, 1 AS time, 1 AS row_check FROM c",
    ],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM steps; END"],
    "a table fewer": ["DROP TABLE events"],
    "a table more": ["CREATE TABLE more (a)"],
    "other columns": ["DROP TABLE steps", "CREATE TABLE steps (step)"],
    "an older version": ["PRAGMA user_version=0"],
    "a changed loss": ["UPDATE steps SET loss = 0.5"],
    "a changed step": ["UPDATE steps SET step = 7 WHERE step = 1"],
    "text as loss": ["UPDATE steps SET loss = 'low'"],
    "bytes as loss": ["UPDATE steps SET loss = x'00'"],
    "a huge epoch": ["UPDATE steps SET epoch = 1e300"],
    "text as epoch": ["UPDATE steps SET epoch = 'first'"],
    "a changed metric": ["UPDATE epochs SET value = 2"],
    "bytes as metric": ["UPDATE epochs SET metric = x'00ff'"],
    "text that is not UTF-8": ["UPDATE events SET text = CAST(x'ff' AS TEXT)"],
    "a path outside": ["UPDATE checkpoints SET file = '../../../etc/passwd'"],
    "no check": ["UPDATE events SET row_check = 'x'"],
}


def read_all(path):
    telemetry = Telemetry(path)
    try:
        telemetry.history()
        telemetry.metrics()
        telemetry.events()
        telemetry.checkpoints()
    finally:
        telemetry.close()


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_database_is_refused(path, case):
    telemetry = Telemetry(path, write=True)
    telemetry.append_step(1, 1, 0.25, 1.0, 1.0)
    telemetry.append_epoch(1, 1, "validation", {"loss": 1.0})
    telemetry.append_event(1, "kind", "text")
    telemetry.add_checkpoint(1, "file", "sha")
    telemetry.close()
    read_all(path)
    change(path, *HOSTILE[case])
    with pytest.raises(FileFormatError) as caught:
        read_all(path)
    assert str(path) in caught.value.must
    assert caught.value.do


def test_a_newer_version_says_upgrade(path):
    change(path, "PRAGMA user_version=99", "CREATE TABLE later (a)")
    with pytest.raises(NewerVersionError, match="Upgrade"):
        Telemetry(path)


def test_what_is_no_database_is_refused(tmp_path, path):
    empty, text = tmp_path / "empty", tmp_path / "text"
    empty.touch()
    text.write_text("not a database " * 100)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(path)
    for place in (
        tmp_path / "missing",
        tmp_path,
        empty,
        text,
        tmp_path / "pipe",
        tmp_path / "link",
    ):
        for write in (False, True):
            with pytest.raises(FileFormatError, match="telemetry"):
                Telemetry(place, write=write)
    assert not (tmp_path / "missing").exists()


def test_names_in_the_path_are_taken_literally(tmp_path):
    path = tmp_path / "50% ? #1 größe.sqlite"
    Telemetry.create(path)
    telemetry = Telemetry(path, write=True)
    telemetry.append_step(1, 1, 1.0, 1.0, 1.0)
    telemetry.close()
    assert os.listdir(tmp_path) == [path.name]  # and closing left no log behind


def test_reading_leaves_no_file_behind(path):
    before = os.listdir(path.parent)
    read_all(path)
    assert os.listdir(path.parent) == before


def test_a_log_that_a_killed_writer_left_is_read(tmp_path, telemetry, path):
    telemetry.append_step(1, 1, 1.0, 1.0, 1.0)
    telemetry.flush()
    (tmp_path / "copy").mkdir()
    for name in ("telemetry.sqlite", "telemetry.sqlite-wal"):
        shutil.copy(tmp_path / name, tmp_path / "copy" / name)
    again = Telemetry(tmp_path / "copy" / path.name)
    assert again.history()["step"].tolist() == [1]
    again.close()


def some_look(places: int = 3, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    names = [f"{i}.output" for i in range(places)]
    return names, random.normal(size=(places, 7)), random.integers(0, 9, (places, 256))


def test_a_look_is_as_wide_as_what_is_seen():
    assert (len(STATISTICS), EXPONENTS) == (module.STATISTICS, module.BINS)


@pytest.mark.parametrize("width", [0, 3, 8])
def test_a_look_of_another_width_is_damage(path, width):
    telemetry = Telemetry(path, write=True)
    telemetry.append_look(1, ["0.output"], np.zeros((1, width)), np.zeros((0, 0), np.int64))
    with pytest.raises(FileFormatError):
        telemetry.looks()
    telemetry.close()


def test_looks_come_back_as_they_were(path):
    telemetry = Telemetry(path, write=True)
    names, statistics, bins = some_look()
    statistics[0, 3:5] = np.inf, -np.inf
    statistics[1, 6] = np.nan
    none = np.zeros((0, 0), np.int64)
    telemetry.append_look(1, names, statistics, bins)
    telemetry.append_look(2, names, 2 * statistics, none)
    telemetry.append_look(3, names[:1], statistics[:1], bins[:1])
    telemetry.close()
    again = Telemetry(path)
    first, second, third = again.looks()
    again.close()
    assert (first.step, first.places) == (1, tuple(names))
    assert first.statistics.tobytes() == statistics.tobytes()
    assert np.array_equal(first.bins, bins)
    assert second.statistics.tobytes() == (2 * statistics).tobytes()
    assert second.bins.size == 0
    assert third.places == ("0.output",)


def test_looks_beyond_a_step_are_deleted_with_it(telemetry):
    names, statistics, bins = some_look()
    for step in (1, 2, 3):
        telemetry.append_look(step, names[:step], statistics[:step], bins[:step])
    telemetry.truncate_after(2)
    assert [look.step for look in telemetry.looks()] == [1, 2]
    telemetry.append_look(3, names, 5 * statistics, bins)
    assert telemetry.looks()[-1].statistics.tobytes() == (5 * statistics).tobytes()


def test_a_changed_look_is_noticed(path):
    telemetry = Telemetry(path, write=True)
    telemetry.append_look(1, *some_look())
    telemetry.close()
    for column in ("statistics", "bins"):
        copy = path.with_name(f"{column}.sqlite")
        shutil.copy(path, copy)
        connection = sqlite3.connect(copy)
        (blob,) = connection.execute(f"SELECT {column} FROM probes").fetchone()
        changed = bytes([blob[0] ^ 1]) + blob[1:]
        connection.execute(f"UPDATE probes SET {column} = ?", (changed,))
        connection.commit()
        connection.close()
        damaged = Telemetry(copy)
        with pytest.raises(FileFormatError, match="check value"):
            damaged.looks()
        damaged.close()


def test_bins_that_would_fill_the_memory_are_refused(path):
    telemetry = Telemetry(path, write=True)
    names, statistics, _ = some_look(1)
    telemetry.append_look(1, names, statistics, np.zeros((1, 2**22), np.int64))
    telemetry.flush()
    with pytest.raises(FileFormatError):
        telemetry.looks()
    telemetry.close()


def test_a_database_of_the_layout_before_is_read_and_brought_up_to_date(tmp_path):
    path = tmp_path / "telemetry.sqlite"
    old = {name: module.TABLES[name] for name in module.BEFORE}
    database.create_database(path, old, module.VERSION - 1)
    reading = Telemetry(path)
    assert reading.looks() == []
    assert reading.history()["step"].size == 0
    reading.close()
    writing = Telemetry(path, write=True)
    writing.append_look(1, *some_look())
    writing.close()
    again = Telemetry(path)
    assert len(again.looks()) == 1
    again.close()
