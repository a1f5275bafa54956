"""Arrays larger than memory: looked at by chunks, gathered and cast batch by batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pullback.errors import DataError

Array: TypeAlias = NDArray[Any]
Dtype: TypeAlias = np.dtype[Any]

LARGE = 64 * 2**20
"""Arrays on the disk of so many bytes or more stay there."""
CHUNK = 16 * 2**20


@dataclass(frozen=True, eq=False)
class Lazy:
    """An array that stays on the disk: rows are read and cast as they are asked for.

    Attributes:
        source: The memory-mapped array.
        dtype: The dtype in which rows are given out.
        rows: Which rows of it there are, in order; None for all.

    Example:
        >>> lazy = Lazy(np.arange(6, dtype=np.int32).reshape(3, 2), np.dtype("float32"))
        >>> lazy.chosen(np.array([2, 0])).take(np.array([1]), 0)
        array([[0., 1.]], dtype=float32)
    """

    source: Array
    dtype: Dtype
    rows: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the rows that there are."""
        return (len(self), *self.source.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.source.ndim

    @property
    def nbytes(self) -> int:
        """The bytes that all rows would take."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.source) if self.rows is None else len(self.rows)

    def take(self, rows: Array, axis: int = 0) -> Array:
        """Some rows, as an array in memory."""
        assert axis == 0
        chosen = rows if self.rows is None else self.rows[rows]
        with np.errstate(over="ignore"):
            return np.asarray(self.source[chosen]).astype(self.dtype)

    def chosen(self, rows: Array) -> Lazy:
        """The same array with only these rows; nothing is read."""
        return Lazy(self.source, self.dtype, rows if self.rows is None else self.rows[rows])


def is_mapped(array: Any) -> bool:
    """Whether an array lies in a file that is mapped to memory.

    Example:
        >>> is_mapped(np.zeros(3))
        False
    """
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def stays(array: Array) -> bool:
    """Whether an array is left where it is, rather than converted as a whole."""
    return is_mapped(array) and array.nbytes >= LARGE


def chunks(array: Array | Lazy) -> Iterator[tuple[int, Array]]:
    """Consecutive rows of an array as pieces of some megabytes, with the number of the first."""
    if isinstance(array, np.ndarray) and not stays(array):
        yield 0, array
        return
    each = max(1, CHUNK * len(array) // max(array.nbytes, 1))
    for start in range(0, len(array), each):
        rows = np.arange(start, min(start + each, len(array)))
        yield start, array.take(rows, 0) if isinstance(array, Lazy) else array[start : start + each]


def place_of(array: Array) -> dict[str, Any] | None:
    """Where a memory-mapped array lies on the disk, as plain data; None if that is not known."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    name = getattr(root, "filename", None)
    if name is None or not array.flags.c_contiguous:
        return None
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return {
        "path": os.path.abspath(name),
        "offset": int(root.offset + start),
        "dtype": array.dtype.str,
        "shape": list(array.shape),
    }


def opened(place: dict[str, Any]) -> Array:
    """The array of a `place_of`.

    Raises:
        DataError: The file is not there any more, or has become too short.
    """
    try:
        return np.memmap(
            place["path"], np.dtype(place["dtype"]), "r", place["offset"], tuple(place["shape"])
        )
    except (OSError, ValueError) as error:
        raise DataError(
            "the file that a run was trained on must be where it was",
            f"{place['path']}: {error}",
            "Put it back, or pass the data again: pb.resume(path, data=...).",
        ) from None
