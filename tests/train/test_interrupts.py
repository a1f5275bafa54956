"""Ctrl-C and SIGTERM: training ends at a whole step, at once, and goes on later."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.runs.store import RunStore
from pullback.train.interrupt import Interrupt, Interrupted
from tests.train.interrupted import STEP_SECONDS, training
from tests.train.trainings import Stop, data, go_on, left, network, start

SCRIPT = Path(__file__).with_name("interrupted.py")
SLACK = 0.25  # for a machine that is busy with something else


@dataclass(frozen=True)
class Ended:
    """What became of a process that got a signal."""

    status: int
    ending: str
    reason: str
    stopping: float
    saving: float
    step: int
    path: Path


def train(root: Path, kind: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(root), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n", process.communicate()
    return process


def signalled(root: Path, number: int, wait: float, kind: str = "steps") -> Ended:
    process = train(root, kind)
    time.sleep(wait)
    sent = time.monotonic()
    process.send_signal(number)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    ending, *reason, stopped, told, step = said.split()
    (path,) = root.glob("[!.]*")
    return Ended(
        process.returncode,
        ending,
        " ".join(reason),
        float(stopped) - sent,
        float(told) - float(stopped),
        int(step),
        path,
    )


def check(ended: Ended, name: str) -> None:
    assert ended.ending == "interrupted"
    assert ended.reason == f"interrupted by {name}"
    assert ended.stopping < 0.1 + SLACK, f"training went on for {ended.stopping:.3f} s"
    with RunStore.open(ended.path) as store:
        assert store.problems() == []
        assert store.status.state == "interrupted"
        assert store.checkpoints()[-1] == ended.step
        assert store.telemetry.history()["step"][-1] == ended.step if ended.step else True


def interrupt_and_resume(seed: int, root: Path) -> None:
    """Ctrl-C, then the same number of steps as a training that nobody disturbed."""
    draw = random.Random(seed)
    kind = draw.choice(["steps", "evaluation"])
    ended = signalled(root / "disturbed", signal.SIGINT, 0.6 * draw.random(), kind)
    check(ended, "Ctrl-C")
    assert pb.load(ended.path).predict(np.zeros((3, 8))).shape == (3,)
    more = ended.step + draw.randint(1, 30)
    again = pb.resume(ended.path, callbacks=[Stop(more)])
    assert again.step == more
    made, rows, settings = training(kind)
    whole = pb.fit(
        made, rows, save=root / "whole", callbacks=[Stop(more)], epochs=100_000, **settings
    )
    assert ended_at(ended.path) == ended_at(whole.path)


def ended_at(path: Path) -> tuple[dict[str, bytes], bytes]:
    """The bits of the state and of all losses."""
    with RunStore.open(path) as store:
        found = store.load_checkpoint().tensors
        losses = store.telemetry.history()["loss"]
    return {k: v.tobytes() for k, v in found.items()}, losses.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_interrupted_at_random_moments(seed: int, tmp_path: Path) -> None:
    interrupt_and_resume(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5, 55))
def test_interrupted_at_many_random_moments(seed: int, tmp_path: Path) -> None:
    interrupt_and_resume(seed, tmp_path)


def test_a_termination_is_an_interrupt_too(tmp_path: Path) -> None:
    check(signalled(tmp_path, signal.SIGTERM, 0.2), "SIGTERM")


def test_a_long_step_is_finished_first(tmp_path: Path) -> None:
    ended = signalled(tmp_path, signal.SIGINT, 0.3, "slow steps")
    assert ended.ending == "interrupted"
    assert ended.stopping < STEP_SECONDS + SLACK


def test_the_evaluation_of_an_epoch_is_left_for_later(tmp_path: Path) -> None:
    """Interrupted while it measures, a run measures that epoch when it is resumed."""

    calls = []

    def nosy(predictions: np.ndarray, targets: np.ndarray) -> float:
        calls.append(len(predictions))
        return 0.5

    class Poke(pb.Callback):
        """Sends the signal on the last step of the first epoch."""

        def on_step(self, session: pb.train.loop.Session) -> None:
            if session.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    run = start("plain", tmp_path, callbacks=[Poke()], metrics=[nosy])
    assert (run.ending, run.step, run.epochs) == ("interrupted", 3, [])
    assert calls == [45], "once, before the first step, to see that it works"
    calls.clear()
    again = go_on(run.path, metrics=[nosy])
    assert [epoch.step for epoch in again.epochs] == [3, 6, 9]
    whole = start("plain", tmp_path, metrics=[nosy])
    assert left(run.path) == left(whole.path)


def test_a_second_ctrl_c_goes_through(tmp_path: Path) -> None:
    class Twice(pb.Callback):
        def on_step(self, session: pb.train.loop.Session) -> None:
            if session.step == 5:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        start("plain", tmp_path, callbacks=[Twice()])
    assert signal.getsignal(signal.SIGINT) is before
    whole = left(start("plain", tmp_path / "whole").path)
    go_on(tmp_path / "run-1")
    assert left(tmp_path / "run-1") == whole


def test_the_old_handlers_come_back_also_after_an_error() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    class Faulty(pb.Callback):
        def on_step(self, session: pb.train.loop.Session) -> None:
            assert signal.getsignal(signal.SIGINT) is not before[0]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        pb.fit(network("plain"), data("plain"), callbacks=[Faulty()])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_ctrl_c_without_a_folder_keeps_the_network() -> None:
    class Poke(pb.Callback):
        def on_step(self, session: pb.train.loop.Session) -> None:
            if session.step == 7:
                os.kill(os.getpid(), signal.SIGINT)

    made = network("plain")
    run = pb.fit(made, data("plain"), batch_size=16, epochs=50, callbacks=[Poke()])
    assert (run.ending, run.step) == ("interrupted", 7)
    assert run.scores == {k: v for k, v in run.epochs[-1].values.items() if "." in k}
    whole = pb.fit(network("plain"), data("plain"), batch_size=16, steps=7)
    for path, parameter in made.parameters().items():
        assert parameter.numpy().tobytes() == whole.network.parameters()[path].numpy().tobytes()


def test_outside_the_main_thread(tmp_path: Path) -> None:
    found: list[pb.Run] = []
    thread = threading.Thread(target=lambda: found.append(start("plain", tmp_path / "thread")))
    thread.start()
    thread.join()
    assert left(found[0].path) == left(start("plain", tmp_path / "main").path)


def test_the_flag() -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.reason == "SIGTERM"
        with pytest.raises(Interrupted):
            interrupt.check()
        os.kill(os.getpid(), signal.SIGTERM)  # said twice, it means the same
