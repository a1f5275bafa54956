"""How much this machine can hold, asked before a file or a table is unfolded.

An operating system that runs out of memory ends the process without a word, so what is sure not
to fit is refused beforehand.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pullback.errors import DataError, OutOfMemoryError, ShapeError

LARGEST_SHARE = 0.25
"""Of all memory: what is read is copied more than once on its way to a network."""
SMALL = 2**28
"""Bytes below which nobody asks how much memory there is."""
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


def must_be_held(shape: Sequence[int], bytes_each: int, what: Callable[[], str]) -> None:
    """Refuse to compute one value that takes more than all the memory there is.

    Args:
        shape: Its shape.
        bytes_each: How many bytes an element takes.
        what: Says what it is, and where: asked only where it is refused.

    Raises:
        ShapeError: There is not so much memory.

    Example:
        >>> must_be_held((10, 1000), 4, lambda: "exp of shape (10, 1000)")
    """
    size = math.prod(shape) * bytes_each
    if not there_is(size):
        raise too_large(size, what())


def there_is(size: int) -> bool:
    """Whether the machine has so many bytes of memory, in use or not.

    Example:
        >>> there_is(1000)
        True
    """
    return size <= SMALL or size <= whole()


def too_large(size: int, what: str) -> ShapeError:
    """The error for a value of `size` bytes that memory cannot hold."""
    return ShapeError(
        f"a value must fit into this machine's memory, {gigabytes(whole())} in all",
        f"{what}, which takes {gigabytes(size)}",
        "Use smaller dimensions, or work part by part (a loop, smaller batches).",
    )


def too_large_together(size: int, what: str, most: int, largest: str) -> OutOfMemoryError:
    """The error for values that memory cannot hold at one time.

    Args:
        size: How many bytes they take together.
        what: What they are.
        most: How many bytes the largest takes.
        largest: Which that is.
    """
    return OutOfMemoryError(
        f"{what} must fit into this machine's memory, {gigabytes(whole())} in all",
        f"a plan of {gigabytes(size)}; the largest value is {largest}, {gigabytes(most)}",
        "Use a smaller batch_size (with accumulate, the steps stay the same), shorter sequences"
        " or narrower layers.",
    )


def largest() -> int:
    """The most bytes that one thing may take: a quarter of the memory, or of the container's."""
    return int(LARGEST_SHARE * whole())


def whole() -> int:
    """How many bytes of memory the machine has, or its container."""
    sizes = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not known on every system
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for group in CONTROL_GROUPS:
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
            sizes.append(int(Path(group).read_text()))
    return min(sizes, default=2**63)


def gigabytes(size: float) -> str:
    """A number of bytes as gigabytes.

    Example:
        >>> gigabytes(2_500_000_000)
        '2.5 GB'
    """
    return f"{size / 1e9:.1f} GB" if size < 1e15 else "more than a million GB"
