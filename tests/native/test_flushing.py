"""Numbers below the normal ones: 0 in products and what is updated, themselves elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.execute import State, executor
from pullback.graph import placeholder, slot
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


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [3000, 70_000])
def test_what_is_updated_holds_none(size: int, threads: int) -> None:
    """As the mean of a gradient that is gone: it ends at 0, not at the smallest number there is."""
    random = np.random.default_rng(size)
    mean = random.standard_normal(size).astype(np.float32)
    weight = np.where(random.random(size) < 0.5, -TINY, TINY)
    mean[::7], weight[::5] = BELOW, -0.0
    state = State({"mean": mean, "weight": weight})
    was, old = slot("mean", (size,)), slot("weight", (size,))
    step = Step({"seen": was * 2}, {"mean": was * 0.9, "weight": old * 0.5}, finite=())
    module().set_threads(threads)
    try:
        run = executor(step, state, "native").run
        seen = [run({})["seen"] for _ in range(2)]
    finally:
        module().set_threads(0)
    assert (seen[0] == 2 * mean).all()
    np.testing.assert_array_equal(seen[1], 2 * np.where(mean == BELOW, 0, mean * np.float32(0.9)))
    np.testing.assert_array_equal(state["weight"], weight / 4)
    assert (np.signbit(state["weight"]) == np.signbit(weight)).all()


def test_a_number_by_which_is_divided_may_become_0() -> None:
    """Nothing is written that is not finite, though bounds of the slot said that it would be."""
    size = 3000
    state = State({"small": np.full(size, TINY), "by": np.ones(size, np.float32)})
    small, by = slot("small", (size,)), slot("by", (size,))
    step = Step({"x": by.sum()}, {"small": small * 1e-4, "by": 1e-30 / small}, finite=())
    run = executor(step, state, "native").run
    for _ in range(4):
        run({})
        assert np.isfinite(state["by"]).all()


def test_probes_change_nothing_of_it() -> None:
    """What probes compute is not taken for what the update met."""
    rows = np.random.default_rng(0).standard_normal((32, 40)).astype(np.float32) * TINY

    def trained(probes: str | None) -> bytes:
        network = pb.nn.dense(40, [40], 2, activation="sigmoid")
        settings = {"loss": "mse", "epochs": 4, "seed": 0, "progress": "none"}
        run = pb.fit(network, (rows, rows[:, :2]), probes=probes, **settings)
        return b"".join(value.numpy().tobytes() for value in run.network.state().values())

    assert trained("*") == trained(None)
