"""The checkpoints of a run: which are kept, which is the newest intact one.

A checkpoint is a tensor file named by its step, `checkpoints/000000120.safetensors`. The files in
the folder are the truth; the telemetry's rows only repeat it. `best/` holds, in the same form, the
best weights so far each time that they improved.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullback.container import Array, read_tensors, write_tensors
from pullback.document import damaged
from pullback.errors import ConfigError, FileFormatError
from pullback.files import storage_error, sweep_temporaries

KIND = "checkpoint"
_NAME = re.compile(r"[0-9]{9,18}\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on after `step`.

    Attributes:
        step: How many steps had been taken.
        tensors: Parameters, moments and whatever else is an array.
        state: The rest, as plain values.
        checksum: The SHA-256 of its file.
    """

    step: int
    tensors: dict[str, Array]
    state: dict[str, Any]
    checksum: str


@dataclass(frozen=True)
class KeepPolicy:
    """Which checkpoints stay: the first, the latest, and some spread evenly between.

    Args:
        latest: How many of the newest (at least 1).
        spread: How many at most of the others; when there are more, the one whose neighbours are
            nearest to each other goes first, so any step can be reached from one not far before.

    Example:
        >>> KeepPolicy(latest=2, spread=3).kept(range(0, 100, 10))
        [0, 20, 40, 60, 80, 90]
    """

    latest: int = 2
    spread: int = 12

    def __post_init__(self) -> None:
        if self.latest < 1 or self.spread < 0:
            raise ConfigError(
                "a run must keep at least its latest checkpoint",
                f"latest={self.latest}, spread={self.spread}",
                "Set latest >= 1 and spread >= 0.",
            )

    def kept(self, steps: Iterable[int]) -> list[int]:
        """The steps that stay, of those given, in order."""
        kept = sorted(set(steps))
        while len(kept) - self.latest - 1 > self.spread:
            # Neither the first nor one of the latest is a candidate.
            candidates = range(1, len(kept) - self.latest)
            del kept[min(candidates, key=lambda at: kept[at + 1] - kept[at - 1])]
        return kept


class CheckpointFolder:
    """Tensor files named by their step, in one folder of a run.

    Args:
        path: The folder. A symbolic link is refused, so that nothing outside the run is touched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the folder if need be and remove what killed writers left in it."""
        if self.path.is_symlink():
            raise damaged(self.path, "run", "a link in the place of a folder", "Remove the link.")
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(self.path, error) from error
        sweep_temporaries(self.path)

    def file(self, step: int) -> Path:
        """Where the checkpoint of `step` stands."""
        if step < 0 or step >= 10**18:
            raise ConfigError("a step must be a count", f"{step}", "Count steps from 0.")
        return self.path / f"{step:09d}.safetensors"

    def steps(self) -> list[int]:
        """The steps that have a file, in order; anything else in the folder is passed over."""
        if self.path.is_symlink():
            return []
        found = []
        with contextlib.suppress(OSError), os.scandir(self.path) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    step = int(entry.name.partition(".")[0])
                    if self.file(step).name == entry.name:
                        found.append(step)
        return sorted(found)

    def save(self, step: int, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> str:
        """Write the checkpoint of `step`, whole or not at all, and return its checksum.

        Raises:
            StorageError: The file cannot be written.
        """
        metadata = {"step": int(step), "state": dict(state)}
        return write_tensors(self.file(step), tensors, metadata, kind=KIND)

    def load(self, step: int) -> Checkpoint:
        """Read the checkpoint of `step`.

        Raises:
            FileFormatError: It is missing or damaged.
        """
        path = self.file(step)
        if self.path.is_symlink() or path.is_symlink():
            raise damaged(path, KIND, "a link in the place of a file", "Remove the link.")
        contents = read_tensors(path, kind=KIND)
        state = contents.metadata.get("state")
        if contents.metadata.get("step") != step or not isinstance(state, dict):
            raise damaged(path, KIND, "the checkpoint of another step: the file was renamed")
        return Checkpoint(step, contents.tensors, state, contents.checksum)

    def load_newest(self, up_to: int | None = None) -> Checkpoint | None:
        """The newest intact checkpoint, none if there is none.

        Args:
            up_to: Pass over those of later steps.
        """
        for step in reversed(self.steps()):
            if up_to is None or step <= up_to:
                with contextlib.suppress(FileFormatError):
                    return self.load(step)
        return None

    def remove(self, steps: Sequence[int]) -> None:
        """Delete the files of these steps; the newest goes first."""
        for step in sorted(steps, reverse=True):
            try:
                self.file(step).unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(self.file(step), error) from error
