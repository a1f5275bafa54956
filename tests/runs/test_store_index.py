"""The list of runs says what the folders say, whatever the index says."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from pullback.runs import index as module
from pullback.runs.index import list_runs
from pullback.runs.store import RunStore


@pytest.fixture
def root(tmp_path):
    for number in range(3):
        store = RunStore.create(
            tmp_path,
            "demo",
            record={"task": "regression", "target": "y", "created": f"2030-01-0{3 - number}"},
            tensors={},
            state={},
        )
        store.save_checkpoint(10 * number, {}, {})
        store.finish("finished", "done", {"metric": "r2", "best": number / 4}, step=10 * number)
        store.close()
    return tmp_path


def test_the_list(root):
    runs = list_runs(root)
    assert [run.name for run in runs] == ["demo-3", "demo-2", "demo-1"]  # by their time
    run = runs[0]
    assert (run.status, run.reason, run.task, run.target) == ("finished", "done", "regression", "y")
    assert (run.metric, run.best, run.steps) == ("r2", 0.5, 20)
    assert run.path == str(root / "demo-3")
    assert list_runs(root) == runs


def test_no_folder_and_no_runs(tmp_path):
    assert list_runs(tmp_path / "missing") == []
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    assert list_runs(tmp_path) == []
    assert sorted(os.listdir(tmp_path)) == ["file", "notes"]


def test_unchanged_runs_are_not_read_again(root, monkeypatch):
    first = list_runs(root)
    read = []
    summarise = module.summarise
    monkeypatch.setattr(module, "summarise", lambda path: read.append(path) or summarise(path))
    assert list_runs(root) == first
    assert read == []
    with RunStore.open(root / "demo-2", write=True) as store:
        store.finish("failed", "NaN")
    assert {run.name: run.status for run in list_runs(root)} == {
        "demo-1": "finished",
        "demo-2": "failed",
        "demo-3": "finished",
    }
    assert read == [root / "demo-2"]


def test_runs_come_go_and_are_renamed(root):
    list_runs(root)
    shutil.rmtree(root / "demo-1")
    (root / "demo-2").rename(root / "renamed")
    RunStore.create(root, "new", record={}, tensors={}, state={}).close()
    assert {run.name for run in list_runs(root)} == {"renamed", "demo-3", "new-1"}


def test_the_folder_of_runs_may_move(root, tmp_path_factory):
    list_runs(root)
    moved = tmp_path_factory.mktemp("moved") / "runs"
    shutil.copytree(root, moved, copy_function=shutil.copy2)
    assert all(run.path.startswith(str(moved)) for run in list_runs(moved))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"damaged" * 500),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.with_name("index.sqlite-wal").write_bytes(b"stale" * 1000),
    ],
)
def test_a_lost_index_is_made_again(root, damage):
    runs = list_runs(root)
    damage(root / "index.sqlite")
    assert list_runs(root) == runs
    assert list_runs(root) == runs
    with sqlite3.connect(root / "index.sqlite") as connection:
        rows = connection.execute("SELECT name, best FROM runs ORDER BY name").fetchall()
    connection.close()
    assert rows == [("demo-1", 0.0), ("demo-2", 0.25), ("demo-3", 0.5)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET best = 1.0",
        "UPDATE runs SET path = '/etc'",
        "UPDATE runs SET name = '../..' WHERE name = 'demo-1'",
        "UPDATE runs SET steps = 'many'",
        "DELETE FROM runs",
        "DROP TABLE runs",
        "PRAGMA user_version=9",
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
    ],
)
def test_the_index_is_not_believed(root, statement):
    runs = list_runs(root)
    connection = sqlite3.connect(root / "index.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()
    assert list_runs(root) == runs


def test_an_index_that_cannot_be_written_is_done_without(root, monkeypatch):
    runs = list_runs(root)
    (root / "index.sqlite").unlink()
    (root / "index.sqlite").mkdir()
    assert list_runs(root) == runs
    monkeypatch.setattr("pullback.runs.database.BUSY_SECONDS", 0.05)
    (root / "index.sqlite").rmdir()
    list_runs(root)
    other = sqlite3.connect(root / "index.sqlite", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert list_runs(root) == runs
    other.close()


def test_damaged_runs_are_listed_as_such(root):
    (root / "demo-1" / "run.json").write_text("{")
    (root / "demo-2" / "run.json").unlink()
    (root / "demo-3" / "status.json").unlink()
    runs = {run.name: run for run in list_runs(root)}
    assert runs["demo-1"].status == runs["demo-2"].status == "damaged"
    assert "run.json" in runs["demo-1"].reason
    assert runs["demo-3"].status == "interrupted"


def test_values_of_other_types_do_no_harm(tmp_path):
    for summary in ({"best": "high", "metric": 3}, {"best": True}, {"best": float("nan")}):
        with RunStore.create(
            tmp_path, "a", record={"task": 3, "created": None}, tensors={}, state={}
        ) as store:
            store.finish("finished", "", summary)
    runs = list_runs(tmp_path)
    assert [(run.task, run.metric, run.best) for run in runs] == [("", "", None)] * 3
    assert list_runs(tmp_path) == runs


def test_a_run_that_is_killed_without_a_word_is_noticed(tmp_path):
    store = RunStore.create(tmp_path, "a", record={}, tensors={}, state={})
    assert [run.status for run in list_runs(tmp_path)] == ["running"]
    store.close()  # changes no file that the signature knows
    assert [run.status for run in list_runs(tmp_path)] == ["interrupted"]
