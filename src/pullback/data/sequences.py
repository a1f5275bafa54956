"""Sequences as arrays: windows of a long one, several of unequal length padded to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pullback.errors import ConfigError, DataError, ShapeError


def windows(series: Any, length: int, stride: int = 1) -> NDArray[Any]:
    """All windows of a series: stretches of `length` steps, one every `stride` steps.

    The result is a view of the series, so it takes no memory of its own.

    Args:
        series: Values in the order of time.
        length: Steps in a window.
        stride: Steps between the beginnings of two windows.

    Shape:
        series: (time, ...)
        Returns: ((time - length) // stride + 1, length, ...)

    Raises:
        ConfigError: A length or stride below 1.
        DataError: The series is shorter than one window.

    Example:
        >>> windows([1, 2, 3, 4], length=3).tolist()
        [[1, 2, 3], [2, 3, 4]]
    """
    for name, value in (("length", length), ("stride", stride)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"the {name} of windows is 1 or more", repr(value), "Change it.")
    array = np.asarray(series)
    if array.ndim == 0 or len(array) < length:
        steps = len(array) if array.ndim else 0
        raise DataError(
            f"a series must be at least as long as one window, {length} steps",
            f"{steps} steps",
            "Use a shorter window, or a longer series.",
        )
    found = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)[::stride]
    return np.moveaxis(found, -1, 1)


def pad(
    sequences: Sequence[Any],
    length: int | None = None,
    value: float = 0,
    *,
    side: Literal["right", "left"] = "right",
    truncate: bool = False,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Sequences of unequal length as one array, and a mask that says what is real.

    Args:
        sequences: Each (time, ...), the rest of the shape alike.
        length: Steps of the result; the longest sequence's when None.
        value: What stands in the places without a step.
        side: Where those places are: "right" (after the steps) or "left" (before them).
        truncate: Cut longer sequences to their first `length` steps, instead of refusing them.

    Returns:
        The array, and a mask that is true for real steps.

    Shape:
        array: (sequences, length, ...)
        mask: (sequences, length)

    Raises:
        DataError: A sequence is longer than `length`, or there is none.
        ShapeError: The rest of the shapes differ.
        ConfigError: No such side.

    Example:
        >>> array, mask = pad([[1, 2, 3], [4]])
        >>> array.tolist(), mask.sum(axis=1).tolist()
        ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    if side not in ("right", "left"):
        raise ConfigError("padding goes to the right or the left", repr(side), "Use 'right'.")
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise DataError("there must be sequences to pad", "none", "Pass some.")
    rests = {a.shape[1:] for a in arrays if a.ndim} | {() for a in arrays if not a.ndim}
    if len(rests) > 1 or any(a.ndim == 0 for a in arrays):
        raise ShapeError(
            "sequences are (time, ...), alike in all axes but the first",
            " and ".join(map(str, sorted(a.shape for a in arrays[:3]))),
            "Give every step as many numbers.",
        )
    steps = max(map(len, arrays)) if length is None else length
    for number, array in enumerate(arrays):
        if len(array) > steps and not truncate:
            raise DataError(
                f"a sequence must fit in its window of {steps} steps",
                f"sequence {number} of {len(array)} steps",
                "Use a larger length, or truncate=True.",
            )
    padded = np.full((len(arrays), steps, *next(iter(rests))), value, np.result_type(*arrays))
    mask = np.zeros((len(arrays), steps), bool)
    for row, array in enumerate(arrays):
        kept = array[:steps]
        place = slice(0, len(kept)) if side == "right" else slice(steps - len(kept), steps)
        padded[row, place], mask[row, place] = kept, True
    return padded, mask
