"""Telemetry that is damaged, gone or another run's: one answer, on standard error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.document import read_document, write_document
from pullback.errors import FileFormatError
from pullback.runs import RunStore
from pullback.runs.telemetry import Telemetry
from tests.cli.helpers import plain, pullback

FILE = "telemetry.sqlite"


def damaged(run: Path) -> None:
    (run / FILE).write_bytes(b"x" * 5000)


def gone(run: Path) -> None:
    (run / FILE).unlink()


def foreign(run: Path) -> None:
    """The telemetry of another run, whole in itself."""
    x = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    other = pb.fit(
        pb.nn.dense(1, [2], 1), (x, x), loss="mse", steps=4, save="others", progress="none"
    )
    assert other.path is not None
    shutil.copy(other.path / FILE, run / FILE)


LOST = {
    damaged: "warning: telemetry.sqlite is lost: ",
    gone: "warning: telemetry.sqlite is lost: there is no such file",
    foreign: "warning: telemetry.sqlite is lost: the telemetry of another run",
}
every_loss = pytest.mark.parametrize("lose", LOST, ids=lambda f: f.__name__)


@every_loss
@pytest.mark.parametrize(
    "words", [["show", "RUN"], ["report", "RUN", "-o", "page.html"], ["replay", "RUN", "--step", 2]]
)
def test_what_is_left_is_shown(words: list[str], lose: Callable[[Path], None], run: Path) -> None:
    lose(run)
    words = [str(run) if word == "RUN" else word for word in words]
    result = pullback(*words)
    assert result.exit_code == 0
    assert result.stdout
    assert "warning" not in result.stdout
    assert LOST[lose] in result.stderr
    if words[0] == "report":
        words += ["--force"]
    result = pullback(*words, "--json")
    found = json.loads(result.stdout)
    problems = found["run"]["problems"] if words[0] == "show" else found["problems"]
    assert [f"warning: {said}" for said in problems] == result.stderr.splitlines()
    assert LOST[lose] in result.stderr


@every_loss
def test_where_nothing_is_left_it_is_an_error(lose: Callable[[Path], None], run: Path) -> None:
    lose(run)
    result = pullback("probes", run)
    assert result.exit_code == 2
    assert FILE in result.stderr
    assert not result.stdout
    with pytest.raises(FileFormatError, match="telemetry"):
        pb.Readings.of(run)


def test_a_whole_run_has_no_problems(run: Path) -> None:
    for words in (["show", run], ["replay", run, "--step", 2], ["probes", run]):
        result = pullback(*words)
        assert result.exit_code == 0
        assert not result.stderr
    assert plain("replay", run, "--step", 2)["problems"] == []


def test_a_replay_says_that_the_recorded_loss_is_lost(run: Path) -> None:
    foreign(run)
    found = pb.replay(run, 2)
    assert found.recorded is None
    assert "a loss that is lost" in repr(found)
    with pytest.raises(pb.errors.ConfigError, match="steps 1 to 21"):
        pb.replay(run, 22)


def test_a_resume_sets_the_telemetry_of_another_run_aside(run: Path) -> None:
    foreign(run)
    pb.resume(run, epochs=4, progress="none")
    assert (run / "telemetry.damaged-1.sqlite").exists()
    with RunStore.open(run) as store:
        assert store.telemetry.history()["step"].min() == 22
        assert "telemetry lost" in [event.kind for event in store.telemetry.events()]


def test_a_copied_run_is_itself(run: Path, here: Path) -> None:
    shutil.copytree(run, here / "elsewhere")
    assert not pullback("show", here / "elsewhere").stderr


def test_a_run_of_before_there_were_identities(run: Path) -> None:
    """Neither its record nor its telemetry names it."""
    record = read_document(run / "run.json", kind="run")
    assert record.pop("id")
    write_document(run / "run.json", record, kind="run")
    (run / FILE).unlink()
    Telemetry.create(run / FILE)
    telemetry = Telemetry(run / FILE, write=True)
    telemetry.append_step(2, 1, 0.5, 1e-3, 0.1)
    telemetry.close()
    result = pullback("show", run)
    assert result.exit_code == 0
    assert not result.stderr
