"""docs/architecture.md lists the rooms that exist, in the order in which they import."""

from __future__ import annotations

import re
from pathlib import Path

from tests.repository.test_imports import LEVEL


def listed(repository: Path) -> list[str]:
    """The rooms of the table, in order."""
    text = (repository / "docs" / "architecture.md").read_text("utf-8")
    table = text.split("## Rooms")[1].split("\n\n|")[1].split("\n\n")[0]
    rows = [line for line in table.splitlines() if "`" in line]
    return [name for row in rows for name in re.findall(r"`(\w+)(?:\.py|/)`", row.split("|")[1])]


def test_every_room_is_in_the_table(repository: Path) -> None:
    package = repository / "src" / "pullback"
    files = {path.stem for path in package.glob("[!_]*.py")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    rooms = listed(repository)
    assert len(rooms) == len(set(rooms))
    assert set(rooms) == files | folders


def test_the_table_has_their_order(repository: Path) -> None:
    levels = [LEVEL[name] for name in listed(repository)]
    assert levels == sorted(levels)
