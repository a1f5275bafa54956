"""Both executors: when slots are written, with which values, and what is handed back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, TraceError
from pullback.execute import (
    NumpyExecutor,
    ReferenceExecutor,
    State,
    evaluate,
    executor,
    find_origin,
)
from pullback.execute.executors import all_finite
from pullback.graph import Node, placeholder, slot
from pullback.plan import Step

KINDS = pytest.mark.parametrize("kind", ["numpy", "native", "reference"])
F4 = np.float32


def run(step: Step, state: State, kind: str, **feeds: Any) -> dict[str, np.ndarray]:
    return executor(step, state, kind).run({k: np.asarray(v, F4) for k, v in feeds.items()})


@KINDS
def test_two_slots_change_places(kind: str) -> None:
    """Every assignment sees the values from before the step, also where it only copies one."""
    state = State({"a": np.array([1, 2], F4), "b": np.array([3, 4], F4)})
    a, b = slot("a", (2,)), slot("b", (2,))
    made = executor(Step({}, {"a": b, "b": a}), state, kind)
    made.run({})
    assert (state["a"].tolist(), state["b"].tolist()) == ([3, 4], [1, 2])
    made.run({})
    assert (state["a"].tolist(), state["b"].tolist()) == ([1, 2], [3, 4])


@KINDS
@pytest.mark.parametrize("view", ["reshape", "transpose", "slice", "broadcast"])
def test_views_of_slots_are_old_values_too(view: str, kind: str) -> None:
    a = slot("a", (2, 2))
    seen = {
        "reshape": a.reshape(4).reshape(2, 2),
        "transpose": a.T,
        "slice": a[::-1],
        "broadcast": a[0].broadcast_to((2, 2)),
    }[view]
    before = np.array([[1, 2], [3, 4]], F4)
    state = State({"a": before, "b": np.zeros((2, 2), F4)})
    found = executor(Step({"old": seen}, {"a": a * 10, "b": seen}), state, kind).run({})
    wanted = {
        "reshape": before,
        "transpose": before.T,
        "slice": before[::-1],
        "broadcast": before[[0, 0]],
    }[view]
    np.testing.assert_array_equal(state["b"], wanted)
    np.testing.assert_array_equal(found["old"], wanted)
    np.testing.assert_array_equal(state["a"], 10 * before)
    again = executor(Step({}, {"a": seen, "b": a}), state, kind)
    now = state["a"].copy()
    again.run({})
    np.testing.assert_array_equal(state["b"], now)


@KINDS
def test_outputs_are_copies(kind: str) -> None:
    state = State({"a": np.array([1, 2], F4)})
    a, x = slot("a", (2,)), placeholder("x", (2,))
    feed = np.array([5, 6], F4)
    found = executor(
        Step({"a": a, "x": x, "view": a.reshape(2, 1)}, {"a": a + x}), state, kind
    ).run({"x": feed})
    feed[:] = 0
    assert found["a"].tolist() == [1, 2]
    assert found["x"].tolist() == [5, 6]
    assert found["view"].tolist() == [[1], [2]]
    found["a"][:] = 99
    assert state["a"].tolist() == [6, 8]


@KINDS
def test_a_guard_holds_everything_back(kind: str) -> None:
    a, x = slot("a", ()), placeholder("x", ())
    step = Step({"x": x}, {"a": a + x, "n": slot("n", (), "int64") + 1}, guard=x > 0)
    state = State({"a": np.asarray(1, F4), "n": np.asarray(0)})
    assert run(step, state, kind, x=-1.0)["x"] == -1
    assert (state["a"], state["n"]) == (1, 0)
    run(step, state, kind, x=2.0)
    assert (state["a"], state["n"]) == (3, 1)


@KINDS
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_must_be_finite_holds_everything_back(wrong: float, kind: str) -> None:
    """A value that is named, and every new value of a slot."""
    a, b, x, y = slot("a", ()), slot("b", ()), placeholder("x", ()), placeholder("y", ())
    count = slot("n", (), "int64") + 1
    step = Step({}, {"a": a + x, "b": b + 1, "n": count}, finite=[y])
    for x_now, y_now, written in ((1, 1, True), (1, wrong, False), (wrong, 1, False)):
        state = State({"a": np.asarray(1, F4), "b": np.asarray(1, F4), "n": np.asarray(0)})
        run(step, state, kind, x=x_now, y=y_now)
        assert (state["a"], state["b"], state["n"]) == ((2, 2, 1) if written else (1, 1, 0))
    free = Step({}, {"a": a + x})
    run(free, state, kind, x=wrong)
    assert not np.isfinite(state["a"]), "nothing was asked for"


@KINDS
def test_an_infinity_in_between_is_no_matter(kind: str) -> None:
    a, x = slot("a", ()), placeholder("x", ())
    step = Step({}, {"a": 1 / (a / x)}, finite=[])
    state = State({"a": np.asarray(1, F4)})
    run(step, state, kind, x=0.0)
    assert state["a"] == 0


def test_all_finite_is_exact_where_squares_overflow() -> None:
    large = np.full((3, 4), 3e38, F4)
    assert all_finite([large, np.asarray(1e300), np.zeros((0, 2), F4), large[:, ::2].T])
    for wrong in (np.nan, np.inf, -np.inf):
        for place in ((0, 0), (2, 3)):
            planted = large.copy()
            planted[place] = wrong
            assert not all_finite([planted])
            assert not all_finite([np.zeros(3), planted.T])
            assert not all_finite([np.asarray(wrong)])
    assert all_finite([np.float32(2)])


def test_the_oracle_computes_in_float64_and_rounds_once_an_operation() -> None:
    x = placeholder("x", (3,))
    step = Step({"y": pb.exp(x), "z": pb.exp(x) - pb.exp(x).astype("float64").astype("float32")})
    value = np.array([0.1, 1.7, 30.3], F4)
    found = ReferenceExecutor(step, State({})).run({"x": value})
    np.testing.assert_array_equal(found["y"], np.exp(value.astype(np.float64)).astype(F4))
    assert found["y"].dtype == F4
    assert not found["z"].any()


def test_the_fallback_computes_in_the_dtypes_of_the_program() -> None:
    x = placeholder("x", (3,))
    seen: list[np.dtype[Any]] = []

    def forward(value: np.ndarray) -> np.ndarray:
        seen.append(value.dtype)
        return np.exp(value)

    made = NumpyExecutor(pb.plan.plan(Step({"y": pb.exp(x)})), State({}))
    made._code = [(forward, *code[1:]) for code in made._code]
    made.run({"x": np.zeros(3, F4)})
    assert seen == [np.dtype(F4)]


def test_feeds_are_checked_before_anything_runs() -> None:
    state = State({"a": np.zeros(2, F4)})
    step = Step({}, {"a": slot("a", (2,)) + placeholder("x", (2,))})
    made = executor(step, state)
    for wrong in ({}, {"x": np.zeros(3, F4)}, {"x": np.zeros(2)}, {"x": np.zeros((2, 1), F4)}):
        with pytest.raises(ConfigError):
            made.run(wrong)
    assert not state["a"].any()


def test_the_memory_of_constants_and_slots_is_not_written_by_accident() -> None:
    """Operations never work in place on what they are given."""
    fixed = pb.tensor([1.0, 2.0])
    a, x = slot("a", (2,)), placeholder("x", (2,))
    state = State({"a": np.array([3, 4], F4)})
    made = executor(Step({"y": pb.scale(a, fixed) * x + pb.where(x > 0, a, fixed)}), state)
    first = made.run({"x": np.array([1, -1], F4)})["y"]
    second = made.run({"x": np.array([1, -1], F4)})["y"]
    assert first.tobytes() == second.tobytes()
    assert state["a"].tolist() == [3, 4]


@KINDS
def test_errors_of_operations_come_through(kind: str) -> None:
    """A label out of range is found before any memory is touched, and before a slot is."""
    labels = placeholder("labels", (2,), "int64")
    loss = pb.cross_entropy_with_logits(slot("z", (2, 3)), labels).sum()
    state = State({"z": np.zeros((2, 3), F4)})
    made = executor(Step({"loss": loss}, {"z": slot("z", (2, 3)) + 1}), state, kind)
    with pytest.raises(IndexError, match="3"):
        made.run({"labels": np.array([0, 3])})
    assert not state["z"].any()


def test_a_tensor_without_a_value_names_the_line() -> None:
    with pytest.raises(TraceError, match=r"test_executors\.py:\d+"):
        (placeholder("x", (2,)) + 1).numpy()


def test_evaluation_with_feeds() -> None:
    x = placeholder("x", (2,))
    y = pb.exp(x) + 1
    (found,) = evaluate([y], {x: np.zeros(2, F4)})
    assert found.tolist() == [2, 2]


def chain(x: Node, length: int) -> Node:
    for _ in range(length):
        x = pb.tanh(x) + x
    return x


def test_a_value_that_is_looked_at_is_kept_and_its_way_there_is_not() -> None:
    import tracemalloc

    x = pb.tensor(np.zeros(100_000, F4))
    y = chain(x, 30)
    tracemalloc.start()
    y.numpy()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 400_000


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"y": np.ones(2, F4)},
        {"x": np.ones(3, F4)},
        {"x": np.ones((), F4)},
        {"x": np.ones(2)},
        {"x": np.ones(2, np.int64)},
        {"x": [1.0, 2.0]},
        {"x": None},
    ],
)
def test_wrong_feeds_are_refused_alike(feeds: dict[str, Any]) -> None:
    """By every executor with the same words, and nothing is written."""
    said = []
    for kind in ("numpy", "reference"):
        state = State({"a": np.zeros(2, F4)})
        step = Step({}, {"a": slot("a", (2,)) + placeholder("x", (2,))}, name="sum")
        with pytest.raises(ConfigError, match="'x'") as caught:
            executor(step, state, kind).run(feeds)
        said.append(str(caught.value))
        assert not state["a"].any()
    assert said[0] == said[1]


@KINDS
def test_the_origin_is_found_in_the_arithmetic_of_the_executor(kind: str) -> None:
    """A standard deviation whose squares overflow in float32 alone."""
    x = placeholder("x", (2,))
    step = Step({"y": pb.std(x)})
    feeds = {"x": np.array([3e20, -3e20], F4)}
    state = State({})
    found = executor(step, state, kind).run(feeds)["y"]
    origin = find_origin(step, state, feeds, kind)
    assert (origin is None) == bool(np.isfinite(found)) == (kind == "reference")
    assert origin is None or origin.operation == "std"
