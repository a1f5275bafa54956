"""A file is written whole or not at all, whatever fails and whenever."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pullback.container import read_tensors, write_tensors
from pullback.document import read_document, write_document
from pullback.errors import FileFormatError, StorageError
from pullback.files import (
    atomic_write,
    atomic_write_text,
    open_regular,
    sweep_temporaries,
    temporary_beside,
)

OLD, NEW = {"w": np.zeros(1000)}, {"w": np.ones(1000)}


def save_text(path: Path, new: bool) -> None:
    atomic_write_text(path, "new" if new else "old")


def save_tensors(path: Path, new: bool) -> None:
    write_tensors(path, NEW if new else OLD, {}, kind="network")


def save_document(path: Path, new: bool) -> None:
    write_document(path, {"new": new}, kind="run")


SAVERS = [save_text, save_tensors, save_document]


class _FullFile:
    """A file that takes the first bytes and then says that the disk is full."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(content)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("point", ["open", "fdopen", "fsync", "replace"])
@pytest.mark.parametrize("save", SAVERS)
def test_a_failure_at_any_point_keeps_the_old_file(tmp_path, monkeypatch, save, point, code):
    path = tmp_path / "file"
    save(path, new=False)
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, point, fail)
        with pytest.raises(StorageError, match=os.strerror(code)):
            save(path, new=True)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("room", [0, 7, 8, 100, 1000, 8000])
def test_a_disk_that_fills_up_while_writing_keeps_the_old_file(tmp_path, monkeypatch, room):
    path = tmp_path / "file"
    save_tensors(path, new=False)
    before = path.read_bytes()
    fdopen = os.fdopen
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", lambda *a: _FullFile(fdopen(*a), room))
        with pytest.raises(StorageError, match="No space left") as caught:
            save_tensors(path, new=True)
    assert "Free some room" in str(caught.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("save", SAVERS)
def test_a_folder_that_cannot_be_synced_leaves_a_whole_file(tmp_path, monkeypatch, save):
    path, other = tmp_path / "file", tmp_path / "other"
    save(path, new=False)
    save(other, new=True)
    fsync = os.fsync

    def fail_on_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_on_folders)
        with pytest.raises(StorageError):
            save(path, new=True)
    assert path.read_bytes() == other.read_bytes()


def test_a_real_limit_on_file_size_keeps_the_old_file(tmp_path):
    path = tmp_path / "network.safetensors"
    save_tensors(path, new=False)
    program = """if True:
        import resource, sys
        import numpy as np
        from pullback.container import write_tensors
        from pullback.errors import StorageError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            write_tensors(sys.argv[1], {"w": np.ones(100_000)}, {}, kind="network")
        except StorageError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert not read_tensors(path, kind="network").tensors["w"].any()
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_exception_or_interrupt_in_the_block_keeps_the_old_file(tmp_path, kind):
    path = tmp_path / "file"
    save_text(path, new=False)

    def write_half():
        with atomic_write(path) as file:
            file.write(b"half")
            raise kind

    with pytest.raises(kind):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        save_text(tmp_path / "file", new=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_bad_targets_are_storage_errors(tmp_path):
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "missing" / "file", tmp_path / "folder", tmp_path / ("n" * 300)):
        with pytest.raises(StorageError):
            save_text(target, new=True)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_long_name_is_written(tmp_path):
    path = tmp_path / ("n" * 255)
    save_text(path, new=True)
    assert path.read_text() == "new"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, received in {
        tmp_path: "a folder",
        tmp_path / "pipe": "a pipe",
        Path("/dev/zero"): "a pipe, socket or device",
        tmp_path / "missing": "no such file",
        Path("null\0byte"): "null",
        tmp_path / ("n" * 300): "too long",
    }.items():
        with pytest.raises(FileFormatError, match=received), open_regular(path):
            pass
        with pytest.raises(FileFormatError, match=received):
            read_tensors(path, kind="network")
        with pytest.raises(FileFormatError, match=received):
            read_document(path, kind="run")


def test_leftovers_of_killed_writers_are_swept(tmp_path):
    temporary_beside(tmp_path / "model.safetensors").write_text("half")
    (tmp_path / "mine.tmp").write_text("a user's own")
    sweep_temporaries(tmp_path)
    assert os.listdir(tmp_path) == ["mine.tmp"]
