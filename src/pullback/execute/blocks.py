"""The two blocks of memory that a native program works on, and where values lie in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pullback.execute import lowering
from pullback.execute.state import State
from pullback.graph.dtypes import Array, Shape
from pullback.plan.layout import Layout, row_by_row

Place = tuple[int, int, int, list[int], list[int], list[int]]
"""The block, the offset in bytes, the dtype's number, shape, strides and moves in elements."""

_ARENA, _STATE = 0, 1


class Blocks:
    """The arena, for what a run computes, and the state, for what lasts.

    Args:
        layouts: Where each value lies within its block, by the value's number.
        offsets: Where in the arena each value that has a place of its own lies.
        size: How many bytes the arena has.
        slots: The label of each value that is a slot.
        state: The block that they are views of.
    """

    def __init__(
        self,
        layouts: Mapping[int, Layout],
        offsets: Mapping[int, int],
        size: int,
        slots: Mapping[int, str],
        state: State,
    ) -> None:
        self.layouts = layouts
        self.state = state
        self.arena = _aligned(size)
        self._offsets = offsets
        self._slots = slots

    def array(self, number: int) -> Array:
        """A value as a NumPy view of its block."""
        layout = self.layouts[number]
        block, offset = self._block(layout.base)
        item = layout.dtype.itemsize
        if not layout.size:
            return np.empty(layout.shape, layout.dtype)
        return np.ndarray(
            layout.shape,
            layout.dtype,
            block,
            offset + layout.offset * item,
            tuple(s * item for s in layout.strides),
        )

    def at(self, number: int, shape: Shape | None = None) -> Place:
        """Where a value lies, for the module; broadcast to `shape`."""
        layout = self.layouts[number]
        space = _STATE if layout.base in self._slots else _ARENA
        _, offset = self._block(layout.base)
        offset += layout.offset * layout.dtype.itemsize
        strides = layout.strides
        if shape is not None and shape != layout.shape:
            new = len(shape) - len(layout.shape)
            kept = zip(layout.shape, strides, shape[new:], strict=True)
            strides = (0,) * new + tuple(s if n == wanted else 0 for n, s, wanted in kept)
        shape, dtype = layout.shape if shape is None else shape, lowering.DTYPES[layout.dtype]
        return space, offset, dtype, list(shape), list(strides), list(layout.moves)

    def slot(self, label: str) -> Place:
        """Where a slot lies, for the module."""
        slot = self.state[label]
        place = self.state.offset(label), lowering.DTYPES[slot.dtype], list(slot.shape)
        return _STATE, *place, list(row_by_row(slot.shape)), []

    def _block(self, base: int) -> tuple[Array, int]:
        if base in self._slots:
            return self.state.block, self.state.offset(self._slots[base])
        return self.arena, self._offsets[base]


def _aligned(size: int) -> Array:
    """Bytes that begin at a multiple of 64."""
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
