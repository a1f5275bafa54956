"""Random graphs of registered operations: every rewrite, on and off, and every executor agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.graph import Node, constant, placeholder, registry, slot
from pullback.graph.node import Leaf
from pullback.ops.families import Elementwise
from pullback.plan import Step, plan
from tests.plan.steps import REWRITES, reference, run, same_bits

OPERATIONS = {name: op for name, op in registry().items() if not issubclass(op, Leaf)}
ELEMENTWISE = {
    name: op
    for name, op in OPERATIONS.items()
    if issubclass(op, Elementwise) and 1 <= op.arity <= 3
}
# Of values near 1, so that errors stay errors of rounding.
TAME = {"tanh", "sigmoid", "sin", "cos", "atan", "relu", "abs", "neg", "softplus", "erf", "square"}
TAME |= {"add", "sub", "mul", "maximum", "minimum", "where", "scale"}
TAME |= {"silu", "mish", "elu", "leaky_relu", "softsign", "squareplus", "normal_cdf", "gelu_tanh"}
TAME |= {"log_sigmoid", "logaddexp", "soft_shrink", "prelu", "asinh", "erfc", "clip"}
REDUCED: list[Callable[[Node], Node]] = [
    lambda x: x.sum(0),
    lambda x: x.mean(-1),
    lambda x: x.max(0),
    lambda x: x.min(-1),
    lambda x: pb.logsumexp(x, 0),
    lambda x: pb.variance(x, -1),
]
BY_ROWS: list[Callable[[Node], Node]] = [
    pb.softmax,
    pb.log_softmax,
    lambda x: pb.standardise(x, -1, 0.1),
    lambda x: pb.rms_normalise(x, -1, 0.1),
    lambda x: pb.cumsum(x, 0),
    lambda x: pb.gather(x, np.array([0, x.shape[0] - 1, 0])),
    lambda x: pb.concatenate([x, -x], -1),
    lambda x: x[x.shape[0] // 2 :],
]
WINDOWS: list[Callable[[Node], Node]] = [
    lambda x: pb.avg_pool(x, 2, 1),
    lambda x: pb.max_pool(x, 2, 1),
    lambda x: pb.conv(x, pb.full((2, x.shape[2], 3), 0.5, x.dtype), padding=1),
    lambda x: pb.conv(x, x[:2, :2].transpose(0, 2, 1)),
]
SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (4, 2, 3)]


@st.composite
def graphs(draw: Any, names: set[str], dtype: str) -> tuple[Step, dict[str, Any], dict[str, Any]]:
    """A step of up to 15 operations with its gradient, its feeds and its slots."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    feeds, slots, nodes = {}, {}, []
    for i, shape in enumerate(draw(st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4))):
        value = random.normal(size=shape).astype(dtype)
        value[...] = np.where(random.random(shape) < 0.1, 0.0, value)
        if i % 2:
            slots[f"s{i}"] = value
            nodes.append(slot(f"s{i}", shape, dtype))
        else:
            feeds[f"x{i}"] = value
            nodes.append(placeholder(f"x{i}", shape, dtype))
    leaves = list(nodes)
    nodes += [constant(1.0, dtype), constant(0.0, dtype), pb.full((3,), 1.0, dtype)]
    for _ in range(draw(st.integers(2, 15))):
        made = _applied(draw, sorted(names), nodes)
        if made is not None and made.size <= 200:
            nodes.append(made)
    real = [node for node in nodes if node.dtype == dtype]
    total = sum((pb.tanh(y).sum() for y in (*leaves, *real[-4:])), constant(0.0, dtype))
    bars = pb.gradient(total, leaves)
    outputs = {"total": total, **{f"bar{i}": bar for i, bar in enumerate(bars)}}
    outputs |= {f"y{i}": node for i, node in enumerate(nodes[-3:])}
    labels = list(slots)
    assigns = {
        label: leaf - 0.1 * bar
        for leaf, bar in zip(leaves, bars, strict=True)
        for label in labels
        if leaf.op.attributes()["label"] == label
    }
    return Step(outputs, assigns), feeds, slots


