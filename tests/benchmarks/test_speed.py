"""Candidates take turns, are timed by whole epochs, and fail without taking others with them."""

from __future__ import annotations

import fcntl
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.contenders import OURS, Contender
from benchmarks.rows import best, median, of_library, ratios
from benchmarks.speed import Terms, measure
from benchmarks.workloads import WORKLOADS, Workload

TERMS = Terms(rounds=3, seconds=0.01, threads=1)
PYTHONS = {"fake": sys.executable, OURS: sys.executable}


def fake(label: str, library: str = "fake", **settings: Any) -> Contender:
    return Contender(label, library, "tests.benchmarks.fake_peer", settings, whole=True)


def row_of(*contenders: Contender, terms: Terms = TERMS) -> dict[str, Any]:
    (row,) = measure(WORKLOADS[:1], contenders, PYTHONS, terms, lambda text: None)
    return row


def test_they_take_turns_and_the_slower_one_takes_longer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    row = row_of(
        fake("quick", OURS, sleep=0.004, log=str(log)), fake("slow", sleep=0.03, log=str(log))
    )
    assert not row["void"]
    turns = [line.split() for line in log.read_text("utf-8").splitlines()]
    quick, slow = ["0.004", "1"], ["0.03", "1"]
    # Each is warmed up by itself; then who begins changes from round to round.
    assert turns == [quick, slow, quick, slow, slow, quick, quick, slow]
    first, second = best(of_library(row, OURS)), best(of_library(row, "fake"))
    assert first is not None
    assert second is not None
    assert len(first["us"]) == len(second["us"]) == TERMS.rounds
    assert median(first) >= 1e6 * 0.004 / WORKLOADS[0].batches
    assert all(ratio > 2 for ratio in ratios(second, first))
    assert "slow" in report.lines_of(row)[2]


def test_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    row = row_of(fake("good", OURS), fake("refused", fails="made"), fake("died", fails="timed"))
    errors = {entry["label"]: entry["error"] for entry in row["contenders"]}
    assert errors == {
        "good": "",
        "refused": "ValueError: no such device",
        "died": "ended (3): terminated by the fake",
    }
    assert not row["void"]
    assert [len(entry["us"]) for entry in row["contenders"]] == [3, 0, 0]
    text = "\n".join(report.lines_of(row))
    assert "refused" in text
    assert "no such device" in text


def test_one_that_is_never_ready_is_ended_with_its_compiler(tmp_path: Path) -> None:
    log, patience = tmp_path / "log", 1.0
    while not log.exists():  # however long a process takes to start here
        patience *= 2
        terms = replace(TERMS, patience=patience)
        row = row_of(fake("slow", fails="compiled", log=str(log)), terms=terms)
    (entry,) = row["contenders"]
    assert entry["error"] == f"ended: no answer to 'prepare' within {patience:g} s"
    assert not entry["us"]
    assert any("failed: ended: no answer" in line for line in report.lines_of(row))
    with log.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # which its compiler would keep for ten minutes


@pytest.mark.parametrize("loss", [1.001, float("nan"), float("inf")])
def test_another_loss_makes_the_row_void(loss: float) -> None:
    row = row_of(fake("one", OURS), fake("two"), fake("liar", loss=loss))
    assert "liar" in row["void"]
    assert "void" in report.cells(row)
    assert any("VOID" in line for line in report.lines_of(row))


def test_only_those_take_part_that_are_installed_and_fit() -> None:
    def never(workload: Workload) -> bool:
        return False

    absent = fake("absent", "not-installed")
    unfit = Contender("unfit", "fake", "tests.benchmarks.fake_peer", {}, never)
    row = row_of(fake("good", OURS), absent, unfit)
    assert [entry["label"] for entry in row["contenders"]] == ["good"]


def test_what_happens_is_told() -> None:
    said: list[str] = []
    rows: list[Any] = []
    measure(WORKLOADS[:1], [fake("good", OURS)], PYTHONS, TERMS, said.append, rows.append)
    assert said[0] == "workload 1: preparing good"
    assert said[-1] == "workload 1: round 3 of 3"
    assert len(rows) == 1
