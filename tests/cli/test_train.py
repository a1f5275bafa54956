"""`pullback train`: what it shows, what it writes, what flags and files change."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.cli.failure import on_command_line
from pullback.cli.options import Option, Sizes
from pullback.cli.train import command
from tests.cli.helpers import everything, plain, pullback

QUICK = ("--epochs", 2, "--hidden", 4)


@pytest.mark.parametrize("columns", [80, 100])
def test_choices_are_shown_with_their_flags(columns: int, monkeypatch: Any, here: Path) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = pullback("train", "penguins", *QUICK)
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    assert max(map(len, result.output.splitlines())) <= columns
    assert "\x1b" not in result.output
    assert (here / "runs" / "penguins-1" / "model.safetensors").is_file()
    if columns < 100:  # where cells are wrapped, words are apart
        return
    for words in (
        "344 rows", "classification, since it holds text with 3 distinct values",
        "bill_length_mm numeric", "island categorical", "206 training, 69 validation, 69 test",
        "--validation --test --split", "-4-3, silu", "--hidden --activation --dropout",
        "cross_entropy --loss", "adamw, learning rate", "--optimizer --learning-rate",
        "--batch-size", "--until --epochs --patience", "seed 0 --seed",
        "Finished: the budget of 2 epochs is used up", "training validation test",
        "Classes of the test rows", "actual Adelie Chinstrap Gentoo precision recall F1 rows",
        "Saved in runs/penguins-1. Next:", "pullback predict runs/penguins-1 FILE",
    ):  # fmt: skip
        assert words in shown, words


def test_numbers_are_predicted_in_their_own_units() -> None:
    made = plain("train", "auto-mpg", "--epochs", 30, "--hidden", "16,16")
    assert made["data"]["target"] == ["mpg"]
    assert made["outcome"]["scores"]["test.rmse"] < 6
    assert made["outcome"]["classes"] == {}


def test_a_dry_run_writes_nothing(here: Path) -> None:
    result = pullback("train", "penguins", "--dry-run")
    assert result.exit_code == 0
    assert "Nothing was trained" in result.output
    assert everything(here) == {}


def test_quiet_prints_where_the_run_is() -> None:
    result = pullback("train", "penguins", *QUICK, "--quiet", "--name", "birds", "--runs", "kept")
    assert result.output == "kept/birds-1\n"


def test_the_same_seed_gives_the_same_network() -> None:
    for name in ("a", "b", "c"):
        seed = 3 if name != "c" else 4
        pullback("train", "penguins", *QUICK, "--seed", seed, "--name", name)
    a, b, c = (pb.load(f"runs/{name}-1").network.parameters() for name in "abc")
    assert all(np.array_equal(a[path].numpy(), b[path].numpy()) for path in a)
    assert not np.array_equal(a["0.weight"].numpy(), c["0.weight"].numpy())


def test_the_library_gives_the_same_network() -> None:
    pullback("train", "penguins", "--epochs", 2)
    ours = pb.load("runs/penguins-1").network.parameters()
    run = pb.fit_table(pb.datasets.path("penguins"), "species", epochs=2)
    for path, parameter in run.network.parameters().items():
        assert np.array_equal(parameter.numpy(), ours[path].numpy())


WISHES: list[tuple[list[Any], str, Any]] = [
    (["--hidden", "none"], "network.settings.hidden", []),
    (["--network", "8, 4"], "network.settings.hidden", [8, 4]),
    (["--activation", "tanh"], "network.settings.activation", "tanh"),
    (["--dropout", "0.3"], "network.settings.dropout", 0.3),
    (["--learning-rate", "0.01"], "training.optimizer.learning_rate", 0.01),
    (["--optimizer", "sgd"], "training.optimizer.learning_rate", 0.01),
    (["--optimizer", "sgd, momentum=0.9"], "training.optimizer.momentum", 0.9),
    (["--weight-decay", "0"], "training.optimizer.weight_decay", 0.0),
    (["--schedule", "step, every=0.5"], "training.optimizer.schedule.every", 0.5),
    (["--loss", "cross_entropy, label_smoothing=0.1"], "training.loss.label_smoothing", 0.1),
    (["--loss", "binary_cross_entropy_with_logits", "-t", "sex", "--drop-missing-target"],
     "network.outputs", 1),
    (["--patience", "none"], "training.patience", "none"),
    (["--clip-norm", "1"], "training.clip_norm", 1.0),
    (["--clip-value", "0.5"], "training.clip_value", 0.5),
    (["--clip-each-norm", "2"], "training.clip_each_norm", 2.0),
    (["--ema", "0.99"], "training.ema", 0.99),
    (["--constraint", "*.weight=max_norm, limit=2"],
     "training.constraints", {"*.weight": {"name": "max_norm", "limit": 2.0}}),
    (["--schedule", "plateau, patience=3"], "training.optimizer.schedule.patience", 3),
    (["--optimizer", "sam, base=adam"], "training.optimizer.base.name", "adam"),
    (["--time", "5min"], "training.optimizer.schedule.name", "constant"),
    (["--steps", "10"], "training.steps", 10),
    (["--metrics", "f1,log_loss"], "training.metrics", ["f1", "log_loss"]),
    (["--class-weight", "balanced"], "training.class_weight", "balanced"),
    (["--class-weight", "Adelie=2", "--class-weight", "Gentoo=3"],
     "training.class_weight", {"Adelie": 2.0, "Gentoo": 3.0}),
    (["--drop", "year"], "data.roles.7.role", "dropped"),
    (["--role", "year=categorical"], "data.roles.7.role", "categorical"),
    (["--split", "random"], "data.split", "random"),
    (["--group", "year", "--validation", "0.33", "--test", "0.33"], "data.split", "group"),
    (["--time-column", "year", "--validation", "0.4", "--test", "0"], "data.split", "time"),
    (["--test", "0"], "data.parts.test", 0),
    (["--task", "regression", "-t", "year"], "data.task", "regression"),
    (["-t", "bill_length_mm", "-t", "bill_depth_mm", "--drop-missing-target"],
     "network.outputs", 2),
]  # fmt: skip


def test_everything_can_be_changed() -> None:
    for flags, key, expected in WISHES:
        found: Any = plain("train", "penguins", "--dry-run", *flags)
        assert "error" not in found, found
        for part in key.split("."):
            found = found[int(part)] if part.isdigit() else found[part]
        assert found == expected, flags


def test_every_training_option_is_tried() -> None:
    """`fit` takes what the flags say: one training with nearly all of them at once."""
    result = plain(
        "train", "penguins", *QUICK, "--until", "train.loss < 1e-9", "--metrics", "accuracy,f1",
        "--class-weight", "balanced", "--clip-norm", 1, "--l1", 1e-6, "--l2", 1e-6,
        "--accumulate", 2, "--batch-size", 50, "--min-delta", 0.01, "--monitor", "accuracy",
        "--patience", 5, "--checkpoint-steps", 3, "--executor", "reference", "--weight", "year",
        "--no-shuffle", "--keep-last",
    )  # fmt: skip
    assert result["outcome"]["epochs"] == 2
    roles = {role["name"]: role["role"] for role in result["data"]["roles"]}
    assert roles["year"] == "weight"


# --- settings in a file


def test_a_written_configuration_repeats_the_training(here: Path) -> None:
    flags = ["--optimizer", "sgd, momentum=0.9", "--class-weight", "Adelie=2", "--drop", "year",
             "--metrics", "f1", "--test", "0.3", "--constraint", "*.weight=max_norm, limit=2",
             "--constraint", "0.bias=non_negative", "--schedule", "plateau, patience=1",
             "--ema", "0.9"]  # fmt: skip
    first = plain("train", "penguins", *QUICK, *flags, "--write-config", "c.toml")
    again = plain("train", "--config", "c.toml")
    assert again["outcome"]["scores"] == first["outcome"]["scores"]
    assert again["training"] == first["training"]
    assert again["data"] == first["data"]
    assert pullback("train", "--config", "c.toml", "--dry-run", "--write-config", "d.toml")
    assert tomllib.loads(Path("c.toml").read_text()) == tomllib.loads(Path("d.toml").read_text())


def test_flags_win_over_the_file(here: Path) -> None:
    (here / "c.toml").write_text('[data]\nfile = "penguins"\n[training]\nepochs = 7\nseed = 5\n')
    found = plain("train", "--config", "c.toml", "--epochs", 3, "--dry-run")["training"]
    assert (found["epochs"], found["seed"]) == (3, 5)


def test_the_documented_file_works(here: Path, repository: Path) -> None:
    page = (repository / "docs" / "cli.md").read_text("utf-8")
    text = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    (here / "c.toml").write_text(text)
    rows = "".join(
        f"{n},{'1st' if i % 2 else '3rd'},{i % 9},{i % 2}\n" for i, n in enumerate("abcdefgh" * 10)
    )
    (here / "titanic.csv").write_text("name,class,age,survived\n" + rows)
    found = plain("train", "--config", "c.toml", "--dry-run")
    assert found["training"]["optimizer"]["momentum"] == 0.9
    assert found["training"]["class_weight"] == "balanced"
    assert found["data"]["roles"][0]["role"] == "dropped"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trainign]\n", ("unknown table", "'training'")),
        ("[training]\nepochz = 3\n", ("unknown key in [training]", "'epochs'")),
        ("[training]\nepochs = 2.5\n", ("epochs in c.toml", "2.5", "integer")),
        ("[training]\nepochs = 'ten'\n", ("epochs in c.toml", "'ten'", "integer")),
        ("[data]\ndrop_missing_target = 'yes'\n", ("drop_missing_target", "true or false")),
        ("[data]\nroles = ['a']\n", ("roles in c.toml", "COLUMN=ROLE")),
        ("data = 3\n", ("must be a table", "[data]")),
        ("[training\n", ("must be a TOML file", "line 1")),
    ],
)
def test_mistakes_in_the_file(text: str, said: tuple[str, ...], here: Path) -> None:
    (here / "c.toml").write_text(text)
    result = pullback("train", "penguins", "--config", "c.toml")
    assert result.exit_code == 2
    for words in said:
        assert words in " ".join(result.stderr.split())
    assert list(everything(here)) == ["c.toml"]


def test_every_setting_has_a_key() -> None:
    groups = {p.group for p in command.params if isinstance(p, Option)}
    assert groups == {"Data", "Network", "Training", "Output"}


# --- words


def test_sizes() -> None:
    assert [Sizes().convert(text, None, None) for text in ("none", "8", "8, 4", [3, 2])] == [
        [], [8], [8, 4], [3, 2],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        ("Pass validation=0.2, or 0 for none.", "Pass --validation 0.2, or 0 for none."),
        ("Leave them out: drop_missing_target=True.", "Leave them out: --drop-missing-target."),
        ("clip the gradient (clip_norm=1)", "clip the gradient (--clip-norm 1)"),
        ("Set momentum=0.9.", "Set momentum=0.9."),
        ("Call pb.fit(x, epochs=3) then.", "Call pb.fit(x, epochs=3) then."),
        ("Call pb.fit(net, (x, y), loss=2) then.", "Call pb.fit(net, (x, y), loss=2) then."),
        ("Go on with pb.f(x), or loss=mse.", "Go on with pb.f(x), or --loss mse."),
        ("Look: pb.trace_step(network, (X, y), loss=...).",
         "Look: pullback trace RUN FILE --rows FROM:TO."),
    ],
)  # fmt: skip
def test_advice_is_given_in_flags(advice: str, expected: str) -> None:
    assert on_command_line(advice) == expected
