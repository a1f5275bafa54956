"""Training beside a process that keeps one of the cores busy, and without it.

Run as `python -m benchmarks contention` (Linux). Every candidate may use as many cores as it has
threads, and the busy process is pinned on the first of them: whoever waits for all threads at every
product waits for the one that has to share its core.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks import report
from benchmarks.contenders import PEERS, Contender, ours
from benchmarks.inputs import Inputs
from benchmarks.rows import Row, median, quartiles, ratios
from benchmarks.runner import Runner
from benchmarks.speed import Terms, measure
from benchmarks.workloads import WORKLOADS, Workload

ASKED = 2.5  # times as long as alone, at most
PEER = "PyTorch fused optimizer"

# Says that it began, and ends with the process that started it.
BUSY = """
import os, sys
os.sched_setaffinity(0, [int(sys.argv[1])])
parent = os.getppid()
print("busy", flush=True)
while os.getppid() == parent:
    sum(range(100_000))
"""


@contextlib.contextmanager
def busy(core: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process keeps that core busy meanwhile."""
    asked = [sys.executable, "-c", BUSY, str(core)]
    with subprocess.Popen(asked, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


class Sharing(Runner):
    """Another runner on so many cores as it has threads, of which one may be kept busy.

    Args:
        workload: What is trained.
        inputs: The first weights, and the rows.
        module: Where the other runner is.
        settings: What it is given.
        shared: Whether a process keeps a core busy while it is timed.
    """

    def __init__(
        self,
        workload: Workload,
        inputs: Inputs,
        module: str,
        settings: dict[str, Any],
        shared: bool,
    ) -> None:
        super().__init__(workload, inputs)
        # Before the library makes its threads, which keep to the same cores.
        self.cores = sorted(os.sched_getaffinity(0))[: int(os.environ["PULLBACK_THREADS"])]
        os.sched_setaffinity(0, self.cores)
        self.shared = shared
        self.runner: Runner = importlib.import_module(module).runner(workload, inputs, **settings)

    def losses(self, steps: int) -> list[float]:
        return self.runner.losses(steps)

    def epoch(self) -> None:
        self.runner.epoch()

    def timed(self, seconds: float) -> tuple[float, int]:
        with busy(self.cores[0]) if self.shared else contextlib.nullcontext():
            return self.runner.timed(seconds)


runner = Sharing


def pair(one: Contender) -> list[Contender]:
    """A contender alone, and beside a busy process."""
    inner = {"module": one.module, "settings": dict(one.settings)}
    return [
        replace(one, label=label, module=__name__, settings={**inner, "shared": shared})
        for label, shared in ((one.label, False), (f"{one.label}, shared", True))
    ]


def contenders() -> list[Contender]:
    """Pullback's whole loop, and PyTorch's loop."""
    taking = [c for c in ours(("native",)) if c.whole] + [c for c in PEERS if c.label == PEER]
    return [c for one in taking for c in pair(one)]


def run(terms: Terms, pythons: Mapping[str, str]) -> Row:
    """Measure and print."""
    say = report.Progress()
    (row,) = measure(WORKLOADS[3:4], contenders(), pythons, terms, say)
    say.clear()
    print("\n".join(lines(row)), flush=True)
    return row


def lines(row: Row) -> list[str]:
    """How many times as long each takes beside the busy process."""
    shown = [f"{row['title']}, while another process keeps one core busy"]
    for alone, beside in zip(row["contenders"][::2], row["contenders"][1::2], strict=True):
        failed = alone["error"] or beside["error"]
        if failed:
            shown.append(f"   {alone['label']:<36} failed: {failed}"[:100])
            continue
        found = quartiles(ratios(beside, alone))[1]
        times = f"{report.number(median(alone)):>9} us {report.number(median(beside)):>9} us"
        line = f"   {alone['label']:<32}{times} {report.times(found):>7}"
        if alone is row["contenders"][0]:
            line = report.verdict(f"{line}, at most {ASKED:g}x asked", found <= ASKED)
        shown.append(line)
    return [*shown, f"   VOID: {row['void']}"[:100]] if row["void"] else shown
