"""Threads: every piece is run once, whoever else runs, forks or fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from pullback.errors import ConfigError
from pullback.execute import lowering
from tests.native.helpers import instruction_sets, module

pytestmark = pytest.mark.native

ISA = instruction_sets()[0]


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 100, 5000])
def test_every_piece_is_run_once(threads: int, pieces: int) -> None:
    for _ in range(20):
        assert module().count_pieces(pieces, threads) == [1] * pieces


def test_a_job_inside_a_piece_is_run_by_its_thread() -> None:
    assert module().count_pieces(50, 4, nested=7) == [1] * (50 * 8)


@pytest.mark.parametrize("threads", [1, 4])
def test_what_a_piece_throws_arrives_and_the_next_job_runs(threads: int) -> None:
    for _ in range(50):
        with pytest.raises(ValueError, match="this piece fails"):
            module().count_pieces(40, threads, failing=17)
        assert module().count_pieces(40, threads) == [1] * 40


def test_several_python_threads_at_once() -> None:
    failures: list[str] = []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        a, b = random.standard_normal((70, 300)), random.standard_normal((300, 90))
        expected = a @ b
        for _ in range(60):
            y = np.empty((70, 90))
            module().call_kernel(ISA, "gemm", [a, b], [y], threads=3)
            if not np.allclose(y, expected) or module().count_pieces(30, 3) != [1] * 30:
                failures.append(f"thread {seed}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_makes_workers_of_its_own() -> None:
    program = (
        "import os, sys\n"
        "from pullback.execute import native\n"
        "n = native.module()\n"
        "def works(): return all(n.count_pieces(500, 4) == [1] * 500 for _ in range(50))\n"
        "assert works() and n.workers() == 3\n"
        "for generation in range(3):\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        ok = os.waitpid(child, 0)[1] == 0 and works()\n"
        "        (os._exit if generation else sys.exit)(0 if ok else 1)\n"
        "    assert n.workers() == 0\n"
        "    if not (works() and n.workers() == 3): os._exit(1)\n"
        "os._exit(0)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signals here")
def test_busy_processors_hold_nothing_up() -> None:
    burn = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burn) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert module().count_pieces(64, 8) == [1] * 64
            time.sleep(0.0005)  # long enough for workers to fall asleep now and then
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_the_number_of_threads_can_be_chosen() -> None:
    n = module()
    cores = n.threads()
    try:
        assert 1 <= cores <= (os.cpu_count() or 1)
        n.set_threads(5)
        assert n.threads() == 5
    finally:
        n.set_threads(0)
    assert n.threads() == cores


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "257", "1.5"])
def test_a_number_of_threads_that_is_none_is_refused(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module()
    monkeypatch.setenv("PULLBACK_THREADS", wanted)
    with pytest.raises(ConfigError, match="whole number from 1 to 256"):
        lowering.threads.__wrapped__()


def test_the_environment_chooses_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    n = module()
    monkeypatch.setenv("PULLBACK_THREADS", "3")
    try:
        assert lowering.threads.__wrapped__() == 3
    finally:
        n.set_threads(0)
