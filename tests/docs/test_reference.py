"""docs/reference is what docs/reference.py writes: no page, entry or picture is out of date."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from docs.reference import HERE, pages

from pullback.catalogue import TABLES, entries
from pullback.nn import activations

AGAIN = "if that is right: python docs/reference.py"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PAGES = pages()


def test_the_files_are_those_that_would_be_written() -> None:
    assert {path.name for path in HERE.iterdir()} == set(PAGES), AGAIN


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".md")])
def test_a_page_is_up_to_date(name: str) -> None:
    assert (HERE / name).read_text("utf-8") == PAGES[name], AGAIN


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".svg")])
def test_a_picture_is_up_to_date(name: str) -> None:
    """The same but for the last digit of a coordinate, which may differ between machines."""
    kept, made = (HERE / name).read_text("utf-8"), PAGES[name]
    assert NUMBER.sub("#", kept) == NUMBER.sub("#", made), AGAIN
    pairs = zip(NUMBER.findall(kept), NUMBER.findall(made), strict=True)
    assert all(abs(float(a) - float(b)) < 0.25 for a, b in pairs), AGAIN
    assert ElementTree.fromstring(made).tag.endswith("svg")
    assert len(made) < 6000


@pytest.mark.parametrize("table", TABLES)
def test_every_entry_is_described(table: str) -> None:
    text = PAGES[f"{table}.md"]
    for entry in entries(table):
        assert f"\n## {entry.name}\n" in text
        assert f"](#{entry.name.lower()})" in text


def test_pages_show_pictures_and_derivatives() -> None:
    drawn = [name for name in activations.registry() if f"activation-{name}.svg" in PAGES]
    assert len(drawn) >= 25
    assert all(f"(activation-{name}.svg)" in PAGES["activations.md"] for name in drawn)
    assert "x_bar = f_bar * (1 - f^2)" in PAGES["operations.md"]
    assert sum(map(len, PAGES.values())) < 500_000
