"""Strands: which tasks become some, and that nobody can tell, on any number of threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pullback as pb
from pullback.errors import LabelError
from pullback.execute import State, executor
from pullback.execute.compiled import NativeExecutor
from pullback.graph import Node, placeholder
from pullback.plan import Step, plan
from tests.native.helpers import module

pytestmark = pytest.mark.native

Array = np.ndarray[Any, Any]
Outputs = dict[str, Node]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """The number of threads is put back."""
    module()
    yield
    module().set_threads(0)


def assert_same(outputs: Outputs, feeds: dict[str, Array], *lines: str) -> str:
    """The same bits on any number of threads, close to NumPy; the tasks have these lines."""
    step, found = Step(outputs), []
    for threads in (1, 2, 3, 8, 16):
        module().set_threads(threads)
        made = NativeExecutor(plan(step), State({}))
        runs = [made.run(feeds) for _ in range(2)]
        found += runs
    wanted = executor(step, State({}), "numpy").run(feeds)
    for name, value in wanted.items():
        bound = 2e-5 * max(1, np.abs(value).max(initial=0))
        np.testing.assert_allclose(found[0][name], value, 0, bound, err_msg=name)
        for other in found[1:]:
            np.testing.assert_array_equal(other[name], found[0][name], err_msg=name)
    for line in lines:
        assert line in str(made), str(made)
    return str(made)


def drawn(*shape: int, seed: int = 0) -> Array:
    random = np.random.default_rng([seed, *shape])
    return (random.standard_normal(shape) / max(1, shape[0]) ** 0.5).astype(np.float32)


def given_arrays(**shapes: tuple[int, ...]) -> tuple[dict[str, Node], dict[str, Array]]:
    feeds = {name: drawn(*shape, seed=n) for n, (name, shape) in enumerate(shapes.items())}
    return {n: placeholder(n, a.shape, a.dtype) for n, a in feeds.items()}, feeds


def deep(x: Node, weights: list[Node], biases: list[Node]) -> Node:
    for w, b in zip(weights, biases, strict=True):
        x = pb.tanh(x @ w + b)
    return x


@pytest.mark.parametrize("rows", [64, 96, 128, 256, 512, 100, 33])
def test_rows_go_through_a_deep_network_by_strands(rows: int) -> None:
    shapes: dict[str, tuple[int, ...]] = {"x": (rows, 64)}
    shapes |= {f"w{n}": (64, 64) for n in range(6)} | {f"b{n}": (64,) for n in range(6)}
    nodes, feeds = given_arrays(**shapes)
    weights, biases = ([nodes[f"{c}{n}"] for n in range(6)] for c in "wb")
    y = deep(nodes["x"], weights, biases)
    loss = (y * y).mean()
    bars = pb.gradient(loss, [nodes["x"], *weights, *biases])
    outputs = {"loss": loss, **{f"bar{n}": bar for n, bar in enumerate(bars)}}
    tasks = assert_same(outputs, feeds)
    parts = {64: 2, 96: 2, 100: 2, 128: 4, 256: 8, 512: 8}.get(rows)
    assert tasks.count("parts") == (0 if parts is None else tasks.count(f", {parts} parts"))
    assert ("parts" in tasks) == (parts is not None)
    if rows == 128:  # the weights' gradients need nothing of each other
        assert "matmul (64, 64), strand" in tasks


def test_what_needs_all_rows_comes_after() -> None:
    """A mean over the rows between two layers ends the strands, and others begin behind it."""
    nodes, feeds = given_arrays(x=(128, 96), w=(96, 96), v=(96, 96))
    h = pb.tanh(pb.tanh(nodes["x"] @ nodes["w"]) @ nodes["w"])
    h = h - h.mean(axis=0)
    y = pb.relu(pb.relu(h @ nodes["v"]) @ nodes["v"])
    bars = pb.gradient((y * y).sum(), list(nodes.values()))
    assert_same({"y": y, **{f"bar{n}": bar for n, bar in enumerate(bars)}}, feeds, "parts")


def turned(h: Node, w: Node) -> Node:
    return pb.tanh(h @ w) @ (h.T @ h)


def shifted(h: Node, w: Node) -> Node:
    return pb.tanh(h @ w) + pb.roll(pb.tanh(h @ w), 1, axis=0)


def halved(h: Node, w: Node) -> Node:
    y = pb.tanh(h @ w)
    return pb.concatenate([y[:, 16:] @ w[:48], y[:, :16] @ w[:16]], axis=1)


def upside_down(h: Node, w: Node) -> Node:
    return pb.tanh(h @ w)[::-1] @ w


def top(h: Node, w: Node) -> Node:
    return pb.tanh(pb.tanh(h @ w)[:64] @ w)


def by_itself(h: Node, w: Node) -> Node:
    return pb.tanh(h @ w) @ pb.tanh(h @ w)[:64]


def repeated(h: Node, w: Node) -> Node:
    row = pb.tanh(h @ w)[0]
    return pb.tanh(h @ w) + row


def regrouped(h: Node, w: Node) -> Node:
    y = pb.tanh(h @ w).reshape((32, 4, 64))
    return (pb.softmax(y.sum(axis=-1)) @ w[:4]).reshape((32, 64)) * y[:, 0]


def pieces(h: Node, w: Node) -> Node:
    return (pb.tanh(h @ w).reshape((256, 32)) @ w[:32]).reshape((128, 128))


FORMS: dict[str, Callable[[Node, Node], Node]] = {
    f.__name__: f
    for f in (turned, shifted, halved, upside_down, top, by_itself, repeated, regrouped, pieces)
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_that_others_need_are_waited_for(name: str) -> None:
    nodes, feeds = given_arrays(x=(128, 64), w=(64, 64))
    x, w = nodes["x"], nodes["w"]
    y = FORMS[name](pb.tanh(pb.tanh(x @ w) @ w), w)
    bars = pb.gradient((y * y).sum(), [x, w])
    assert_same({"y": y, "x_bar": bars[0], "w_bar": bars[1]}, feeds, "parts")


@given(
    rows=st.sampled_from([64, 128, 160, 256]),
    widths=st.lists(st.integers(1, 9), min_size=3, max_size=7),
    kinds=st.lists(st.integers(0, 6), min_size=7, max_size=7),
    seed=st.integers(0, 1000),
)
def test_random_networks(rows: int, widths: list[int], kinds: list[int], seed: int) -> None:
    shapes: dict[str, tuple[int, ...]] = {"x": (rows, 8 * widths[0])}
    for n, (a, b) in enumerate(itertools.pairwise(widths)):
        shapes |= {f"w{n}": (8 * a, 8 * b), f"b{n}": (8 * b,)}
    nodes, feeds = given_arrays(**shapes)
    h = first = nodes["x"]
    for n, kind in zip(range(len(widths) - 1), kinds, strict=False):
        z = h @ nodes[f"w{n}"] + nodes[f"b{n}"]
        h = [
            lambda z: pb.relu(z),
            lambda z: pb.tanh(z),
            lambda z: pb.softmax(z),
            lambda z: z - z.mean(axis=0),
            lambda z: z - z.max(axis=-1, keepdims=True),
            lambda z: z * pb.sigmoid(z.sum(axis=1, keepdims=True)),
            lambda z: pb.concatenate([z[:, 4:], z[:, :4]], axis=1),
        ][kind](z)
    labels = np.random.default_rng(seed).integers(0, h.shape[1], rows)
    wanted = placeholder("labels", (rows,), labels.dtype)
    loss = pb.cross_entropy_with_logits(h, wanted).mean()
    bars = pb.gradient(loss, [first, *(nodes[k] for k in nodes if k != "x")])
    outputs = {"loss": loss, **{f"bar{n}": bar for n, bar in enumerate(bars)}}
    assert_same(outputs, {**feeds, "labels": labels})


@pytest.mark.parametrize("rows", [32, 48, 31])
@pytest.mark.parametrize("reverse", [False, True])
def test_rows_go_through_a_loop_by_strands(rows: int, reverse: bool) -> None:
    nodes, feeds = given_arrays(x=(9, rows, 20), w=(20, 64), u=(16, 64), b=(64,), h=(rows, 16))

    def step(carry: tuple[Node, Node], row: Node) -> tuple[tuple[Node, Node], Node]:
        h, c = carry
        z = row @ nodes["w"] + h @ nodes["u"] + nodes["b"]
        i, f, o = (pb.sigmoid(z[:, 16 * n : 16 * n + 16]) for n in range(3))
        c = f * c + i * pb.tanh(z[:, 48:])
        h = o * pb.tanh(c)
        return (h, c), h * 2

    start = (nodes["h"], pb.zeros((rows, 16)))
    (h, c), ys = pb.scan(step, start, nodes["x"], reverse=reverse)
    loss = (ys * ys).sum() + (h * c).sum()
    bars = pb.gradient(loss, list(nodes.values()))
    outputs = {"ys": ys, "c": c, **{f"bar{n}": bar for n, bar in enumerate(bars)}}
    tasks = assert_same(outputs, feeds)
    assert ("parts" in tasks) == (rows % 2 == 0)


def test_a_loop_whose_steps_need_all_rows_is_not_cut() -> None:
    nodes, feeds = given_arrays(x=(5, 32, 8), w=(8, 8))

    def step(carry: Node, row: Node) -> tuple[Node, Node]:
        h = pb.tanh(row + carry @ nodes["w"])
        h = h - h.mean(axis=0)
        return h, h

    _, ys = pb.scan(step, pb.zeros((32, 8)), nodes["x"])
    assert "parts" not in assert_same({"ys": ys}, feeds)


@pytest.mark.parametrize("row", [0, 50, 127])
def test_a_wrong_label_is_told_from_any_strand(row: int) -> None:
    nodes, feeds = given_arrays(x=(128, 64), w=(64, 64))
    labels = np.zeros(128, np.int64)
    given_labels = placeholder("labels", labels.shape, labels.dtype)
    z = pb.tanh(pb.tanh(nodes["x"] @ nodes["w"]) @ nodes["w"]) @ nodes["w"]
    each = pb.cross_entropy_with_logits(z, given_labels)
    made = NativeExecutor(plan(Step({"loss": each.mean()})), State({}))
    assert "cross_entropy_with_logits (128,), 4 parts" in str(made)
    wanted = made.run({**feeds, "labels": labels})["loss"]
    wrong = labels.copy()
    wrong[row] = 64
    with pytest.raises(LabelError, match=str(row)):
        made.run({**feeds, "labels": wrong})
    assert made.run({**feeds, "labels": labels})["loss"] == wanted
