"""Run folders that appear under their name complete: `runs/<name>-<number>`.

A folder is filled under a hidden name and then renamed. Renaming onto a folder that is not empty
fails, so two processes that start at once get two numbers without asking each other.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from pathlib import Path

from pullback.errors import StorageError
from pullback.files import storage_error, sync_folder, temporary_beside
from pullback.runs.lock import is_locked

STALE_SECONDS = 600.0
"""The age from which an unfinished folder that nobody has locked is taken for abandoned."""


def folder_name(text: str) -> str:
    """`text` as the first part of a folder's name: letters, digits, '.', '_' and '-'.

    Example:
        >>> folder_name("../My data (2).csv")
        'My-data-2-.csv'
        >>> folder_name("...")
        'run'
    """
    # Letters of any script stay; separators, spaces and control characters do not.
    return re.sub(r"[^\w.-]+", "-", text).strip(".-_")[:48].rstrip(".-_") or "run"


def new_draft(root: Path, name: str) -> Path:
    """Make a hidden empty folder in `root`, which is made too if need be.

    Raises:
        StorageError: The disk is full or may not be written.
    """
    draft = temporary_beside(root / name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep_drafts(root)
        draft.mkdir()
    except OSError as error:
        raise storage_error(root, error) from error
    except ValueError as error:  # a null byte in the path
        raise StorageError(f"{root} must be writable", str(error), "Name a folder.") from error
    return draft


def publish(draft: Path, name: str) -> Path:
    """Give a filled draft the first free number, durably.

    Args:
        draft: A folder that is not empty.
        name: What stands before the number.

    Returns:
        The new path.

    Raises:
        StorageError: The folder cannot be renamed.
    """
    root = draft.parent
    try:
        number = _last_number(root, name)
        while True:
            number += 1
            target = root / f"{name}-{number}"
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                try:
                    os.rename(draft, target)
                except OSError:
                    if not os.path.lexists(target):
                        raise
                    continue  # someone else was faster
                sync_folder(root)
                return target
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise storage_error(root / name, error) from error


def discard(draft: Path) -> None:
    """Remove a draft, as far as that is possible."""
    shutil.rmtree(draft, ignore_errors=True)


def _last_number(root: Path, name: str) -> int:
    pattern = re.compile(re.escape(name) + r"-([0-9]{1,9})", re.IGNORECASE)
    found = [pattern.fullmatch(entry) for entry in os.listdir(root)]
    return max((int(match[1]) for match in found if match), default=0)


def _sweep_drafts(root: Path) -> None:
    """Remove drafts that killed processes left."""
    for draft in root.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            old = time.time() - draft.lstat().st_mtime > STALE_SECONDS
            if old and draft.is_dir() and not draft.is_symlink() and not is_locked(draft):
                discard(draft)
