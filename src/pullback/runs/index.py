"""The list of runs, with an index that may be lost at any time.

`runs/index.sqlite` repeats what the folders say, one row a run, so that a list of many runs is
quick and can be queried with SQL. A row counts only while its folder has not changed since; a
damaged index is thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullback.document import read_document
from pullback.errors import FileFormatError, StorageError
from pullback.runs.database import (
    LockedError,
    checked_rows,
    create_database,
    open_database,
    plain_number,
    row_check,
    transaction,
    translated,
)
from pullback.runs.status import STATUS, read_status
from pullback.runs.store import RUN

if TYPE_CHECKING:
    from sqlite3 import Connection

INDEX = "index.sqlite"
VERSION = 1
TABLES = {
    "runs": "CREATE TABLE runs (signature TEXT NOT NULL, name TEXT PRIMARY KEY, "
    "created TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, task TEXT NOT NULL, "
    "target TEXT NOT NULL, metric TEXT NOT NULL, best REAL, steps INTEGER NOT NULL, "
    "path TEXT NOT NULL, row_check INTEGER NOT NULL)"
}


@dataclass(frozen=True)
class RunSummary:
    """One line in the list of runs.

    Attributes:
        name: The folder's name.
        created: When, in UTC, as ISO 8601 writes it.
        status: "running", "finished", "interrupted", "failed", or "damaged".
        reason: Why it stopped, or what is damaged.
        task: "classification" or "regression".
        target: The column that is predicted.
        metric: The name of the metric that `best` is of.
        best: Its best value, None if unknown.
        steps: How many steps were taken.
        path: The folder.
    """

    name: str
    created: str
    status: str
    reason: str
    task: str
    target: str
    metric: str
    best: float | None
    steps: int
    path: str


def list_runs(root: str | os.PathLike[str]) -> list[RunSummary]:
    """All runs in the folder `root`, the oldest first; none where there is no such folder.

    A run whose record is damaged is listed as such.
    """
    folder = Path(root)
    signatures = {path.name: _signature(path) for path in _run_folders(folder)}
    if not signatures:
        return []
    known = _read_index(folder)
    runs: dict[str, tuple[str, RunSummary]] = {}
    for name, signature in signatures.items():
        old_signature, summary = known.get(name, ("", None))
        # A running run may have been killed since, which changes no file.
        if summary is None or old_signature != signature or summary.status == "running":
            summary = summarise(folder / name)
        runs[name] = (signature, dataclasses.replace(summary, path=str(folder / name)))
    if runs != known:
        _write_index(folder, runs)
    return sorted((run for _, run in runs.values()), key=lambda run: (run.created, run.name))


def summarise(path: Path) -> RunSummary:
    """What the run's own folder says."""
    status = read_status(path)
    state, reason, record = str(status.state), status.reason, {}
    try:
        record = read_document(path / RUN, kind="run")
    except FileFormatError as error:
        state, reason = "damaged", f"{RUN}: {error.received}"
    best = status.summary.get("best")
    if isinstance(best, bool) or not isinstance(best, int | float):
        best = None
    return RunSummary(
        name=path.name,
        created=_text(record, "created"),
        status=state,
        reason=reason,
        task=_text(record, "task"),
        target=_text(record, "target"),
        metric=_text(status.summary, "metric"),
        best=None if best is None else plain_number(float(best)),
        steps=status.step,
        path=str(path),
    )


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _run_folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            return [
                Path(root, entry.name)
                for entry in entries
                if not entry.name.startswith(".")
                and entry.is_dir()
                and any(os.path.lexists(os.path.join(entry.path, part)) for part in (RUN, STATUS))
            ]
    except OSError:
        return []


def _signature(path: Path) -> str:
    """What changes whenever the summary of the run in `path` may change."""
    parts = []
    for name in (RUN, STATUS, "checkpoints"):
        with contextlib.suppress(OSError):
            status = os.stat(path / name)
            size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            parts.append(f"{name}:{status.st_mtime_ns}:{size}:{status.st_ino}")
    return " ".join(parts)


def _read_index(root: Path) -> dict[str, tuple[str, RunSummary]]:
    names = [field.name for field in dataclasses.fields(RunSummary)]
    query = f"SELECT signature, {', '.join(names)}, row_check FROM runs"
    try:
        with contextlib.closing(_open(root, write=False)) as connection:
            rows = checked_rows(connection, query, root / INDEX, "index")
        return {row[1]: (row[0], RunSummary(*row[1:])) for row in rows}
    except (FileFormatError, StorageError):
        return {}


def _write_index(root: Path, runs: dict[str, tuple[str, RunSummary]]) -> None:
    """Put the rows into the index; a damaged index is made anew, once."""
    for _ in range(2):
        try:
            if not os.path.lexists(root / INDEX):
                create_database(root / INDEX, TABLES, VERSION)
            with contextlib.closing(_open(root, write=True)) as connection:
                _replace_rows(connection, root / INDEX, runs)
            return
        except (LockedError, StorageError):
            return  # a list can be shown without an index
        except FileFormatError:
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(OSError):
                    os.unlink(f"{root / INDEX}{suffix}")


def _replace_rows(
    connection: Connection, path: Path, runs: dict[str, tuple[str, RunSummary]]
) -> None:
    rows = [(signature, *dataclasses.astuple(run)) for signature, run in runs.values()]
    marks = ", ".join("?" * (len(dataclasses.fields(RunSummary)) + 2))
    with translated(path, "index"), transaction(connection, durable=False):
        connection.execute("DELETE FROM runs")
        connection.executemany(
            f"INSERT INTO runs VALUES ({marks})", [(*row, row_check(row)) for row in rows]
        )


def _open(root: Path, *, write: bool) -> Connection:
    return open_database(root / INDEX, TABLES, VERSION, kind="index", write=write)
