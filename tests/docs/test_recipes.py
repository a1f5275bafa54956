"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from docs.blocks import BELONGS, ROOT, Block, blocks

PLACE = re.compile(
    r"(?P<how>New file|At the end of|In) `(?P<file>[\w/.]+)`"
    r"(?:, (?P<where>in the list|in the table|above the table|among the imports)"
    r"(?: `(?P<name>\w+)`)?)?"
)
# An installation that is editable would import the package from where it is, not from the copy.
RUNNER = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "Redirect" not in type(f).__name__]
import pytest
status = pytest.main(sys.argv[1:])
import pullback
print("tested:", pullback.__file__)
sys.exit(status)
"""


@dataclass(frozen=True)
class Recipe:
    """One recipe: what goes where, and the command that tests it."""

    title: str
    edits: tuple[Block, ...]
    command: str


def recipes() -> list[Recipe]:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    part = text.split("## Recipes\n")[1].split("\n## ")[0]
    found = []
    for section in part.split("\n### ")[1:]:
        all_blocks = blocks(section)
        edits = tuple(b for b in all_blocks if b.language != "console")
        (command,) = (b.body.strip() for b in all_blocks if b.language == "console")
        found.append(Recipe(section.splitlines()[0].removeprefix("An ").removeprefix("A "),
                            edits, command.removeprefix("$ ")))  # fmt: skip
    return found


RECIPES = {recipe.title: recipe for recipe in recipes()}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def applied(edit: Block, root: Path) -> str:
    """Do what the line above a block says; returns the file's name."""
    place = PLACE.match(edit.before)
    assert place, edit.before
    file = root / place["file"]
    if place["how"] == "New file":
        assert not file.exists()
        file.write_text(edit.body, "utf-8")
        return place["file"]
    text = file.read_text("utf-8")
    if place["how"] == "At the end of":
        between = "\n\n" if file.suffix == ".py" else ""
        text += between + edit.body
    elif place["where"] == "among the imports":
        (start,) = [text.index("\nfrom pullback") + 1]
        text = text[:start] + edit.body + text[start:]
    else:
        (match,) = re.finditer(rf"^{place['name']}\b.*[\[{{(]\n", text, re.MULTILINE)
        start = match.end() if place["where"].startswith("in ") else match.start()
        between = "\n\n" if place["where"] == "above the table" else ""
        text = text[:start] + edit.body + between + text[start:]
    file.write_text(text, "utf-8")
    return place["file"]


def run(command: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a recipe's command in the copy."""
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/pytest"
    left_out = ("PYTEST_", "PULLBACK_EXECUTOR")  # the copy has no native module
    environment = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return subprocess.run(
        [sys.executable, "-c", RUNNER, *arguments, "-q", "-p", "no:cacheprovider"],
        cwd=root,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the recipes change and what tests it."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    for name in ("src", "native", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@every_recipe
def test_it_works_as_written(recipe: Recipe, copy: Path) -> None:
    for edit in recipe.edits:
        applied(edit, copy)
    ran = run(recipe.command, copy)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
    assert f"tested: {copy}" in ran.stdout
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed
    assert int(passed[1]) >= 1


@every_recipe
def test_it_touches_one_place_and_lists_it(recipe: Recipe) -> None:
    """A class in one file; the rest are rows of tables, lists and expectations of the tests."""
    assert all(BELONGS.match(edit.before) for edit in recipe.edits)
    classes = [edit for edit in recipe.edits if "\nclass " in edit.body]
    assert len(classes) == 1
    for edit in recipe.edits:
        if edit not in classes and "`tests/" not in edit.before:
            assert len(edit.body.splitlines()) <= 2


def test_a_wrong_pullback_fails_and_is_named(copy: Path) -> None:
    """What CONTRIBUTING.md tells the reader to try."""
    recipe = RECIPES["operation"]
    for edit in recipe.edits:
        applied(edit, copy)
    file = copy / "src/pullback/ops/exponential.py"
    text = file.read_text("utf-8")
    assert "3 * y * y" in text
    file.write_text(text.replace("3 * y * y", "2 * y * y"), "utf-8")
    ran = run(recipe.command + " -x", copy)
    assert ran.returncode == 1
    assert "WRONG" in ran.stdout
    assert "finite difference" in ran.stdout


def test_a_missing_row_is_told(copy: Path) -> None:
    recipe = RECIPES["operation"]
    for edit in recipe.edits:
        if "`native/" not in edit.before:
            applied(edit, copy)
    ran = run(recipe.command, copy)
    assert ran.returncode == 1
    assert "add PULLBACK_OP(cbrt, ELEMENTWISE, 1) to native/ops.def" in ran.stdout


def test_every_kind_has_a_recipe() -> None:
    assert set(RECIPES) == {
        "operation", "optimizer", "schedule", "initialiser", "layer", "loss", "metric",
    }  # fmt: skip
