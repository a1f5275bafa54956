"""Slots written in place: only where nobody can tell, and all of them or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute import State
from pullback.execute.compiled import NativeExecutor
from pullback.graph import Node, placeholder, slot
from pullback.plan import Step, plan
from tests.native.helpers import module

pytestmark = pytest.mark.native

F4 = np.float32
SHAPE = (37, 41)


def made(step: Step, **slots: Any) -> tuple[NativeExecutor, State]:
    module()
    state = State({label: np.array(value, F4) for label, value in slots.items()})
    return NativeExecutor(plan(step), state), state


def in_place(executor: NativeExecutor) -> int:
    """How many slots are written in place."""
    return sum(line.split()[1] == "update" for line in str(executor).splitlines()[1:])


def momentum(
    shape: tuple[int, ...] = SHAPE,
) -> tuple[dict[str, Node], Node]:
    g, w, v = placeholder("g", shape), slot("w", shape), slot("v", shape)
    new = v * 0.9 + g * g
    return {"v": new, "w": w - 0.1 * new}, g


def test_the_same_bits_as_by_copying() -> None:
    random = np.random.default_rng(0)
    w, v, g = (random.standard_normal(SHAPE).astype(F4) for _ in range(3))
    assigns, gradient = momentum()
    step = Step({}, assigns, finite=[gradient])
    copying = Step({"v": assigns["v"], "w": assigns["w"]}, assigns, finite=[gradient])
    one, mine = made(step, w=w, v=v)
    other, theirs = made(copying, w=w, v=v)
    assert (in_place(one), in_place(other)) == (1, 0)
    for _ in range(3):
        one.run({"g": g})
        other.run({"g": g})
    for label in mine:
        np.testing.assert_array_equal(mine[label], theirs[label])
        assert not np.array_equal(mine[label], w)


@pytest.mark.parametrize("place", [(0, 0), (36, 40), (20, 7)])
def test_one_new_value_too_large_holds_everything_back(place: tuple[int, int]) -> None:
    """The gradient is finite, its square is not: nothing is written, whatever comes first."""
    assigns, gradient = momentum()
    more = {**assigns, "n": slot("n", ()) + 1, "u": slot("u", (3,)) * 2}
    executor, state = made(
        Step({}, more, finite=[gradient]), w=np.ones(SHAPE), v=np.ones(SHAPE), n=0, u=np.ones(3)
    )
    assert in_place(executor) == 3
    before = state.snapshot()
    g = np.ones(SHAPE, F4)
    g[place] = 1e30
    executor.run({"g": g})
    for label, value in before.items():
        np.testing.assert_array_equal(state[label], value)
    g[place] = 1
    executor.run({"g": g})
    assert all(not np.array_equal(state[label], value) for label, value in before.items())


def test_a_guard_is_heeded() -> None:
    assigns, gradient = momentum()
    executor, state = made(
        Step({}, assigns, guard=gradient.sum() > 0), w=np.ones(SHAPE), v=np.ones(SHAPE)
    )
    executor.run({"g": np.full(SHAPE, -1, F4)})
    np.testing.assert_array_equal(state["w"], 1)
    np.testing.assert_array_equal(state["v"], 1)
    executor.run({"g": np.ones(SHAPE, F4)})
    np.testing.assert_allclose(state["v"], 1.9, 1e-6)


def refused() -> dict[str, tuple[dict[str, Node], dict[str, Node]]]:
    """Outputs and assignments where writing in place would show."""
    a, b = slot("a", (3, 3)), slot("b", (3, 3))
    return {
        "the old value, turned round": ({}, {"a": a + a.T}),
        "the old value, shifted": ({}, {"a": a[::-1] * 2}),
        "each other": ({}, {"a": b * 2, "b": a * 2}),
        "the new value is asked for": ({"new": a * 2}, {"a": a * 2}),
        "two slots": ({}, {"a": a * 2, "b": a * 2}),
        "another update reads the old value": ({}, {"a": a * 2, "b": (b + a.sum()) * a.T}),
    }


@pytest.mark.parametrize("name", refused())
def test_what_would_show_is_copied(name: str) -> None:
    outputs, assigns = refused()[name]
    step = Step({"sum": slot("a", (3, 3)).sum(), **outputs}, assigns)
    values = {"a": np.arange(9.0).reshape(3, 3), "b": np.arange(9.0).reshape(3, 3) * 10}
    executor, mine = made(step, **values)
    theirs = State({label: np.array(value, F4) for label, value in values.items()})
    wanted = pb.execute.executor(step, theirs, "reference")
    for _ in range(2):
        found, expected = executor.run({}), wanted.run({})
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, 1e-6)
        for label in theirs:
            np.testing.assert_allclose(mine[label], theirs[label], 1e-6)


def test_a_whole_training_step_copies_no_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NativeExecutor] = []
    run = NativeExecutor.run_again
    monkeypatch.setattr(
        NativeExecutor, "run_again", lambda self, feeds: seen.append(self) or run(self, feeds)
    )
    network = pb.nn.dense(5, [7], 3)
    training = pb.Training(network=network, executor="native")
    loss = pb.losses.get("cross_entropy")
    step = training.step(lambda x, y: loss(network(x), y), optimizer=pb.optim.Adam(1e-3))
    step(np.ones((4, 5), F4), np.array([0, 1, 2, 0]))
    assert in_place(seen[-1]) == 4
