"""The bytes of a file of data, unpacked, or an error that says why there are none."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pullback.data.idx import parse_idx
from pullback.errors import DataError, FileFormatError, nearest
from pullback.files import open_regular
from pullback.memory import must_fit

UNZIP_BYTES = 1 << 24
"""How much of a gzip file is unpacked at a time."""
GZIP = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, or a `DataError` that says why there are none."""
    if os.path.isdir(path):
        files = sorted(p.name for p in path.iterdir() if p.is_file())[:5]
        inside = f"Name one file, such as {str(path / files[0])!r}." if files else "Name a file."
        raise DataError(f"{path} must be a file", "a folder", inside)
    try:
        with open_regular(path) as (file, size):
            must_fit(size, path.name)
            return file.read()
    except FileFormatError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise DataError(
                f"the file {path} must exist", "no such file", _nearest_file(path)
            ) from None
        do = "Write what comes out of it to a file first." if "pipe" in error.received else error.do
        raise DataError(error.must, error.received, do) from None


def _nearest_file(path: Path) -> str:
    siblings = list(path.parent.iterdir()) if os.path.isdir(path.parent) else []
    by_stem = {sibling.stem: sibling for sibling in siblings}
    guess = nearest(path.stem, by_stem)
    return f"Did you mean {str(by_stem[guess])!r}?" if guess else "Check the path."


def unzip(data: bytes, path: Path) -> bytes:
    """What a gzip file holds, as long as it fits into memory."""
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while part := file.read(UNZIP_BYTES):
                parts.append(part)
                size += len(part)
                must_fit(size, f"{path.name}, unpacked,")
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, "a gzip file", str(error)) from None
    return b"".join(parts)


def plain_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked where it is a gzip file."""
    data = read_bytes(path)
    return unzip(data, path) if data.startswith(GZIP) else data


def idx_array(path: Path) -> NDArray[Any]:
    """The array of an IDX file, which may be gzipped."""
    return parse_idx(plain_bytes(path), path.name)


def damaged(path: Path, what: str, why: str) -> DataError:
    """The error for a file that is not what its name or its first bytes say."""
    reason = (why.splitlines() or ["it cannot be read"])[0][:200]
    return DataError(f"{path.name} must be {what}", reason, "Make or fetch the file again.")
