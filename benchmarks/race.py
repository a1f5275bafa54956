"""From command to result: handwritten digits to an accuracy of 0.96, Pullback beside PyTorch.

Run as `python -m benchmarks race`; the arrays are looked for as `benchmarks/places.py` says. Each
lap is a fresh process that imports its library, reads the file, trains 784-512-512-10 with dropout,
and after every epoch is judged on the test rows, until it is good enough.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.contenders import OURS
from benchmarks.places import data_file
from benchmarks.processes import ROOT, environment
from benchmarks.speed import Terms

LAPS = 3
ASKED = 3.0  # times as fast as PyTorch
# The library of each, and the script that it runs.
RACERS = {OURS: "benchmarks.ours_race", "torch": "benchmarks.peers.torch_race"}
COURSE = {
    "sizes": [784, 512, 512, 10],
    "dropout": 0.3,
    "batch": 128,
    "rate": 1e-3,
    "goal": 0.96,
    "epochs": 50,  # at most
}


def lap(python: str, script: str, course: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """The seconds of one process from its start to its end, and what it reached.

    Raises:
        RuntimeError: It failed; the message is its own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        done = subprocess.run(
            [python, "-m", script, json.dumps(course)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment(terms.threads, Path(scratch)),
            timeout=terms.patience,
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr.strip().splitlines()[-1:]}")
    return {"seconds": seconds, **json.loads(done.stdout)}


def run(terms: Terms, pythons: Mapping[str, str]) -> dict[str, Any]:
    """Run all laps, the libraries taking turns, and print them."""
    path = data_file("mnist-10k.npz")
    if path is None:
        print("race: mnist-10k.npz is not at hand (set PULLBACK_DATA to its folder)")
        return {}
    say = report.Progress()
    racers = {library: script for library, script in RACERS.items() if library in pythons}
    found: dict[str, Any] = {library: [] for library in racers}
    for seed in range(LAPS):
        for library, script in racers.items():
            say(f"race: {report.NAMES[library]}, lap {seed + 1} of {LAPS}")
            course = {**COURSE, "file": str(path), "seed": seed}
            found[library].append(lap(pythons[library], script, course, terms))
    say.clear()
    print("\n".join(lines(found)), flush=True)
    return found


def lines(found: Mapping[str, Any]) -> list[str]:
    """The median of each, and whether Pullback is as much faster as is asked."""
    if not found:
        return []
    shown = [f"MNIST-10k to a test accuracy of {COURSE['goal']:g}, seconds from start to end"]
    for library, laps in found.items():
        each = ", ".join(f"{one['seconds']:.2f}" for one in laps)
        epochs = ", ".join(str(one["epochs"]) for one in laps)
        reached = min(one["accuracy"] for one in laps)
        middle = median(one["seconds"] for one in laps)
        shown.append(
            f"   {report.NAMES[library]:<10} {middle:6.2f} s  ({each}; epochs {epochs};"
            f" at least {reached:.4f})"
        )
    if "torch" in found:
        times = {library: median(one["seconds"] for one in laps) for library, laps in found.items()}
        ratio = times["torch"] / times[OURS]
        fair = all(one["accuracy"] >= COURSE["goal"] for laps in found.values() for one in laps)
        what = f"   Pullback is {report.times(ratio)} as fast, {ASKED:g}x asked"
        shown.append(report.verdict(what, fair and ratio >= ASKED))
    return shown
