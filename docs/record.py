"""Record a terminal: run the real command in a pseudo-terminal and draw what it shows as SVG.

Run as `python docs/record.py`; it writes docs/train.svg, which the README shows. The command runs
in an empty folder. What is drawn is the last state of the screen, with the progress bar gone.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS, LINES = 100, 60
HERE = Path(__file__).resolve().parent
RECORDED = {"train.svg": "pullback train penguins"}

# Escape sequences: colours, going up and erasing a line are understood, the rest is dropped.
CONTROL = re.compile(r"\x1b\[(\d*)([A-HJKSTfhlmnsu])|\x1b\[\?\d+[hl]|\r|\n|\x1b\][^\x07]*\x07")
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
THEME = TerminalTheme(
    (250, 250, 250),
    (36, 41, 47),
    [
        (36, 41, 47), (193, 30, 40), (26, 127, 55), (154, 103, 0),
        (9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129),
    ],
)  # fmt: skip


def recorded(command: str) -> str:
    """What `command` writes to a terminal of 100 columns, with its escape sequences.

    Raises:
        RuntimeError: The command fails.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    beside = str(Path(sys.executable).parent)
    environment = {
        "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", ""),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            shlex.split(command), cwd=folder, env=environment,
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            pieces.append(piece)
        os.close(ours)
        if process.wait():
            raise RuntimeError(f"{command} ended with status {process.returncode}")
    return b"".join(pieces).decode()


def screen(written: str) -> list[str]:
    """The lines that stand there at the end; colours stay in as escape sequences.

    Only what line-wise programs do is understood: text, new lines, returning to the start of the
    line, erasing it, and going up.
    """
    lines, row, at_start = [""], 0, False

    def put(text: str) -> None:
        nonlocal at_start
        if text:
            lines[row] = text if at_start else lines[row] + text
            at_start = False

    last = 0
    for match in CONTROL.finditer(written):
        put(written[last : match.start()])
        last = match.end()
        token, kind = match[0], match[2]
        if token == "\r":
            at_start = True
        elif token == "\n":
            row, at_start = row + 1, True
            if row == len(lines):
                lines.append("")
        elif kind == "m":
            put(token)
        elif kind == "A":
            row = max(0, row - int(match[1] or 1))
        elif kind == "K":
            lines[row] = ""
    put(written[last:])
    while lines and not re.sub(r"\x1b\[[\d;]*m", "", lines[-1]).strip():
        lines.pop()
    return lines


def drawn(command: str, lines: list[str]) -> str:
    """The screen as SVG, with the command above it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    for line in lines:
        console.print(Text.from_ansi(line), overflow="crop", no_wrap=True)
    # No web font: the picture is to show the same without a network.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = re.sub(r"<!--.*?-->\s*", "", form)
    form = form.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    svg = console.export_svg(title="", theme=THEME, code_format=form, unique_id="terminal")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    """Record every command."""
    for name, command in RECORDED.items():
        lines = screen(recorded(command))
        (HERE / name).write_text(drawn(command, lines), "utf-8")
        print(f"docs/{name}: {len(lines)} lines of {command}")


if __name__ == "__main__":
    main()
