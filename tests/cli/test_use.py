"""Using a run: predict, evaluate, resume, runs, show, export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pullback as pb
from pullback.cli.portrait import sparkline
from tests.cli.helpers import everything, plain, pullback


def table(text: str, separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def test_predictions_are_those_of_the_library(run: Path, new_rows: Path) -> None:
    model = pb.load(run)
    rows = table(pullback("predict", run, new_rows, "--probabilities").stdout)
    assert [row["row"] for row in rows] == [str(i) for i in range(1, 8)]
    assert [row["prediction"] for row in rows] == model.predict(new_rows).tolist()
    expected = model.predict(new_rows, probabilities=True)
    names = [f"probability_{name}" for name in ("Adelie", "Chinstrap", "Gentoo")]
    found = np.array([[float(row[name]) for name in names] for row in rows])
    assert np.allclose(found, expected, rtol=1e-8)
    assert [float(row["probability"]) for row in rows] == found.max(axis=1).tolist()


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "json"])
def test_every_format_holds_the_same(ending: str, run: Path, new_rows: Path) -> None:
    target = f"answers.{ending}"
    result = pullback("predict", run, new_rows, "--keep", "-o", target)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"7 predictions written to {target}" in result.stderr
    if ending == "json":
        frame = pl.DataFrame(json.loads(Path(target).read_text()))
    elif ending == "parquet":
        frame = pl.read_parquet(target)
    else:
        frame = pl.read_csv(target, separator="\t" if ending == "tsv" else ",")
    assert frame.columns[:4] == ["row", "prediction", "probability", "island"]
    assert frame["prediction"].to_list() == pb.load(run).predict(new_rows).tolist()
    assert frame["bill_length_mm"][3] is None
    assert frame["body_mass_g"][0] == 3750


def test_an_existing_file_is_replaced_only_when_asked(run: Path, new_rows: Path) -> None:
    Path("a.csv").write_text("mine")
    assert pullback("predict", run, new_rows, "-o", "a.csv").exit_code == 2
    assert Path("a.csv").read_text() == "mine"
    assert pullback("predict", run, new_rows, "-o", "a.csv", "--force").exit_code == 0
    assert Path("a.csv").read_text().startswith("row,")


def test_unseen_and_missing_values_are_counted(run: Path, new_rows: Path) -> None:
    new_rows.write_text(new_rows.read_text().replace("Torgersen", "Atlantis", 2))
    result = pullback("predict", run, new_rows)
    assert "warning: 'island': 2 rows hold a value that training rows did not" in result.stderr
    assert "missing cells, filled in as in training: bill_length_mm 1" in result.stderr
    assert pullback("predict", run, new_rows, "--quiet").stderr == ""
    found = plain("predict", run, new_rows)
    assert found["unseen"] == {"island": 2}
    assert found["missing"]["sex"] == 1


def test_networks_on_arrays(here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    labels = np.where(x[:, 0] > 0, "right", "left")
    network = pb.nn.dense(2, [4], 2)
    run = pb.fit(network, (x, labels), epochs=2, batch_size=10, save="runs", progress="none")
    np.savez("rows.npz", x=x, y=labels)
    rows = table(pullback("predict", run.path, "rows.npz").stdout)
    assert [row["prediction"] for row in rows] == run.predict(x).tolist()
    scores = plain("evaluate", run.path, "rows.npz")["scores"]
    assert scores["accuracy"] == pytest.approx((run.predict(x) == labels).mean())
    Path("rows.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in x.tolist()))
    assert table(pullback("predict", run.path, "rows.csv").stdout) == rows
    assert pullback("evaluate", run.path, "rows.csv").exit_code == 2
    assert pullback("show", run.path).exit_code == 0


def test_numbers_have_no_probabilities(here: Path) -> None:
    pullback("train", "auto-mpg", "--epochs", 1, "--hidden", 2, "--quiet")
    assert pullback("predict", "runs/auto-mpg-1", "auto-mpg", "--probabilities").exit_code == 2
    rows = table(pullback("predict", "runs/auto-mpg-1", "auto-mpg").stdout)
    assert len(rows) == 392
    assert 0 < float(rows[0]["prediction"]) < 60


def test_evaluate_agrees_with_the_library(run: Path) -> None:
    found = plain("evaluate", run, "penguins", "--metrics", "accuracy,log_loss")
    expected = pb.load(run).evaluate(pb.datasets.path("penguins"), ["accuracy", "log_loss"])
    assert found["scores"] == pytest.approx(expected)
    counts = np.array(found["classes"]["matrix"])
    assert counts.sum() == 344
    assert counts.trace() / 344 == pytest.approx(expected["accuracy"])
    assert "trained on most of these rows" in found["warnings"][0]


def test_resume_goes_on_to_the_same_bits(run: Path, here: Path) -> None:
    whole = ["--epochs", 5, "--hidden", 8, "--schedule", "constant", "--name"]
    pullback("train", "penguins", *whole, "whole", "--quiet")
    pullback("train", "penguins", *whole, "half", "--epochs", 2, "--quiet")
    assert pullback("resume", "runs/half-1", "--epochs", 5, "--quiet").stdout == "runs/half-1\n"
    first, second = (pb.load(f"runs/{name}-1").network for name in ("whole", "half"))
    for path, parameter in first.parameters().items():
        assert np.array_equal(parameter.numpy(), second[path].numpy())


def test_data_too_large_for_the_run_are_read_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pullback.runs.store.COPY_LIMIT", 0)
    Path("mine.csv").write_bytes(pb.datasets.path("penguins").read_bytes())
    words = ["-t", "species", "--drop", "year", "--test", 0.1, "--hidden", 4, "--quiet"]
    pullback("train", "mine.csv", *words, "--epochs", 2)
    assert not Path("runs/mine-1/data.safetensors").exists()
    assert pullback("resume", "runs/mine-1", "--epochs", 3, "--quiet").exit_code == 0
    Path("mine.csv").rename("moved.csv")
    assert "--data FILE" in pullback("resume", "runs/mine-1", "--epochs", 4).stderr
    moved = ["--data", "moved.csv"]
    assert pullback("resume", "runs/mine-1", "--epochs", 4, *moved, "--quiet").exit_code == 0
    Path("moved.csv").write_text(Path("moved.csv").read_text().replace("39.1", "93.1"))
    result = pullback("resume", "runs/mine-1", "--epochs", 5, *moved)
    assert result.exit_code == 2
    assert "the data that it was started with" in result.stderr


def test_resume_from_an_earlier_step(run: Path) -> None:
    result = pullback("resume", run, "--step", 7, "--until", "epoch >= 2")
    assert result.exit_code == 0
    assert "2 epochs, 14 steps" in result.stdout
    assert "resumed after step 7" in result.stdout
    assert plain("show", run)["run"]["checkpoints"] == [0, 7, 14]


def test_runs(run: Path, here: Path) -> None:
    result = pullback("runs")
    assert "penguins-1  finished  species" in result.stdout
    assert "validation accuracy" in result.stdout
    assert "No runs in elsewhere" in pullback("runs", "elsewhere").stdout
    assert not (here / "elsewhere").exists()
    (run / "run.json").write_text("{")
    assert plain("runs")["runs"][0]["status"] == "damaged"


@pytest.mark.parametrize("columns", ["80", "100"])
def test_show(run: Path, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = pullback("show", run)
    for words in (
        "penguins-1: finished",
        "test",
        "over 3 epochs",
        "Linear",
        "Settings",
        "seed",
        "bill_length_mm",
        "Answers: one of the classes Adelie, Chinstrap, Gentoo",
    ):
        assert words in result.stdout, words
    assert max(map(len, result.stdout.splitlines())) <= int(columns)
    history = pullback("show", run, "--history").stdout
    assert "epoch  step  training loss  validation loss" in history
    assert "finished" in history


def test_show_a_running_training(run: Path) -> None:
    (run / "model.safetensors").unlink()
    assert pullback("show", run).exit_code == 0
    assert plain("show", run)["network"] is None


def test_the_program_is_that_of_training(run: Path) -> None:
    lines = pullback("show", run, "--program").stdout.splitlines()
    assert lines[0].startswith("program 'training step'")
    assert any(line.startswith("backward:") for line in lines)
    assert any("0.weight" in line and "assign" in line for line in lines)


def test_an_exported_model_needs_no_run(run: Path, new_rows: Path, here: Path) -> None:
    expected = pullback("predict", run, new_rows).stdout
    assert pullback("export", run, "alone.safetensors").exit_code == 0
    Path("runs").rename("gone")
    assert pullback("predict", "alone.safetensors", new_rows).stdout == expected
    assert "Linear" in pullback("show", "alone.safetensors").stdout


def test_exported_telemetry(run: Path) -> None:
    assert pullback("export", run, "--telemetry", "s.csv", "--history", "e.csv").exit_code == 0
    steps, epochs = pl.read_csv("s.csv"), pl.read_csv("e.csv")
    assert steps["step"].to_list() == list(range(1, 22))
    assert steps["loss"].is_finite().all()
    assert epochs["epoch"].to_list() == [1, 2, 3]
    assert "validation.accuracy" in epochs.columns


def test_looking_at_a_run_does_not_change_it(run: Path) -> None:
    before = everything(run)
    for words in (["show", run], ["show", run, "--program"], ["evaluate", run, "penguins"]):
        assert pullback(*words).exit_code == 0
    after = everything(run)
    assert {k: v for k, v in after.items() if k in before} == before


def test_sparkline() -> None:
    assert len(sparkline(np.arange(1000))) == 40
    assert len(set(sparkline([1.0, 1.0, 1.0]))) == 1


def test_labels_are_named_with_commas_and_answered_as_in_the_table(here: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=80)
    smoker, tall = np.where(x > 0, "yes", "no"), x < 0.5
    pl.DataFrame({"x": x, "smoker": smoker, "tall": tall}).write_csv("people.csv")
    result = pullback("train", "people.csv", "--target", "smoker,tall", "--epochs", 30)
    assert result.exit_code == 0, everything(result)
    assert "multilabel f1" in result.stdout
    rows = table(pullback("predict", "runs/people-1", "people.csv").stdout)
    assert {row["prediction_smoker"] for row in rows} == {"yes", "no"}
    assert {row["prediction_tall"] for row in rows} == {"true", "false"}
    likely = table(pullback("predict", "runs/people-1", "people.csv", "--probabilities").stdout)
    assert 0 < float(likely[0]["prediction_smoker"]) < 1
    assert "yes or no to each of smoker, tall" in pullback("show", "runs/people-1").stdout
    assert "subset accuracy" in pullback("evaluate", "runs/people-1", "people.csv").stdout