def _applied(draw: Any, names: list[str], nodes: list[Node]) -> Node | None:
    """One more operation on nodes that are there; None where shapes do not fit."""
    x = draw(st.sampled_from(nodes))
    kinds = ["op", "op", "op", "view", "reduce", "matmul", "again", "rows", "windows"]
    kind = draw(st.sampled_from(kinds))
    if kind == "view":
        views = [
            lambda: x.T,
            lambda: x.reshape(-1),
            lambda: pb.expand_dims(x, 0),
            lambda: pb.neg(-x),
        ]
        return draw(st.sampled_from(views))()
    if kind == "reduce" and x.ndim and x.dtype.kind == "f":
        return draw(st.sampled_from(REDUCED))(x)
    if kind == "rows" and x.ndim and x.dtype.kind == "f":
        return draw(st.sampled_from(BY_ROWS))(x)
    if kind == "windows" and x.ndim == 3 and x.shape[1] > 1 and x.dtype.kind == "f":
        return draw(st.sampled_from(WINDOWS))(x)
    if kind == "matmul" and x.ndim == 2 and x.dtype.kind == "f":
        return x @ x.T
    if kind == "again":
        return x * 1.0 if x.dtype.kind == "f" else x
    op = OPERATIONS[draw(st.sampled_from(names))]
    operands = [draw(st.sampled_from(nodes)) for _ in range(op.arity)]
    try:
        if op.name == "where":
            return pb.where(operands[0] > 0, operands[1], operands[2])
        return op()(*operands)  # type: ignore[operator]
    except (pb.errors.PullbackError, TypeError):
        return None


def check_rewrites(found: tuple[Step, dict[str, Any], dict[str, Any]]) -> list[np.ndarray]:
    step, feeds, slots = found
    wanted = run(step, feeds, slots, without=REWRITES)
    for without in [(), *[(rewrite,) for rewrite in REWRITES]]:
        assert same_bits(run(step, feeds, slots, without), wanted), without
    return wanted


@given(graphs(set(ELEMENTWISE), "float32"))
def test_no_rewrite_changes_a_bit(found: tuple[Step, dict[str, Any], dict[str, Any]]) -> None:
    check_rewrites(found)


@given(graphs(TAME, "float64"))
def test_the_program_agrees_with_the_oracle_in_float64(
    found: tuple[Step, dict[str, Any], dict[str, Any]],
) -> None:
    """To the bit: both do the same operations on arrays that lie alike in memory."""
    assert same_bits(check_rewrites(found), reference(*found))


@given(graphs(TAME, "float32"))
def test_the_program_agrees_with_the_oracle_in_float32(
    found: tuple[Step, dict[str, Any], dict[str, Any]],
) -> None:
    for a, b in zip(run(*found), reference(*found), strict=True):
        if a.dtype.kind != "f":
            continue
        size = max(1.0, float(np.abs(b).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * size)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_through_every_road(name: str) -> None:
    """Each sample with placeholders for inputs, its gradient with it: 0 bits of difference."""
    for number, sample in enumerate(OPERATIONS[name].samples()):
        random = np.random.default_rng(number)
        arrays = [rule.draw(random) for rule in sample.inputs]
        feeds = {f"x{i}": np.array(a, order="C") for i, a in enumerate(arrays)}
        leaves = [placeholder(label, a.shape, a.dtype) for label, a in feeds.items()]
        y = sample.build(*leaves)
        outputs = {"y": y, "again": sample.build(*leaves)}
        real = [leaf for leaf in leaves if leaf.dtype.kind == "f"]
        if real and y.dtype.kind == "f" and OPERATIONS[name].differentiable:
            bars = pb.gradient((y * y * 1.0).sum() + y.sum(), real)
            outputs |= {f"bar{i}": bar for i, bar in enumerate(bars)}
        step = Step(outputs)
        wanted = run(step, feeds, without=REWRITES)
        for without in [(), *[(rewrite,) for rewrite in REWRITES]]:
            assert same_bits(run(step, feeds, without=without), wanted), (sample, without)
        for a, b in zip(wanted, reference(step, feeds), strict=True):
            np.testing.assert_array_equal(a, b)


def test_graphs_are_shortened() -> None:
    """The rewrites do something on a network's step: a third of the instructions go."""
    from pullback.train.step import Batch, Recipe

    network = pb.nn.dense(4, [8, 8], 3, dropout=0.2).initialise()
    recipe = Recipe(network, pb.losses.get("cross_entropy"), pb.optim.Adam())
    batch = Batch.of(np.ones((16, 4), "f4"), np.zeros(16, "i8"), None)
    step = recipe.training_step(batch)
    short, long = plan(step), plan(step, REWRITES)
    assert len(short.instructions) < 0.75 * len(long.instructions)
    for rewrite in REWRITES:
        assert len(plan(step, [rewrite]).instructions) >= len(short.instructions), rewrite
