"""Files written whole or not at all.

Every file that the library writes goes through `atomic_write`: the bytes go to a temporary file
beside the target, are synced to the disk, and only then take the target's name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pullback.errors import StorageError


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under `path` only when the block ends well.

    Args:
        path: Where the file is to be. Its folder must exist.

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
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        temporary = None
        sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, StorageError) or error.errno is None:
            raise
        raise storage_error(target, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def atomic_write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 under `path`, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (a rename is, only once its folder is synced)."""
    if os.name == "nt":  # Windows has no handle on a folder that can be synced
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Turn an `OSError` from writing `path` into one that says what to do."""
    advice = {
        errno.ENOSPC: "Free some room on that disk, or choose another folder.",
        errno.EDQUOT: "Your quota on that disk is used up: free some room or choose another folder.",
        errno.EACCES: "Choose a folder that you may write to.",
        errno.EROFS: "Choose a folder on a disk that is not read-only.",
        errno.ENOENT: "Make the folder first, or choose another.",
    }
    return StorageError(
        f"{path} must be writable",
        f"{error.strerror or error}",
        advice.get(error.errno or 0, "Check the disk and the path."),
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
