"""Recordings that were planned for an earlier call and can be used again."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from pullback.insight.recording import Recording
from pullback.nn.structure import Structure, is_same

MOST = 4


@dataclass(frozen=True)
class Planned:
    """A recording, and what it holds for: whose step, in which form, of which structure."""

    of: weakref.ref[Any]
    form: Hashable
    structure: Structure
    recording: Recording


class Kept:
    """The newest recordings, as long as those live whose steps they are.

    Who uses one takes it out and gives it back, so that no two threads run the same program.

    Args:
        largest: How many bytes they may hand out together.
    """

    def __init__(self, largest: float = math.inf) -> None:
        self.largest = largest
        self._found: list[Planned] = []
        self._lock = threading.Lock()

    def take(self, of: Any, form: Hashable, structure: Structure) -> Recording | None:
        """The recording of that step in that form; None if there is none, or it no longer holds."""
        with self._lock:
            for one in self._found:
                if one.of() is of and one.form == form and is_same(one.structure, structure):
                    self._found = [other for other in self._found if other is not one]
                    return one.recording
        return None

    def give(self, of: Any, form: Hashable, structure: Structure, recording: Recording) -> None:
        """Keep a recording for the next call; the oldest that there is no room for are dropped."""
        made = Planned(weakref.ref(of, self._forget), form, structure, recording)
        with self._lock:
            newest = [*self._found, made][-MOST:]
            while sum(one.recording.nbytes for one in newest) > self.largest:
                del newest[0]
            self._found = newest

    def _forget(self, of: weakref.ref[Any]) -> None:
        self._found = [one for one in self._found if one.of is not of]

    def __len__(self) -> int:
        return len(self._found)
