"""Rows of a table times a matrix: the same numbers and gradients by the smaller product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Node, placeholder
from pullback.graph.order import topological
from pullback.nn.projection import projected

F8 = np.dtype("float64")
VIEWS: dict[str, Callable[[Node], Node]] = {
    "itself": lambda x: x,
    "time first": lambda x: x.transpose(1, 0, 2),
    "flat": lambda x: x.reshape((20, 3)),
    "flat, time first": lambda x: x.transpose(1, 0, 2).reshape((4, 5, 3)),
}


def products(y: Node) -> list[int]:
    """How many rows each product in the graph of y has."""
    return [node.shape[0] for node in topological([y]) if node.op.name == "matmul"]


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
@pytest.mark.parametrize("bias", [True, False])
def test_rows_of_a_table_are_projected_once(view: Callable[[Node], Node], bias: bool) -> None:
    rng = np.random.default_rng(0)
    table, weight = pb.tensor(rng.normal(size=(6, 3))), pb.tensor(rng.normal(size=(3, 2)))
    indices = pb.tensor(rng.integers(0, 6, (5, 4)))
    b = pb.tensor(rng.normal(size=2)) if bias else None
    x = view(pb.gather(table, indices))
    y = projected(x, weight, b)
    assert products(y) == [6]
    wanted = pb.matmul(x, weight) + (0.0 if b is None else b)
    np.testing.assert_allclose(y.numpy(), wanted.numpy(), 1e-14, 1e-14)
    wrt = [table, weight] if b is None else [table, weight, b]
    bars = pb.gradient((y**3).sum(), wrt)
    for bar, other in zip(bars, pb.gradient((wanted**3).sum(), wrt), strict=True):
        np.testing.assert_allclose(bar.numpy(), other.numpy(), 1e-12, 1e-12)


def test_other_rows_are_projected_as_they_are() -> None:
    weight, indices = placeholder("w", (3, 2), F8), placeholder("i", (5,), np.dtype("int64"))
    few = pb.gather(placeholder("t", (5, 3), F8), indices)
    assert products(projected(few, weight, None)) == [5]
    columns = pb.gather(placeholder("t", (5, 2), F8), indices[:3], axis=1)
    assert products(projected(columns, weight, None)) == [5]
    turned = pb.gather(placeholder("t", (2, 3), F8), indices[:3]).transpose(1, 0)
    assert products(projected(turned, weight, None)) == [3]


def test_a_recurrent_layer_behind_an_embedding_projects_the_table() -> None:
    network = pb.nn.Sequential(pb.nn.Embedding(7, 3), pb.nn.GRU(3, 4)).initialise(seed=0)
    y = network(placeholder("x", (2, 5), np.dtype("int64")))
    assert max(products(y)) == 7
