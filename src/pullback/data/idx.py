"""IDX files: the form in which MNIST and its kin are handed out.

A header of two zero bytes, a code of the dtype, the number of axes and their lengths, then the
numbers, all with the most significant byte first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pullback.errors import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 8
TEST_WORDS = ("t10k", "test")


def is_idx(data: bytes) -> bool:
    """Whether bytes begin as those of an IDX file do.

    Example:
        >>> is_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]))
        True
    """
    return len(data) > 4 and data[:2] == b"\0\0" and data[2] in DTYPES and 0 < data[3] <= MOST_AXES


def parse_idx(data: bytes, name: str) -> NDArray[np.generic]:
    """The array of an IDX file.

    Args:
        data: The file's bytes, unpacked.
        name: The file's name, for messages.

    Raises:
        DataError: The bytes are no IDX file, or fewer or more than its header says.

    Example:
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]), "two.idx").tolist()
        [5, 7]
    """
    if not is_idx(data):
        raise DataError(
            f"{name} must be an IDX file", f"bytes that begin with {data[:4]!r}", "Fetch it again."
        )
    axes, dtype = data[3], np.dtype(DTYPES[data[2]])
    start = 4 + 4 * axes
    sizes = data[4 : 4 + (len(data[4:start]) & ~3)]  # whole ones, where the file is cut short
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(shape) < axes or len(data) != wanted:
        raise DataError(
            f"{name} must hold {wanted:,} bytes, as its header says: shape {shape} of {dtype.name}",
            f"{len(data):,} bytes",
            "Fetch the file again: it is cut short or damaged.",
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def labels_name(images: str) -> str | None:
    """The usual name of the file of labels that belongs to a file of images.

    Example:
        >>> labels_name("train-images-idx3-ubyte.gz")
        'train-labels-idx1-ubyte.gz'
    """
    if "images" not in images:
        return None
    return re.sub(r"idx\d", "idx1", images.replace("images", "labels"))


def paired(names: Sequence[str]) -> list[tuple[str, str, bool]]:
    """The pairs of images and labels among file names, and whether each is for the test.

    Example:
        >>> paired(["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
        [('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte', True)]
    """
    known = set(names)
    found = []
    for name in sorted(names):
        labels = labels_name(name)
        if labels is not None and labels != name and labels in known:
            found.append((name, labels, any(word in name for word in TEST_WORDS)))
    return found
