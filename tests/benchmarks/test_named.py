"""Measurements by name: sequences, float64, a busy core, the race; their peers are faked."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import contention, doubles, probes, race, sequences
from benchmarks.contenders import OURS, Contender
from benchmarks.inputs import Inputs
from benchmarks.named import NAMED
from benchmarks.rows import STEPS
from benchmarks.speed import Terms, measure
from benchmarks.workloads import SEQUENCES, WORKLOADS

TERMS = Terms(rounds=2, seconds=0.01, threads=1)
PYTHONS = {OURS: sys.executable, "fake": sys.executable}
FAKE = "tests.benchmarks.fake_peer"


def entry(label: str, us: float, library: str = OURS) -> dict[str, Any]:
    return {
        "label": label, "library": library, "whole": True, "losses": [0.5] * (STEPS + 1),
        "us": [us] * 3, "error": "",
    }  # fmt: skip


def row(*entries: dict[str, Any], **asked: float) -> dict[str, Any]:
    found = {"number": 4, "title": "workload", "asked": asked, "others": 0.0, "void": ""}
    return {**found, "contenders": list(entries)}


def test_every_name_has_what_the_command_and_the_page_need() -> None:
    for name, module in NAMED.items():
        assert callable(module.run), name
        assert callable(module.lines), name


def test_sequences_say_whether_what_is_asked_holds() -> None:
    found = row(entry("Pullback native, fit", 10.0), entry("PyTorch", 12.0, "torch"), torch=1.5)
    assert sequences.lines([found])[-1] == "4   PyTorch 1.20x of 1.5x: MISSED"


@pytest.mark.parametrize("kind", ["fit", "step"])
def test_sequences_train(kind: str) -> None:
    module = "benchmarks.ours"
    contender = Contender("small", OURS, module, {"kind": kind, "executor": "numpy"}, whole=True)
    small = [replace(w, batch=2, batches=2, input=(6,)) for w in SEQUENCES]
    for found in measure(small, [contender], PYTHONS, TERMS, lambda text: None):
        (one,) = found["contenders"]
        assert not one["error"]
        assert one["losses"][-1] < 0.95 * one["losses"][0]


def test_float64_is_trained_as_float32_is() -> None:
    small = replace(WORKLOADS[3], batch=4, batches=2)
    (found,) = measure([small], doubles.contenders("numpy"), PYTHONS, TERMS, lambda text: None)
    first, second = found["contenders"]
    assert not found["void"]
    assert first["losses"] != second["losses"]
    assert second["losses"] != np.asarray(second["losses"], np.float32).tolist()
    assert "the speed of float32" in doubles.lines(found)[-1]


@pytest.mark.parametrize(("us", "verdict"), [(24.0, "holds"), (26.0, "MISSED")])
def test_float64_may_take_so_long(us: float, verdict: str) -> None:
    assert doubles.lines(row(entry("float32", 10.0), entry("float64", us)))[-1].endswith(verdict)


def test_probes_train_to_the_same_losses() -> None:
    small = replace(WORKLOADS[2], batch=4, batches=2)
    (found,) = measure([small], probes.contenders("numpy"), PYTHONS, TERMS, lambda text: None)
    assert not found["void"]
    assert len({tuple(one["losses"]) for one in found["contenders"]}) == 1


def test_probes_say_whether_what_is_asked_holds() -> None:
    looking = [entry(name, 10.0 + i / 2) for i, name in enumerate(probes.LOOKS)]
    steps = entry("a step by itself", 30.0), entry("a step recorded", 59.0)
    said = probes.lines([row(entry("Pullback, no probes", 10.0), *looking, *steps)])
    verdicts = [line.rpartition(" ")[2] for line in said if "asked" in line]
    assert verdicts == ["holds", "holds", "holds", "holds", "MISSED", "holds"]
    assert said[-1].endswith("5.90x a step of fit")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are pinned on Linux only")
def test_a_core_is_kept_busy_and_let_go() -> None:
    core = min(os.sched_getaffinity(0))
    with contention.busy(core) as process:
        assert os.sched_getaffinity(process.pid) == {core}
        before = cpu_seconds(process.pid)
        while cpu_seconds(process.pid) == before:  # however little the machine gives it
            time.sleep(0.01)
    assert process.returncode is not None


def cpu_seconds(pid: int) -> int:
    """The clock ticks that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are pinned on Linux only")
def test_each_is_timed_alone_and_beside_the_busy_process() -> None:
    one = Contender("fake", OURS, FAKE, {"sleep": 0.001}, whole=True)
    (found,) = measure(WORKLOADS[:1], contention.pair(one), PYTHONS, TERMS, lambda text: None)
    assert [e["label"] for e in found["contenders"]] == ["fake", "fake, shared"]
    assert all(len(e["us"]) == TERMS.rounds and not e["error"] for e in found["contenders"])
    assert any("at most 2.5x asked" in line for line in contention.lines(found))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are pinned on Linux only")
