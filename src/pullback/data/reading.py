"""One door for data of any form: files, frames, arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays, from_named, pair
from pullback.data.delimited import columns_of_text
from pullback.data.file_bytes import GZIP, damaged, idx_array, read_bytes, unzip
from pullback.data.folders import holds_pictures, read_folder, read_picture
from pullback.data.frames import table_from_arrays, table_from_frame
from pullback.data.idx import is_idx, labels_name, parse_idx
from pullback.data.pictures import is_picture
from pullback.data.table import Table, table_of
from pullback.errors import ConfigError, DataError
from pullback.memory import must_fit


def read_table(
    source: Any,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    missing: Sequence[str] = (),
) -> Table:
    """Read a table from a file, a frame or arrays.

    Args:
        source: The path of a CSV, TSV (either also as `.gz`), Parquet, Arrow or `.npz` file;
            a pandas, polars or Arrow frame; a dict of arrays; a pair (X, y), whose columns
            are called `x0`, `x1`, ... and `target`; or an array X.
        encoding: How the bytes of a text stand for characters.
        separator: The character between fields of a text; found by itself if `None`.
        missing: Words that mean 'no value' beside the empty cell, NA, NaN, null, None, ? and -.

    Raises:
        DataError: The source cannot be read as a table; the line is named where known.
        ConfigError: A setting is not of its kind.

    Example:
        >>> read_table(([[1.0, 2.0], [3.0, 4.0]], [0, 1])).names
        ['x0', 'x1', 'target']
    """
    found = read(source, encoding=encoding, separator=separator, missing=missing)
    return found.as_table() if isinstance(found, Arrays) else found


def read(
    source: Any,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    missing: Sequence[str] = (),
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    skip_unreadable: bool = False,
) -> Table | Arrays:
    """Like `read_table`, but a pair (X, y) stays a pair, so that images keep their shape.

    Reads folders of pictures and IDX files too; `image_size`, `channels` and `skip_unreadable`
    are those of `read_folder`.
    """
    _check_options(encoding, separator, missing)
    if isinstance(source, (Table, Arrays)):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        folder = path.is_dir() and holds_pictures(path)
        pictures = folder or (is_picture(path) and path.is_file())
        if pictures:
            read_any = read_folder if folder else read_picture
            return read_any(
                path, image_size=image_size, channels=channels, skip_unreadable=skip_unreadable
            )
        return _read_file(path, encoding, separator, missing)
    if isinstance(source, (tuple, list)) and len(source) == 2 and not _is_rows(source):
        return pair(source[0], source[1])
    if isinstance(source, np.ndarray) and source.dtype.names:
        return table_from_arrays({name: source[name] for name in source.dtype.names})
    if isinstance(source, (np.ndarray, list)):
        return pair(source, None, "X")
    if isinstance(source, Mapping):
        arrays = {
            str(name): values for name, values in source.items() if isinstance(values, np.ndarray)
        }
        if len(arrays) == len(source) and any(array.ndim > 1 for array in arrays.values()):
            return from_named(arrays, "a dict of arrays")
        return table_from_arrays(source, missing=missing)
    return table_from_frame(source, "a frame", missing)


def _check_options(encoding: Any, separator: Any, missing: Any) -> None:
    """Check that what says how to read a text is text itself."""
    if not isinstance(encoding, str) or not (separator is None or isinstance(separator, str)):
        raise ConfigError(
            "encoding and separator must be text",
            f"encoding={encoding!r}, separator={separator!r}",
            'Pass for instance encoding="utf-8", separator=";".',
        )
    if isinstance(missing, str) or not all(isinstance(word, str) for word in missing):
        raise ConfigError(
            "missing must be a list of words", repr(missing)[:100], 'Pass missing=["unknown"].'
        )


def _is_rows(source: Sequence[Any]) -> bool:
    """Whether a sequence of two is a list of two rows, not a pair (X, y)."""
    return isinstance(source, list) and np.ndim(source[0]) == np.ndim(source[1]) == 1


def _read_file(
    path: Path, encoding: str, separator: str | None, missing: Sequence[str]
) -> Table | Arrays:
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(GZIP):
        data = unzip(data, path)
    if data.startswith((b"PAR1", b"ARROW1")):
        return dataclasses.replace(_read_columnar(data, path, missing), hash=digest)
    if data.startswith(b"PK\x03\x04") or path.suffix == ".npz":
        found = _read_npz(data, path)
        if isinstance(found, Arrays):
            return dataclasses.replace(found, file_hash=digest)
        return dataclasses.replace(found, hash=digest)
    if is_idx(data):
        return _read_idx(data, path, digest)
    if path.suffix in (".parquet", ".pq"):
        raise damaged(path, "a Parquet file", "its first bytes are not those of Parquet")
    columns, lines = columns_of_text(
        data, path.name, encoding=encoding, separator=separator, missing=missing
    )
    return table_of(columns, path.name, digest, lines)


def _read_columnar(data: bytes, path: Path, missing: Sequence[str]) -> Table:
    import polars as pl

    try:
        read_any = pl.read_parquet if data.startswith(b"PAR1") else pl.read_ipc
        frame = read_any(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise damaged(path, "a whole Parquet or Arrow file", str(error)) from None
    return table_from_frame(frame, path.name, missing)


def _read_npz(data: bytes, path: Path) -> Table | Arrays:
    try:
        arrays = _unpack(data, path.name)
    except DataError:
        raise
    except Exception as error:  # what NumPy and zipfile make of damaged bytes is of every kind
        if path.suffix != ".npz":
            raise DataError(
                f"{path.name} must be CSV, TSV, Parquet or .npz",
                "a zip archive or a workbook",
                "Save the sheet as CSV, or unpack the archive.",
            ) from None
        why = str(error) or "an array larger than the memory"
        raise damaged(path, "a whole .npz file of plain arrays", why) from None
    return from_named(arrays, path.name)


def _unpack(data: bytes, source: str) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file, none of which may hold Python objects."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        must_fit(sum(member.file_size for member in archive.infolist()), f"{source}, unpacked,")
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return {name: np.asarray(found[name]) for name in found.files}


def _read_idx(data: bytes, path: Path, digest: str) -> Arrays:
    """The images of an IDX file, with the labels that lie beside it under the usual name."""
    beside = labels_name(path.name)
    labels = path.with_name(beside) if beside else path
    known = labels != path and labels.is_file()
    found = pair(parse_idx(data, path.name), idx_array(labels) if known else None, path.name)
    return dataclasses.replace(found, file_hash=digest)
