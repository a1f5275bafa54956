"""`pullback report`: a page that tells a run, holds all it needs, and trusts no text."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from pullback.document import read_document, write_document
from tests.cli.helpers import everything, plain, pullback

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """A page that was read: its text, its attributes, its cells; every element must be closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text("utf-8")
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def check(self) -> Page:
        """It loads nothing, runs nothing, and no two of its figures share a name."""
        assert not {"script", "iframe", "object", "embed", "link", "form"} & set(self.tags)
        for _, name, value in self.attributes:
            assert not name.startswith("on"), name
            if name in ("src", "href", "xlink:href", "data", "action", "poster"):
                assert value.startswith(("#", "data:image/png;base64,")), value
            assert "http" not in value or name == "http-equiv", (name, value)
        assert "@import" not in self.source
        assert set(re.findall(r"url\((.)", self.source)) <= {"#"}
        ids = [value for _, name, value in self.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        used = re.findall(r'(?:url\(|xlink:href=")#([^")]+)', self.source)
        assert set(used) <= set(ids)
        assert ("meta", "charset", "utf-8") in self.attributes
        return self


def reported(run: Path, *words: object) -> Page:
    """The page of a run."""
    result = pullback("report", run, *words, "--output", "page.html")
    assert result.exit_code == 0, result.output
    return Page(Path("page.html")).check()


def test_a_page_tells_the_run(run: Path) -> None:
    before = everything(run)
    page = reported(run)
    assert everything(run) == before
    shown = plain("show", run)
    told = page.text
    for word in (
        "penguins-1", "finished", "What was trained", "How it went", "How to reproduce it",
        "206 training, 69 validation, 69 test (stratified)", "Adelie", "flipper_length_mm",
        "standardised", "Linear(34, 8)", "(batch, 8)", "cross_entropy", "adamw",
        "warmup, steps 0.05", shown["run"]["reason"], "Best epoch: ", "balanced accuracy",
        "pullback train --config settings.toml", "hidden = [", "pullback replay",
        shown["run"]["data"]["hash"], shown["run"]["training"]["rows"],
        shown["run"]["build"]["version"], "Written by pullback",
    ):  # fmt: skip
        assert word in told, word
    parameters = sum(row["parameters"] for row in shown["network"])
    assert f"parameters {parameters:,}" in told
    for value in shown["run"]["scores"].values():
        assert f"{value:.4f}" in told
    assert page.tags["figure"] == page.tags["svg"] == 5  # how it went, and four of what was seen
    assert "landscape" not in told


def test_every_setting_stands_beside_its_default(run: Path) -> None:
    page = reported(run)
    settings = plain("show", run)["run"]["training"]["settings"]
    rows = re.findall(r"<tr[^>]*><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>", page.source)
    listed = {name: (value, usual) for name, value, usual in rows}
    for name in settings:
        assert name.replace("_", " ") in listed
    assert listed["batch size"] == ("32", "32")
    assert listed["epochs"] == ("3", "–")
    assert listed["learning rate"] == ("0.002", "0.001")
    assert "Rows a step." in page.text


def test_what_lies_around_the_weights_is_added_when_asked_for(run: Path) -> None:
    before = everything(run)
    page = reported(run, "--landscape")
    assert everything(run) == before
    assert page.tags["figure"] == 8
    for word in ("Around the final weights", "of 206 training rows", "eigenvalues", "Li et al."):
        assert word in page.text
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == 8
    assert all(labels)


def test_texts_of_others_are_only_text(here: Path) -> None:
    evil = "<script>alert(1)</script>"
    names = [f"{evil}", '"><img src=x onerror=alert(2)>', "$x_{", "a & b", "</style>"]
    lines = [",".join(f'"{n.replace(chr(34), chr(34) * 2)}"' for n in [*names, "label"])]
    random = np.random.default_rng(0)
    for i in range(60):
        cells = [f"{x:.3f}" for x in random.normal(size=len(names))]
        label = '"<b onclick=""x()"">yes</b>"' if i % 2 else "$\\frac{no"
        lines.append(",".join([*cells, label]))
    (here / "<svg onload=x>.csv").write_text("\n".join(lines) + "\n")
    made = plain("train", "<svg onload=x>.csv", "--target", "label", "--epochs", 2)
    page = reported(Path(made["outcome"]["path"]), "--landscape")
    assert page.tags["img"] == 0
    assert page.tags["b"] == page.source.count("<b>") > 0
    assert page.tags["svg"] == 8
    for name in [*names, '<b onclick="x()">yes</b>', "<svg onload=x>.csv"]:
        assert name in page.text, name


def test_what_probes_saw_is_in_it(run: Path) -> None:
    page = reported(run)
    assert "What went on inside" in page.text
    assert page.tags["svg"] >= 4


def test_where_nan_arose(here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    with pytest.raises(errors.NonFiniteError) as caught:
        pb.fit(
            nn.dense(3, [4], 2), (x, (x[:, 0] > 0).astype(int)), loss="cross_entropy", epochs=3,
            optimizer=pb.optim.SGD(1e30), save="runs", name="broken", progress="none",
        )  # fmt: skip
    page = reported(caught.value.run.path)  # type: ignore[attr-defined]
    assert "failed" in page.text
    assert f"NaN or inf arose in step {caught.value.run.step + 1}" in page.text  # type: ignore[attr-defined]
    assert "in the forward pass: matmul" in page.text
    assert "(layer '2'" in page.text
    assert "pullback replay runs/broken-1 --step" in page.text
    assert "float32 of shape" in page.text
    assert "started from Python" in page.text


def test_a_run_that_was_killed_has_a_page(run: Path) -> None:
    (run / "model.safetensors").unlink()
    status = read_document(run / "status.json", kind="status")
    status |= {"state": "running", "reason": "", "summary": {}}
    write_document(run / "status.json", status, kind="status")
    page = reported(run)
    assert "interrupted" in page.text
    assert "killed" in page.text
    assert f"pullback resume {run}" in page.text
    assert "Linear(34, 8)" in page.text


def test_of_a_long_training_the_middle_is_left_out(here: Path) -> None:
    x = np.linspace(-1, 1, 40, dtype="float32")[:, None]
    run = pb.fit(
        nn.dense(1, [4], 1), (x, x), loss="mse", epochs=90, patience=90, save="runs",
        progress="none", validation=0.25, metrics=["rmse"],
    )  # fmt: skip
    assert run.path is not None
    page = reported(run.path)
    rows = re.findall(r"<tr( class=\"marked\")?><td class=\"n\">(\d+)</td>", page.source)
    assert [int(n) for _, n in rows[:8]] == list(range(1, 9))
    assert int(rows[-1][1]) == 90
    assert len(rows) < 30
    best = int(np.argmin(run.history("validation.loss"))) + 1
    assert [int(n) for mark, n in rows if mark] == [best]
    assert f"Best epoch: {best} (after step" in page.text
    assert "epochs left out" in page.text
    assert "The network has the weights of that epoch." in page.text


@pytest.mark.parametrize("name", ["telemetry.sqlite", "model.safetensors", "encoder.json"])
@pytest.mark.parametrize("how", ["cut", "gone", "changed"])
def test_what_is_damaged_is_said_and_the_rest_is_told(run: Path, name: str, how: str) -> None:
    path = run / name
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(b"x" * len(content))
    page = reported(run)
    if how != "gone":
        assert "cannot be read" in page.text
    assert "206 training" in page.text


def test_a_damaged_record_is_an_error(run: Path) -> None:
    (run / "run.json").write_text("{")
    result = pullback("report", run, "-o", "page.html")
    assert result.exit_code == 2
    assert "run.json" in result.output
    assert not Path("page.html").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"training": 3}, {"training": {"settings": 3}}, {"data": {"parts": {"train": "x"}}},
        {"data": {"classes": {"a": None}, "roles": 4}}, {"data": {"target": 5}},
        {"build": []}, {"command": {"data": {"file": None}}}, {"created": 7},
        {"training": {"loss": {"name": "nothing"}, "optimizer": {"name": 3}}},
    ],
)  # fmt: skip
def test_a_record_that_was_changed_by_hand_is_no_bug(run: Path, change: Any) -> None:
    record = {**read_document(run / "run.json", kind="run"), **change}
    write_document(run / "run.json", record, kind="run")
    result = pullback("report", run, "-o", "page.html")
    assert result.exit_code in (0, 2), result.output
    assert "bug" not in result.output
    if result.exit_code == 0:
        Page(Path("page.html")).check()


