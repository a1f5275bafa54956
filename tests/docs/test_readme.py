"""The README's commands work, and its picture is what the command prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from docs.blocks import ROOT, blocks
from docs.record import COLUMNS, RECORDED, drawn, recorded, screen

from pullback import __version__, datasets

README = (ROOT / "README.md").read_text("utf-8")
SVG = "{http://www.w3.org/2000/svg}"
AGAIN = "if that is right: python docs/record.py"


def commands() -> list[str]:
    """The README's lines that call the command line, without their comments."""
    consoles = [block.body for block in blocks(README) if block.language == "console"]
    lines = [line for body in consoles for line in body.splitlines()]
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ pullback")]


def shown(svg: Path) -> list[str]:
    """The lines of text that a picture shows, from top to bottom."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for text in ElementTree.parse(svg).iter(f"{SVG}text"):
        place = float(text.get("x", 0)), text.text or ""
        rows.setdefault(float(text.get("y", 0)), []).append(place)
    joined = ("".join(part for _, part in sorted(row)) for _, row in sorted(rows.items()))
    return [line.replace("\xa0", " ").rstrip() for line in joined]


def words(lines: list[str]) -> list[str]:
    return " ".join(lines).split()


def test_the_lines_run_one_after_the_other(tmp_path: Path) -> None:
    rows = datasets.path("penguins").read_text("utf-8").splitlines()[:6]
    new = "\n".join(row.partition(",")[2] for row in rows)  # without the answers
    (tmp_path / "new.csv").write_text(new + "\n", "utf-8")
    assert len(commands()) == 7
    for command in commands():
        ran = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": str(COLUMNS)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        assert ran.stdout.strip() or "export" in command
    assert (tmp_path / "model.safetensors").exists()
    assert (tmp_path / "runs" / "penguins-2").is_dir()


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    texts = README + (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"^\$ make ([a-z-]+)", texts, re.MULTILINE))
    assert {"demo", "test", "venv"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_changelog_begins_with_the_present_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    titles = re.findall(
        r"^## (\S+) \((?:not yet released|\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE
    )
    assert titles[0] == __version__
    assert len(titles) == changelog.count("\n## ")


@pytest.mark.parametrize("name", RECORDED)
def test_the_picture_shows_what_the_command_prints(name: str) -> None:
    """What is chosen before training must be the same; what training arrives at may differ."""
    written = screen(recorded(RECORDED[name]))
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in written]
    picture = shown(ROOT / "docs" / name)
    assert picture[0] == f"$ {RECORDED[name]}"
    before = words(lines[: next(i for i, x in enumerate(lines) if x.startswith("Finished"))])
    assert before == words(picture[1:])[: len(before)], AGAIN
    last = words(lines[-4:])
    assert last == words(picture)[-len(last) :], AGAIN


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    for name in RECORDED:
        svg = (ROOT / "docs" / name).read_text("utf-8")
        assert re.findall(r"https?://[^\s\"]+", svg) == ["http://www.w3.org/2000/svg"]
        assert f"docs/{name}" in README


def test_a_screen_is_what_is_left_of_what_was_written() -> None:
    bar = "\x1b[?25l\rtraining 1%\r\x1b[2Ktraining 99%\n\x1b[1A\x1b[2K"
    assert screen("one\r\n" + bar + "\x1b[?25h\x1b[1mtwo\x1b[0m\r\nthree\r\n\r\n") == [
        "one", "\x1b[1mtwo\x1b[0m", "three",
    ]  # fmt: skip
    assert screen("a long line\rshort") == ["short"]


def test_colours_reach_the_picture(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_text(drawn("run", ["plain \x1b[1;32mgreen\x1b[0m  end"]), "utf-8")
    assert shown(tmp_path / "x.svg") == ["$ run", "plain green  end"]
    assert "font-weight: bold" in (tmp_path / "x.svg").read_text("utf-8")
