"""docs/reference is what docs/reference.py writes: no page, entry or picture is out of date."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from docs.derivatives import printed
from docs.reference import HERE, pages

from pullback import ops
from pullback.catalogue import TABLES, entries

AGAIN = "if that is right: python -m docs.reference"
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


def test_pages_show_pictures() -> None:
    for kind, table in (("activation", "activations"), ("schedule", "schedules")):
        for entry in entries(table):
            assert f"({kind}-{entry.name}.svg)" in PAGES[f"{table}.md"]
    assert sum(len(text) for name, text in PAGES.items() if name.endswith(".svg")) < 400_000


@pytest.mark.parametrize("name", ops.registry())
def test_every_derivative_is_printed(name: str) -> None:
    """As a formula, but for the few that are none to read; the rest has none, or is a leaf."""
    found = printed(ops.registry()[name])
    assert (found is None) == (ops.registry()[name].family == "LEAF")
    if found is None:
        return
    assert bool(found.pullbacks) == ops.registry()[name].differentiable
    long = [line for line in found.pullbacks if "a graph of" in line]
    assert not long or name in {"cumprod", "prod", "rms_normalise_pullback", "scan"}


def test_derivatives_are_those_of_the_rules() -> None:
    printed_ = {name: printed(cls) for name, cls in ops.registry().items()}
    assert printed_["tanh"].pullbacks == ("x_bar = y_bar * (1 - y^2)",)
    assert printed_["sqrt"].pullbacks == ("x_bar = y_bar * (1 / (2 * y))",)
    assert printed_["matmul"].pullbacks == ("a_bar = y_bar @ b^T", "b_bar = a^T @ y_bar")
    assert printed_["relu"].value == "y = relu(x)"
    assert printed_["mish"].pullbacks == (
        "t1 = tanh(softplus(x))",
        "x_bar = y_bar * (t1 + x * (1 - t1^2) * sigmoid(x))",
    )


def test_formulas_are_left_alone_by_markdown() -> None:
    r"""Between $` and `$ nothing is an escape, so \, stays a space."""
    for name, text in PAGES.items():
        if name.endswith(".md"):
            assert text.count("$`") == text.count("`$")
            assert not re.search(r"(?<!`)\$[a-z\\]", text), name
