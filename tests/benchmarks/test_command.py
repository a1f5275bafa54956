"""`python -m benchmarks`: what can be asked for, and that it ends with a table and a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import further, growth, imports
from benchmarks.__main__ import added_to, interpreters, options, save, terms_of
from benchmarks.contenders import OURS
from benchmarks.planning import measured
from benchmarks.sizes import listed, of_package
from benchmarks.speed import Terms
from benchmarks.workloads import WORKLOADS, Adam, dense


def test_workloads_are_chosen_by_number() -> None:
    assert [w.number for w in options().parse_args(["--only", "1,3"]).only] == [1, 3]
    assert options().parse_args([]).only == WORKLOADS
    with pytest.raises(SystemExit):
        options().parse_args(["--only", "9"])


def test_terms() -> None:
    assert terms_of(options().parse_args([])) == Terms(rounds=7, seconds=0.3, threads=2)
    quick = terms_of(options().parse_args(["--quick", "--rounds", "5"]))
    assert quick.rounds == 5
    assert quick.seconds < 0.3


def test_interpreters() -> None:
    pythons, versions = interpreters(sys.executable)
    assert pythons[OURS] == sys.executable
    assert {"python", "numpy", OURS} <= set(versions)


def test_it_measures_prints_and_writes(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    asked = ["--quick", "--rounds", "2", "--only", "2", "--json", str(file)]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", *asked],
        cwd=repository, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "workload 2: preparing Pullback numpy, fit" in ran.stderr
    assert "Pullback numpy, fit" in ran.stdout
    assert max(len(line) for line in ran.stdout.splitlines()) <= 100
    found = json.loads(file.read_text("utf-8"))
    (row,) = found["speed"]
    assert not row["void"]
    assert row["number"] == 2
    assert found["machine"]["cpu"]
    rounds = {entry["label"]: len(entry["us"]) for entry in row["contenders"]}
    assert rounds["Pullback numpy, fit"] == rounds["Pullback numpy, step"] == 2


def test_figures_are_added_to_those_measured_alike(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    found = {"when": "today", "machine": {"cpu": "a"}, "terms": {"rounds": 7}}
    with pytest.raises(SystemExit, match="without --add first"):
        added_to(file, found)
    save(file, {**found, "when": "yesterday", "speed": [1]})
    assert added_to(file, found) == {**found, "speed": [1]}
    for other in ({"machine": {"cpu": "b"}}, {"terms": {"rounds": 3}}):
        with pytest.raises(SystemExit, match=f"another {next(iter(other))}"):
            added_to(file, {**found, **other})


def test_planning_is_timed_in_parts() -> None:
    found = measured(dense(0, "small", [3, 6, 4], "tanh", 8, 1, Adam()), "numpy", 1)
    assert found["trace"] > 0
    assert found["plan"] > 0


def test_sizes_of_what_is_installed() -> None:
    package = of_package("pullback")
    assert package is not None
    assert 100_000 < package < 50_000_000
    numpy = listed("numpy")
    assert numpy is not None
    assert numpy > 10_000_000
    assert listed("no-such-distribution") is None


def test_an_import_that_is_not_installed() -> None:
    assert imports.measure("import no_such_module", rounds=1) is None
    found = imports.measure("import json", rounds=1)
    assert found is not None
    assert found["seconds"] >= 0


def test_the_least_time_of_a_step() -> None:
    workload = dense(0, "one layer", [4, 8], "relu", 16, 1, Adam())
    flops = 2 * 2 * 4 * 8 * 16
    held = 4 * (8 * (4 * 8 + 8) + 4 * (4 + 8) * 16)
    assert growth.least_seconds(workload, peak=1.0, bandwidth=1e12) == flops
    assert growth.least_seconds(workload, peak=1e12, bandwidth=1.0) == held
    assert further.allowed(workload) == 4 * (4 * 40 + 2 * 192) / 2**20


def test_further_figures_fit_100_columns() -> None:
    point: dict[str, Any] = {"size": 2048, "us": 123456.0, "least": 1000.0}
    found = {
        "imports": {"numpy": None, "pullback": {"seconds": 0.1, "spread": 0.01, "mib": 30.0}},
        "sizes": {"pullback": 3_000_000},
        "planning": [
            {"title": WORKLOADS[3].title, "executor": "numpy", "trace": 1, "plan": 2, "build": 3}
        ],
        "memory": {
            "title": WORKLOADS[3].title,
            "sum": 12.0,
            "found": {"PyTorch channels-last, compiled": {"before": 99.0, "peak": 219.0}},
        },
        "growth": {
            "peak": 2e11, "bandwidth": 2e10, "width": [point] * 5, "batch": [], "depth": [point],
        },
    }  # fmt: skip
    lines = further.lines(found)
    assert max(map(len, lines)) <= 100
    assert any("123.5x" in line for line in lines)
