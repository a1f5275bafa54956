"""vmap against plain loops: axes, trees, other transforms inside and outside, errors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff.batching import batched
from pullback.errors import ConfigError, PullbackError, ShapeError, TraceError
from pullback.graph import Node, depends_on, placeholder, scope, topological
from pullback.plan import Step, plan

Pair = namedtuple("Pair", ["first", "second"])
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(4, 3))
MATRIX = RANDOM.normal(size=(3, 2))


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found.numpy(), np.asarray(wanted), rtol=1e-12, atol=1e-12)


def f(x: Node, w: Node) -> Node:
    return pb.tanh(x @ w) * pb.sum(x)


def loss(w: Node, x: Node) -> Node:
    return pb.square(f(x, w)).sum()


def rows_of(x: Any) -> list[Node]:
    return [pb.tensor(row) for row in np.asarray(x)]


def test_of_rows() -> None:
    wanted = [f(row, pb.tensor(MATRIX)).numpy() for row in rows_of(ROWS)]
    close(pb.vmap(f, (0, None))(ROWS, MATRIX), wanted)
    close(pb.vmap(f, (1, None))(ROWS.T, MATRIX), wanted)
    close(pb.vmap(f, (-1, None), out_axes=1)(ROWS.T, MATRIX), np.transpose(wanted))
    close(pb.vmap(f, (-1, None), out_axes=-1)(ROWS.T, MATRIX), np.transpose(wanted))
    close(pb.vmap(lambda x: f(x, pb.tensor(MATRIX)))(ROWS), wanted)


def test_every_axis_goes_where_it_is_wanted() -> None:
    x = RANDOM.normal(size=(2, 3, 4))
    for into in range(-3, 3):
        for out in range(-3, 3):
            moved = pb.vmap(lambda a: 2 * a, into, out)(x)
            close(moved, np.moveaxis(2 * x, into, out))


def test_trees_of_arguments_and_results() -> None:
    def of_trees(p: Any, scale: Node) -> Any:
        both = Pair(p["w"] * scale, [p["b"][0] + p["b"][1]])
        return {"both": both, "shared": scale + 1, "number": 2.0}

    w, b0, b1 = RANDOM.normal(size=(5, 2)), RANDOM.normal(size=(2, 5)), RANDOM.normal(size=2)
    given = {"w": w, "b": (b0, b1)}
    axes: tuple[Any, ...] = ({"w": 0, "b": (1, None)}, None)
    out = {"both": 0, "shared": None, "number": 0}
    found = pb.vmap(of_trees, axes, out)(given, pb.tensor(3.0))
    close(found["both"].first, w * 3)
    close(found["both"].second[0], b0.T + b1)
    assert type(found["both"]) is Pair
    assert found["shared"].shape == ()
    close(found["shared"], 4.0)
    close(found["number"], [2.0] * 5)


def test_keywords_and_arguments_without_an_axis_are_passed_as_they_are() -> None:
    def chosen(x: Node, how: str, *, times: int) -> Node:
        assert (how, times) == ("sum", 3)
        return x.sum() * times

    close(pb.vmap(chosen, (0, None))(ROWS, "sum", times=3), ROWS.sum(1) * 3)


def test_nested() -> None:
    a, b = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(5, 3))
    inner = pb.vmap(lambda x, y: (pb.sin(x) * y).sum(), (None, 0))
    close(pb.vmap(inner, (0, None))(a, b), np.sin(a) @ b.T)
    swapped = pb.vmap(pb.vmap(lambda x, y: (pb.sin(x) * y).sum(), (0, None)), (None, 0))
    close(swapped(a, b), (np.sin(a) @ b.T).T)


def test_the_gradient_of_each_row_and_of_all() -> None:
    w = pb.tensor(MATRIX)
    each = [pb.gradient(loss(w, row), [w])[0].numpy() for row in rows_of(ROWS)]
    value, bars = pb.vmap(pb.value_and_grad(loss), (None, 0))(MATRIX, ROWS)
    close(bars, each)
    close(value, [loss(w, row).numpy() for row in rows_of(ROWS)])

    def total(w: Node) -> Node:
        return pb.vmap(loss, (None, 0))(w, ROWS).sum()

    close(pb.value_and_grad(total)(MATRIX)[1], np.sum(each, axis=0))


def test_with_pushforwards_and_pullbacks_inside_and_outside() -> None:
    w = pb.tensor(MATRIX)
    tangents = RANDOM.normal(size=ROWS.shape)
    pairs = list(zip(rows_of(ROWS), rows_of(tangents), strict=True))

    def g(x: Node) -> Node:
        return f(x, w)

    wanted = [pb.jvp(g, [x], [t])[1].numpy() for x, t in pairs]
    close(pb.vmap(lambda x, t: pb.jvp(g, [x], [t])[1])(ROWS, tangents), wanted)
    close(pb.jvp(pb.vmap(g), [ROWS], [tangents])[1], wanted)

    bars = RANDOM.normal(size=(4, 2))
    pulled = [pb.vjp(g, x)[1](b)[0].numpy() for x, b in zip(rows_of(ROWS), bars, strict=True)]
    close(pb.vmap(lambda x, b: pb.vjp(g, x)[1](b)[0])(ROWS, bars), pulled)
    close(pb.vjp(pb.vmap(g), ROWS)[1](bars)[0], pulled)

    hvps = [pb.hvp(lambda x: loss(w, x), [x], [t])[0].numpy() for x, t in pairs]
    close(pb.vmap(lambda x, t: pb.hvp(lambda x: loss(w, x), [x], [t])[0])(ROWS, tangents), hvps)
    assert pb.gradcheck(lambda w: pb.vmap(loss, (None, 0))(w, ROWS), [MATRIX], order=2)


def test_whole_jacobians_of_each_row() -> None:
    w = pb.tensor(MATRIX)
    wanted = [pb.jacobian(lambda x: f(x, w))(row).numpy() for row in rows_of(ROWS)]
    close(pb.vmap(pb.jacobian(lambda x: f(x, w)))(ROWS), wanted)
    curved = [pb.hessian(lambda x: loss(w, x))(row).numpy() for row in rows_of(ROWS)]
    close(pb.vmap(pb.hessian(lambda x: loss(w, x)))(ROWS), curved)


def test_one_example_and_none() -> None:
    close(pb.vmap(f, (0, None))(ROWS[:1], MATRIX), f(pb.tensor(ROWS[0]), MATRIX).numpy()[None])
    assert pb.vmap(f, (0, None))(ROWS[:0], MATRIX).shape == (0, 2)


def test_random_numbers_are_shared_unless_what_keys_them_is_mapped() -> None:
    shared = pb.vmap(lambda x: x + pb.random_uniform(3, 7))(np.zeros((4, 3), "float32"))
    assert (shared.numpy() == pb.random_uniform(3, 7).numpy()).all()

    drawn = pb.vmap(lambda seed: pb.random_normal(3, seed))(np.arange(4))
    wanted = [pb.random_normal(3, seed).numpy() for seed in range(4)]
    assert (drawn.numpy() == wanted).all()

    rows = pb.vmap(lambda row: pb.random_uniform((1, 3), 7, row=row))(np.arange(4))
    assert (rows.numpy()[:, 0] == pb.random_uniform((4, 3), 7).numpy()).all()


def test_a_fused_operation_without_a_rule_is_batched_through_its_definition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pullback.graph import Op
    from pullback.ops.families import Axiswise

    wanted = pb.vmap(pb.softmax)(ROWS).numpy()
    monkeypatch.setattr(Axiswise, "batch", Op.batch)
    softmax = pb.vmap(lambda x: pb.softmax(x) * 1.0)
    with pytest.raises(TypeError, match="no batching rule"):
        softmax(ROWS)  # the definition has sums, which have lost theirs
    monkeypatch.undo()
    monkeypatch.setattr(type(pb.softmax(ROWS).op), "batch", Op.batch, raising=False)
    made = softmax(ROWS)
    assert "softmax" not in {node.op.name for node in topological([made])}
    np.testing.assert_allclose(made.numpy(), wanted, rtol=1e-12)


def test_what_depends_on_no_example_is_kept_as_it_is() -> None:
    w = pb.tensor(MATRIX)
    constant = pb.exp(w)
    y = pb.vmap(lambda x: x @ constant)(ROWS)
    assert constant in set(topological([y]))
    assert sum(node.op.name == "exp" for node in topological([y])) == 1


def test_a_long_chain() -> None:
    def chain(x: Node) -> Node:
        for _ in range(20_001):  # far beyond the depth of Python's stack
            x = -x
        return x

    close(pb.vmap(chain)(np.ones((2, 1))), np.full((2, 1), -1.0))


def test_one_product_takes_the_place_of_many() -> None:
    x = placeholder("x", (8, 3), "float64")
    y = pb.vmap(lambda row: f(row, pb.tensor(MATRIX)))(x)
    products = [i for i in plan(Step({"y": y})).instructions if i.op.name == "matmul"]
    assert [i.shape for i in products] == [(8, 2)]


def test_origins_survive() -> None:
    """Layer, line and role are those of the example's nodes, and name nodes of the stack."""
    x = placeholder("x", (3,), "float64")
    w = pb.tensor(MATRIX)
    with scope(path="2.attention"):
        y = pb.square(pb.tanh(x @ w)).sum()
    (bar,) = pb.gradient(y, [x])
    stack = placeholder("stack", (4, 3), "float64")
    made = batched([y, bar], {x: stack})
    before, after = topological([y, bar]), topological([m for m in made if m is not None])
    assert x not in set(after)
    stacks = depends_on(after, [stack])
    for node in stacks - {stack}:
        assert node.origin.path == "2.attention"
        for named in (node.origin.pullback_of, node.origin.cotangent_of):
            assert named is None or named.value is not None or named in stacks
    for role in ("forward", "backward"):
        ops = {node.op.name for node in before if node.origin.role == role}
        assert ops & {n.op.name for n in after if n.origin.role == role}
    pulled = {n.origin.pullback_of.op.name for n in stacks if n.origin.pullback_of is not None}
    assert pulled == {"square", "tanh", "reshape"}  # a stacked product ends in a reshape
    lines = {node.origin.source for node in stacks - {stack}}
    assert lines == {node.origin.source for node in before if node.origin.path}


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: pb.vmap(f)(ROWS, MATRIX), ShapeError, "x: 4, w: 3"),
        (lambda: pb.vmap(f, (0, 0, 0))(ROWS, MATRIX), ConfigError, "one entry an argument"),
        (lambda: pb.vmap(f, None)(ROWS, MATRIX), ConfigError, "at least one argument"),
        (lambda: pb.vmap(f, (2, None))(ROWS, MATRIX), ShapeError, r"x of shape \(4, 3\)"),
        (lambda: pb.vmap(f, ("rows", None))(ROWS, MATRIX), ConfigError, "'rows' for x"),
        (lambda: pb.vmap(f, (True, None))(ROWS, MATRIX), ConfigError, "True for x"),
        (lambda: pb.vmap(f, ((0, 1), None))(ROWS, MATRIX), ConfigError, "form"),
        (lambda: pb.vmap(sum, ((0,),))([ROWS, ROWS]), ConfigError, "a list of 2"),
        (lambda: pb.vmap(lambda p: p["a"], ({"b": 0},))({"a": ROWS}), ConfigError, "a dict of 1"),
        (lambda: pb.vmap(f, (0, None), None)(ROWS, MATRIX), ConfigError, "depends on them"),
        (lambda: pb.vmap(f, (0, None), 2)(ROWS, MATRIX), ShapeError, "out_axes"),
        (lambda: pb.vmap(lambda x: float(x.sum()))(ROWS), TraceError, "value must be known"),
        (
            lambda: pb.vmap(lambda p: p["a"] + p["b"])({"a": ROWS, "b": ROWS.T}),
            ShapeError,
            r"p\['a'\]: 4, p\['b'\]: 3",
        ),
    ],
)
def test_mistakes_are_named(call: Any, error: type[PullbackError], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        call()
    assert "to do:" in str(caught.value)
