"""Ctrl-C while steps run natively: back within a tenth of a second, or a step, with every bit kept.

The tenth of a second is time on the processor, since others may keep it busy; the clock on the
wall is held to a looser limit.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from tests.native.helpers import module
from tests.train.natives import fitted, weights
from tests.train.trainings import Stop

pytestmark = pytest.mark.native

AT_ONCE = 0.1  # seconds, if a step takes no longer
BUSY = 2.0  # seconds more that a busy machine may take
NAMES = ("dense with dropout", "lstm", "convolution")


class Poke(pb.Callback):
    """Sends the signal some time after the first step could begin."""

    def __init__(self, wait: float) -> None:
        self.timer = threading.Timer(wait, self._send)
        self.sent = self.used = 0.0

    def on_start(self, session: Any) -> None:
        self.timer.start()

    def _send(self) -> None:
        self.sent, self.used = time.monotonic(), time.process_time()
        os.kill(os.getpid(), signal.SIGINT)

    def late(self) -> tuple[float, float]:
        """The seconds since then, on the processor and on the wall."""
        return time.process_time() - self.used, time.monotonic() - self.sent


Times = tuple[float, float, float]


def interrupt_and_go_on(seed: int, root: Path) -> Times:
    """The times to the return, and that of a step; the same bits as without the interrupt."""
    module()
    draw = random.Random(seed)
    name = NAMES[seed % len(NAMES)]
    poke = Poke(0.15 * draw.random())
    run = fitted(name, steps=None, epochs=10**6, save=root, callbacks=[poke])
    late = poke.late()
    assert (run.ending, run.reason) == ("interrupted", "interrupted by Ctrl-C")
    more = run.step + draw.randint(1, 3)
    again = pb.resume(run.path, callbacks=[Stop(more)], progress="none")
    whole = fitted(name, steps=more)
    assert (again.step, weights(again)) == (more, weights(whole))
    return *late, longest_step(whole)


def longest_step(run: pb.Run) -> float:
    return float(np.diff([0.0, *(s.time for s in run.steps)]).max())


def check(times: Times) -> None:
    used, late, step = times
    slower = 10 if module().build()["sanitized"] else 1
    limit = max(AT_ONCE * slower, step)
    used /= module().threads()  # each of them has worked, or waited for the others
    assert used < limit, f"{used:.3f} s of work after Ctrl-C, where a step takes {step:.3f} s"
    assert late < limit + BUSY, f"{late:.3f} s after Ctrl-C, where a step takes {step:.3f} s"


@pytest.mark.parametrize("part", range(4))
def test_interrupted_at_random_moments(part: int, tmp_path: Path) -> None:
    for seed in range(part * 5, part * 5 + 5):
        check(interrupt_and_go_on(seed, tmp_path / str(seed)))


@pytest.mark.long
def test_interrupted_at_200_random_moments(tmp_path: Path) -> None:
    found = [interrupt_and_go_on(seed, tmp_path / str(seed)) for seed in range(20, 220)]
    used, late, step = np.array(found).T
    for what, times in (("on the processor", used), ("on the wall", late)):
        print(f"{what}: p50 {np.quantile(times, 0.5):.4f} s, p99 {np.quantile(times, 0.99):.4f} s")
    assert np.quantile(used - np.maximum(AT_ONCE, step), 0.99) < 0
    assert late.max() < step.max() + BUSY


def test_a_long_step_is_finished_first() -> None:
    """One step of many rows: it is written whole, and nothing is begun after it."""
    module()
    poke = Poke(0.0)
    settings: dict[str, Any] = {"rows": 20_000, "batch": 20_000}
    run = fitted("dense with dropout", steps=None, epochs=10**6, callbacks=[poke], **settings)
    late = poke.late()
    whole = fitted("dense with dropout", steps=max(run.step, 1), **settings)
    assert run.step <= 2
    assert run.step == 0 or weights(run) == weights(whole)
    assert late[1] < 2 * longest_step(whole) + BUSY