def test_a_page_is_replaced_only_by_force(run: Path, here: Path) -> None:
    assert pullback("report", run).exit_code == 0
    target = here / "penguins-1.html"
    first = target.read_text()
    result = pullback("report", run)
    assert result.exit_code == 2
    assert "--force" in result.output
    target.write_text("mine")
    assert pullback("report", run).exit_code == 2
    assert target.read_text() == "mine"
    assert pullback("report", run, "--force").exit_code == 0
    again = [
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text) for text in (first, target.read_text())
    ]
    assert again[0] == again[1]
    assert [path.name for path in here.iterdir() if path.is_file()] == ["penguins-1.html"]


def test_bad_words_are_answered(run: Path, here: Path) -> None:
    for words, said in (
        (["-o", "page.txt"], ".html"),
        (["-o", "nowhere/page.html"], "folder of the output"),
        (["-o", "runs.html", "more"], "extra argument"),
    ):
        result = pullback("report", run, *words)
        assert result.exit_code == 2
        assert said in result.output
    for path in ("runs", "runs/penguin-1", run / "model.safetensors"):
        assert pullback("report", path, "-o", "page.html").exit_code == 2
    assert not list(here.glob("*.html"))


def test_a_landscape_needs_rows(run: Path) -> None:
    (run / "data.safetensors").unlink()
    assert pullback("report", run, "-o", "page.html").exit_code == 0
    result = pullback("report", run, "-o", "other.html", "--landscape")
    assert result.exit_code == 2
    assert "too large to be kept" in " ".join(result.output.split())
    assert not Path("other.html").exists()


