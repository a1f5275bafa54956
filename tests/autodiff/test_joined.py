"""Cotangents that arrive at parts of a node are joined end to end, where the parts make a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Node
from pullback.graph.order import topological

Function = Callable[[Node], Node]


def halves(x: Node) -> Node:
    return (pb.tanh(x[:, :3]) * pb.sigmoid(x[:, 3:])).sum()


def backwards(x: Node) -> Node:
    """The parts are used in another order than they lie in."""
    return (pb.exp(x[:, 4:]) + pb.square(x[:, 2:4])).sum() + pb.tanh(x[:, :2]).sum()


def split_rows(x: Node) -> Node:
    a, b = pb.split(x, 2)
    return (a * a * b).sum()


def beside_the_whole(x: Node) -> Node:
    return (pb.tanh(x[:, :3]) * pb.sigmoid(x[:, 3:])).sum() + pb.square(x).sum()


def of_parts(x: Node) -> Node:
    """Parts of parts: each whole is joined by itself."""
    y = x[:, :4]
    return (y[:, :2] * pb.exp(y[:, 2:])).sum() + pb.square(x[:, 4:]).sum()


def overlapping(x: Node) -> Node:
    return pb.square(x[:, :4]).sum() + pb.tanh(x[:, 2:]).sum()


def with_a_gap(x: Node) -> Node:
    return pb.square(x[:, :2]).sum() + pb.tanh(x[:, 3:]).sum()


def short_of_the_end(x: Node) -> Node:
    return pb.square(x[:, :2]).sum() + pb.tanh(x[:, 2:5]).sum()


def twice(x: Node) -> Node:
    return (pb.square(x[:, :3]) * pb.tanh(x[:, :3])).sum() + pb.exp(x[:, 3:]).sum()


def every_second(x: Node) -> Node:
    return (pb.square(x[:, ::2]) * pb.tanh(x[:, 1::2])).sum()


def corners(x: Node) -> Node:
    return pb.square(x[:2, :3]).sum() + pb.tanh(x[2:, 3:]).sum()


JOINED: list[Function] = [halves, backwards, split_rows, beside_the_whole, of_parts]
ADDED: list[Function] = [overlapping, with_a_gap, short_of_the_end, twice, every_second, corners]


def operations(node: Node) -> list[str]:
    return [x.op.name for x in topological([node])]


@pytest.mark.parametrize("f", [*JOINED, *ADDED], ids=lambda f: f.__name__)
def test_the_gradient_is_the_same(f: Function) -> None:
    x = np.random.default_rng(0).standard_normal((4, 6))
    report = pb.gradcheck(f, [pb.tensor(x)])
    assert all(one.ok for one in report.inputs)


@pytest.mark.parametrize("f", [*JOINED, *ADDED], ids=lambda f: f.__name__)
def test_so_is_the_derivative_of_the_gradient(f: Function) -> None:
    x = np.random.default_rng(1).standard_normal((4, 6))
    v = pb.tensor(np.random.default_rng(2).standard_normal((4, 6)))

    def slope(x: Node) -> Node:
        return (pb.gradient(f(x), [x])[0] * v).sum()

    assert all(one.ok for one in pb.gradcheck(slope, [pb.tensor(x)]).inputs)


@pytest.mark.parametrize("f", JOINED, ids=lambda f: f.__name__)
def test_parts_that_make_a_whole_are_not_padded(f: Function) -> None:
    x = pb.tensor(np.zeros((4, 6)))
    names = operations(pb.gradient(f(x), [x])[0])
    assert "concatenate" in names
    assert "embed" not in names


@pytest.mark.parametrize("f", ADDED, ids=lambda f: f.__name__)
def test_other_parts_are_added_up(f: Function) -> None:
    x = pb.tensor(np.zeros((4, 6)))
    names = operations(pb.gradient(f(x), [x])[0])
    assert "embed" in names
