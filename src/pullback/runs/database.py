"""SQLite opened with suspicion: exact schema, checked rows, our own errors.

A database of ours has exactly the tables that we declare (a view or trigger in a file from
elsewhere could run without end), and each row carries a check value over its other columns, since
SQLite itself does not notice a changed number.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullback.document import canonical, check_version, damaged
from pullback.errors import FileFormatError, PullbackError, StorageError
from pullback.files import storage_error

if TYPE_CHECKING:
    from sqlite3 import Connection

BUSY_SECONDS = 5.0
LARGEST_VALUE = 16 * 2**20


class LockedError(FileFormatError):
    """A database that another program holds locked for longer than we wait."""


def create_database(
    path: Path, tables: Mapping[str, str], version: int, *, owner: str = ""
) -> None:
    """Make an empty database under a new `path`.

    Args:
        path: Where it will be.
        tables: The CREATE statement of each table, by name.
        version: The number of this layout.
        owner: Whose it is; see `open_database`.
    """
    import sqlite3

    with translated(path, "database"):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in tables.values():
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={version:d}")
            connection.execute(f"PRAGMA application_id={_mark(owner):d}")
            connection.execute("COMMIT")
        finally:
            connection.close()


def open_database(
    path: Path,
    tables: Mapping[str, str],
    version: int,
    *,
    kind: str,
    write: bool,
    before: Collection[str] = (),
    owner: str = "",
) -> Connection:
    """Open a database that `create_database` made, after checking that it is one.

    Args:
        path: Where it is.
        tables: What it must have: the CREATE statement of each table, by name.
        version: The number of this layout.
        kind: What it is, in words.
        write: Open it for writing.
        before: The tables that the layout before this one had; of such a database the others are
            made when it is opened for writing.
        owner: Whose it must be, as it was named when the database was made.

    Raises:
        FileFormatError: It is missing, damaged, locked, another's, something else, or too new.
    """
    _regular(path, kind)
    with translated(path, kind):
        connection = _connect(path, write)
        try:
            old = {name: tables[name] for name in before}
            found = _check(connection, path, tables, old, version, kind)
            _check_owner(connection, path, kind, owner)
            if write and found < version:
                _upgrade(connection, [sql for n, sql in tables.items() if n not in old], version)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def translated(path: Path, kind: str) -> Iterator[None]:
    """Turn what SQLite raises into errors that say what to do."""
    import sqlite3

    try:
        yield
    except PullbackError:
        raise
    except sqlite3.Error as error:
        text = str(error)
        if any(word in text for word in ("full", "readonly", "disk I/O")):
            raise StorageError(
                f"{path} must be writable",
                text,
                "Free some room there, or check its permissions.",
            ) from error
        if "locked" in text:
            raise LockedError(
                f"{path} must be free to be read and written",
                "another program holds it locked",
                "Close that program, then try again.",
            ) from error
        raise damaged(path, kind, text) from error
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise damaged(path, kind, str(error) or "values that are no numbers") from error


@contextlib.contextmanager
def transaction(connection: Connection, *, durable: bool) -> Iterator[None]:
    """All statements of the block or none.

    Args:
        connection: Where.
        durable: Wait until the disk has them; without it they survive a killed process, but the
            newest may be lost in a power failure.
    """
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def row_check(row: Sequence[Any]) -> int:
    """The check value of a row of plain values.

    Example:
        >>> row_check((1, "train", 0.5)) == row_check((1, "train", 0.25))
        False
    """
    return zlib.crc32(canonical([plain_number(value) for value in row]))


def checked_rows(
    connection: Connection, query: str, path: Path, kind: str
) -> list[tuple[Any, ...]]:
    """The rows of `query`, whose last column must be the check value of those before it."""
    rows = []
    with translated(path, kind):
        for *row, check in connection.execute(query):
            if row_check(row) != check:
                raise damaged(path, kind, "a row whose check value does not fit")
            rows.append(tuple(row))
    return rows


def plain_number(value: Any) -> Any:
    """The value as SQLite gives it back: NaN is stored as NULL, -0.0 as 0.0.

    Example:
        >>> plain_number(float("nan")), plain_number(-0.0)
        (None, 0.0)
    """
    if isinstance(value, float):
        return None if value != value else value + 0.0
    if isinstance(value, bytes):
        raise ValueError("bytes where a number or text should stand")
    return value


def set_aside(path: Path) -> None:
    """Rename a damaged database, with its log, out of the way of a new one."""
    number = 1
    while os.path.lexists(path.with_name(f"{path.stem}.damaged-{number}.sqlite")):
        number += 1
    aside = f"{path.stem}.damaged-{number}.sqlite"
    try:
        for suffix in ("-wal", "-shm", ""):
            if os.path.lexists(f"{path}{suffix}"):
                os.replace(f"{path}{suffix}", path.with_name(aside + suffix))
    except OSError as error:
        raise storage_error(path, error) from error


def _regular(path: Path, kind: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError) as error:
        raise damaged(path, kind, "there is no such file") from error
    if not stat.S_ISREG(mode):
        raise damaged(path, kind, "a folder, link, pipe or device")


def _connect(path: Path, write: bool) -> Connection:
    import sqlite3

    def connect(query: str) -> Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{query}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    try:
        # Reading too opens for writing: the last to close then removes the log beside the file.
        connection = connect("mode=rw")
    except sqlite3.OperationalError:
        # A write-ahead log needs a writable folder; on a read-only one nobody else writes either.
        if write or os.access(path.parent, os.W_OK):
            raise
        connection = connect("mode=ro&immutable=1")
    if not write:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _mark(owner: str) -> int:
    """The number that stands in the header of a database of that owner; 0 is nobody."""
    return (zlib.crc32(owner.encode()) & 0x7FFFFFFF) or 1 if owner else 0


def _check_owner(connection: Connection, path: Path, kind: str, owner: str) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != _mark(owner):
        raise FileFormatError(
            f"{path} must be the {kind} of the run in whose folder it lies",
            f"the {kind} of another run",
            "Put the run's own file back, or remove this one: the rest of the run can be used.",
        )


def _upgrade(connection: Connection, statements: Iterable[str], version: int) -> None:
    """Make the tables that a layout has more than the one before."""
    with transaction(connection, durable=True):
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version:d}")


def _check(
    connection: Connection,
    path: Path,
    tables: Mapping[str, str],
    old: Mapping[str, str],
    version: int,
    kind: str,
) -> int:
    """Refuse a database that is none of ours; returns its layout's number."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    schema = dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex%' LIMIT 100"
        )
    )
    if found > version:
        check_version(path, found, version)
    is_old = bool(old) and found == version - 1 and schema == dict(old)
    if not is_old and (schema != dict(tables) or found != version):
        raise damaged(path, kind, "tables that are not those of this library")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path, kind, str(verdict)[:200])
    return int(found)
