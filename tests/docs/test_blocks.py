"""Every Python block of README and documentation runs, and prints what is shown below it."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from docs.blocks import FILES, ROOT, agrees, blocks, outputs, printed, program, renewed, same

WITH_CODE = [f for f in FILES if any(b.is_run for b in blocks(f.read_text("utf-8")))]
every_file = pytest.mark.parametrize("file", WITH_CODE, ids=lambda file: file.name)
LANGUAGES = {"", "console", "cpp", "json", "python", "text", "text about", "toml"}

run_once = functools.cache(printed)


@every_file
def test_its_blocks_run_and_print_what_is_shown(file: Path) -> None:
    markdown = file.read_text("utf-8")
    code = [block for block in blocks(markdown) if block.is_run]
    found = dict(zip(code, run_once(file), strict=True))
    for block, text in outputs(markdown):
        line = markdown.count("\n", 0, text.start)
        assert agrees(text, found[block]), (
            f"{file.name}:{line} shows\n{text.body}\nbut the code prints\n{found[block]}\n"
            "If that is right: python docs/blocks.py"
        )


@every_file
def test_what_is_printed_is_shown(file: Path) -> None:
    """A block that prints has its output below it."""
    markdown = file.read_text("utf-8")
    shown = {code for code, _ in outputs(markdown)}
    code = [block for block in blocks(markdown) if block.is_run]
    for block, text in zip(code, run_once(file), strict=True):
        assert block in shown or not text, f"{file.name} does not show the output of\n{block.body}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    markdown = file.read_text("utf-8")
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        path, _, anchor = target.partition("#")
        if path.startswith(("https://", "mailto:")):
            continue
        there = (file.parent / path).resolve() if path else file
        assert there.exists(), f"{file.name} links to {target}"
        assert ROOT in there.parents or there == ROOT
        if anchor:
            assert anchor in anchors(there.read_text("utf-8")), f"{file.name} links to {target}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_form(file: Path) -> None:
    markdown = file.read_text("utf-8")
    assert markdown.startswith("# ")
    assert {block.language for block in blocks(markdown)} <= LANGUAGES


def anchors(markdown: str) -> set[str]:
    """The names that GitHub gives to headings."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# ---------------------------------------------------------------- the tool itself

PAGE = """# Page

Set it:

```python
x = 2
```

```python
print("x is", x)
```

```text
x is 1
```
"""


def test_a_page_is_one_program_with_the_lines_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE, "utf-8")
    assert program(PAGE).splitlines()[5] == "x = 2"
    assert printed(tmp_path / "page.md") == ["", "x is 2\n"]


def test_an_old_output_is_seen_and_written_anew() -> None:
    new = renewed(PAGE, ["", "x is 2\n"])
    assert new == PAGE.replace("x is 1", "x is 2")
    assert renewed(new, ["", "x is 2\n"]) == new


def test_where_numbers_are_only_about_right_the_words_still_count() -> None:
    about = PAGE.replace("```text", "```text about")
    ((_, shown),) = outputs(about)
    assert agrees(shown, "x is 1.5\n")
    assert not agrees(shown, "y is 1\n")
    assert renewed(about, ["", "x is 2\n"]) == about


def test_a_block_that_fails_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE.replace("x = 2", "x = 1 / 0"), "utf-8")
    with pytest.raises(RuntimeError, match=r"line 6[\s\S]*ZeroDivisionError"):
        printed(tmp_path / "page.md")


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        ("loss 0.5792", "loss 0.5793", True),
        ("loss 0.5792", "loss 0.5992", False),
        ("loss 0.5792", "loss nan", False),
        ("12 instructions", "13 instructions", False),
        ("took 0.03 s", "took 1.25 s", True),
        ("in 3 steps", "in 4 steps", False),
        ("%5 = tanh(%4)", "%5 = tanh(%3)", False),
        ("float32 (4, 3)", "float64 (4, 3)", False),
        ("[ 1.   -0.5]", "[1.0 -0.5]", True),
        ("took 1.5 s", "took 3", False),
        ("a b", "a c", False),
    ],
)
def test_when_two_outputs_agree(a: str, b: str, agree: bool) -> None:
    assert same(a, b) is agree
