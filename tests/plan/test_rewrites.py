"""Each rewrite where it must act and where it must not; none changes a bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import UnknownNameError
from pullback.graph import constant, placeholder, slot
from pullback.graph.node import Node
from pullback.plan import Step, plan
from pullback.plan.rewrites import Rewrite
from tests.plan.steps import REWRITES, count, planned, run, same_bits, step_of

X = np.array([[1.5, -0.0, -2.0], [0.0, 3.0, 1e30]], np.float32)


def x() -> Node:
    return placeholder("x", (2, 3))


def row() -> Node:
    return slot("row", (3,))


# name: (what makes the graph, the rewrite that shortens it, instructions with it, without it)
FIRES = {
    "constants": (lambda: x() * (pb.tensor(2.0) * 3.0 + 1.0), "fold_constants", 1, 3),
    "a folded array": (lambda: x() + pb.exp(pb.tensor([1.0, 2.0, 3.0])), "fold_constants", 1, 2),
    "times one": (lambda: x() * 1.0, "simplify", 0, 1),
    "one times": (lambda: 1.0 * x(), "simplify", 0, 1),
    "times ones": (lambda: x() * pb.ones((2, 3)), "simplify", 0, 1),
    "over one": (lambda: x() / 1.0, "simplify", 0, 1),
    "less zero": (lambda: x() - 0.0, "simplify", 0, 1),
    "one, safely times": (lambda: pb.scale(pb.ones((2, 3)), x()), "simplify", 0, 1),
    "minus minus": (lambda: pb.neg(-x()), "simplify", 0, 2),
    "reshaped twice": (lambda: pb.exp(x().reshape(6).reshape(3, 2)), "simplify", 2, 3),
    "reshaped and back": (lambda: pb.exp(x().reshape(6).reshape(2, 3)), "simplify", 1, 3),
    "one number, reshaped": (
        lambda: pb.concatenate([x().reshape(6), pb.full((2, 3), 2.5).reshape(6)]),
        "simplify",
        3,
        4,
    ),
    "transposed twice": (lambda: pb.exp(x().T.T), "simplify", 1, 3),
    "turned three times": (
        lambda: pb.transpose(pb.transpose(x().reshape(1, 2, 3), (1, 2, 0)), (1, 2, 0)),
        "simplify",
        2,
        3,
    ),
    "turned two ways": (
        lambda: pb.transpose(pb.transpose(x().reshape(1, 2, 3), (0, 2, 1)), (1, 0, 2)),
        "simplify",
        2,
        3,
    ),
    "a bias": (lambda: x() + row(), "elide_broadcasts", 1, 2),
    "a number": (lambda: x() * 2.5, "elide_broadcasts", 1, 2),
    "a choice": (lambda: pb.where(x() > 0, x(), 0.0), "elide_broadcasts", 2, 3),
    "the same twice": (lambda: pb.tanh(x()) + pb.tanh(x()), "merge_common", 2, 3),
    "the same chain": (lambda: pb.exp(-x()) * pb.exp(-x()), "merge_common", 3, 5),
    "one draw": (
        lambda: pb.random_uniform(3, stream=1) - pb.random_uniform(3, stream=1),
        "merge_common",
        2,
        3,
    ),
    "what was replaced": (lambda: pb.exp(pb.neg(-x())), "remove_dead", 1, 2),
}


@pytest.mark.parametrize("name", FIRES)
def test_it_shortens(name: str) -> None:
    build, rewrite, shorter, longer = FIRES[name]
    fixed = build()
    lean, plain = planned(fixed), planned(fixed, without=[rewrite])
    assert (count(lean), count(plain)) == (shorter, longer), f"{lean}\n{plain}"
    assert rewrite in lean.rewrites
    assert rewrite not in plain.rewrites


def test_every_rewrite_has_a_place_where_it_acts() -> None:
    assert {rewrite for _, rewrite, _, _ in FIRES.values()} == set(REWRITES)
    assert all(rewrite.__doc__ for rewrite in Rewrite.__subclasses__())


# name: (what makes the graph, an operation, how often it must still be there)
KEEPS = {
    "a zero that is added": (lambda: x() + 0.0, "add", 1),
    "a negative zero taken away": (lambda: x() - (-0.0), "sub", 1),
    "zero less x": (lambda: 0.0 - x(), "sub", 1),
    "one over x": (lambda: 1.0 / x(), "div", 1),
    "times zero": (lambda: x() * 0.0, "mul", 1),
    "times two": (lambda: x() * 2.0, "mul", 1),
    "safely times one": (lambda: pb.scale(x(), pb.ones((2, 3))), "scale", 1),
    "minus": (lambda: -x(), "neg", 1),
    "a shape": (lambda: pb.exp(x().reshape(3, 2)), "reshape", 1),
    "a turn": (lambda: pb.exp(x().T), "transpose", 1),
    "a broadcast that is looked at": (lambda: row().broadcast_to((2, 3)), "broadcast_to", 1),
    "a broadcast that is multiplied": (
        lambda: row().broadcast_to((2, 3)) @ pb.ones((3, 2)),
        "broadcast_to",
        1,
    ),
    "a broadcast of both": (
        lambda: row().broadcast_to((2, 3)) + 2.0 * row().broadcast_to((2, 3)),
        "broadcast_to",
        1,
    ),
    "two draws": (
        lambda: pb.random_uniform(3, stream=1) - pb.random_uniform(3, stream=2),
        "random_uniform",
        2,
    ),
    "a draw of constants": (lambda: pb.random_uniform(3, seed=1), "random_uniform", 1),
    "sums over other axes": (lambda: x().sum(0).sum() + x().sum(1).sum(), "sum", 4),
    "two signs of zero": (
        lambda: pb.atan2(pb.full((2, 3), 0.0), x()) + pb.atan2(pb.full((2, 3), -0.0), x()),
        "atan2",
        2,
    ),
    "two dtypes": (
        lambda: pb.exp(x()).astype("float64").sum() + pb.exp(x()).astype("float64").sum(),
        "exp",
        1,
    ),
}


@pytest.mark.parametrize("name", KEEPS)
def test_it_keeps(name: str) -> None:
    build, op, times = KEEPS[name]
    program = planned(build())
    assert count(program, op) == times, program


@pytest.mark.parametrize("name", [*FIRES, *KEEPS])
def test_no_bit_changes(name: str) -> None:
    """Also signs of zero: the numbers include both."""
    step = step_of({**FIRES, **KEEPS}[name][0]())
    needed = plan(step)
    feeds = {"x": X} if needed.feeds else {}
    slots = {"row": np.array([0.5, -0.0, 2.0], np.float32)}
    wanted = run(step, feeds, slots, without=REWRITES)
    for without in [(), *[(rewrite,) for rewrite in REWRITES]]:
        assert same_bits(run(step, feeds, slots, without), wanted), without


def test_large_constants_are_not_made_while_planning() -> None:
    ramp = constant(np.arange(20_000, dtype=np.float32))
    assert count(planned(pb.exp(ramp))) == 1, "80 kB stay a computation"
    assert count(planned(pb.exp(ramp[:1000]))) == 0
    assert count(planned(pb.ones((1000, 1000)) * x().sum()), "full") <= 1


def test_a_fold_keeps_what_is_not_finite() -> None:
    step = step_of(x() + pb.log(pb.tensor([0.0, -1.0, 1.0])))
    assert count(plan(step)) == 1
    assert same_bits(run(step, {"x": X}), run(step, {"x": X}, without=REWRITES))


def test_an_unknown_rewrite_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="fold_constants"):
        planned(x(), without=["fold_constant"])


def test_merging_does_not_confuse_nodes_that_are_gone() -> None:
    """Thousands of short-lived nodes, whose places in memory are used again."""
    at, total = x(), constant(np.float32(0))
    for i in range(2000):
        total = total + (at * float(i % 7)).sum()
    step = step_of(total)
    wanted = run(step, {"x": X[:, :1].repeat(3, 1)}, without=REWRITES)
    assert same_bits(run(step, {"x": X[:, :1].repeat(3, 1)}), wanted)
    assert count(plan(step), "mul") <= 7


def test_the_graph_itself_is_left_alone() -> None:
    y = pb.exp(pb.neg(-x())) * 1.0
    before = str(planned(y, without=REWRITES))
    planned(y)
    assert str(planned(y, without=REWRITES)) == before


def test_assignments_and_conditions_are_rewritten_too() -> None:
    w = slot("w", (3,))
    step = Step(
        {"y": w * 1.0},
        {"w": pb.neg(-(w + x().sum(0)))},
        guard=pb.logical_not(pb.logical_not(x().sum() > 0)),
        finite=[(w * 1.0).sum()],
    )
    slots = {"w": np.array([1, 2, 3], np.float32)}
    feeds = {"x": np.ones((2, 3), np.float32)}
    assert count(plan(step)) < count(plan(step, REWRITES))
    assert same_bits(run(step, feeds, slots), run(step, feeds, slots, REWRITES))


@pytest.mark.parametrize(
    "again", [lambda y: y * 1.0, lambda y: pb.neg(-y), lambda y: pb.scale(1.0, y)]
)
@pytest.mark.parametrize("row", [lambda r: r * 1.0, lambda r: r - 0.0, lambda r: pb.neg(-r)])
def test_a_node_that_is_met_twice_keeps_its_shape(again: Any, row: Any) -> None:
    """An identity hands back a sum whose copies were elided before: it is looked at once more."""
    x = placeholder("x", (2, 1), "float64")
    y = again(x + row(pb.full((3,), 1.0, "float64")))
    feeds = {"x": np.array([[1.0], [2.0]])}
    for found in (
        run(step_of(y, y.sum()), feeds),
        run(step_of(y, y.sum()), feeds, without=REWRITES),
    ):
        assert found[0].tolist() == [[2.0] * 3, [3.0] * 3]
        assert found[1] == 15
