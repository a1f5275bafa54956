"""What tests of native kernels share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pullback.execute import native


def module() -> Any:
    """The native module; the test is left out where none was built."""
    found = native.module()
    if found is None:  # tests/execute/test_native.py tells this apart from a broken build
        pytest.skip("no native module")
    return found


def instruction_sets() -> list[str]:
    """The instruction sets of this machine; `none` stands for a missing module."""
    found = native.module()
    return found.instruction_sets() if found is not None else ["none"]


EVERY_ISA = pytest.mark.parametrize("isa", instruction_sets())


def guarded(array: np.ndarray[Any, Any], room: int = 64) -> tuple[Any, Any]:
    """A copy of an array with sentinel bytes around it, and the function that checks them."""
    raw = np.full(array.nbytes + 2 * room, 0xA5, np.uint8)
    inside = raw[room : room + array.nbytes].view(array.dtype).reshape(array.shape)
    inside[...] = array

    def check() -> None:
        assert (raw[:room] == 0xA5).all(), "bytes before the array were written"
        assert (raw[room + array.nbytes :] == 0xA5).all(), "bytes after the array were written"

    return inside, check
