"""A run to look at, made once; every test works in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pullback import datasets
from tests.cli.helpers import pullback


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run on the penguins."""
    root = tmp_path_factory.mktemp("made")
    options = ["--epochs", 3, "--hidden", 8, "--checkpoint-steps", 7]
    result = pullback("train", "penguins", *options, "--runs", root / "runs")
    assert result.exit_code == 0, result.output
    return root / "runs" / "penguins-1"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the test works."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    return folder


@pytest.fixture
def run(made_run: Path, here: Path) -> Path:
    """A copy of the run, to change as one likes."""
    return Path(shutil.copytree(made_run, here / "runs" / "penguins-1"))


@pytest.fixture
def new_rows(here: Path) -> Path:
    """Penguins without their species."""
    lines = datasets.path("penguins").read_text().splitlines()[:8]
    file = here / "new.csv"
    file.write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    return file
