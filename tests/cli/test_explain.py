"""`pullback explain`, `trace`, `check` and `replay`: looking into a network on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.document import read_document, write_document
from pullback.errors import ConfigError
from pullback.graph.op import operation
from tests.cli.helpers import plain, pullback


def test_it_derives_a_gradient(run: Path) -> None:
    result = pullback("explain", run, "penguins", "0.weight[0,1]", "--learning-rate", 0.1)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "d loss / d 0.weight[0,1]"
    assert "at a learning rate of 0.1" in " ".join(result.stdout.split())


def test_losses_have_settings_as_for_train(run: Path) -> None:
    words = ["explain", run, "penguins", "0.bias[0]", "--rows", "0:8", "--loss"]
    mild, sharp, bare = (
        plain(*words, loss)["derivation"]["gradient"]
        for loss in (
            "cross_entropy, label_smoothing=0",
            "cross_entropy, label_smoothing=0.5",
            "cross_entropy",
        )
    )
    assert mild == pytest.approx(bare, rel=1e-5)
    assert sharp != pytest.approx(bare, rel=1e-2)
    result = pullback(*words, "cross_entropy, label_smoothing=x")
    assert result.exit_code == 2
    assert "label_smoothing" in result.stderr
    assert pullback(*words, "cross_entropy smoothing").exit_code == 2


def test_rows_have_the_weights_that_they_had_in_the_run(here: Path) -> None:
    lines = pb.datasets.path("penguins").read_text().splitlines()
    weights = ["w", *("5" if i == 0 else "1" for i in range(len(lines) - 1))]
    text = "\n".join(f"{line},{w}" for line, w in zip(lines, weights, strict=True))
    (here / "w.csv").write_text(text + "\n")
    words = ["train", "w.csv", "--target", "species", "--weight", "w", "--steps", 2, "--quiet"]
    assert pullback(*words).exit_code == 0
    words = ["explain", "runs/w-1", "w.csv", "0.bias[0]", "--rows", "0:4"]

    def gradient(*extra: object) -> float:
        return float(plain(*words, *extra)["derivation"]["gradient"])

    model = pb.load("runs/w-1")
    x, y = model.encoder.examples("w.csv")
    for extra, w in (((), [5, 1, 1, 1]), (("--weight", "none"), [1, 1, 1, 1])):
        data = x[:4], y[:4], np.array(w, np.float32)
        found = pb.explain(model.network, data, "0.bias[0]", loss="cross_entropy")
        assert gradient(*extra) == found.gradient
    assert gradient() == gradient("--weight", "w")
    assert gradient() != gradient("--weight", "none")
    for name in ("nothing", "island"):
        result = pullback(*words, "--weight", name)
        assert result.exit_code == 2
        assert name in result.stderr


def test_the_next_step_is_told(run: Path) -> None:
    words = ["explain", run, "penguins", "0.bias[0]", "--rows", "0:8"]
    own = plain(*words)["derivation"]
    assert own["move"]["optimizer"] == "adamw"
    assert "of the training (adamw, learning rate" in own["words"]
    rule = "--optimizer", "sgd, learning_rate=0.5"
    other = plain(*words, "--training", *rule)["derivation"]  # as the step itself: dropout drops
    assert other["move"]["step"] == 1
    assert other["move"]["by"] == pytest.approx(-0.5 * other["gradient"], rel=1e-4)
    assert plain(*words, "--learning-rate", 0.1)["derivation"]["move"] is None
    both = pullback(*words, "--learning-rate", 0.1, "--optimizer", "sgd")
    assert both.exit_code == 2
    replayed = plain("replay", run, "--step", 2, "0.bias[0]")["derivation"]["move"]
    assert replayed["step"] == 2


def test_without_checkpoints_the_rest_is_told(run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    result = pullback("explain", run, "penguins", "0.bias[0]", "--rows", "0:8")
    assert result.exit_code == 0
    assert "warning: the next step of the run is not known" in result.stderr
    assert "plain gradient descent" in " ".join(result.stdout.split())


def test_a_run_by_an_optimizer_of_ones_own_is_explained(run: Path) -> None:
    record = read_document(run / "run.json", kind="run")
    record["training"]["optimizer"]["name"] = "mine"
    write_document(run / "run.json", record, kind="run")
    result = pullback("explain", run, "penguins", "0.bias[0]", "--rows", "0:8")
    assert result.exit_code == 0
    assert "warning: the next step of the run is not known: 'mine'" in result.stderr
    mistyped = pullback("explain", run, "penguins", "0.bais[0]", "--rows", "0:8")
    assert mistyped.exit_code == 2
    assert "warning" not in mistyped.stderr


def test_it_prints_in_other_forms(run: Path) -> None:
    words = ["explain", run, "penguins", "0.weight[0,1]", "--rows", "0:8", "--format"]
    page = pullback(*words, "html").stdout
    assert page.startswith("<!DOCTYPE html>")
    assert "<math" in page
    assert pullback(*words, "markdown").stdout.startswith("# d loss / d `0.weight[0,1]`")
    assert pullback(*words, "latex").stdout.startswith("\\begin{align*}")
    assert pullback(*words, "text").stdout == pullback(*words[:-1]).stdout
    derived = pullback("replay", run, "--step", 2, "0.weight[0,1]", "--format", "html")
    assert derived.stdout.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "RUN", "penguins", "0.weight[0,1]", "--json", "--format", "html"], "JSON is"),
        (["replay", "RUN", "--step", 2, "--format", "html"], "Name an element"),
        (["explain", "RUN", "penguins", "0.weight[0,1]", "--format", "pdf"], "markdown"),
    ],
)
def test_bad_forms(run: Path, words: list[object], said: str) -> None:
    result = pullback(*(run if word == "RUN" else word for word in words))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_rows_are_the_batch(run: Path) -> None:
    some = plain("explain", run, "penguins", "0.weight[0,1]", "--rows", "100:107")
    assert some["rows"] == [100, 107]
    assert some["derivation"]["title"] == "cross_entropy of 7 rows"
    one = plain("explain", run, "penguins", "0.weight[0,1]", "--rows", 3)
    assert one["rows"] == [3, 4]


def test_a_model_file_needs_the_loss(run: Path) -> None:
    assert pullback("export", run, "model.safetensors").exit_code == 0
    words = ["explain", "model.safetensors", "penguins", "0.weight[0,0]"]
    result = pullback(*words)
    assert result.exit_code == 2
    assert "--loss" in result.output
    assert pullback(*words, "--loss", "cross_entropy").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0.wieght[0,0]"], "Did you mean '0.weight'?"),
        (["0.weight[99,0]"], "0.weight[0,0]"),
        (["0.weight"], "no index"),
        (["y[0]"], "real"),
        (["0.weight[0,0]", "--rows", "9:2"], "--rows 0:32"),
        (["0.weight[0,0]", "--rows", "x"], "FROM:TO"),
        (["0.weight[0,0]", "--rows", "400"], "from 0 to 344"),
        (["0.weight[0,0]", "--loss", "foo"], "losses are"),
    ],
)
def test_bad_input(run: Path, words: list[str], said: str) -> None:
    result = pullback("explain", run, "penguins", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_replay_shows_a_step(run: Path) -> None:
    result = pullback("replay", run, "--step", 2)
    assert result.exit_code == 0
    assert result.stdout.startswith("step 2, to the bit, from checkpoint 0")
    assert max(map(len, result.stdout.splitlines())) <= 100
    derived = pullback("replay", run, "--step", 2, "0.weight[0,1]")
    assert derived.stdout.startswith("d loss / d 0.weight[0,1]")
    found = plain("replay", run, "--step", 2, "0.weight[0,1]")
    assert found["exact"]
    assert found["derivation"]["adds_up"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--step", 0], "steps 1 to"),
        (["--step", 10**6], "steps 1 to"),
        (["--step", 1, "0.wieght[0,0]"], "Did you mean '0.weight'?"),
        ([], "--step"),
    ],
)
def test_bad_replays(run: Path, words: list[str], said: str) -> None:
    result = pullback("replay", run, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


@pytest.mark.parametrize("extra", [["--accumulate", 2], ["--optimizer", "lbfgs"]])
def test_a_step_in_parts_is_not_replayed(here: Path, extra: list[object]) -> None:
    words = ["train", "penguins", "--target", "species", "--steps", 2, *extra]
    assert pullback(*words).exit_code == 0
    result = pullback("replay", "runs/penguins-1", "--step", 2)
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2
    assert "pullback trace RUN FILE" in said
    assert "pb." not in said
    with pytest.raises(ConfigError, match="trace_step"):
        pb.replay("runs/penguins-1", 2)


def test_trace_shows_every_layer(run: Path) -> None:
    result = pullback("trace", run, "penguins", "--rows", "0:8")
    assert result.exit_code == 0
    assert result.stdout.startswith("cross_entropy of 8 rows")
    assert "0.output" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_trace_shows_the_updates_of_the_runs_optimizer(run: Path) -> None:
    result = pullback("trace", run, "penguins", "--rows", "0:8", "--updates")
    assert result.exit_code == 0
    assert "update's norm" in result.stdout.splitlines()[1]
    assert max(map(len, result.stdout.splitlines())) <= 100
    found = {one["name"]: one for one in plain("trace", run, "penguins", "--updates")["places"]}
    assert found["0.weight"]["update_norm"] > 0
    assert found["0.output"]["update_norm"] is None
    refused = pullback(
        "trace", run / "model.safetensors", "penguins", "--loss", "cross_entropy", "--updates"
    )
    assert refused.exit_code == 2
    assert "known from its run" in " ".join(refused.output.split())


def test_check_finds_nothing_wrong(run: Path) -> None:
    for extra in ((), ("--training",)):
        result = pullback("check", run, "penguins", "--rows", "0:4", *extra)
        assert result.exit_code == 0
        assert "all are right" in result.stdout


def test_check_fails_where_a_rule_is_wrong(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = operation("matmul").vjp
    monkeypatch.setattr(
        operation("matmul"), "vjp", lambda self, *args: tuple(2 * b for b in wrong(self, *args))
    )
    assert pullback("check", run, "penguins", "--rows", "0:4").exit_code == 1
    found = plain("check", run, "penguins", "--rows", "0:4")
    assert not found["right"]
    assert {one["operation"] for one in found["wrong"]} == {"matmul"}
