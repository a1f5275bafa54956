"""Order of computing, the leaves, and where a node comes from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback import ops
from pullback.execute import evaluate
from pullback.graph import (
    Node,
    constant,
    current_scope,
    depends_on,
    placeholder,
    scope,
    slot,
    topological,
)
from pullback.graph.printing import formula


def diamond() -> tuple[Node, Node, Node, Node]:
    x = placeholder("x", ())
    a, b = pb.sin(x), pb.cos(x)
    return x, a, b, a * b


def test_every_node_comes_after_its_inputs_and_once() -> None:
    x, a, _, y = diamond()
    order = topological([y, a])
    place = {node: i for i, node in enumerate(order)}
    assert place[x] < place[a] < place[y]
    assert len(order) == len(set(order)) == 4
    assert topological([]) == []


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=40))
def test_the_order_of_any_graph(edges: list[tuple[int, int]]) -> None:
    nodes = [placeholder("x", ())]
    for a, b in edges:
        nodes.append(nodes[a % len(nodes)] + nodes[b % len(nodes)])
    order = topological(nodes[-1:])
    place = {node: i for i, node in enumerate(order)}
    assert all(place[x] < place[node] for node in order for x in node.inputs)
    assert order[-1] is nodes[-1]


def test_nothing_behind_a_stop_is_listed() -> None:
    _, a, b, y = diamond()
    assert set(topological([y], stop={a, b}.__contains__)) == {a, b, y}


def test_what_depends_on_what() -> None:
    x, a, b, y = diamond()
    z = constant(1.0) + 2.0
    order = topological([y, z])
    assert depends_on(order, [a]) == {a, y}
    assert depends_on(order, [x]) == {x, a, b, y}
    assert depends_on(order, []) == set()


def test_feeds_give_placeholders_their_values() -> None:
    x, _, _, y = diamond()
    w = slot("w", ())
    value, same = evaluate([y * w, x], {x: np.float32(2), w: np.float32(3)})
    np.testing.assert_allclose(value, 3 * np.sin(2) * np.cos(2), rtol=1e-6)
    assert same == 2


def test_a_value_is_found_once() -> None:
    x = pb.tensor([1.0, 2.0])
    y = pb.exp(x)
    assert y.value is None
    first = y.numpy()
    assert y.value is not None
    assert not y.value.flags.writeable
    np.testing.assert_array_equal(first, y.numpy())


def test_a_node_knows_its_line_and_its_module() -> None:
    y = pb.tanh(pb.tensor(1.0))
    assert "test_order.py" in str(y.origin.source)
    with scope(path="0"), scope(path="0.query", role="update"):
        z = pb.tanh(y)
    assert (z.origin.path, z.origin.role) == ("0.query", "update")
    assert current_scope().path == ""
    assert str(z.origin).startswith("layer '0.query', test_order.py")


def test_a_backward_node_knows_what_it_serves() -> None:
    x = placeholder("x", ())
    y = pb.tanh(x)
    z = y * y + pb.sin(y)
    (bar,) = pb.gradient(z, [x])
    assert bar.origin.role == "backward"
    roles = {node.origin.role for node in topological([bar])}
    assert roles == {"forward", "backward"}
    owners = {node.origin.pullback_of for node in topological([bar])}
    assert {y, *z.inputs} <= owners
    assert y in {node.origin.cotangent_of for node in topological([bar])}


def test_formulas() -> None:
    x, y_bar = placeholder("x", (3,)), placeholder("y_bar", (3,))
    names = {x: "x", y_bar: "y_bar"}
    cases = [
        (x + 2 * x, "x + 2 * x", "x + 2 \\odot x"),
        ((x + 1) * x, "(x + 1) * x", None),
        (x - (x - 1), "x - (x - 1)", None),
        (-(x + 1), "-(x + 1)", None),
        (ops.square(x + 1), "(x + 1)^2", None),
        (x / (x * 2), "x / (x * 2)", None),
        (pb.exp(-x), "exp(-x)", "e^{-x}"),
        (pb.where(x > 0, x, 0.0), "where(0 < x, x, 0)", None),
        (y_bar * (1 - ops.square(pb.tanh(x))), "y_bar * (1 - tanh(x)^2)", None),
        (pb.sin(x + 1), "sin(x + 1)", "\\sin \\left(x + 1\\right)"),
        (x.sum(), "sum(x, axes=(0,))", "\\sum x"),
    ]
    for node, text, latex in cases:
        assert formula(node, names) == text
        if latex is not None:
            assert formula(node, names, "latex") == latex


def test_the_pullback_of_a_rule_prints() -> None:
    x, y_bar = placeholder("x", (3,)), placeholder("y_bar", (3,))
    y = pb.tanh(x)
    (bar,) = y.op.vjp(y_bar, y, x)
    assert bar is not None
    assert formula(bar, {x: "x", y: "y", y_bar: "y_bar"}) == "y_bar * (1 - y^2)"


@pytest.mark.parametrize("bad", ["0.5", "a"])
def test_a_formula_names_small_constants_only(bad: str) -> None:
    assert formula(constant(0.5)) == "0.5"
    assert formula(constant([1.0, 2.0])) == "<constant (2,)>"
    assert formula(constant([1.0, 2.0], None, bad)) == bad
