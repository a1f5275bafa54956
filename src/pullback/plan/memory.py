"""Where in the arena each value lies: what nobody needs any more makes room for what comes."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Mapping
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One value that needs a place.

    Attributes:
        nbytes: How large it is.
        first: The task that makes it; -1 for what is there before the first.
        last: The last task that reads it.
    """

    nbytes: int
    first: int
    last: int


def placed(values: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """The offset of each value, and how many bytes are needed in all.

    Every value is given the smallest gap that holds it; values that live at one time never share
    a byte.

    Example:
        >>> placed({1: Lifetime(100, -1, 1), 2: Lifetime(40, 1, 2), 3: Lifetime(64, 2, 2)})
        ({1: 0, 2: 128, 3: 0}, 192)
    """
    living: list[tuple[int, int]] = []  # the last task, and the value
    offsets: dict[int, int] = {}
    gaps: list[tuple[int, int]] = []  # offset and size, by offset
    total = 0
    for number, value in sorted(values.items(), key=lambda item: item[1].first):
        while living and living[0][0] < value.first:
            _, gone = heapq.heappop(living)
            _free(gaps, offsets[gone], _padded(values[gone].nbytes))
        size = _padded(value.nbytes)
        offset = _taken(gaps, size)
        if offset is None:
            if gaps and sum(gaps[-1]) == total:  # the last gap grows
                offset, _ = gaps.pop()
            else:
                offset = total
            total = offset + size
        offsets[number] = offset
        heapq.heappush(living, (value.last, number))
    return offsets, total


def _padded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT


def _taken(gaps: list[tuple[int, int]], size: int) -> int | None:
    """The beginning of the smallest gap that is large enough, which is used up by `size`."""
    fitting = [(length, offset) for offset, length in gaps if length >= size]
    if not fitting:
        return None
    length, offset = min(fitting)
    gaps.remove((offset, length))
    if length > size:
        bisect.insort(gaps, (offset + size, length - size))
    return offset


def _free(gaps: list[tuple[int, int]], offset: int, size: int) -> None:
    """Give a stretch back, joined with the gaps at its sides."""
    at = bisect.bisect(gaps, (offset, 0))
    if at < len(gaps) and offset + size == gaps[at][0]:
        size += gaps.pop(at)[1]
    if at and sum(gaps[at - 1]) == offset:
        offset, length = gaps.pop(at - 1)
        size += length
        at -= 1
    gaps.insert(at, (offset, size))
