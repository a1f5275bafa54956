"""The kernels of every instruction set are the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.native.helpers import EVERY_ISA, instruction_sets, module

pytestmark = pytest.mark.native


def test_every_instruction_set_has_every_kernel() -> None:
    n = module()
    for isa in instruction_sets():
        assert n.kernels(isa) == n.kernels("baseline")
        assert n.elementwise(isa) == n.elementwise("baseline")


def test_what_is_not_there_is_refused() -> None:
    n = module()
    a = np.zeros(16, np.float32)
    with pytest.raises(ValueError, match="no altivec"):
        n.call_elementwise("altivec", "add", [a, a], a.copy())
    with pytest.raises(ValueError, match="no such elementwise operation: frobnicate"):
        n.call_elementwise("baseline", "frobnicate", [a, a], a.copy())
    with pytest.raises(ValueError, match="no kernel frobnicate"):
        n.call_kernel("baseline", "frobnicate", [a], [a.copy()])


@EVERY_ISA
@pytest.mark.parametrize("count", [8, 24])
def test_a_length_that_is_no_multiple_of_16_is_refused(isa: str, count: int) -> None:
    a = np.zeros(count, np.float32)
    with pytest.raises(ValueError, match="a multiple of 16"):
        module().call_elementwise(isa, "add", [a, a], a.copy())
