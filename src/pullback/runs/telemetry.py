"""What happened in a run, step by step, in an SQLite database.

Tables: `steps` (one row a training step), `epochs` (one row a metric), `events` (what befell the
run), `checkpoints` (a row appears only after its file is on the disk), and `probes` (one row a step
that was looked at, over the places named in `places`). Anyone may read the file while the run goes
on; only the process that holds the run's lock writes.
"""

from __future__ import annotations

import json
import time as clock
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pullback.document import damaged
from pullback.runs.database import (
    checked_rows,
    create_database,
    open_database,
    plain_number,
    row_check,
    transaction,
    translated,
)

if TYPE_CHECKING:
    from sqlite3 import Connection

KIND, TELEMETRY = "telemetry", "telemetry.sqlite"
VERSION = 2
BEFORE = ("steps", "epochs", "events", "checkpoints")
FLUSH_SECONDS = 0.5
STATISTICS, BINS = 7, 256  # of a place that was looked at
PLACES = "SELECT number, step, names, row_check FROM places"
STEP_COLUMNS = ("step", "epoch", "loss", "learning_rate", "time")

TABLES = {
    "steps": "CREATE TABLE steps (step INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, loss REAL, "
    "learning_rate REAL, time REAL, row_check INTEGER NOT NULL)",
    "epochs": "CREATE TABLE epochs (epoch INTEGER NOT NULL, step INTEGER NOT NULL, "
    "split TEXT NOT NULL, metric TEXT NOT NULL, value REAL, row_check INTEGER NOT NULL, "
    "PRIMARY KEY (step, split, metric))",
    "events": "CREATE TABLE events (time REAL NOT NULL, step INTEGER NOT NULL, "
    "kind TEXT NOT NULL, text TEXT NOT NULL, row_check INTEGER NOT NULL)",
    "checkpoints": "CREATE TABLE checkpoints (step INTEGER PRIMARY KEY, file TEXT NOT NULL, "
    "sha256 TEXT NOT NULL, row_check INTEGER NOT NULL)",
    "places": "CREATE TABLE places (number INTEGER PRIMARY KEY, step INTEGER NOT NULL, "
    "names TEXT NOT NULL, row_check INTEGER NOT NULL)",
    "probes": "CREATE TABLE probes (step INTEGER PRIMARY KEY, places INTEGER NOT NULL, "
    "statistics BLOB NOT NULL, bins BLOB NOT NULL, row_check INTEGER NOT NULL)",
}

StepRow = tuple[int, int, float, float, float]


@dataclass(frozen=True)
class Event:
    """Something that befell a run: when (seconds since 1970), at which step, what."""

    time: float
    step: int
    kind: str
    text: str


@dataclass(frozen=True)
class Looked:
    """What probes saw in one step: statistics, (places, statistics), and bins, (places, bins)."""

    step: int
    places: tuple[str, ...]
    statistics: NDArray[Any]
    bins: NDArray[Any]


