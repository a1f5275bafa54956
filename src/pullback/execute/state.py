"""All state of a training in one block of memory.

Parameters, the optimizer's moments, the step number, the seed: every slot is a view of one
contiguous buffer. A copy of the buffer is a complete checkpoint of what the step reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from pullback.errors import ConfigError, ShapeError, unknown
from pullback.graph.dtypes import Array

_ALIGNMENT = 64
_writes = 0


def written() -> None:
    """Say that slots of some state have been written to.

    An executor that has found out something about the slots keeps it while nobody else writes.
    """
    global _writes
    _writes += 1


def writes() -> int:
    """How often slots have been written to in this process.

    Example:
        >>> before = writes()
        >>> written()
        >>> writes() - before
        1
    """
    return _writes


class State(Mapping[str, Array]):
    """Named slots in one contiguous block.

    `state[label]` is a slot to read, and `state[label] = value` writes it.

    Args:
        initial: The slots and their first values.

    Example:
        >>> import numpy as np
        >>> state = State({"0.weight": np.ones((2, 2), np.float32), "step": np.int64(0)})
        >>> state["0.weight"].shape, state.block.nbytes
        ((2, 2), 128)
    """

    def __init__(self, initial: Mapping[str, Array]) -> None:
        arrays = {label: np.asarray(value) for label, value in initial.items()}
        offsets, size = {}, 0
        for label, array in arrays.items():
            offsets[label] = size
            size += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        raw = np.zeros(size + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        self.block = raw[start : start + size]
        self._offsets = offsets
        self._views: dict[str, Array] = {}
        for label, array in arrays.items():
            raw = self.block[offsets[label] : offsets[label] + array.nbytes]
            view = raw.view(array.dtype).reshape(array.shape)
            view[...] = array
            self._views[label] = view

    def __getitem__(self, label: str) -> Array:
        shown = self.writable(label).view()
        shown.flags.writeable = False
        return shown

    def writable(self, label: str) -> Array:
        """A slot for those who say `written` after each time they write to it.

        Raises:
            UnknownNameError: There is no such slot; the nearest is named.
        """
        try:
            return self._views[label]
        except KeyError:
            raise unknown("slot", label, self._views) from None

    def offset(self, label: str) -> int:
        """Where in the block a slot begins, in bytes.

        Raises:
            UnknownNameError: There is no such slot; the nearest is named.
        """
        self[label]
        return self._offsets[label]

    def __setitem__(self, label: str, value: Array | float) -> None:
        view = self.writable(label)
        if np.shape(value) != view.shape:
            raise ShapeError(
                f"slot {label!r} has shape {view.shape}",
                f"a value of shape {np.shape(value)}",
                "Give it a value of its own shape.",
            )
        view[...] = value
        written()

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def snapshot(self) -> dict[str, Array]:
        """A copy of every slot."""
        return {label: view.copy() for label, view in self._views.items()}

    def restore(self, values: Mapping[str, Array]) -> None:
        """Set every slot from `values`, which must have exactly this state's slots.

        Raises:
            ConfigError: It has others; nothing is set.
        """
        mine = {label: (view.shape, view.dtype) for label, view in self._views.items()}
        given = {label: (np.shape(v), np.asarray(v).dtype) for label, v in values.items()}
        odd = sorted(label for label in {*mine, *given} if mine.get(label) != given.get(label))
        if odd:
            raise ConfigError(
                "a state is restored from exactly its own slots, with their shapes and dtypes",
                f"{odd[0]!r} as {given.get(odd[0], 'missing')}, where the state has "
                f"{mine.get(odd[0], 'none')}" + (f"; {len(odd) - 1} more" if odd[1:] else ""),
                "Restore what was saved of a training of the same network and settings.",
            )
        for label in self:
            self[label] = values[label]
