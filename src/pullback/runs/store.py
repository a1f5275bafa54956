"""The folder of a run: everything that a run leaves behind, and all that a resume needs.

    runs/penguins-1/
        run.json                 what was run: configuration, data, network, machine
        status.json              how it stands
        encoder.json             how raw rows become numbers
        data.safetensors         a copy of the arrays, where they are small
        checkpoints/000000120.safetensors
        best/000000100.safetensors
        model.safetensors        the network; usable alone
        telemetry.sqlite         what happened, step by step
        lock                     held by the process that trains

Every file is written whole or not at all, so a run can be loaded whenever its process was killed.
"""

from __future__ import annotations

import datetime
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pullback.container import Array, Contents, read_tensors, write_tensors
from pullback.document import NewerVersionError, read_document, write_document
from pullback.errors import FileFormatError, PullbackError
from pullback.files import sweep_temporaries
from pullback.runs.checkpoint import Checkpoint, CheckpointFolder, KeepPolicy
from pullback.runs.database import LockedError, set_aside
from pullback.runs.folder import discard, folder_name, new_draft, publish
from pullback.runs.lock import RunLock
from pullback.runs.recorded import Recorded, recorded
from pullback.runs.status import STATUS, State, Status, read_status, write_status
from pullback.runs.telemetry import TELEMETRY, Telemetry

COPY_LIMIT = 64 * 2**20
"""Arrays of fewer bytes than this are copied into the run."""

RUN, ENCODER = "run.json", "encoder.json"
MODEL, DATA = "model.safetensors", "data.safetensors"