class Telemetry:
    """The telemetry of one run.

    Rows wait in memory and go to the disk together, at most every half second while steps come in;
    `flush` writes them at once. A failed write loses none of them.

    Args:
        path: The database, made by `Telemetry.create`.
        write: Open it for writing.
        run: The identity of the run, as its record has it; empty in runs of before there was one.

    Raises:
        FileFormatError: The database is missing, damaged, locked, that of another run, or made by
            a newer version.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "telemetry.sqlite"
        >>> Telemetry.create(path)
        >>> telemetry = Telemetry(path, write=True)
        >>> telemetry.append_step(1, 0, 0.7, 1e-3, 0.01)
        >>> telemetry.append_step(2, 0, 0.6, 1e-3, 0.02)
        >>> telemetry.truncate_after(1)
        >>> telemetry.history()["loss"]
        array([0.7])
        >>> telemetry.close()
    """

    def __init__(self, path: Path, *, write: bool = False, run: str = "") -> None:
        self.path = Path(path)
        self._connection: Connection = open_database(
            self.path, TABLES, VERSION, kind=KIND, write=write, before=BEFORE, owner=run
        )
        self._steps: list[StepRow] = []
        self._rows: list[tuple[str, tuple[Any, ...]]] = []
        self._looks: list[tuple[int, int, bytes, bytes, int]] = []
        self._places: dict[tuple[str, ...], int] = {}  # those that this process has written
        self._flushed = clock.monotonic()

    @staticmethod
    def create(path: Path, run: str = "") -> None:
        """Make an empty database under a new `path`, for the run of that identity."""
        create_database(path, TABLES, VERSION, owner=run)

    def append_step(
        self, step: int, epoch: int, loss: float, learning_rate: float, time: float
    ) -> None:
        """Note one training step; `time` is in seconds since the run began."""
        self._steps.append((step, epoch, loss, learning_rate, time))
        if clock.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def extend_steps(self, rows: Iterable[StepRow]) -> None:
        """Note many steps, each as `append_step` takes it."""
        self._steps.extend(rows)
        if clock.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def append_epoch(self, epoch: int, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Note the metrics of one split ("training", "validation", "test") after `step`."""
        for metric, value in metrics.items():
            self._append("epochs", (int(epoch), int(step), str(split), str(metric), float(value)))

    def append_event(self, step: int, kind: str, text: str) -> None:
        """Note that something befell the run, such as "interrupted" or "resumed"."""
        self._append("events", (clock.time(), int(step), str(kind), str(text)))

    def add_checkpoint(self, step: int, file: str, sha256: str) -> None:
        """Name a checkpoint whose file is on the disk, durably, with all that waits."""
        self._append("checkpoints", (int(step), str(file), str(sha256)))
        self.flush(durable=True)

    def append_look(
        self, step: int, places: Sequence[str], statistics: NDArray[Any], bins: NDArray[Any]
    ) -> None:
        """Note what probes saw in a step.

        Args:
            step: Which.
            places: The names of the places.
            statistics: Of each, float64, (places, statistics).
            bins: Of each, int64, (places, bins); (0, 0) where nothing was counted.
        """
        names = tuple(map(str, places))
        if names not in self._places:
            taken = [number for number, _, _ in self._select(PLACES)]
            self._places[names] = max([*taken, *self._places.values()], default=-1) + 1
            self._append("places", (self._places[names], int(step), json.dumps(names)))
        raw = np.ascontiguousarray(statistics, np.float64).tobytes()
        counts = zlib.compress(np.ascontiguousarray(bins, np.int64).tobytes(), 1)
        row = int(step), self._places[names], raw, counts
        self._looks.append((*row, _look_check(*row)))

    def remove_checkpoints(self, steps: Iterable[int]) -> None:
        """Forget checkpoints, before their files are deleted."""
        with translated(self.path, KIND), transaction(self._connection, durable=False):
            self._connection.executemany(
                "DELETE FROM checkpoints WHERE step = ?", [(int(step),) for step in steps]
            )

    def flush(self, *, durable: bool = False) -> None:
        """Write all rows that wait, in one transaction.

        Raises:
            StorageError: The disk is full or read-only; the rows go on waiting.
        """
        self._flushed = clock.monotonic()
        if not (self._steps or self._rows or self._looks or durable):
            return
        with translated(self.path, KIND), transaction(self._connection, durable=durable):
            if self._steps:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)",
                    _step_rows(self._steps),
                )
            for table, row in self._rows:
                marks = ", ".join("?" * (len(row) + 1))
                self._connection.execute(
                    f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*row, row_check(row))
                )
            self._connection.executemany(
                "INSERT OR REPLACE INTO probes VALUES (?, ?, ?, ?, ?)", self._looks
            )
        self._steps.clear()
        self._rows.clear()
        self._looks.clear()

    def truncate_after(self, step: int) -> None:
        """Delete all that lies beyond `step`: a resume makes it again."""
        self.flush()
        with translated(self.path, KIND), transaction(self._connection, durable=True):
            for table in TABLES:
                self._connection.execute(f"DELETE FROM {table} WHERE step > ?", (int(step),))
        self._places.clear()

    def history(self) -> dict[str, NDArray[Any]]:
        """The steps as columns: `step`, `epoch` (integers), `loss`, `learning_rate`, `time`.

        Raises:
            FileFormatError: The database is damaged.
        """
        self._flush_own()
        with translated(self.path, KIND):
            names = ", ".join((*STEP_COLUMNS, "row_check"))
            rows = self._connection.execute(f"SELECT {names} FROM steps ORDER BY step").fetchall()
            columns = list(zip(*rows, strict=True)) or [()] * (len(STEP_COLUMNS) + 1)
            arrays = _step_columns(columns[:-1])
            checks = np.array(columns[-1], np.int64)
        ordered = bool(np.all(np.diff(arrays["step"]) > 0))
        if not ordered or not np.array_equal(checks, _step_checks(arrays)):
            raise damaged(self.path, KIND, "a row whose check value does not fit")
        return arrays

    def metrics(self) -> dict[str, NDArray[Any]]:
        """The metrics as columns: `epoch`, `step`, then one named "split.metric" for each.

        Every column has one entry for each step at which something was measured, NaN where that
        metric was not.
        """
        self._flush_own()
        rows = self._select(
            "SELECT epoch, step, split, metric, value, row_check FROM epochs ORDER BY step, rowid"
        )
        with translated(self.path, KIND):
            place = {step: index for index, step in enumerate(sorted({row[1] for row in rows}))}
            table: dict[str, NDArray[Any]] = {
                "epoch": np.zeros(len(place), np.int64),
                "step": np.array(list(place), np.int64),
            }
            for epoch, step, split, metric, value in rows:
                table["epoch"][place[step]] = epoch
                column = table.setdefault(f"{split}.{metric}", np.full(len(place), np.nan))
                column[place[step]] = np.nan if value is None else value
        return table

    def events(self) -> list[Event]:
        """What befell the run, in order."""
        self._flush_own()
        return [
            Event(*row)
            for row in self._select(
                "SELECT time, step, kind, text, row_check FROM events ORDER BY rowid"
            )
        ]

    def checkpoints(self) -> dict[int, tuple[str, str]]:
        """The file name and checksum of each checkpoint by its step."""
        self._flush_own()
        rows = self._select("SELECT step, file, sha256, row_check FROM checkpoints ORDER BY step")
        return {step: (file, sha256) for step, file, sha256 in rows}

    def looks(self) -> list[Looked]:
        """What probes saw, step by step.

        Raises:
            FileFormatError: The database is damaged.
        """
        self._flush_own()
        with translated(self.path, KIND):
            query = "SELECT 1 FROM sqlite_schema WHERE name = 'probes'"
            if not self._connection.execute(query).fetchone():
                return []  # of the layout before
        rows = self._select(PLACES)
        names = {number: _names(text) for number, _, text in rows}
        found = []
        with translated(self.path, KIND):
            for *row, check in self._connection.execute(
                "SELECT step, places, statistics, bins, row_check FROM probes ORDER BY step"
            ):
                step, number, raw, counts = row
                if _look_check(*row) != check or number not in names:
                    raise damaged(self.path, KIND, "a row whose check value does not fit")
                places = names[number]
                statistics = np.frombuffer(raw).reshape(len(places), STATISTICS)
                found.append(Looked(step, places, statistics, _bins(counts, len(places))))
        return found

    def close(self) -> None:
        """Write what waits and close the database; a second call does nothing."""
        try:
            self.flush()
        finally:
            self._connection.close()

    def _append(self, table: str, row: tuple[Any, ...]) -> None:
        self._rows.append((table, tuple(plain_number(value) for value in row)))

    def _flush_own(self) -> None:
        if self._steps or self._rows or self._looks:
            self.flush()

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        return checked_rows(self._connection, query, self.path, KIND)


def _names(text: str) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names of places that are none")
    return tuple(names)


def _bins(counts: bytes, places: int) -> NDArray[Any]:
    """The bins of every place; no more is unpacked than they can be."""
    unpacked = zlib.decompressobj().decompress(counts, places * BINS * 8 + 1)
    array = np.frombuffer(unpacked, np.int64)
    return array.reshape(places, BINS) if array.size else np.zeros((0, 0), np.int64)


def _look_check(step: int, places: int, statistics: bytes, bins: bytes) -> int:
    return row_check((step, places, zlib.crc32(statistics), zlib.crc32(bins)))


def _step_rows(steps: list[StepRow]) -> list[tuple[Any, ...]]:
    arrays = _step_columns(list(zip(*steps, strict=True)))
    checks = _step_checks(arrays).tolist()
    return list(zip(*(column.tolist() for column in arrays.values()), checks, strict=True))


def _step_columns(columns: Iterable[Iterable[Any]]) -> dict[str, NDArray[Any]]:
    dtypes = (np.int64, np.int64, np.float64, np.float64, np.float64)
    # 0.0 is added because SQLite gives -0.0 back as 0.0.
    return {
        name: np.array(list(column), dtype) + dtype(0)
        for name, column, dtype in zip(STEP_COLUMNS, columns, dtypes, strict=True)
    }


def _step_checks(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """A check value for every step, over its five numbers, for all rows at once.

    Each number's 64 bits are mixed in by a multiplication modulo 2**64 with an odd constant, which
    is one to one: a change of any one number always changes the value.
    """
    check = np.zeros(len(arrays["step"]), np.uint64)
    for column in arrays.values():
        numbers = np.where(np.isnan(column), np.nan, column) if column.dtype.kind == "f" else column
        check = (check ^ numbers.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        check ^= check >> np.uint64(32)
    return check.view(np.int64)
