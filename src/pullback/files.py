"""Files written whole or not at all, and read with suspicion.

Every file that the library writes goes through `atomic_write`: the bytes go to a temporary file
beside the target, are synced to the disk, and only then take the target's name. Every file that
it reads goes through `open_regular`, which refuses what is no file (a folder, a pipe, a device).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pullback.errors import FileFormatError, PullbackError, StorageError

TEMPORARY_SUFFIX = ".tmp"


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under `path` only when the block ends well.

    Args:
        path: Where the file is to be. Its folder must exist.
        sync: Wait until the disk has the bytes and the name. Without it the file is still whole
            or absent after a killed process, yet may be lost in a power failure.

    Yields:
        A binary file open for writing.

    Raises:
        StorageError: The disk is full, read-only, or the folder is missing. The file that
            stood under `path` before is left as it was.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic_write(target) as file:
        ...     _ = file.write(b"whole")
        >>> target.read_text()
        'whole'
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        _refuse_device(target)
        temporary = temporary_beside(target)
        # 0o666 leaves the mode to the umask, as a plain open() would.
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
        if sync:
            sync_folder(target.parent)
    except PullbackError:
        raise
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _refuse_device(target: Path) -> None:
    """Refuse to put a file in the place of a device or pipe, such as /dev/null."""
    try:
        mode = os.stat(target).st_mode
    except OSError:  # nothing there; or a link to nothing, which the file replaces
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise StorageError(
            f"{target} must be a file", "a pipe, socket or device", "Name a regular file."
        )


def atomic_write_text(path: str | os.PathLike[str], text: str, *, sync: bool = True) -> None:
    """Write `text` as UTF-8 under `path`, whole or not at all."""
    with atomic_write(path, sync=sync) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[tuple[IO[bytes], int]]:
    """Open a regular file for reading, with its size in bytes.

    Opening never blocks: a pipe under the expected name is refused, not waited for.

    Raises:
        FileFormatError: The file is missing, is no regular file, or cannot be read.
    """
    target = Path(path)
    try:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(target, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _not_a_file(target, status.st_mode)
            yield file, status.st_size
    except PullbackError:
        raise
    except IsADirectoryError as error:
        raise _not_a_file(target, stat.S_IFDIR) from error
    except FileNotFoundError as error:
        raise FileFormatError(
            f"{target} must be a file", "there is no such file", "Check the path."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileFormatError(
            f"{target} must be readable",
            getattr(error, "strerror", None) or str(error),
            "Check the path, its permissions and the disk.",
        ) from error


def read_bounded(path: str | os.PathLike[str], limit: int) -> bytes:
    """The bytes of a file that holds at most `limit` of them.

    Raises:
        FileFormatError: The file is missing, cannot be read, or is larger than `limit`.
    """
    with open_regular(path) as (file, size):
        content = file.read(limit + 1) if size <= limit else b""
        if size > limit or len(content) > limit:
            raise FileFormatError(
                f"{path} must hold at most {limit:,} bytes",
                f"{size:,} bytes",
                "Check that this is the file you mean.",
            )
        return content


def temporary_beside(target: Path) -> Path:
    """A fresh hidden name in the folder of `target`, recognised by `sweep_temporaries`."""
    # 80 characters of the name leave room under the usual limit of 255 bytes.
    name = f".{target.name[:80]}.{os.urandom(6).hex()}{TEMPORARY_SUFFIX}"
    return target.parent / name


def sweep_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed writers left in `folder`.

    To be called only by the one process that may write there.
    """
    with contextlib.suppress(OSError):
        for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            with contextlib.suppress(OSError):
                leftover.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (a rename is, only once its folder is synced)."""
    if os.name == "nt":  # Windows has no handle on a folder that can be synced
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot
            raise
    finally:
        os.close(handle)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Turn an `OSError` from writing `path` into one that says what to do."""
    advice = {
        errno.ENOSPC: "Free some room on that disk, or choose another folder.",
        errno.EDQUOT: "Your quota there is used up: free some room or choose another folder.",
        errno.EFBIG: "That disk or process may not hold so large a file: choose another folder.",
        errno.EACCES: "Choose a folder that you may write to.",
        errno.EROFS: "Choose a folder on a disk that is not read-only.",
        errno.ENOENT: "Make the folder first, or choose another.",
        errno.EISDIR: "A folder stands there: choose another name.",
    }
    return StorageError(
        f"{path} must be writable",
        f"{error.strerror or error}",
        advice.get(error.errno or 0, "Check the disk and the path."),
    )


def _not_a_file(path: Path, mode: int) -> FileFormatError:
    if stat.S_ISDIR(mode):
        return FileFormatError(f"{path} must be a file", "a folder", "Name a file inside it.")
    return FileFormatError(
        f"{path} must be a file", "a pipe, socket or device", "Name a regular file."
    )
