"""Derivatives of loops, to the second order, and what they cost."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.graph import Node, topological
from pullback.ops.loops import Scan

Loop = Callable[..., Any]


def shaped(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(len(shapes))
    return [0.6 * random.normal(size=shape) for shape in shapes]


def layer(x: Node, c: Node, w: Node, b: Node, v: Node, reverse: bool = False) -> Node:
    """A recurrent layer: products, a bias, two ys."""

    def f(c: Node, x: Node) -> tuple[Node, tuple[Node, Node]]:
        h = pb.tanh(x @ v + c @ w + b)
        return h, (h * c, h.sum())

    last, (y, s) = pb.scan(f, c, x, reverse=reverse)
    return pb.concatenate([last.reshape(-1), (y * y).reshape(-1), pb.sin(s)])


def batched(x: Node, w: Node) -> Node:
    """A batched product, and the weight in two places, one of them transposed."""

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        h = pb.sin(pb.matmul(x, w) + c)
        return pb.matmul(h, w.T) * 0.5, h.mean()

    last, ys = pb.scan(f, pb.zeros((2, 3, 2), x.dtype), x)
    return last.sum(0) + ys.sum()


def elementwise(x: Node, a: Node, s: Node) -> Node:
    """Factors without a product of matrices: what is summed within the loop."""

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        c = a * c * x + s * x
        return c, c * s

    last, ys = pb.scan(f, pb.ones(2, x.dtype), x)
    return last + ys.sum(0)


def looked_up(table: Node) -> Node:
    def f(c: Node, i: Node) -> tuple[Node, Node]:
        c = pb.tanh(c + table[i])
        return c, c

    last, ys = pb.scan(f, pb.zeros((2, 3), table.dtype), np.array([[0, 1], [1, 1], [3, 0]]))
    return last * ys.sum(0)


def nested(x: Node, c: Node, w: Node) -> Node:
    def outer(c: Node, rows: Node) -> tuple[Node, Node]:
        last, ys = pb.scan(lambda c, x: (pb.tanh(c * w + x), c * x * w), c, rows, reverse=True)
        return last, ys.sum()

    last, ys = pb.scan(outer, c, x)
    return last * ys.mean()


def passed_through(x: Node, c: Node, d: Node) -> Node:
    """Parts of the carry that stay, that change places, and that nobody reads."""

    def f(carry: tuple[Node, ...], x: Node) -> tuple[tuple[Node, ...], Node]:
        a, b, same, unread = carry
        return (b, a * x, same, unread * 0.5 + x), a * same

    (a, b, same, _), ys = pb.scan(f, (c, d, c, d), x)
    return a * b * same + ys.sum(0)


def shared_cotangents(x: Node, b: Node, w: Node) -> Node:
    """x and b have one cotangent: a product with a fixed factor, and what a slice leaves."""

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        y = x + b
        return pb.tanh(y @ w + c), pb.gather(y, pb.tensor([1, 0, 1]), axis=1)

    last, ys = pb.scan(f, pb.zeros((2, 2), x.dtype), x)
    return last.sum() + (ys * ys).sum()


def only_gathered(x: Node, b: Node) -> Node:
    ys = pb.scan(lambda c, x: (c, pb.gather(x + b, [1, 0, 1], axis=1)), None, x)[1]
    return ys * ys


def in_places(x: Node) -> Node:
    """An indexed body, with choices."""

    def f(c: Node, x: Node) -> tuple[Node, Node]:
        y = pb.where(x > c, x * c, pb.sin(c) * x)
        return pb.relu(y) + 0.1, y[0] * pb.softmax(x)

    last, ys = pb.scan(f, pb.tensor([0.3, 0.5, -0.2], dtype=x.dtype), x)
    return last + ys.sum(0)


LOOPS: dict[str, tuple[Loop, list[np.ndarray]]] = {
    "layer": (layer, shaped((4, 2, 3), (2, 5), (5, 5), (5,), (3, 5))),
    "layer, backwards": (
        lambda *xs: layer(*xs, reverse=True),
        shaped((4, 2, 3), (2, 5), (5, 5), (5,), (3, 5)),
    ),
    "one step": (layer, shaped((1, 2, 3), (2, 2), (2, 2), (2,), (3, 2))),
    "no step": (layer, shaped((0, 2, 3), (2, 2), (2, 2), (2,), (3, 2))),
    "batched": (batched, shaped((3, 2, 3, 2), (2, 2))),
    "elementwise": (elementwise, shaped((4, 2), (2,), ())),
    "looked up": (looked_up, shaped((4, 3))),
    "nested": (nested, shaped((3, 2, 2), (2,), (2,))),
    "passed through": (passed_through, shaped((3, 2), (2,), (2,))),
    "shared cotangents": (shared_cotangents, shaped((3, 2, 2), (2, 2), (2, 2))),
    "only gathered": (only_gathered, shaped((3, 2, 2), (2, 2))),
    "a choice": (in_places, shaped((4, 3))),
    "nothing but a start": (
        lambda c: pb.scan(lambda c, x: (pb.sin(c), c), c, None, length=3)[1],
        shaped((3,)),
    ),
    "no carry": (lambda x: pb.scan(lambda c, x: (c, x * x), None, x)[1], shaped((3, 2))),
    "only the last": (
        lambda c, x: pb.scan(lambda c, x: (c * x, c + x), c, x)[0],
        shaped((2,), (3, 2)),
    ),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", LOOPS)
def test_derivatives(name: str, order: int) -> None:
    f, arrays = LOOPS[name]
    for seed in range(2):
        verdict = gradcheck(f, arrays, order=order, seed=seed)
        assert verdict, verdict


def test_the_derivatives_are_those_of_the_loop_written_out() -> None:
    x, c, w, b, v = (pb.tensor(a) for a in LOOPS["layer"][1])

    def unrolled() -> Node:
        h, ys, sums = c, [], []
        for t in range(x.shape[0]):
            before, h = h, pb.tanh(x[t] @ v + h @ w + b)
            ys.append(h * before)
            sums.append(h.sum())
        y = pb.stack(ys)
        return pb.concatenate([h.reshape(-1), (y * y).reshape(-1), pb.sin(pb.stack(sums))])

    for one, other in zip(
        pb.gradient(layer(x, c, w, b, v).sum(), [x, c, w, b, v]),
        pb.gradient(unrolled().sum(), [x, c, w, b, v]),
        strict=True,
    ):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12, atol=1e-13)


def test_jvp_and_hvp_go_through() -> None:
    f, (x, a, s) = LOOPS["elementwise"]
    _, y_dot = pb.jvp(lambda a: f(x, a, s), [a], [np.array([1.0, -2.0])])
    h = 1e-6
    moved = [f(x, a + sign * h * np.array([1.0, -2.0]), s).numpy() for sign in (1, -1)]
    np.testing.assert_allclose(y_dot.numpy(), (moved[0] - moved[1]) / (2 * h), rtol=1e-8)
    (product,) = pb.hvp(lambda a: f(x, a, s).sum(), [a], [np.array([1.0, 0.0])])
    assert np.isfinite(product.numpy()).all()


def test_a_stopped_gradient_stops_in_a_loop_too() -> None:
    c = pb.tensor(2.0)
    last, _ = pb.scan(lambda c, x: (c * pb.stop_gradient(c), None), c, None, length=2)
    assert pb.gradient(last, [c])[0].item() == 2 * 4  # (c s) t with s = 2, t = 4 held


def loops_in(nodes: list[Node]) -> list[Scan]:
    return [node.op for node in topological(nodes) if isinstance(node.op, Scan)]


def test_a_weight_matrix_is_not_summed_step_by_step() -> None:
    x, c, w, b, v = (pb.tensor(a) for a in LOOPS["layer"][1])
    bars = pb.gradient(layer(x, c, w, b, v).sum(), [w, b, v])
    for op in loops_in(list(bars)):
        assert op.carries == 1, "a sum is carried along"
        sizes = [node.size for node in op.body.outputs]
        assert max(sizes) < w.size, "the loop hands matrices on"


def test_a_table_is_not_summed_step_by_step() -> None:
    table = pb.tensor(LOOPS["looked up"][1][0])
    (bar,) = pb.gradient(looked_up(table).sum(), [table])
    assert all(op.carries == 1 for op in loops_in([bar]))


def test_nobody_pays_for_cotangents_that_are_not_wanted() -> None:
    x, c, w, b, v = (pb.tensor(a) for a in LOOPS["layer"][1])
    (bar,) = pb.gradient(layer(x, c, w, b, v).sum(), [w])
    last = loops_in([bar])[-1]
    shapes = [node.shape for node in last.body.outputs]
    assert (2, 3) not in shapes, "the cotangent of x"


def test_a_constant_of_the_outside_has_a_derivative() -> None:
    a = pb.tensor(0.5)
    for value in (a, a * 1.0):
        value.numpy()  # known by now, and no constant of the body for that
        last, _ = pb.scan(lambda c, x, v=value: (c * v, None), pb.tensor(1.0), None, length=3)
        assert pb.gradient(last, [a])[0].item() == pytest.approx(3 * 0.25)
    for value in (pb.ones(2), pb.tensor([1.0]).broadcast_to((2,))):
        last, _ = pb.scan(lambda c, x, v=value: (c * v, None), pb.ones(2), None, length=3)
        assert pb.gradient(last.sum(), [value])[0].numpy().tolist() == [3, 3]


def total(length: int) -> tuple[Node, Node]:
    w = pb.tensor(np.eye(4, dtype="float32") * 0.9)
    x = pb.tensor(np.ones((length, 2, 4), "float32"))
    _, ys = pb.scan(lambda c, x: (pb.tanh(c @ w + x),) * 2, pb.zeros((2, 4)), x)
    return pb.mean(ys), w


def test_ten_thousand_steps() -> None:
    loss, w = total(10_000)
    (bar,) = pb.gradient(loss, [w])
    assert len(topological([bar])) < 150
    assert np.isfinite(bar.numpy()).all()


def test_time_and_memory_grow_with_the_length_and_no_faster() -> None:
    def cost(length: int) -> tuple[float, int]:
        loss, w = total(length)
        (bar,) = pb.gradient(loss, [w])
        tracemalloc.start()
        start = time.perf_counter()
        bar.numpy()
        took = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return took, peak

    short = min(cost(500) for _ in range(3))
    long = min(cost(4000) for _ in range(3))
    assert long[0] < 32 * short[0], (short, long)
    assert long[1] < 10 * short[1], (short, long)


def test_many_uses_of_a_weight_in_one_body() -> None:
    """No recursion: neither over the sum of its cotangents nor over the body."""
    w = pb.tensor([0.999])

    def f(c: Node, x: None) -> tuple[Node, None]:
        for _ in range(3000):
            c = c * w
        return c, None

    last, _ = pb.scan(f, pb.tensor([1.0]), None, length=2)
    (bar,) = pb.gradient(last.sum(), [w])
    assert bar.numpy()[0] == pytest.approx(6000 * 0.999**5999, rel=1e-3)
