"""Checked JSON documents: a record that says what it is and notices damage.

A document is one JSON object with four members: `format`, `version`, `checksum` (SHA-256 of the
content in canonical form) and `content`. The same strict parser reads the metadata inside
tensor files.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from typing import Any

from pullback.errors import ConfigError, FileFormatError
from pullback.files import atomic_write_text, read_bounded

LIMIT = 32 * 2**20
"""The most bytes of JSON that are read from or written to one file."""


class NewerVersionError(FileFormatError):
    """An intact file that only a newer version of the library understands."""


def write_document(
    path: str | os.PathLike[str],
    content: Mapping[str, Any],
    *,
    kind: str,
    version: int = 1,
    sync: bool = True,
) -> None:
    """Write `content` as a checked document of this `kind`, whole or not at all.

    Raises:
        ConfigError: The content is not JSON or too long.
        StorageError: The file cannot be written.
    """
    plain = parse_json(to_json(content).encode())
    document = {
        "format": f"pullback {kind}",
        "version": version,
        "checksum": _checksum(kind, version, plain),
        "content": plain,
    }
    atomic_write_text(path, to_json(document, indent=1) + "\n", sync=sync)


def read_document(path: str | os.PathLike[str], *, kind: str, version: int = 1) -> dict[str, Any]:
    """The content of a checked document.

    Args:
        path: The file.
        kind: What it must be.
        version: The newest version that the caller understands.

    Raises:
        FileFormatError: The file is missing, damaged, something else, or made by a newer version.
    """
    try:
        document = parse_json(read_bounded(path, LIMIT))
    except ValueError as error:
        raise damaged(path, kind, str(error)) from error
    if not isinstance(document, dict) or document.get("format") != f"pullback {kind}":
        raise damaged(path, kind, "JSON of another format")
    check_version(path, document.get("version"), version)
    content = document.get("content")
    if not isinstance(content, dict):
        raise damaged(path, kind, "no content")
    if document.get("checksum") != _checksum(kind, document["version"], content):
        raise damaged(path, kind, "its checksum does not fit: it was changed or damaged")
    return content


def to_json(value: Any, *, indent: int | None = None) -> str:
    """`value` as ASCII JSON text; NumPy scalars become numbers, NaN and inf are kept.

    Raises:
        ConfigError: The value holds something that JSON has no form for, or is too long.

    Example:
        >>> to_json({"rate": 0.1, "sizes": (3, 4)})
        '{"rate": 0.1, "sizes": [3, 4]}'
    """
    try:
        text = json.dumps(value, default=_plain, indent=indent)
        parse_json(text.encode())  # notices {1: ..., "1": ...}, which would lose a member
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            "what is saved must be JSON: numbers, strings, true, false, null, lists, mappings",
            str(error) or "values nested too deeply",
            "Turn it into plain values first.",
        ) from error
    if len(text) > LIMIT:
        raise ConfigError(
            f"what is saved as JSON must fit in {LIMIT:,} bytes",
            f"{len(text):,} bytes",
            "Save large values as arrays.",
        )
    return text


def parse_json(content: bytes) -> Any:
    """Strict JSON: UTF-8, no name twice in an object, no depth that exhausts the stack.

    Raises:
        ValueError: Anything else; the message says what.

    Example:
        >>> parse_json(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: the name 'a' stands twice in one object
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise ValueError("text that is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def canonical(value: Any) -> bytes:
    """One spelling for equal JSON values: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def check_version(path: str | os.PathLike[str], found: object, newest: int) -> None:
    """Refuse a file whose format version is no number or newer than `newest`."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise FileFormatError(
            f"{path} must state its format version", f"{found!r}"[:80], "Use an intact copy of it."
        )
    if found > newest:
        raise NewerVersionError(
            f"{path} must have format version {newest} or older",
            f"version {found}: it was made by a newer version of pullback",
            "Upgrade: pip install --upgrade pullback.",
        )


def damaged(
    path: str | os.PathLike[str], kind: str, received: str, do: str = ""
) -> FileFormatError:
    """The error for a file of ours that is not intact."""
    return FileFormatError(
        f"{path} must be an intact pullback {kind} file",
        received,
        do or "Use another copy of the file, or make it again.",
    )


def _checksum(kind: str, version: int, content: object) -> str:
    return hashlib.sha256(canonical([kind, version, content])).hexdigest()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = sorted(name for name, _ in pairs)
        twice = next(name for name, after in itertools.pairwise(names) if name == after)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return members


def _plain(value: object) -> object:
    import numpy

    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} {value!r:.60} is not JSON")