@pytest.mark.parametrize("shared", [False, True])
def test_only_the_one_that_shares_has_a_busy_core(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = min(os.sched_getaffinity(0))
    pinned: list[Any] = []
    kept: list[int] = []

    def busy(core: int) -> Any:
        kept.append(core)
        return contextlib.nullcontext()

    monkeypatch.setenv("PULLBACK_THREADS", "1")
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: pinned.append((pid, cores)))
    monkeypatch.setattr(contention, "busy", busy)
    inputs = Inputs.draw(WORKLOADS[0])
    runner = contention.runner(WORKLOADS[0], inputs, FAKE, {"sleep": 0.0}, shared)
    runner.timed(0.0)
    assert pinned == [(0, [first])]
    assert kept == ([first] if shared else [])


def test_what_sharing_a_core_may_cost() -> None:
    entries = [entry("Pullback", 10.0), entry("Pullback, shared", 24.0)]
    entries += [entry("PyTorch", 10.0, "torch"), entry("PyTorch, shared", 90.0, "torch")]
    lines = contention.lines(row(*entries))
    assert lines[1].endswith("2.40x, at most 2.5x asked: holds")
    assert lines[2].endswith("9.00x")
    entries[1]["us"] = [26.0] * 3
    assert contention.lines(row(*entries))[1].endswith("MISSED")
    entries[3]["error"] = "no such core"
    assert contention.lines(row(*entries))[2].endswith("failed: no such core")


def laps(*seconds: float, accuracy: float = 0.96) -> list[dict[str, Any]]:
    return [{"seconds": s, "epochs": 5, "accuracy": accuracy} for s in seconds]


def test_who_wins_the_race() -> None:
    found = {OURS: laps(1.0, 2.0, 9.0), "torch": laps(6.5, 5.0, 7.0)}
    assert race.lines(found)[1].split()[:2] == ["Pullback", "2.00"]
    assert race.lines(found)[-1].endswith("3.25x as fast, 3x asked: holds")
    assert race.lines({**found, "torch": laps(5.0)})[-1].endswith("MISSED")
    assert race.lines({**found, OURS: laps(1.0, accuracy=0.9)})[-1].endswith("MISSED")
    assert len(race.lines({OURS: laps(1.0)})) == 2
    assert max(map(len, race.lines(found))) <= 100


def digits(path: Path) -> dict[str, Any]:
    """Rows that two numbers tell apart, in the form of the digits."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, rows in (("train", 64), ("test", 32)):
        y = random.integers(0, 2, rows).astype(np.uint8)
        x = random.integers(0, 50, (rows, 2, 2)).astype(np.uint8)
        x[:, 0, 0] += 200 * y
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    np.savez(path, **arrays)
    return {
        "file": str(path), "sizes": [4, 16, 2], "dropout": 0.1, "batch": 8, "rate": 0.01,
        "goal": 0.9, "epochs": 60, "seed": 0,
    }  # fmt: skip


def test_a_lap_ends_when_it_is_good_enough(tmp_path: Path) -> None:
    course = digits(tmp_path / "digits.npz")
    found = race.lap(sys.executable, race.RACERS[OURS], course, TERMS)
    assert found["accuracy"] >= 0.9
    assert 1 <= found["epochs"] < 60
    assert found["seconds"] > 0
    slow = {**course, "rate": 1e-9, "goal": 1.0, "epochs": 2}
    assert race.lap(sys.executable, race.RACERS[OURS], slow, TERMS)["epochs"] == 2


def test_a_lap_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no-such-file"):
        race.lap(sys.executable, race.RACERS[OURS], {"file": "no-such-file"}, TERMS)


@pytest.mark.peers
def test_a_lap_of_pytorch(tmp_path: Path) -> None:
    course = digits(tmp_path / "digits.npz")
    assert race.lap(sys.executable, race.RACERS["torch"], course, TERMS)["accuracy"] >= 0.9


def test_libraries_take_turns_in_the_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Any] = []

    def lap(python: str, script: str, course: Any, terms: Terms) -> dict[str, Any]:
        told.append((python, course["seed"]))
        return {"seconds": 3.0 if python == "theirs" else 1.0, "epochs": 4, "accuracy": 0.97}

    monkeypatch.setattr(race, "lap", lap)
    monkeypatch.setattr(race, "data_file", lambda name: tmp_path / name)
    found = race.run(TERMS, {OURS: "ours", "torch": "theirs"})
    assert told == [(python, seed) for seed in range(3) for python in ("ours", "theirs")]
    assert json.loads(json.dumps(found)) == found
    assert capsys.readouterr().out.rstrip().endswith("3.00x as fast, 3x asked: holds")
    monkeypatch.setattr(race, "data_file", lambda name: None)
    assert race.run(TERMS, {}) == {}
