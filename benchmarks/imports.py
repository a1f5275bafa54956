"""What importing costs: time and memory, NumPy's own included.

Run as `python -m benchmarks imports`. `import pullback` loads little before something is used, so
there is a line for what a training needs too.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.processes import inherited

ROUNDS = 11
NEEDED = "pullback and its fit"
STATEMENTS = {
    "numpy": "import numpy",
    "pullback": "import pullback",
    NEEDED: "import pullback; pullback.fit; pullback.nn.Linear; pullback.optim.Adam",
    "sklearn.neural_network": "import sklearn.neural_network",
    "torch": "import torch",
    "jax": "import jax",
}
LIBRARY = {"sklearn.neural_network": "scikit-learn", NEEDED: "pullback"}
PROBE = """
import sys, time
start = time.perf_counter()
{statement}
elapsed = time.perf_counter() - start
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(elapsed, int(peak[0]) / 1024 if peak else float("nan"))
"""


def measure(
    statement: str, rounds: int = ROUNDS, python: str = sys.executable
) -> dict[str, float] | None:
    """Median seconds of an import in a fresh process, and the process's peak MiB (Linux).

    Returns:
        None where the module is not installed.
    """
    seconds, memory = [], []
    for _ in range(rounds):
        done = subprocess.run(
            [python, "-c", PROBE.format(statement=statement)],
            capture_output=True,
            text=True,
            env=inherited(),
        )
        if done.returncode:
            return None
        elapsed, peak = map(float, done.stdout.split())
        seconds.append(elapsed)
        memory.append(peak)
    return {
        "seconds": statistics.median(seconds),
        "spread": max(seconds) - min(seconds),
        "mib": statistics.median(memory),
    }


def measured(pythons: Mapping[str, str], rounds: int = ROUNDS) -> dict[str, Any]:
    """What each import costs, by what is imported; None where it is not installed."""
    found = {}
    for name, statement in STATEMENTS.items():
        python = pythons.get(LIBRARY.get(name, name), sys.executable)
        found[name] = measure(statement, rounds, python)
    return found


def lines(found: Mapping[str, Any]) -> list[str]:
    """A line for each."""
    return [
        f"  {name:<24} not installed"
        if figures is None
        else f"  {name:<24} {figures['seconds']:.3f} s ({figures['spread']:.3f})"
        f"  {figures['mib']:.0f} MiB"
        for name, figures in found.items()
    ]


def run() -> dict[str, Any]:
    """Measure and print."""
    found = measured({})
    print(f"import in a fresh process, median of {ROUNDS} (spread)")
    print("\n".join(lines(found)))
    return {name: figures for name, figures in found.items() if figures is not None}
