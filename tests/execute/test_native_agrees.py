"""The native executor against NumPy's: every operation, random graphs, whole training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import pullback as pb
from pullback.execute import State, executor
from pullback.graph import placeholder
from pullback.plan import Step
from tests.native.helpers import module
from tests.plan.test_random_graphs import OPERATIONS, TAME, graphs

pytestmark = pytest.mark.native

Bound = dict[str, float]
BOUNDS: dict[str, Bound] = {
    "float32": {"rtol": 2e-4, "atol": 2e-5},
    "float64": {"rtol": 1e-12, "atol": 1e-12},
}


def both(step: Step, feeds: dict[str, Any], slots: dict[str, Any]) -> list[Any]:
    """The outputs and the new state by the native executor, then by NumPy's."""
    module()
    found = []
    for kind in ("native", "numpy"):
        state = State({label: np.array(value) for label, value in slots.items()})
        outputs = executor(step, state, kind).run(feeds)
        found.append({**outputs, **state.snapshot()})
    return found


def check_agree(found: list[Any]) -> None:
    native, wanted = found
    assert native.keys() == wanted.keys()
    for name, b in wanted.items():
        a = native[name]
        assert (a.shape, a.dtype) == (b.shape, b.dtype), name
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, err_msg=name)
            continue
        bound = BOUNDS[str(b.dtype)]
        finite = b[np.isfinite(b)]
        size = max(1.0, float(np.abs(finite).max(initial=0)))
        np.testing.assert_allclose(a, b, bound["rtol"], bound["atol"] * size, err_msg=name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_and_its_gradient(name: str) -> None:
    for number, sample in enumerate(OPERATIONS[name].samples()):
        random = np.random.default_rng(number)
        arrays = [rule.draw(random) for rule in sample.inputs]
        feeds = {f"x{i}": np.array(a, order="C") for i, a in enumerate(arrays)}
        leaves = [placeholder(label, a.shape, a.dtype) for label, a in feeds.items()]
        y = sample.build(*leaves)
        outputs = {"y": y}
        real = [leaf for leaf in leaves if leaf.dtype.kind == "f"]
        if real and y.dtype.kind == "f" and OPERATIONS[name].differentiable:
            bars = pb.gradient((y * y * 1.0).sum() + y.sum(), real)
            outputs |= {f"bar{i}": bar for i, bar in enumerate(bars)}
        check_agree(both(Step(outputs), feeds, {}))


@given(graphs(TAME, "float32"))
def test_random_graphs_in_float32(found: tuple[Step, dict[str, Any], dict[str, Any]]) -> None:
    check_agree(both(*found))


@given(graphs(TAME, "float64"))
def test_random_graphs_in_float64(found: tuple[Step, dict[str, Any], dict[str, Any]]) -> None:
    check_agree(both(*found))
