"""How the time of a step grows with width, batch and depth, beside what the machine could do.

The least that a step can take is max(flops / peak, bytes / bandwidth). Peak and bandwidth are
measured here, by NumPy's matrix product and by a copy; bytes are those of Adam's update, which
reads and writes weights and moments, and of the activations, written and read once each way.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import OURS, ours
from benchmarks.processes import ROOT, environment
from benchmarks.rows import best, median, of_library
from benchmarks.speed import Say, Terms, measure, only_ours
from benchmarks.workloads import Adam, Workload, dense

WIDTHS = (128, 256, 512, 1024, 2048)
BATCHES = (16, 64, 256, 1024, 2048)
DEPTHS = (2, 10, 50, 250, 1000)
PASSES = 8  # over the parameters in a step: read w, m, v, g; write w, m, v, g

MACHINE = """
import time
import numpy as np
def least(f):
    found = []
    for _ in range(7):
        began = time.perf_counter()
        f()
        found.append(time.perf_counter() - began)
    return min(found)
a = np.ones((2048, 2048), np.float32)
out = np.empty_like(a)
line = np.ones(1 << 26, np.float32)
other = np.empty_like(line)
print(2 * 2048**3 / least(lambda: np.matmul(a, a, out=out)))
print(2 * line.nbytes / least(lambda: np.copyto(other, line)))
"""


def of_machine(threads: int) -> tuple[float, float]:
    """Operations and bytes a second."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, "-c", MACHINE],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment(threads, Path(scratch)),
        )
    peak, bandwidth = map(float, done.stdout.split())
    return peak, bandwidth


def sweeps() -> dict[str, list[tuple[int, Workload]]]:
    """The workloads by what grows in them."""
    few = 8  # batches: an epoch stays short

    def made(title: str, sizes: list[int], batch: int) -> Workload:
        return dense(0, title, sizes, "relu", batch, few, Adam(), "mse")

    return {
        "width": [(n, made(f"width {n}", [n, n, n, n], 128)) for n in WIDTHS],
        "batch": [(n, made(f"batch {n}", [512, 512, 512, 512], n)) for n in BATCHES],
        "depth": [(n, made(f"depth {n}", [64] * (n + 1), 128)) for n in DEPTHS],
    }


def least_seconds(workload: Workload, peak: float, bandwidth: float) -> float:
    """What the machine needs at least for a step."""
    activations = sum(math.prod(shape) for shape in workload.shapes) * workload.batch
    held = 4 * (PASSES * workload.weights + 4 * activations)
    return max(workload.flops / peak, held / bandwidth)


def measured(terms: Terms, pythons: Mapping[str, str], say: Say) -> dict[str, Any]:
    """Microseconds a step of Pullback's fastest whole loop, and the least, for each point."""
    peak, bandwidth = of_machine(terms.threads)
    short = replace(terms, rounds=max(3, terms.rounds // 2))
    looping = [c for c in ours() if c.whole]
    found: dict[str, Any] = {"peak": peak, "bandwidth": bandwidth}
    for name, points in sweeps().items():
        rows = measure([w for _, w in points], looping, only_ours(pythons), short, say)
        found[name] = []
        for (size, workload), row in zip(points, rows, strict=True):
            fastest = best(of_library(row, OURS))
            if fastest is not None:
                least = 1e6 * least_seconds(workload, peak, bandwidth)
                found[name].append({"size": size, "us": median(fastest), "least": least})
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """A line for each sweep: time over the least, and how far from proportional it is."""
    shown = [
        f"  peak {found['peak'] / 1e9:.0f} GFLOP/s, bandwidth {found['bandwidth'] / 1e9:.1f} GB/s"
    ]
    for name in ("width", "batch", "depth"):
        points = found[name]
        if not points:
            continue
        times = [point["us"] / point["least"] for point in points]
        cells = " ".join(f"{p['size']:>5}: {t:5.1f}x" for p, t in zip(points, times, strict=True))
        shown.append(f"  {name:<6} {cells}   {max(times) / min(times):.2f}x apart")
    return shown
