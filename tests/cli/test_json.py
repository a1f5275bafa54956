"""Each object that `--json` prints has exactly the keys that docs/json.md lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import plain, pullback

ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|")
Keys = dict[str, str]


def documented(path: Path) -> dict[str, Keys]:
    """The type of each key, by heading."""
    tables: dict[str, Keys] = {"": {}}
    heading = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
            tables[heading] = {}
        elif found := ROW.match(line):
            tables[heading][found[1]] = found[2].strip()
    return tables


def keys(value: Any, known: Keys, path: str = "") -> Iterator[str]:
    """The dotted keys of an object, down to what the document calls a map or a report."""
    if isinstance(value, dict):
        for key, item in value.items():
            place = f"{path}.{key}" if path else key
            yield place
            if not known.get(place, "").startswith(("map", "report")):
                yield from keys(item, known, place)
    elif isinstance(value, list):
        for item in value[:1]:
            yield from keys(item, known, f"{path}[]")


@pytest.fixture(scope="module")
def tables(repository: Path) -> dict[str, Keys]:
    return documented(repository / "docs" / "json.md")


def check(found: dict[str, Any], tables: dict[str, Keys]) -> None:
    schema = found.pop("schema")
    assert found.pop("version") == 1
    known = tables[schema]
    assert set(keys(found, known)) == set(known), schema


def test_train_and_resume(tables: dict[str, Keys]) -> None:
    made = plain("train", "penguins", "--epochs", 1, "--hidden", 4, "--until", "accuracy >= 0.99")
    assert made["outcome"]["ending"] == "finished"
    report = made["outcome"]["classes"]["test"]
    assert set(keys(report, {})) == set(tables["A report of the classes"])
    path = made["outcome"]["path"]
    check(made, tables)
    resumed = plain("resume", path, "--epochs", 2)
    assert resumed["outcome"]["epochs"] == 2
    check(resumed, tables)


def test_train_on_numbers_without_training(tables: dict[str, Keys], here: Path) -> None:
    made = plain("train", "auto-mpg", "--dry-run")
    assert made["outcome"] is None
    assert made["data"]["classes"] is None
    assert not list(here.iterdir())
    known = {k: v for k, v in tables[made["schema"]].items() if not k.startswith("outcome.")}
    check(made, {**tables, made["schema"]: known})


def test_use(tables: dict[str, Keys], run: Path, new_rows: Path) -> None:
    check(plain("predict", run, new_rows, "--probabilities"), tables)
    check(plain("evaluate", run, "penguins"), tables)
    check(plain("explain", run, "penguins", "0.weight[0,0]"), tables)
    check(plain("trace", run, "penguins"), tables)
    check(plain("check", run, "penguins", "--rows", "0:4"), tables)
    check(plain("replay", run, "--step", 2), tables)
    check(plain("probes", run, "*.gradient"), tables)
    check(plain("runs", run.parent), tables)
    check(plain("show", run), tables)
    check(plain("show", run, "--program"), tables)
    check(plain("report", run), tables)
    check(plain("export", run, "alone.safetensors", "--history", "epochs.csv"), tables)
    alone = plain("show", "alone.safetensors")
    assert alone.pop("run") is None
    known = {k: v for k, v in tables["pullback/show"].items() if not k.startswith("run")}
    check(alone, {"pullback/show": known})


@pytest.mark.parametrize(
    "words", [["train", "penguins", "--loss", "mse"], ["trian"], ["train", "--epochs"]]
)
def test_errors(tables: dict[str, Keys], words: list[str]) -> None:
    assert pullback(*words, "--json").exit_code == 2
    found = plain(*words)
    assert found["error"]["must"]
    assert found["error"]["do"]
    check(found, tables)


def test_every_object_has_a_table(tables: dict[str, Keys], repository: Path) -> None:
    sources = (repository / "src" / "pullback" / "cli").glob("*.py")
    text = "".join(path.read_text("utf-8") for path in sources)
    emitted = {f"pullback/{name}" for name in re.findall(r'emit\(\s*"(\w+)"', text)}
    assert emitted == {name for name in tables if name.startswith("pullback/")}
