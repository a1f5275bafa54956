"""How much this machine can hold, asked before a file or a table is unfolded.

An operating system that runs out of memory ends the process without a word, so what is sure not
to fit is refused beforehand.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pullback.errors import DataError

LARGEST_SHARE = 0.25
"""Of all memory: what is read is copied more than once on its way to a network."""
CONTROL_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def must_fit(size: int, what: str, do: str = "Use fewer rows or columns.") -> None:
    """Refuse what takes more than a quarter of the memory there is.

    Args:
        size: How many bytes it takes.
        what: What it is, for the message.
        do: What to do about it.

    Raises:
        DataError: It does not fit.

    Example:
        >>> must_fit(10**6, "a small table")
    """
    most = largest()
    if size > most:
        raise DataError(
            f"{what} must fit into a quarter of this machine's memory ({gigabytes(most)})",
            gigabytes(size),
            do,
        )


def largest() -> int:
    """The most bytes that one thing may take: a quarter of the memory, or of the container's."""
    sizes = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not known on every system
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for group in CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
            sizes.append(int(Path(group).read_text()))
    return int(LARGEST_SHARE * min(sizes, default=2**63))


def gigabytes(size: float) -> str:
    """A number of bytes as gigabytes.

    Example:
        >>> gigabytes(2_500_000_000)
        '2.5 GB'
    """
    return f"{size / 1e9:.1f} GB" if size < 1e15 else "more than a million GB"
