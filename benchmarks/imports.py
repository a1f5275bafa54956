"""What `import pullback` costs: time and memory, NumPy's own included.

Run as `python -m benchmarks imports`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

ROUNDS = 11
PROBE = """
import sys, time
start = time.perf_counter()
import {module}
elapsed = time.perf_counter() - start
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(elapsed, int(peak[0]) / 1024 if peak else float("nan"))
"""


def measure(module: str, rounds: int = ROUNDS) -> dict[str, float] | None:
    """Median seconds to import `module` in a fresh process, and the process's peak MiB (Linux).

    Returns:
        None where the module is not installed.
    """
    seconds, memory = [], []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True
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


def run() -> dict[str, Any]:
    """Measure and print."""
    found: dict[str, Any] = {}
    print(f"import in a fresh process, median of {ROUNDS} (spread)")
    for module in ("numpy", "pullback", "sklearn.neural_network", "torch", "jax"):
        figures = measure(module)
        if figures is None:
            print(f"  {module:<24} not installed")
            continue
        found[module] = figures
        print(
            f"  {module:<24} {figures['seconds']:.3f} s ({figures['spread']:.3f})"
            f"  {figures['mib']:.0f} MiB"
        )
    return found
