"""Slots written in place: only where nobody can tell, and all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute import NumpyExecutor, State
from pullback.execute.compiled import NativeExecutor
from pullback.graph import Node, placeholder, slot
from pullback.plan import Step, plan
from tests.native.helpers import module

pytestmark = pytest.mark.native

LEAST = float(np.finfo(np.float32).smallest_normal)

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


LARGE = 600
"""Numbers enough that what an update writes is first bounded, not looked at."""


@pytest.mark.parametrize("overflows", [None, 0, 1, 5, 9])
def test_bounds_go_on_from_step_to_step(overflows: int | None) -> None:
    """The slots' ranges are measured once for many steps; no step too far is taken all the same."""
    rows = np.random.default_rng(1).standard_normal((10, LARGE)).astype(F4)
    if overflows is not None:
        rows[overflows, 77] = 1e25
    g, w, v = placeholder("g", (1, LARGE)), slot("w", (1, LARGE)), slot("v", (1, LARGE))
    new = v * 0.9 + g * g
    assigns = {"v": new, "w": w - 0.1 * g / (pb.ops.sqrt(new) + 1e-8)}
    step = Step({"seen": g[0, 0]}, assigns, finite=list(assigns.values()))
    executor, state = made(step, w=np.zeros((1, LARGE)), v=np.zeros((1, LARGE)))
    assert in_place(executor) == 1
    found, _ = executor.run_steps({"g": rows}, np.arange(10).reshape(10, 1), ["seen"], 10.0)
    assert len(found) == (10 if overflows is None else overflows)
    one_by_one, expected = made(step, w=np.zeros((1, LARGE)), v=np.zeros((1, LARGE)))
    for row in rows[:overflows]:
        one_by_one.run({"g": row[None]})
    for label in state:
        np.testing.assert_array_equal(state[label], expected[label])


def test_a_slot_that_is_copied_is_measured_at_every_step() -> None:
    """Part of it is read, whose range of the step before says nothing."""
    s, w, g = slot("s", (3, LARGE)), slot("w", (LARGE,)), placeholder("g", (1, 1))
    assigns = {"w": w * s[1] * s[1], "s": s[::-1] * 1e10}
    step = Step({"seen": g[0, 0]}, assigns, finite=[assigns["w"]])
    executor, state = made(step, s=np.ones((3, LARGE)), w=np.ones(LARGE))
    rows = np.zeros((9, 1), F4)
    found, _ = executor.run_steps({"g": rows}, np.arange(9).reshape(9, 1), ["seen"], 10.0)
    assert len(found) == 2  # in the third, 1e20 times the square of 1e20 is too large
    np.testing.assert_allclose(state["w"], 1e20, 1e-5)


def test_what_others_write_between_runs_is_seen() -> None:
    """The range of a slot is kept from run to run, but not across somebody else's writing."""
    g, w = placeholder("g", (1, LARGE)), slot("w", (1, LARGE))
    step = Step({"seen": g[0, 0]}, {"w": w * g}, finite=[])
    executor, state = made(step, w=np.ones((1, LARGE)))
    ten = {"g": np.full((1, LARGE), 10, F4)}
    executor.run(ten)
    executor.run(ten)
    np.testing.assert_array_equal(state["w"], 100)
    state["w"] = np.full((1, LARGE), 1e38, F4)
    executor.run(ten)
    np.testing.assert_array_equal(state["w"], F4(1e38))  # held back: 1e39 is too large
    other = NativeExecutor(plan(Step({}, {"w": w * 0 + 3e37})), state)
    state["w"] = np.ones((1, LARGE), F4)
    executor.run(ten)
    other.run({})
    executor.run({"g": np.full((1, LARGE), 100, F4)})
    np.testing.assert_array_equal(state["w"], F4(3e37))
    with pytest.raises(ValueError, match="read-only"):
        state["w"][0, 0] = 1


