"""How the program ends: interrupted, failed by NaN, with a bug, with nobody reading on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pullback as pb
from pullback.runs import RunStore
from tests.cli.helpers import plain, pullback

PROGRAM = [sys.executable, "-m", "pullback"]
LONG = ["train", "penguins", "--patience", "none", "--epochs", "100000", "--hidden", "8"]


def start(*words: str, **extra: Any) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*PROGRAM, *words], text=True, preexec_fn=heed_interrupts, **pipes | extra
    )


def heed_interrupts() -> None:
    """A shell's background jobs are born deaf to Ctrl-C, and hand that down to all they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(path: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.exists()


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_stopped_training_is_saved_and_goes_on(number: int, status: int, word: str) -> None:
    with start(*LONG) as process:
        wait_for(Path("runs/penguins-1"))
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        took = time.monotonic() - began
    assert process.returncode == status
    assert took < 5  # mostly the end of the process; training itself stops within 0.1 s
    assert f"Interrupted by {word}" in out
    assert "pullback resume runs/penguins-1" in out
    assert "Traceback" not in err
    run = Path("runs/penguins-1")
    step = RunStore.open(run).status.step
    assert step > 0
    assert len(pb.load(run).predict(pb.datasets.path("penguins"))) == 344
    result = pullback("resume", run, "--until", f"epoch >= {step // 7 + 2}")
    assert result.exit_code == 0
    assert f"resumed after step {step:,}" in " ".join(result.stdout.split())


def test_an_interrupted_training_prints_its_object() -> None:
    with start(*LONG, "--json") as process:
        wait_for(Path("runs/penguins-1"))
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert '"ending": "interrupted"' in out
    assert out.startswith("{\n")
    assert not [line for line in err.splitlines() if not line.endswith(" ...")]  # what takes long


def test_a_second_ctrl_c_ends_at_once_and_the_run_can_be_loaded() -> None:
    with start(*LONG) as process:
        wait_for(Path("runs/penguins-1"))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert pullback("resume", "runs/penguins-1", "--until", "epoch >= 1").exit_code in (0, 2)
    assert pullback("show", "runs/penguins-1").exit_code == 0


def test_nan_says_where_and_keeps_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["train", "penguins", "--optimizer", "sgd", "--learning-rate", 1e30, "--epochs", 9]
    result = pullback(*words)
    assert result.exit_code == 2
    assert "must be finite" in result.stderr
    assert "in step " in result.stderr
    assert "layer '" in result.stderr
    assert ".py:" not in result.stderr  # the user wrote no line of this network
    assert "--clip-norm 1" in result.stderr
    assert "kept: runs/penguins-1" in result.stderr
    error = plain(*words)["error"]
    assert error["run"] == "runs/penguins-2"
    assert error["origin"]["role"] == "forward"
    assert "beyond 3.4e+38, the largest float32" in error["origin"]["reason"]
    assert any("goes back to state '" in said for said in error["origin"]["because"])
    assert plain("show", "runs/penguins-2")["run"]["origin"] == error["origin"]
    assert plain("runs")["runs"][0]["status"] == "failed"
    assert pullback("predict", "runs/penguins-1", "penguins").exit_code == 0


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(root: object) -> None:
        raise ValueError("something\nnobody foresaw")

    monkeypatch.setattr("pullback.runs.list_runs", fail)


@pytest.mark.usefixtures("broken")
def test_a_bug_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    result = pullback("runs")
    assert result.exit_code == 1
    assert "this is a bug in pullback" in result.stderr
    assert "ValueError: something nobody foresaw" in result.stderr
    assert "--debug" in result.stderr
    assert plain("runs")["error"]["type"] == "ValueError"


@pytest.mark.usefixtures("broken")
def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from pullback.cli.program import program

    for words in (["--debug", "runs"], ["runs", "--debug"]):
        assert isinstance(CliRunner().invoke(program, words).exception, ValueError)
    monkeypatch.setenv("PULLBACK_DEBUG", "1")
    assert isinstance(CliRunner().invoke(program, ["runs"]).exception, ValueError)


def test_nobody_reads_on(run: Path) -> None:
    with start("show", str(run), "--program") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) in (0, 1)


def test_standard_output_on_a_full_disk(run: Path) -> None:
    if not Path("/dev/full").exists():  # other systems than Linux have no such device
        return
    with open("/dev/full", "w") as full:
        process = start("show", str(run), stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "must be writable" in err
    assert "Traceback" not in err


def test_names_that_the_terminal_cannot_show(here: Path) -> None:
    names = ("b", "ä\x1b[31m")
    rows = "".join(f"{i % 7},{names[i % 2]}\n" for i in range(40))
    (here / "t.csv").write_text("größe,farbe\n" + rows, "utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = start("train", "t.csv", "-t", "farbe", "--epochs", "1", env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "gr\\xf6\\xdfe" in out
    assert "\x1b" not in out


def test_colours_are_for_terminals(run: Path) -> None:
    """On a terminal there are colours, unless NO_COLOR is set; in a pipe there are none."""
    pty = pytest.importorskip("pty")

    def shown(**extra: str) -> str:
        leader, follower = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        environment |= {"TERM": "xterm", **extra}
        process = start("runs", stdout=follower, env=environment)
        process.communicate(timeout=30)
        os.close(follower)
        return os.read(leader, 100_000).decode()

    assert "\x1b[" in shown()
    assert "\x1b[" not in shown(NO_COLOR="1")
    assert "\x1b[" not in pullback("runs").stdout


def test_a_finished_run_can_be_given_more_steps_or_patience() -> None:
    trained = plain("train", "penguins", "--steps", 5)
    run = trained["outcome"]["path"]
    more = plain("resume", run, "--steps", 9)
    assert more["outcome"]["steps"] == 9
    assert plain("resume", run, "--steps", 12, "--patience", 50)["outcome"]["steps"] == 12
