"""Loops: what goes in and out, what is refused, and what the body is made of."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, ShapeError, TraceError
from pullback.graph import Node, placeholder
from pullback.graph.body import Body, closed
from pullback.graph.printing import formula
from pullback.graph.trees import leaves
from pullback.ops.loops import Scan


class State(NamedTuple):
    h: Any
    count: Any


def loop_of(node: Node) -> Scan:
    while not isinstance(node.op, Scan):
        (node,) = node.inputs
    return node.op


def rnn(c: Node, x: Node, w: Node) -> tuple[Node, Node]:
    h = pb.tanh(c @ w + x)
    return h, h


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_it_is_the_loop_written_out(length: int, reverse: bool) -> None:
    random = np.random.default_rng(length)
    x, c, w = random.normal(size=(length, 2, 3)), random.normal(size=(2, 3)), np.eye(3) / 2
    last, ys = pb.scan(lambda c, x: rnn(c, x, pb.tensor(w)), pb.tensor(c), x, reverse=reverse)
    wanted = np.zeros((length, 2, 3))
    for t in sorted(range(length), reverse=reverse):
        c = np.tanh(c @ w + x[t])
        wanted[t] = c
    assert ys.shape == (length, 2, 3)
    np.testing.assert_allclose(ys.numpy(), wanted, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(last.numpy(), c, rtol=1e-14, atol=1e-14)


def test_trees_keep_their_form() -> None:
    def f(c: dict[str, Any], x: Any) -> tuple[dict[str, Any], list[Any]]:
        a, (b,) = x
        h = c["state"].h + a
        return {"other": c["other"] * b, "state": State(h, c["state"].count + 1)}, [
            h,
            None,
            {"b": b},
        ]

    carry = {"state": State(pb.zeros(2), 0.0), "other": 1.0}
    xs = (pb.ones((3, 2)), [pb.tensor([2.0, 3.0, 4.0])])
    last, ys = pb.scan(f, carry, xs)
    assert list(last) == ["state", "other"]
    assert type(last["state"]) is State
    assert last["state"].h.numpy().tolist() == [3, 3]
    assert (last["state"].count.item(), last["other"].item()) == (3, 24)
    assert ys[0].numpy().tolist() == [[1, 1], [2, 2], [3, 3]]
    assert ys[1] is None
    assert ys[2]["b"].numpy().tolist() == [2, 3, 4]


def test_nothing_in_nothing_out() -> None:
    last, ys = pb.scan(lambda c, x: (c * 2, None), 1.0, None, length=5)
    assert (last.item(), ys) == (32, None)
    nothing, ys = pb.scan(lambda c, x: (None, x * x), None, pb.tensor([1.0, 2.0]))
    assert (nothing, ys.numpy().tolist()) == (None, [1, 4])
    assert pb.scan(lambda c, x: (None, None), None, None, length=3) == (None, None)


def test_indices_stay_whole_numbers() -> None:
    table = pb.tensor([[1.0, 2.0], [10.0, 20.0]])
    last, _ = pb.scan(lambda c, i: (c + table[i], None), pb.zeros(2), np.array([0, 1, 1]))
    assert last.numpy().tolist() == [21, 42]


def test_dtypes_meet_as_in_a_sum() -> None:
    calls = []

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        calls.append(c.dtype)
        return c + x, c > 1

    last, ys = pb.scan(f, 0, np.array([0.5, 1.0], "float64"))
    assert calls == ["int64", "float64"]
    assert (last.dtype, last.item(), ys.dtype) == ("float64", 1.5, "float64")
    last, _ = pb.scan(lambda c, x: (c + x, None), 0, np.array([3, 4]))
    assert (last.dtype, last.item()) == ("int64", 7)
    last, _ = pb.scan(lambda c, x: (0.1 * c + x, None), 0.1, np.array([0.3], "float64"))
    assert last.item() == 0.1 * 0.1 + 0.3


def test_the_body_is_traced_once() -> None:
    calls = []

    def f(c: Node, x: Node) -> tuple[Node, None]:
        calls.append(1)
        return c + x, None

    pb.scan(f, pb.zeros(()), pb.ones(1000))
    assert calls == [1]


def test_what_does_not_change_is_computed_outside() -> None:
    w, b = pb.ones((3, 3)), pb.ones(3)
    _, ys = pb.scan(lambda c, x: (c @ (w.T * 2) + b, c), pb.zeros((2, 3)), None, length=4)
    names = [node.op.name for node in loop_of(ys).body.operations()]
    assert sorted(names) == ["add", "matmul"]


def test_a_body_is_known_by_what_it_does() -> None:
    def body(factor: float, shape: tuple[int, ...] = (2,)) -> Body:
        x, y = placeholder("x", shape), placeholder("y", shape)
        return closed([x, y], [x * y, pb.leaky_relu(x, factor)])[0]

    assert body(0.5) == body(0.5)
    assert hash(body(0.5)) == hash(body(0.5))
    assert body(0.5) != body(0.25)
    assert body(0.0) != body(-0.0)
    assert body(0.5) != body(0.5, (3,))
    x, y = placeholder("x", (2,)), placeholder("y", (2,))
    assert Body((x, y), (x - y,)) != Body((y, x), (x - y,))


def test_it_prints() -> None:
    x = placeholder("x", (3, 2))
    last, ys = pb.scan(lambda c, x: (c + x, c * x), pb.zeros(2), x)
    assert re.search(r"scan\(.*x, 3 steps of 2 operations\)", formula(ys))
    assert r"\operatorname{scan}_{3}" in formula(last, style="latex")


@pytest.mark.parametrize(
    ("carry", "xs", "options", "said"),
    [
        (0.0, None, {}, "number of steps"),
        (0.0, None, {"length": -1}, "number of steps"),
        (0.0, None, {"length": 1.5}, "number of steps"),
        (0.0, [np.ones(2), np.ones(3)], {}, "same number of steps"),
        (0.0, np.ones(2), {"length": 3}, "same number of steps"),
        (0.0, 1.0, {}, "first axis"),
    ],
)
def test_lengths_that_are_none(carry: Any, xs: Any, options: Any, said: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=said):
        pb.scan(lambda c, x: (c, c), carry, xs, **options)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (lambda c: pb.ones(3), "keeps its shapes"),
        (lambda c: (c, c), "keeps its form"),
        (lambda c: None, "keeps its form"),
        (lambda c: {"a": c}, "keeps its form"),
    ],
)
def test_a_carry_that_changes_its_form_is_refused(new: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        pb.scan(lambda c, x: (new(c), c), pb.zeros(2), None, length=2)
    with pytest.raises(ShapeError, match="keeps its form"):
        pb.scan(lambda c, x: ({"b": 1.0}, None), {"a": 1.0}, None, length=2)


def test_other_mistakes_are_named() -> None:
    with pytest.raises(ConfigError, match="pair"):
        pb.scan(lambda c, x: c, pb.zeros(2), None, length=2)  # type: ignore[arg-type]
    with pytest.raises(TraceError, match="test_loops"):
        pb.scan(lambda c, x: (c if c.sum() > 0 else -c, None), pb.zeros(2), None, length=2)
    assert leaves(None) == []
