"""What all commands print with: tables that fit, plain text where nobody looks, one JSON object."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from pullback.writing import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

WIDEST = 100
VERSION = 1
"""Of the JSON objects; it grows when a key changes its meaning or goes away."""


def width() -> int:
    """Columns that output may take: those of the terminal, at most 100."""
    return max(40, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def coloured(stream: IO[str]) -> bool:
    """Whether colours are wanted: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console() -> Console:
    """A console on standard output that takes text literally."""
    from rich.console import Console

    return Console(
        width=width(),
        highlight=False,
        markup=False,
        emoji=False,
        no_color=not coloured(sys.stdout),
        force_terminal=None if coloured(sys.stdout) else False,
    )


def show(*parts: RenderableType) -> None:
    """Print tables and lines, without the blanks that fill tables up to the right."""
    out = console()
    with out.capture() as captured:
        for part in parts:
            out.print(printable(part) if isinstance(part, str) else part)
    text = captured.get()
    if not out.is_terminal:
        text = "\n".join(line.rstrip() for line in text.split("\n"))
    sys.stdout.write(text)
    sys.stdout.flush()


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[int] = (),
    dim: Sequence[int] = (),
    keep: Sequence[int] = (0,),
    title: str = "",
) -> Table:
    """A table without lines.

    Args:
        headers: One for each column; all empty for none.
        rows: The cells, each shown as its text.
        right: The columns that are aligned to the right (numbers).
        dim: The columns that are shown faintly.
        keep: The columns that are not wrapped.
        title: What stands above it.
    """
    from rich.table import Table

    made = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=any(headers),
        header_style="bold",
        title=title or None,
        title_justify="left",
        title_style="bold",
    )
    for place, header in enumerate(headers):
        made.add_column(
            printable(header),
            justify="right" if place in right else "left",
            style="dim" if place in dim else "",
            no_wrap=place in keep or place in right,
            overflow="ellipsis" if place in keep else "fold",
        )
    for row in rows:
        made.add_row(*(printable(str(cell)) for cell in row))
    return made


def heading(text: str, *, style: str = "bold") -> RenderableType:
    """A line that stands out."""
    from rich.text import Text

    return Text(printable(text), style=style)


def warn(problems: Iterable[str]) -> None:
    """Say what is wrong but keeps nothing from going on, on standard error.

    Of a damaged run everything that can be read is shown, and what is lost is said here.
    """
    for problem in problems:
        print(printable(f"warning: {problem}"), file=sys.stderr, flush=True)


def emit(schema: str, content: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output: the only thing that `--json` prints there."""
    whole = {"schema": f"pullback/{schema}", "version": VERSION, **content}
    sys.stdout.write(json.dumps(finite(whole), indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def finite(value: Any) -> Any:
    """Plain JSON data, with null for NaN and infinities.

    Example:
        >>> finite({"loss": float("nan"), "rows": (1, 2)})
        {'loss': None, 'rows': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
