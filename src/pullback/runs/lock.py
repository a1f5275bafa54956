"""One process trains a run: an operating system lock on a file in its folder.

The system gives the lock back when its holder ends, however it ends; so a run that says 'running'
and that nobody has locked was killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
from pathlib import Path

from pullback.document import parse_json, to_json
from pullback.errors import PullbackError, StorageError
from pullback.files import read_bounded, storage_error

LOCK_NAME = "lock"
PATIENCE = 0.5
"""Seconds for which `acquire` tries: someone who only asks holds the lock for an instant."""


class RunLock:
    """The right to write into a run's folder, held until `release` or the end of the process.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> lock = RunLock.acquire(folder)
        >>> is_locked(folder)
        True
        >>> lock.release()
        >>> is_locked(folder)
        False
    """

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    @classmethod
    def acquire(cls, folder: Path) -> RunLock:
        """Take the lock of the run in `folder`.

        Raises:
            StorageError: Another process trains this run, or the folder cannot be written.
        """
        path = folder / LOCK_NAME
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            handle = os.open(path, flags, 0o666)
        except OSError as error:
            raise storage_error(path, error) from error
        deadline = time.monotonic() + PATIENCE
        while not _try_lock(handle, exclusive=True):
            if time.monotonic() > deadline:
                os.close(handle)
                raise StorageError(
                    f"only one process at a time may train {folder}",
                    f"it is being trained by {_holder(path)}",
                    "Wait until it has ended, or stop it.",
                )
            time.sleep(0.02)
        _sign(handle)
        return cls(handle)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._handle is not None:
            _unlock(self._handle)
            os.close(self._handle)
            self._handle = None


def is_locked(folder: Path) -> bool:
    """Whether a living process trains the run in `folder` (this one counts too)."""
    try:
        flags = os.O_RDONLY if sys.platform != "win32" else os.O_RDWR
        handle = os.open(folder / LOCK_NAME, flags | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        if not _try_lock(handle, exclusive=False):
            return True
        _unlock(handle)
        return False
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    _PLACE = 1 << 30  # a byte beyond the text: a locked byte cannot be read by others

    def _try_lock(handle: int, *, exclusive: bool) -> bool:
        del exclusive  # Windows knows only the exclusive kind
        try:
            os.lseek(handle, _PLACE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, _PLACE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int, *, exclusive: bool) -> bool:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise storage_error(Path(LOCK_NAME), error) from error
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _sign(handle: int) -> None:
    """Leave a note of who holds the lock; it serves the error message only."""
    note = to_json({"process": os.getpid(), "machine": socket.gethostname()}).encode()
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, note)


def _holder(path: Path) -> str:
    try:
        note = parse_json(read_bounded(path, 1000))
        return f"process {int(note['process'])} on {str(note['machine'])[:80]!r}"
    except (PullbackError, ValueError, TypeError, KeyError):
        return "another process"