UPDATES: dict[str, Callable[[Node, Node], Node]] = {
    "sum": lambda x, g: x + g,
    "difference": lambda x, g: x - g * 3,
    "product": lambda x, g: x * g,
    "quotient": lambda x, g: x / g,
    "quotient of what is positive": lambda x, g: x / (g * g + 1e-30),
    "quotient of what is small": lambda x, g: x / (pb.ops.abs(g) + 1e-38),
    "root": lambda x, g: x + pb.ops.sqrt(g),
    "root of a square": lambda x, g: x + pb.ops.sqrt(g * g),
    "reciprocal": lambda x, g: x + 1 / g,
    "larger": lambda x, g: x * pb.ops.maximum(g, 0.0) * 1e10,
    "chosen": lambda x, g: x + pb.ops.where(g > 0, g, g * 1e20),
    "exponential": lambda x, g: x + pb.ops.exp(g),
    "by a number": lambda x, g: x / g[0],
}


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-20, 1.0, 1e15, 1e20, 1e30, 3e38])
def test_written_exactly_where_all_is_finite(name: str, scale: float) -> None:
    """Whatever bounds say: slots change if all new values are finite, and not otherwise."""
    random = np.random.default_rng(2)
    update, x, g = UPDATES[name], slot("x", (LARGE,)), placeholder("g", (LARGE,))
    assigns = {"x": update(x, g)}
    for first in (1.0, 1e25):
        start = (random.uniform(-1, 1, LARGE) * first).astype(F4)
        fed = (random.uniform(-1, 1, LARGE) * scale).astype(F4)
        one_zero = np.where(np.arange(LARGE) == 99, F4(0), fed)
        for given in (fed, np.abs(fed), one_zero, np.zeros(LARGE, F4)):
            executor, state = made(Step({}, assigns, finite=[*assigns.values()]), x=start)
            wanted = State({"x": start.copy()})
            new = NumpyExecutor(plan(Step({"new": assigns["x"]})), wanted).run({"g": given})["new"]
            executor.run({"g": given})
            expected = new if np.isfinite(new).all() else start
            np.testing.assert_allclose(state["x"], expected, 1e-5, LEAST)  # below, slots hold 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_division_by_one_number_has_the_bits_of_division(dtype: Any) -> None:
    info, random = np.finfo(dtype), np.random.default_rng(3)
    hard = [0.0, -0.0, info.tiny, -info.tiny / 8, info.max, -info.max, np.inf, -np.inf, np.nan]
    ordinary = random.standard_normal(600) * 10.0 ** random.integers(-12, 12, 600)
    numbers = [0.1, 3.0, -7.0, 1e-12, 1e14, 1e-30, 1e30, *hard]
    x, s = placeholder("x", (600,), dtype), placeholder("s", (), dtype)
    module()
    executor = NativeExecutor(plan(Step({"y": x / s * 1.0})), State({}))
    for number in np.array(numbers, dtype):
        for values in (ordinary, np.resize([*ordinary[:40], *hard], 600), np.zeros(600) * -1):
            given = values.astype(dtype)
            with np.errstate(all="ignore"):
                expected = given / number * dtype(1)
            found = executor.run({"x": given, "s": number})["y"]
            np.testing.assert_array_equal(found, expected)
            ordered = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(found[ordered]), np.signbit(expected[ordered]))


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


@pytest.mark.parametrize("place", [(0, 0), (299, 409), (130, 200), (7, 408)])
@pytest.mark.parametrize("bad", [1e25, np.inf, np.nan])
def test_what_a_product_makes_is_measured_where_it_is_made(
    place: tuple[int, int], bad: float
) -> None:
    x, y = placeholder("x", (64, 300)), placeholder("y", (64, 410))
    w, b = slot("w", (300, 410)), slot("b", (300, 410))
    product = x.T @ y
    assigns = {"w": w + product * product, "b": b - pb.relu(product * 2)}
    executor, state = made(Step({}, assigns, finite=[]), w=np.ones(w.shape), b=np.ones(b.shape))
    random = np.random.default_rng(0)
    feeds = {n: random.standard_normal(s).astype(F4) for n, s in (("x", x.shape), ("y", y.shape))}
    executor.run(feeds)
    before = state.snapshot()
    assert not np.array_equal(before["w"], np.ones(w.shape))
    feeds["x"][:, place[0]], feeds["y"][:, place[1]] = 0, 0
    feeds["x"][3, place[0]], feeds["y"][3, place[1]] = bad, 1
    executor.run(feeds)  # the product is finite, its square is not: or the product is not
    for label, value in before.items():
        np.testing.assert_array_equal(state[label], value)
    feeds["x"][3, place[0]] = 1
    executor.run(feeds)
    assert not np.array_equal(state["w"], before["w"])


@pytest.mark.parametrize("over", ["chain", "kernel", "strand"])
def test_what_is_written_over_a_product_was_not_measured(over: str) -> None:
    """An update reads what lies in a product's place, which something else has written since."""
    rows, columns = 64, 512
    arena, state = np.zeros(1 << 20, np.uint8), np.ones(rows * columns, F4)
    places = [arena[n << 18 : (n + 1) << 18].view(F4)[: rows * columns] for n in range(4)]
    a, b, _, other = places
    a[:], b[:], other[:] = 0.01, 0.01, 1

    def at(n: int, *shape: int, space: int = 0) -> Any:
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        return space, 0 if space else n << 18, 0, list(shape), strides, []

    isa = module().instruction_sets()[0]
    program = module().Program(isa, arena, state.view(np.uint8))
    whole = rows * columns
    program.call("gemm", [at(0, rows, 64), at(1, 64, columns)], [at(2, rows, columns)], [], [])
    if over == "kernel":
        program.call("copy", [at(3, whole)], [at(2, whole)], [], [])
    else:
        if over == "strand":
            program.begin_strand()
        program.chain(
            isa, [whole], [(0, at(3, whole))], [("neg", 0, 0, 1, [0], [])], [(1, at(2, whole))], []
        )
        if over == "strand":
            program.end_strands()
    slot_at = at(0, whole, space=1)
    steps = [("mul", 0, 0, 2, [1, 1], []), ("add", 0, 0, 3, [0, 2], [])]
    program.update(isa, [whole], [(0, slot_at), (1, at(2, whole))], steps, [(3, slot_at)], True, [])
    assert program.run() == (True, -1)
    before = state.copy()
    other[777] = 1e30
    assert program.run() == (False, -1)
    np.testing.assert_array_equal(state, before)
    other[777] = 1
    program.watch([at(3, whole)])  # what is added between runs counts too
    assert program.run() == (True, -1)
    other[777] = np.inf
    assert program.run() == (False, -1)
