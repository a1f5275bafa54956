"""Random graphs on the native executor, beside the same graph without any rounding.

The measure is normwise, for each gradient: its distance from the float64 result is at most 8 times
that of the same graph done operation by operation in float32 NumPy, plus 4 units of rounding of
its size. The size of a sum is that of its terms: a gradient that cancels to 0 has no digits to be
right in. Near a kink or a tie a rounding turns a gradient into another one; such inputs are drawn
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import pullback as pb
from pullback.execute import State, executor
from pullback.graph import placeholder
from pullback.graph.node import Node
from pullback.graph.order import topological
from pullback.nn.mode import mode
from pullback.plan import Step
from tests.native.helpers import module
from tests.plan.test_random_graphs import TAME, graphs
from tests.train.natives import NETWORKS

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
EPS = float(np.finfo(np.float32).eps)
NOISE, JUMP = 1e-5, 0.02
MOVES = {"reshape", "transpose", "broadcast_to", "slice", "gather", "concatenate", "embed"}
MOVES |= {"stop_gradient", "barrier", "cast", "where", "max", "min", "neg"}  # no rounding
# Linear in each of their inputs: of sizes, they give the size of the sum of the terms.
LINEAR = MOVES - {"where", "max", "min", "neg"}
LINEAR |= {"add", "mul", "scale", "sum", "mean", "matmul", "cumsum", "square", "scatter_add"}


def evaluated(step: Step, given: Mapping[str, Array], noise: Any = None) -> dict[Node, Array]:
    """Every value in float64, none rounded; with `noise`, each a little off what it is."""
    values: dict[Node, Array] = {}
    for node in topological(step.roots()):
        if node.value is not None:
            value = node.value
        elif not node.inputs and "label" in node.op.attributes():
            value = given[node.op.attributes()["label"]]
        elif node.op.name == "cast" and node.dtype.kind == "f":
            value = values[node.inputs[0]]
        else:
            value = node.op.forward(*(values[x] for x in node.inputs))
        if node.dtype.kind != "f":
            values[node] = np.asarray(value)
            continue
        value = np.asarray(value, np.float64)
        if noise is not None and node.inputs and node.op.name not in MOVES:
            value = value * (1 + NOISE * noise.uniform(-1, 1, value.shape))
        values[node] = value
    return values


def in_float32(step: Step, given: Mapping[str, Array]) -> dict[Node, Array]:
    """Every value by NumPy in the graph's own dtypes."""
    values: dict[Node, Array] = {}
    for node in topological(step.roots()):
        if node.value is not None:
            values[node] = node.value
        elif not node.inputs and "label" in node.op.attributes():
            values[node] = given[node.op.attributes()["label"]]
        else:
            found = node.op.forward(*(values[x] for x in node.inputs))
            values[node] = np.asarray(found, node.dtype)
    return values


def sizes(values: Mapping[Node, Array]) -> dict[Node, Array]:
    """The sizes of the values, of sums those of their terms."""
    found: dict[Node, Array] = {}
    for node, value in values.items():
        size = np.abs(value) if node.dtype.kind == "f" else value
        if node.op.name == "sub":
            size = found[node.inputs[0]] + found[node.inputs[1]]
        elif node.op.name == "neg":
            size = found[node.inputs[0]]
        elif node.op.name in LINEAR and node.inputs and node.dtype.kind == "f":
            size = np.abs(np.asarray(node.op.forward(*(found[x] for x in node.inputs))))
        found[node] = size
    return found


def norm(x: Array) -> float:
    return float(np.linalg.norm(np.asarray(x, np.float64).reshape(-1)))


def tame(step: Step, given: Mapping[str, Array], wide: Mapping[Node, Array]) -> bool:
    """Whether small errors on the way make small errors at the end."""
    bars = [node for name, node in step.outputs.items() if name.startswith("bar")]
    if not all(np.isfinite(wide[node]).all() for node in bars):
        return False
    size = sizes(wide)
    for seed in range(4):
        off = evaluated(step, given, np.random.default_rng(seed))
        for node in bars:
            if norm(off[node] - wide[node]) > JUMP * (norm(size[node]) + NOISE):
                return False
    return True


def drawn(step: Step, given: Mapping[str, Array]) -> Any:
    """Inputs away from kinks and ties, and the values that follow; None if none are found."""
    for seed in range(6):
        random = np.random.default_rng(seed)
        values = {k: random.normal(size=v.shape).astype(v.dtype) for k, v in given.items()}
        with np.errstate(all="ignore"):
            wide = evaluated(step, values)
            if tame(step, values, wide):
                return values, wide
    return None


def judged(found: tuple[Step, dict[str, Array], dict[str, Array]]) -> bool:
    """Whether there were inputs to judge the graph by; it passed if this returns."""
    step, feeds, slots = found
    module()
    ready = drawn(step, {**feeds, **slots})
    if ready is None:
        return False
    values, wide = ready
    state = State({label: values[label] for label in slots})
    native = executor(step, state, "native").run({label: values[label] for label in feeds})
    with np.errstate(all="ignore"):
        plain, size = in_float32(step, values), sizes(wide)
    for name, node in step.outputs.items():
        if not name.startswith("bar"):
            continue
        own, numpy = norm(native[name] - wide[node]), norm(plain[node] - wide[node])
        allowed = 8 * numpy + 4 * EPS * max(norm(wide[node]), norm(size[node]))
        assert own <= allowed, f"{name}: {own} away, NumPy {numpy}; at most {allowed} is right"
    return True


@given(graphs(TAME, "float32"))
@settings(max_examples=200)
def test_gradients_are_as_near_as_those_of_numpy(
    found: tuple[Step, dict[str, Array], dict[str, Array]],
) -> None:
    judged(found)


@pytest.mark.long
@given(graphs(TAME, "float32"))
@settings(max_examples=2000)
def test_gradients_of_many_graphs(
    found: tuple[Step, dict[str, Array], dict[str, Array]],
) -> None:
    judged(found)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_whole_networks(name: str) -> None:
    """A training forward of each kind of layer, its loss, and the gradient of every parameter."""
    make, draw = NETWORKS[name]
    x, targets = draw(48), np.random.default_rng(1).integers(0, 5, 48)
    network = make().build(x.shape[1:]).initialise(3)
    with mode(training=True, seed=5) as training:
        outputs = network(placeholder("x", x.shape, x.dtype))
        training.assigned.clear()  # the running means of a placeholder are not known here
    loss = pb.losses.cross_entropy(outputs, pb.tensor(targets))
    bars = pb.gradient(loss, list(network.parameters().values()))
    assert judged((Step({f"bar{i}": bar for i, bar in enumerate(bars)}), {"x": x}, {}))
