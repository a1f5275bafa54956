"""Counts, scores and texts from elsewhere as people read them, on every surface alike."""

from __future__ import annotations

import math


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def score(value: float | None, missing: str = "-") -> str:
    """A score, of which four digits tell enough.

    Args:
        value: The score.
        missing: What stands for one that is not there, or is no number.

    Example:
        >>> score(0.97561), score(1234567.8), score(float("nan")), score(0.000012), score(3.0)
        ('0.9756', '1,234,568', '-', '1.2e-05', '3.0000')
    """
    if value is None or math.isnan(value):
        return missing
    size = abs(value)
    if size == 0 or math.isinf(value) or size < 1e-3:
        return f"{value:.3g}"
    if size >= 1e5:
        return f"{value:,.0f}" if size < 1e12 else f"{value:.4g}"
    return f"{value:.{5 - max(1, len(str(int(size))))}f}"


def printable(text: str) -> str:
    r"""Text with its control characters made visible, so that none steers what shows it.

    Example:
        >>> print(printable("red" + chr(27) + "[31m"))
        red\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
