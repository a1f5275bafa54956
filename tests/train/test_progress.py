"""What is shown before the first step and while rows are scored; each row is run once for it."""

from __future__ import annotations

import importlib
import io
import os
import re
import signal
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.train import progress as module
from pullback.train.evaluation import Evaluator
from pullback.train.progress import Shower, progress

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(5_000, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fitted(**settings: Any) -> pb.Run:
    given = {"validation": 0.5, "epochs": 1, "batch_size": 500, **settings}
    return pb.fit(pb.nn.dense(3, [4], 2), (X, Y), **given)


@pytest.mark.parametrize("show", ["plain", "bar"])
def test_what_takes_long_is_said(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    shower = progress(show, stream)
    with shower.doing("reading a book"):
        pass
    assert stream.getvalue() == "", "it took no second"
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.01)
    with shower.doing("reading a book"):
        deadline = time.monotonic() + 20
        while "reading a book ..." not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "reading a book ..." in stream.getvalue()
    with progress("none").doing("reading a book"):
        pass


def test_an_error_ends_what_is_said() -> None:
    with pytest.raises(RuntimeError), progress("bar", Terminal()).doing("reading a book"):
        raise RuntimeError


def test_nothing_is_said_of_what_takes_no_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUIET_SECONDS", "LINE_SECONDS"):  # as if the machine were never busy
        monkeypatch.setattr(module, name, 100.0)
    fitted(progress="plain")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("show", ["plain", "bar"])
def test_scoring_at_the_end_is_shown(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr", stream)
    fitted(progress=show)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert re.search(r"scoring the (training|validation) rows: \d+%", text), text
    if show == "plain":
        assert text.count("scoring") == 1, "a line every ten seconds"


def test_the_phases_before_the_first_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    said: list[str] = []

    class Listening(Shower):
        def doing(self, what: str) -> Any:
            said.append(what)
            return super().doing(what)

    fitting = importlib.import_module("pullback.train.fit")  # the package's `fit` is the function
    monkeypatch.setattr(fitting, "shown", lambda _: Listening())
    fitted(save=tmp_path)
    assert said == [
        "preparing the rows",
        "preparing the network",
        "planning the step",
        "writing the run's folder",
    ]


def test_callbacks_are_told_how_much_is_measured() -> None:
    told: list[tuple[str, float]] = []

    class Listen:
        def on_measure(self, session: Any, part: str, share: float) -> None:
            told.append((part, share))

    fitted(callbacks=Listen())
    validation = [("validation", share) for share in (0.0, 1024 / 2500, 2048 / 2500, 1.0)]
    training = [("train", share) for _, share in validation]
    assert told == [*validation, *training, *validation]


def test_each_row_is_run_once_for_scores_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Counter[int] = Counter()
    plain = Evaluator._run

    def counted(self: Evaluator, feeds: dict[str, Any]) -> Any:
        rows[len(feeds["y"])] += 1
        return plain(self, feeds)

    class Begin(pb.Callback):
        def on_stop(self, session: Any) -> None:
            rows.clear()

    monkeypatch.setattr(Evaluator, "_run", counted)
    run = fitted(callbacks=Begin())
    assert run.classes["validation"].accuracy == run.scores["validation.accuracy"]
    del rows[1]  # how large the outputs of a row are
    assert rows == {1024: 4, 452: 2}, "training and validation rows, 2,500 each"


def test_ctrl_c_leaves_off_the_scoring_and_keeps_the_run(tmp_path: Any) -> None:
    calls: list[int] = []

    def nosy(predictions: Any, targets: Any) -> float:
        calls.append(len(predictions))
        if len(calls) == 5:  # two tries, one epoch, the training rows, then
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        return 0.5

    before = signal.getsignal(signal.SIGINT)
    began = time.monotonic()
    run = fitted(metrics=[nosy], save=tmp_path)
    assert time.monotonic() - began < 5
    assert (run.ending, run.step) == ("finished", 5)
    assert "train.nosy" in run.scores
    assert "validation.nosy" not in run.scores
    assert run.notes[-1] == "Ctrl-C came before the validation rows were scored"
    assert pb.load(run.path).predict(X[:3]).shape == (3,)
    assert signal.getsignal(signal.SIGINT) is before
