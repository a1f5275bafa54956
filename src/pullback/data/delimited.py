"""Comma- and tab-separated text: decoded, divided into records, checked, its cells typed."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pullback.data.cells import column_from_text
from pullback.data.structure import Structure, sniff_separator, structure
from pullback.data.table import Column
from pullback.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Lines = NDArray[np.int64]


def columns_of_text(
    data: bytes,
    source: str,
    *,
    encoding: str = "utf-8",
    separator: str | None = None,
    missing: Sequence[str] = (),
) -> tuple[list[Column], Lines]:
    """Read delimited text with a first line of names.

    Args:
        data: The bytes of the file.
        source: The file's name, for messages.
        encoding: How the bytes stand for characters.
        separator: The character between fields; found in the first lines if `None`.
        missing: Further words that mean 'missing'.

    Returns:
        The columns, and the line on which each row begins.

    Raises:
        DataError: The text cannot be decoded, is empty, has ragged rows or no usable names.
    """
    data = to_utf8(data, source, encoding)
    head = data[: 1 << 16].decode("utf-8", "ignore")
    separator = separator or sniff_separator(head)
    if len(separator) != 1 or separator in '"\r\n' or not separator.isascii():
        raise DataError(
            "a separator must be one ASCII character",
            repr(separator),
            'Pass separator="," or ";" or "\\t".',
        )
    names, cells, lines = _records(data, source, separator)
    columns = [
        column_from_text(name, column, missing=missing, separator=separator)
        for name, column in zip(names, cells, strict=True)
    ]
    return columns, lines


def to_utf8(data: bytes, source: str, encoding: str) -> bytes:
    """The text as UTF-8 without a byte order mark, its lines ended by LF or CRLF."""
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)  # some of Python's codecs, such as hex, are not of text
    except (LookupError, ValueError):
        raise DataError(
            "an encoding must be one that Python knows",
            repr(encoding),
            'Pass encoding="utf-8", "cp1252", "latin-1" or "utf-16".',
        ) from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and codec == "utf-8":
        codec = "utf-32" if data.startswith(codecs.BOM_UTF32_LE) else "utf-16"
    try:
        data.decode(codec) if codec == "utf-8" else None
        data = data if codec == "utf-8" else data.decode(codec).encode("utf-8")
    except UnicodeError as error:
        raise _not_decodable(data, source, encoding, error) from None
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in data:
        line = data.count(b"\n", 0, data.index(b"\x00")) + 1
        raise DataError(
            f"{source} must be text",
            f"a zero byte on line {line}",
            "Give a CSV, TSV or Parquet file, or the right encoding.",
        )
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if not data.strip():
        raise DataError(
            f"{source} must hold a line of names and rows below it",
            "an empty file",
            "Check that it was written completely.",
        )
    return data


def _not_decodable(data: bytes, source: str, encoding: str, error: UnicodeError) -> DataError:
    start = getattr(error, "start", 0)
    line = data.count(b"\n", 0, start) + 1
    return DataError(
        f"{source} must be text in {encoding}",
        f"the byte 0x{data[start]:02x} on line {line}" if start < len(data) else str(error),
        'Say how it is encoded: encoding="cp1252" (Windows), "latin-1" or "utf-16".',
    )


def _records(data: bytes, source: str, separator: str) -> tuple[list[str], list[pl.Series], Lines]:
    """Names, columns of text cells, and the lines of the rows."""
    found = structure(data, separator)
    widths = found.fields[found.fields > 0]
    if found.closed and (widths == widths[0]).all():
        names, cells, lines = _fast(data, source, separator, found)
    else:
        names, cells, lines = _slow(data, source, separator)
    if not len(lines):
        raise DataError(
            f"{source} must hold rows below its line of names",
            f"only the names {', '.join(names[:10])}",
            "Check that the file was written completely.",
        )
    return names, cells, lines


def _fast(
    data: bytes, source: str, separator: str, found: Structure
) -> tuple[list[str], list[pl.Series], Lines]:
    """The records of a well-formed text, by polars."""
    import polars as pl

    filled = np.flatnonzero(found.fields)
    try:
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            infer_schema=False,
            separator=separator,
            quote_char='"' if b'"' in data else None,
            schema={f"column {i}": pl.String for i in range(int(found.fields[filled[0]]))},
        )
    except pl.exceptions.PolarsError:  # a cell such as {"y":2}, with a quote only at its end
        return _slow(data, source, separator)
    if frame.height != len(found.fields):  # the two disagree on what a record is
        return _slow(data, source, separator)
    if len(filled) != frame.height:
        frame = frame[filled]
    names = check_names(["" if name is None else name for name in frame.row(0)], source)
    return names, frame[1:].get_columns(), found.lines[filled][1:]


def _slow(data: bytes, source: str, separator: str) -> tuple[list[str], list[pl.Series], Lines]:
    """The records one by one, where a quote stands within a field or a row is ragged."""
    import polars as pl

    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator)
    names: list[str] | None = None
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    for record in reader:
        begins, line = line, reader.line_num + 1
        if not record:
            continue
        if names is None:
            names = check_names(record, source)
            continue
        if len(record) != len(names):
            raise ragged(source, begins, record, names, line - begins, separator)
        rows.append(record)
        lines.append(begins)
    if lines and line - lines[-1] > 1:
        _check_closed(data, source, lines[-1], separator)
    columns = zip(*rows, strict=True) if rows else [()] * len(names or ())
    cells = [pl.Series(list(column), dtype=pl.String) for column in columns]
    return names or [], cells, np.array(lines, np.int64)


def _check_closed(data: bytes, source: str, line: int, separator: str) -> None:
    """Refuse a last record that a forgotten quote stretches to the end of the file."""
    last = b"\n".join(data.split(b"\n")[line - 1 :]).decode("utf-8")
    try:
        for _ in csv.reader(io.StringIO(last, newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        if "end of data" in str(error):
            raise _unclosed(source, line) from None


def _unclosed(source: str, line: int) -> DataError:
    return DataError(
        f"every quote in {source} must be closed",
        f"a quoted cell that begins on line {line} and does not end there",
        "Close the quote on that line.",
    )


def ragged(
    source: str, line: int, record: list[str], names: list[str], height: int, separator: str
) -> DataError:
    """The error for a row with more or fewer fields than there are names."""
    fields = f"{len(record)} field{'s' if len(record) != 1 else ''}"
    if height > 1:
        return _unclosed(source, line)
    return DataError(
        f"every row of {source} must have as many fields as there are names ({len(names)})",
        f"line {line} with {fields}",
        f"Mend that line, or pass the separator if it is not {separator!r}.",
    )


def check_names(names: Iterable[str], source: str) -> list[str]:
    """The columns' names, stripped; an empty one is called `unnamed_1` and so on.

    Raises:
        DataError: Two columns have one name.

    Example:
        >>> check_names(["", " age "], "people.csv")
        ['unnamed_1', 'age']
    """
    stripped = [name.strip() for name in names]
    named = [name or f"unnamed_{i}" for i, name in enumerate(stripped, 1)]
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        places = [str(i) for i, name in enumerate(named, 1) if name == twice[0]]
        raise DataError(
            f"each column of {source} must have a name of its own",
            f"{twice[0]!r} as the name of columns {', '.join(places)}",
            "Rename one of them. If the file has no line of names, add one.",
        )
    return named