def test_without_matplotlib_it_says_so_first(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    result = pullback("report", run, "-o", "page.html")
    assert result.exit_code == 2
    assert "pip install 'pullback[plot]'" in " ".join(result.output.split())
    assert not Path("page.html").exists()
    with pytest.raises(errors.ConfigError, match=r"pullback\[plot\]"):
        pb.report(run)


def test_from_python(here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    y = {"size": x[:, :1], "kind": (x[:, 0] > 0).astype(int)}

    class Two(nn.Module):
        def __init__(self) -> None:
            self.body, self.size, self.kind = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            h = pb.tanh(self.body(x))
            return {"size": self.size(h), "kind": self.kind(h)}

    run = pb.fit(
        Two(), (x, y), loss={"size": "mse", "kind": "cross_entropy"}, epochs=2, save="runs",
        validation=0.2, progress="none",
    )  # fmt: skip
    assert pb.report(run, "a.html", custom=[Two], landscape=True, progress="none") == Path("a.html")
    page = Page(Path("a.html")).check()
    assert page.tags["figure"] == 8
    assert "Loss of size: mse" in page.text
    assert "Classes of kind" in page.text
    assert run.path is not None
    assert pb.report(run.path) == Path(f"{run.path.name}.html")
    assert "the network cannot be shown" in Page(Path(f"{run.path.name}.html")).check().text
    run.path = None
    with pytest.raises(errors.ConfigError, match="must have been saved"):
        pb.report(run)


def test_a_running_training_has_a_page(here: Path) -> None:
    x = np.linspace(-1, 1, 40, dtype="float32")[:, None]
    pages = []

    class Look(pb.Callback):
        def on_epoch(self, session: Any) -> None:
            if session.epoch == 2:
                (path,) = Path("runs").iterdir()
                pages.append(pb.report(path, "page.html"))

    pb.fit(
        nn.dense(1, [4], 1), (x, x), loss="mse", epochs=3, save="runs", progress="none",
        callbacks=Look(), checkpoint_steps=1,
    )  # fmt: skip
    assert pages
    assert "running" in Page(pages[0]).check().text
