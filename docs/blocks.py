"""Run the Python blocks of the Markdown files, and write what they print below them.

The blocks of one file are one program, run from top to bottom in an empty folder. A `text` block
that follows a `python` block is its output: `python docs/blocks.py` writes it anew, and
tests/docs compares it. Numbers agree within rounding; times in seconds need not agree, and below
`text about` no number need: what training arrives at differs a little between machines.

A block that belongs into a file ("At the end of `src/...`:") is not run;
tests/docs/test_recipes.py follows it.
"""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))

MARK = "\x1e"  # printed after each block, to tell its output from the next one's
FENCE = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BELONGS = re.compile(r"(?:New file|At the end of|In) `([\w/.]+)`")
ENGINE = re.compile(r"engine \((native|numpy), ")
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?(?!\w)")
SECONDS = re.compile(r"\d+\.\d+ s\b")


@dataclass(frozen=True)
class Block:
    """A fenced block of a Markdown file.

    Attributes:
        language: What follows the opening fence: `python`, `text`, `text about`, ...
        body: The text between the fences.
        start: Where the text starts in the file, in characters.
        before: The last paragraph of prose above it, which says what it is for.
        follows: Whether nothing but an empty line stands between it and the block above.
    """

    language: str
    body: str
    start: int
    before: str
    follows: bool

    @property
    def is_run(self) -> bool:
        """Whether it is part of the page's program: Python that does not belong into a file."""
        return self.language == "python" and not BELONGS.match(self.before)

    @property
    def end(self) -> int:
        """Where the text ends in the file."""
        return self.start + len(self.body)


def blocks(markdown: str) -> list[Block]:
    """All fenced blocks, in order."""
    found, last = [], 0
    for match in FENCE.finditer(markdown):
        prose = markdown[last : match.start()].strip()
        before = prose.rsplit("\n\n", 1)[-1] if prose else ""
        follows = bool(found) and not prose
        found.append(Block(match[1], match[2], match.start(2), before, follows))
        last = match.end()
    return found


def outputs(markdown: str) -> list[tuple[Block, Block]]:
    """The pairs of a Python block and the text block that shows its output."""
    found = blocks(markdown)
    return [
        (code, text)
        for code, text in itertools.pairwise(found)
        if code.is_run and text.language.startswith("text") and text.follows
    ]


def program(markdown: str) -> str:
    """The Python blocks as one program whose line numbers are those of the file."""
    lines = ["" for _ in markdown.splitlines()]
    for block in blocks(markdown):
        if block.is_run:
            first = markdown.count("\n", 0, block.start)
            body = block.body.splitlines()
            lines[first : first + len(body)] = body
            lines[first + len(body)] = f"print({MARK!r}, flush=True)"
    return "\n".join(lines) + "\n"


def printed(file: Path) -> list[str]:
    """What each Python block of a file prints.

    Raises:
        RuntimeError: A block fails; the message has its traceback.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / f"{file.stem.lower()}.py"
        script.write_text(program(file.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-W", "error", str(script)]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"{file.name}: {ran.stderr}")
    return [part.removeprefix("\n") for part in ran.stdout.split(MARK)[:-1]]


def renewed(markdown: str, found: list[str]) -> str:
    """The file with `found`, the output of each Python block, below the blocks."""
    code = [block for block in blocks(markdown) if block.is_run]
    shown = dict(zip(code, found, strict=True))
    for block, text in reversed(outputs(markdown)):
        if not agrees(text, shown[block]):
            markdown = markdown[: text.start] + shown[block] + markdown[text.end :]
    return markdown


def agrees(shown: Block, found: str) -> bool:
    """Whether a text block shows what was found, in the way that its fence asks for."""
    return same(shown.body, found, numbers=shown.language != "text about")


def same(a: str, b: str, *, numbers: bool = True) -> bool:
    """Whether two outputs agree: the words exactly, numbers within rounding.

    Times, and which executor computed, are not compared.
    """
    a, b = (ENGINE.sub("engine (", re.sub(r"\[\s+", "[", SECONDS.sub("0 s", x))) for x in (a, b))
    if NUMBER.sub("#", a).split() != NUMBER.sub("#", b).split():
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return not numbers or all(
        math.isclose(float(x), float(y), rel_tol=1e-3, abs_tol=2e-4) for x, y in pairs
    )


def main() -> None:
    """Write the outputs of all files, or of those named."""
    for file in [Path(name) for name in sys.argv[1:]] or FILES:
        old = file.read_text("utf-8")
        new = renewed(old, printed(file))
        if new != old:
            file.write_text(new, "utf-8")
            print(f"{file}: written anew")


if __name__ == "__main__":
    main()
