"""`pullback probes`, and the options of `pullback train` that say what is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from pullback.cli.probes import bars
from tests.cli.helpers import plain, pullback


def test_every_run_has_been_looked_at(run: Path) -> None:
    result = pullback("probes", run)
    assert result.exit_code == 0
    assert "0.weight.gradient" in result.stdout
    assert "update / weight" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    chosen = pullback("probes", run, "*.output")
    assert "gradient" not in chosen.stdout


def test_what_train_is_asked_to_look_at(here: Path) -> None:
    words = ("penguins", "--hidden", 4, "--steps", 12, "--probe", "*.gradient")
    path = plain("train", *words, "--probe-every", 3, "--histograms")["outcome"]["path"]
    places = plain("probes", path)["places"]
    assert {p["place"].rpartition(".")[2] for p in places} == {"gradient"}
    assert places[0]["step"] == [1, 4, 7, 10]
    assert sum(places[0]["histogram"][0]) == places[0]["count"][0]
    every = plain("train", *words)["outcome"]["path"]
    assert plain("probes", every)["places"][0]["step"] == list(range(1, 13))


def test_a_file_of_settings_repeats_it(here: Path) -> None:
    asked = ("--steps", 9, "--probe", "*.output", "--probe", "0.weight", "--probe-every", 4)
    pullback("train", "penguins", *asked, "--write-config", "again.toml", "--quiet")
    path = plain("train", "penguins", "--config", "again.toml")["outcome"]["path"]
    places = plain("probes", path)["places"]
    assert {p["place"] for p in places} >= {"0.output", "0.weight"}
    assert all(p["step"] == [1, 5, 9] for p in places)


def test_nothing_is_looked_at(here: Path) -> None:
    path = plain("train", "penguins", "--steps", 3, "--probe", "none")["outcome"]["path"]
    assert plain("probes", path)["places"] == []
    result = pullback("probes", path)
    assert result.exit_code == 0
    assert "Nothing was looked at" in result.stdout


def test_all_is_every_place_in_every_step(here: Path) -> None:
    words = ("train", "penguins", "--hidden", 4, "--steps", 3)
    path = plain(*words, "--probe", "all")["outcome"]["path"]
    assert all(p["step"] == [1, 2, 3] for p in plain("probes", path)["places"])
    some = plain(*words, "--probe", "none", "--sample-norms")["outcome"]["path"]
    places = {p["place"] for p in plain("probes", some)["places"]}
    assert "sample_norms" in places
    assert not [p for p in places if p != "sample_norms" and not p.endswith(".gradient")]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--probe", "*.output"], "none with --probe *.output"),
        (["--probe-every", 5], "none with --probe-every 5"),
        (["--histograms", "--probe-every", 5], "--probe-every 5 and --histograms"),
        (["--probe", "*.output", "--sample-norms"], "none with --probe *.output"),
    ],
)
def test_nothing_cannot_be_looked_at_in_a_way(here: Path, extra: list[str], said: str) -> None:
    result = pullback("train", "penguins", "--probe", "none", *extra)
    told = " ".join(result.stderr.split())
    assert result.exit_code == 2
    assert said in told
    assert "Leave out --probe none to look" in told
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "penguins", "--probe", "*.gradiant"], "unknown pattern of probes '*.gradiant'"),
        (["train", "penguins", "--probe-every", 0], "every must be a whole number"),
        (["probes", "nowhere"], "nowhere"),
        (["probes", __file__], "must be the folder of a run"),
    ],
)
def test_bad_input(here: Path, words: list[str], said: str) -> None:
    result = pullback(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_place_that_was_not_looked_at(run: Path) -> None:
    result = pullback("probes", run, "0.wieght")
    assert result.exit_code == 2
    assert "Did you mean '0.weight'?" in " ".join(result.output.split())


def test_bars() -> None:
    assert bars([1.0, 2.0, 4.0, 8.0]) == "▂▃▅█"
    assert len(bars([1.0] * 1000)) == 16
    assert bars([0.0, 0.0]) == "▁▁"
    assert bars([float("nan"), 1.0]) == "?█"