class RunStore:
    """One run's folder; made by `create` or `open`, never directly.

    Example:
        >>> import tempfile, numpy as np
        >>> weights = {"0.weight": np.zeros((2, 3))}
        >>> store = RunStore.create(
        ...     tempfile.mkdtemp(), "demo", record={"task": "regression"}, tensors=weights, state={}
        ... )
        >>> store.save_checkpoint(10, weights, {"epoch": 1})
        >>> store.finish("finished", "the target was reached")
        >>> store.close()
        >>> again = RunStore.open(store.path)
        >>> again.name, again.status.state, again.checkpoints(), again.load_checkpoint().state
        ('demo-1', 'finished', [0, 10], {'epoch': 1})
    """

    def __init__(
        self, path: Path, record: dict[str, Any], lock: RunLock | None, keep: KeepPolicy
    ) -> None:
        self.path = path
        self.record = record
        self.keep = keep
        self._lock = lock
        self._telemetry: Telemetry | None = None
        self._checkpoints = CheckpointFolder(path / "checkpoints")
        self._best = CheckpointFolder(path / "best")

    @classmethod
    def create(
        cls,
        root: str | os.PathLike[str],
        name: str,
        *,
        record: Mapping[str, Any],
        tensors: Mapping[str, Array],
        state: Mapping[str, Any],
        encoder: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Array] | None = None,
        keep: KeepPolicy | None = None,
    ) -> RunStore:
        """Make a new run, which appears complete, with checkpoint 0, and hold its lock.

        Args:
            root: The folder of runs; made if need be.
            name: What stands before the run's number; characters that a folder's name should not
                have are replaced.
            record: What was run, as plain values. The index reads "task" and "target" from it.
            tensors: Checkpoint 0: parameters and optimizer state before the first step.
            state: The rest of checkpoint 0.
            encoder: How raw rows become numbers.
            arrays: The data, copied into the run where they are below `COPY_LIMIT` bytes.
            keep: Which checkpoints stay.

        Raises:
            StorageError: The disk is full or may not be written; nothing is left there.
        """
        name = folder_name(name)
        draft = new_draft(Path(root), name)
        lock: RunLock | None = None
        try:
            if sys.platform != "win32":  # which cannot rename a folder that holds an open file
                lock = RunLock.acquire(draft)
            complete = {
                "id": secrets.token_hex(8),
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                **record,
            }
            _fill(draft, complete, tensors, state, encoder, arrays)
            path = publish(draft, name)
            if lock is None:
                lock = RunLock.acquire(path)
            store = cls(path, complete, lock, keep or KeepPolicy())
            store._telemetry = Telemetry(path / TELEMETRY, write=True, run=store.identity)
            return store
        except BaseException:
            if lock is not None:
                lock.release()
            discard(draft)
            raise

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, write: bool = False, keep: KeepPolicy | None = None
    ) -> RunStore:
        """Open a run; damaged telemetry does not keep it from opening (see `problems`).

        Args:
            path: The run's folder.
            write: Take its lock, to train on. Damaged telemetry is then set aside.
            keep: Which checkpoints stay.

        Raises:
            FileFormatError: There is no run, its `run.json` is damaged, or it is too new.
            StorageError: Another process trains it, or its folder cannot be written.
        """
        folder = Path(path)
        record = _read_record(folder)
        lock = RunLock.acquire(folder) if write else None
        store = cls(folder, record, lock, keep or KeepPolicy())
        if write:
            try:
                store._prepare()
            except BaseException:
                store.close()
                raise
        return store

    @property
    def name(self) -> str:
        """The folder's name, such as "penguins-1"."""
        return self.path.resolve().name

    @property
    def identity(self) -> str:
        """What tells this run from all others, wherever it lies; empty in runs of before."""
        return str(self.record.get("id", ""))

    @property
    def telemetry(self) -> Telemetry:
        """What happened, step by step.

        Raises:
            FileFormatError: It is missing, damaged, or that of another run.
        """
        if self._telemetry is None:
            self._telemetry = Telemetry(self.path / TELEMETRY, run=self.identity)
        return self._telemetry

    @property
    def status(self) -> Status:
        """How the run stands; "running" only while a living process holds its lock."""
        return read_status(self.path)

    def checkpoints(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        return self._checkpoints.steps()

    def save_checkpoint(
        self,
        step: int,
        tensors: Mapping[str, Array],
        state: Mapping[str, Any],
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        """Save all that a resume from `step` needs, then drop checkpoints that need not stay.

        Telemetry up to `step` is on the disk before the file, and the file before its row.

        Args:
            step: How many steps have been taken.
            tensors: Parameters, moments and whatever else is an array.
            state: The rest, as plain values.
            summary: What the list of runs shows meanwhile ("metric", "best").

        Raises:
            StorageError: The disk is full; earlier checkpoints are as they were.
        """
        self.telemetry.flush(durable=True)
        checksum = self._checkpoints.save(step, tensors, state)
        self.telemetry.add_checkpoint(step, f"checkpoints/{step:09d}.safetensors", checksum)
        self._drop_checkpoints()
        # Unsynced: the status of a running run is only a hint for the list of runs.
        write_status(self.path, Status("running", "", step, dict(summary or {})), sync=False)

    def load_checkpoint(self, step: int | None = None, *, fallback: bool = False) -> Checkpoint:
        """Read a checkpoint.

        Args:
            step: Which; the latest by default.
            fallback: Where it is damaged, take the newest earlier one that is intact.

        Raises:
            FileFormatError: There is none, or it is damaged; an earlier intact one is named.
        """
        steps = self.checkpoints()
        wanted = step if step is not None else (steps[-1] if steps else 0)
        if wanted not in steps:
            listed = ", ".join(map(str, steps[-20:])) or "none"
            raise FileFormatError(
                f"{self.path} must have a checkpoint of step {wanted}",
                f"the checkpoints are {listed}",
                "Choose one of these." if steps else "Train again: nothing can be resumed.",
            )
        try:
            return self._checkpoints.load(wanted)
        except FileFormatError as error:
            earlier = self._checkpoints.load_newest(up_to=wanted - 1)
            if earlier is not None and fallback:
                return earlier
            if isinstance(error, NewerVersionError):
                raise
            advice = "No earlier checkpoint is intact: train again."
            if earlier is not None:
                advice = (
                    f"Step {earlier.step} is the newest intact checkpoint: "
                    f"pullback resume {self.path} --step {earlier.step}"
                )
            raise FileFormatError(error.must, error.received, advice) from error

    def rewind(self, checkpoint: Checkpoint) -> None:
        """Make `checkpoint` the latest: all that lies beyond it is deleted; training goes on there.

        Raises:
            StorageError: The folder cannot be written.
        """
        step = checkpoint.step
        # The network of the old end is none of this run's any more, whatever happens next.
        (self.path / MODEL).unlink(missing_ok=True)
        later = [other for other in self.checkpoints() if other > step]
        self.telemetry.remove_checkpoints(later)
        self._checkpoints.remove(later)
        self._best.remove([other for other in self._best.steps() if other > step])
        self.telemetry.truncate_after(step)
        # Its row is missing if the process was killed between the file and the row.
        file = f"checkpoints/{step:09d}.safetensors"
        self.telemetry.add_checkpoint(step, file, checkpoint.checksum)
        write_status(self.path, Status("running", "", step, self.status.summary))

    def save_best(self, step: int, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        """Save the best weights so far. Those that a kept checkpoint knew as best stay too."""
        self._best.save(step, tensors, state)

    def load_best(self, up_to: int | None = None) -> Checkpoint | None:
        """The best weights as they were known at step `up_to` (or at the end), if there are any."""
        return self._best.load_newest(up_to)

    @property
    def best_step(self) -> int | None:
        """The step after which the weights were the best so far, if the run keeps them."""
        return max(self._best.steps(), default=None)

    def save_model(self, tensors: Mapping[str, Array], metadata: Mapping[str, Any]) -> Path:
        """Save the network, as a file that is usable without the run, and return its path."""
        path = self.path / MODEL
        write_tensors(path, tensors, metadata, kind="network")
        return path

    def load_model(self) -> Contents:
        """The network that `save_model` wrote.

        Raises:
            FileFormatError: It is missing or damaged.
        """
        return read_tensors(self.path / MODEL, kind="network")

    def load_encoder(self) -> dict[str, Any] | None:
        """How raw rows become numbers, if the run has an encoder."""
        path = self.path / ENCODER
        return read_document(path, kind="encoder") if os.path.lexists(path) else None

    def load_data(self) -> dict[str, Array] | None:
        """The copied arrays, if the run has them."""
        path = self.path / DATA
        return read_tensors(path, kind="data").tensors if os.path.lexists(path) else None

    def finish(
        self, state: State, reason: str, summary: Mapping[str, Any] | None = None, step: int = 0
    ) -> None:
        """Say how the run ended: "finished", "interrupted" or "failed", and why."""
        self.telemetry.flush(durable=True)
        last = max([step, *self.checkpoints()])
        write_status(self.path, Status(state, reason, last, dict(summary or {})))

    def problems(self, known: Recorded | None = None) -> list[str]:
        """What of the run is lost, one sentence each; empty when all is well.

        Args:
            known: What its telemetry tells, where that was read already.
        """
        lost = (recorded(self) if known is None else known).lost
        found = [lost] if lost else []
        checks: dict[str, Callable[[], object]] = {
            STATUS: lambda: read_document(self.path / STATUS, kind="status"),
            ENCODER: self.load_encoder,
        }
        for name, check in checks.items():
            try:
                check()
            except PullbackError as error:
                found.append(f"{name} is lost: {error.received}")
        if not self.checkpoints():
            found.append("no checkpoint is left: the run cannot be resumed")
        return found

    def close(self) -> None:
        """Write what waits and give the lock back; a second call does nothing."""
        try:
            if self._telemetry is not None:
                self._telemetry.close()
        finally:
            self._telemetry = None
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Clean up after a killed writer and open the telemetry, or a new one if it is lost."""
        sweep_temporaries(self.path)
        self._checkpoints.prepare()
        self._best.prepare()
        path = self.path / TELEMETRY
        try:
            self._telemetry = Telemetry(path, write=True, run=self.identity)
            self._telemetry.history()
        except LockedError:
            raise
        # Also a newer version: the run's record says that this version may read the run, and a
        # damaged byte can look like one. What is set aside is not lost.
        except FileFormatError as error:
            if self._telemetry is not None:
                self._telemetry.close()
            set_aside(path)
            Telemetry.create(path, self.identity)
            self._telemetry = Telemetry(path, write=True, run=self.identity)
            self._telemetry.append_event(0, "telemetry lost", error.received)

    def _drop_checkpoints(self) -> None:
        steps = self.checkpoints()
        kept = self.keep.kept(steps)
        dropped = sorted(set(steps) - set(kept))
        if dropped:
            self.telemetry.remove_checkpoints(dropped)
            self._checkpoints.remove(dropped)
        best = self._best.steps()
        needed = {max((b for b in best if b <= step), default=-1) for step in kept} | set(best[-1:])
        self._best.remove([step for step in best if step not in needed])


def _fill(
    draft: Path,
    record: Mapping[str, Any],
    tensors: Mapping[str, Array],
    state: Mapping[str, Any],
    encoder: Mapping[str, Any] | None,
    arrays: Mapping[str, Array] | None,
) -> None:
    """Write the first files of a run."""
    write_document(draft / RUN, record, kind="run")
    if encoder is not None:
        write_document(draft / ENCODER, encoder, kind="encoder")
    if arrays and sum(array.nbytes for array in arrays.values()) < COPY_LIMIT:
        write_tensors(draft / DATA, arrays, {}, kind="data")
    checkpoints = CheckpointFolder(draft / "checkpoints")
    checkpoints.prepare()
    CheckpointFolder(draft / "best").prepare()
    checksum = checkpoints.save(0, tensors, state)
    Telemetry.create(draft / TELEMETRY, record["id"])
    telemetry = Telemetry(draft / TELEMETRY, write=True, run=record["id"])
    try:
        telemetry.add_checkpoint(0, "checkpoints/000000000.safetensors", checksum)
    finally:
        telemetry.close()
    write_status(draft, Status("running"))


def _read_record(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise FileFormatError(
            f"{folder} must be the folder of a run",
            "a file" if folder.exists() else "there is no such folder",
            "Name a folder such as runs/penguins-1; `pullback runs` lists them.",
        )
    try:
        return read_document(folder / RUN, kind="run")
    except NewerVersionError:
        raise
    except FileFormatError as error:
        model = folder / MODEL
        advice = f"The network alone can still be loaded: {model}" if model.is_file() else error.do
        raise FileFormatError(error.must, error.received, advice) from error
