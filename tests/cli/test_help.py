"""Help, version, and what is loaded for them; the page that documents the commands."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pullback
from pullback.cli.program import COMMANDS
from tests.cli.helpers import pullback as call

HEAVY = {"numpy", "polars", "narwhals", "rich", "sqlite3", "safetensors", "tomli_w"}


def options(name: str) -> list[str]:
    """The long flags of a command."""
    command: click.Command = importlib.import_module(f"pullback.cli.{name}").command
    found = [opt for p in command.params if isinstance(p, click.Option) for opt in p.opts]
    return [flag for flag in found if flag.startswith("--")]


def test_help_names_every_command() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"\n  {name} " in result.output] == list(COMMANDS)
    assert call().output == result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        result = call(name, "--help")
        assert result.exit_code == 0
        assert max(map(len, result.output.splitlines())) <= width
        for flag in options(name):
            assert flag in result.output


def test_version() -> None:
    assert call("--version").output == f"pullback {pullback.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], ["trian"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = (
        "import json, sys\nfrom pullback.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = json.loads(ran.stderr.splitlines()[-1])
    assert not HEAVY & set(loaded)
    assert not [name for name in loaded if name.startswith(("pullback.train", "pullback.nn"))]


def test_running_the_package_is_the_command_line() -> None:
    command = [sys.executable, "-m", "pullback", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"pullback {pullback.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documentation_names_every_option(name: str, repository: Path) -> None:
    page = (repository / "docs" / "cli.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    section = " ".join(sections[name].split())
    assert [flag for flag in options(name) if flag != "--json" and flag not in section] == []
