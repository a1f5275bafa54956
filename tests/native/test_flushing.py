"""Numbers below the normal ones: 0 in products, themselves everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.execute import State, executor
from pullback.graph import placeholder
from pullback.plan import Step
from tests.native.helpers import EVERY_ISA, module

pytestmark = pytest.mark.native

TINY = np.float32(1e-30)  # a normal number whose square is none
BELOW = np.float32(1e-40)


@EVERY_ISA
@pytest.mark.parametrize("threads", [1, 3])
def test_a_product_makes_0_of_them(isa: str, threads: int) -> None:
    a, b = np.full((64, 70), TINY), np.full((70, 64), np.float32(1e-12))
    a[0], b[:, 0] = BELOW, 1
    y = np.empty((64, 64), np.float32)
    module().call_kernel(isa, "gemm", [a, b], [y], [], [], threads)
    assert (y[0] == 0).all()
    np.testing.assert_allclose(y[1:, 0], 70 * TINY, rtol=1e-6)
    assert (y[1:, 1:] == 0).all()
    assert BELOW * np.float32(1) == BELOW  # this thread computes as before


@EVERY_ISA
def test_a_convolution_makes_0_of_them(isa: str) -> None:
    for groups in (1, 16):
        x = np.full((2, 9, 16), BELOW)
        kernel, y = np.ones((3, 16 // groups, 16), np.float32), np.empty((2, 9, 16), np.float32)
        module().call_kernel(isa, "conv", [x, kernel], [y], [groups, 1, 1, 1], [], 1)
        assert (y == 0).all()
        x[:] = 1
        back = np.empty_like(kernel)
        module().call_kernel(isa, "conv_kernel", [x, y + BELOW], [back], [groups, 1, 1, 1], [], 1)
        assert (back == 0).all()
    assert BELOW * np.float32(1) == BELOW


def test_what_finishes_a_product_keeps_them() -> None:
    x, w = placeholder("x", (64, 64)), placeholder("w", (64, 64))
    run = executor(Step({"y": pb.exp(x @ w)}), State({}), "native").run
    ones = np.ones((64, 64), np.float32)
    y = run({"x": ones, "w": -ones * np.float32(1.5)})["y"]  # e^-96
    np.testing.assert_allclose(y, np.exp(-96), rtol=1e-3)
    assert 0 < y[0, 0] < np.finfo(np.float32).smallest_normal
