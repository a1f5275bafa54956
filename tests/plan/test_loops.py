"""Loops in programs: their bodies are planned, wider ones stand for narrower ones, they print."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.execute import NumpyExecutor, ReferenceExecutor, State, find_origin
from pullback.graph import Node, apply, constant, placeholder, slot
from pullback.graph.body import Body
from pullback.ops.loops import Scan
from pullback.plan import Program, Step, plan

SHAPES = {"x": (5, 2, 3), "c": (2, 4), "w": (4, 4), "b": (4,), "v": (3, 4)}


def step(reverse: bool = False) -> Step:
    """A recurrent layer with its gradient."""
    x, c = placeholder("x", SHAPES["x"]), placeholder("c", SHAPES["c"])
    w, b, v = (slot(name, SHAPES[name]) for name in "wbv")

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        h = pb.tanh((x @ v + c @ w + b) * 1.0)
        return h, (h + 0) * pb.tanh((x @ v + c @ w + b) * 1.0)

    last, ys = pb.scan(f, c, x, reverse=reverse)
    loss = (ys * ys).mean() + last.sum()
    bars = pb.gradient(loss, [w, b, v, c])
    return Step({"loss": loss, **dict(zip("wbvc", bars, strict=True))})


def loops(program: Program) -> list[Scan]:
    return [i.op for i in program.instructions if isinstance(i.op, Scan)]


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {n: random.normal(size=s).astype("float32") / 2 for n, s in SHAPES.items()}


@pytest.mark.parametrize("reverse", [False, True])
def test_the_program_agrees_with_the_oracle(reverse: bool) -> None:
    values, made = arrays(), step(reverse)
    state = State({n: values[n] for n in "wbv"})
    found = NumpyExecutor(plan(made), state).run(values)
    plain = NumpyExecutor(plan(made, without=["merge_common"]), state).run(values)
    wanted = ReferenceExecutor(made, state).run(values)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=2e-5, atol=1e-6, err_msg=name)
        assert found[name].tobytes() == plain[name].tobytes()
    assert wanted["loss"].dtype == "float32"


def test_the_loop_runs_once_forwards_and_once_back() -> None:
    assert [op.reverse for op in loops(plan(step()))] == [False, True]
    assert len(loops(plan(step(), without=["merge_common"]))) == 3


def test_loops_widened_in_different_ways_are_not_taken_for_each_other() -> None:
    """Each gradient asks for residuals of its own; neither loop begins with the other."""
    x, c = placeholder("x", (4, 3)), placeholder("c", (3,))

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        a, b = pb.sin(x), pb.exp(c * 0.1)
        return c * pb.tanh(a) + b, pb.cos(a * b)

    last, ys = pb.scan(f, c, x)
    made = Step({"x": pb.gradient(ys.sum(), [x])[0], "c": pb.gradient(last.sum(), [c])[0]})
    random = np.random.default_rng(1)
    feeds = {n: random.normal(size=s).astype("float32") for n, s in (("x", (4, 3)), ("c", (3,)))}
    found = NumpyExecutor(plan(made), State({})).run(feeds)
    wanted = ReferenceExecutor(made, State({})).run(feeds)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=2e-5, atol=1e-6)


def test_what_is_not_differentiated_keeps_nothing() -> None:
    made = step()
    (op,) = loops(plan(Step({"loss": made.outputs["loss"]})))
    assert len(op.body.outputs) == 2


def test_bodies_are_rewritten_by_name() -> None:
    (op,) = loops(plan(Step({"loss": step().outputs["loss"]})))
    names = [node.op.name for node in op.body.operations()]
    assert sorted(names) == ["add", "add", "add", "matmul", "matmul", "mul", "tanh"]
    every = ["fold_constants", "simplify", "elide_broadcasts", "merge_common"]
    for name, more in zip(every, (0, 1, 2, 5), strict=True):
        (op,) = loops(plan(Step({"loss": step().outputs["loss"]}), without=[name]))
        assert len(op.body.operations()) >= len(names) + more, name


def test_a_program_shows_the_body() -> None:
    text = str(plan(step()))
    assert "scan(c, x, v, w, b, 5 steps of" in text
    assert "= x[t] @ v" in text
    assert "c0' = $" in text


def test_loops_written_twice_are_one() -> None:
    x = placeholder("x", (3, 2))
    runs = [pb.scan(lambda c, x: (c + x * 2, c), pb.zeros(2), x) for _ in range(2)]
    program = plan(Step({"a": runs[0][0], "b": runs[1][1]}))
    assert len(loops(program)) == 1


def test_a_slice_of_a_slice_is_one_slice() -> None:
    x = placeholder("x", (20,))
    y = x[15:2:-2][1:5:2]
    program = plan(Step({"y": y}))
    assert [i.op.name for i in program.instructions] == ["slice"]
    values = np.arange(20, dtype="float32")
    found = NumpyExecutor(program, State({})).run({"x": values})["y"]
    np.testing.assert_array_equal(found, values[15:2:-2][1:5:2])


@pytest.mark.parametrize("kind", ["numpy", "reference"])
def test_the_origin_of_a_nan_within_a_loop(kind: str) -> None:
    x = placeholder("x", (4, 3))

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        quiet = pb.where(x < 3, 0, pb.log(x - 2))  # its infinity is left out: nobody's mistake
        return c + x, pb.log(x) + 0 * quiet

    _, ys = pb.scan(f, pb.zeros(3), x)
    made = Step({"loss": ys.sum()})
    feed = np.full((4, 3), 2.0, "float32")
    feed[2, 1] = -1.0
    origin = find_origin(made, State({}), {"x": feed}, kind)
    assert origin is not None
    assert (origin.operation, origin.loop_step) == ("log", 2)
    assert (origin.what, origin.index) == ("NaN", (1,))
    assert origin.reason == "log of -1, defined above 0, in step 2 of a loop"
    assert "test_loops.py" in origin.source
    assert find_origin(made, State({}), {"x": np.full_like(feed, 2)}, kind) is None


def test_the_origin_of_an_overflow_in_the_carry() -> None:
    c, _ = pb.scan(lambda c, x: (c * c, None), placeholder("c", (2,)), None, length=8)
    origin = find_origin(Step({"c": c}), State({}), {"c": np.array([1, 100], "float32")})
    assert origin is not None
    assert (origin.operation, origin.loop_step) == ("mul", 4)
    assert (origin.what, origin.index) == ("inf", (1,))


def test_a_value_that_is_known_within_the_body_is_read_as_it_is() -> None:
    """What it was computed from is then no part of the body."""
    carry, factor = placeholder("carry", (), "float32"), constant(0.5, "float64").astype("float32")
    factor.value = np.float32(0.5) * np.ones((), "float32")
    body = Body([carry], [carry * factor])
    y = apply(Scan(body, carries=1, rows=0, length=3), slot("first", (), "float32"))
    state = State({"first": np.asarray(8.0, "float32")})
    assert NumpyExecutor(plan(Step({"y": y})), state).run({})["y"].tolist() == [1.0]
