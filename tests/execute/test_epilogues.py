"""Chains that finish kernels: where they do, and that nobody can tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pullback as pb
from pullback.execute import State, executor
from pullback.execute.compiled import NativeExecutor
from pullback.graph import Node, placeholder
from pullback.plan import Step, plan
from tests.native.helpers import module

pytestmark = pytest.mark.native

Forms = dict[str, tuple[Callable[..., dict[str, Node]], list[tuple[int, ...]], list[str]]]


def linear(x: Node, w: Node, b: Node) -> dict[str, Node]:
    return {"y": pb.relu(x @ w + b)}


def with_gradients(x: Node, w: Node, b: Node) -> dict[str, Node]:
    """The product's value is read again by the backward pass; gradients flow through `tanh`."""
    y = pb.gelu(pb.tanh(x @ w + b) @ w + b)
    bars = pb.gradient((y * y).sum(), [x, w, b])
    return {"y": y, **{f"bar{i}": bar for i, bar in enumerate(bars)}}


def reshaped(x: Node, w: Node, b: Node) -> dict[str, Node]:
    y = (x.reshape((-1, x.shape[-1])) @ w).reshape((*x.shape[:-1], w.shape[-1]))
    return {"y": pb.tanh(y + b)}


def read_twice(x: Node, w: Node, b: Node) -> dict[str, Node]:
    """A sum reads the product before the chain does: it must wait, or the product stay."""
    z = x @ w
    return {"y": (z - z.sum(axis=0)) * b, "z": z}


def turned(x: Node, w: Node, b: Node) -> dict[str, Node]:
    """The chain reads the product in another order than it is made."""
    z = x @ w
    return {"y": z + z.T}


def ordered(x: Node, w: Node, b: Node) -> dict[str, Node]:
    """A view is brought in order once, for all the shapes in which that is read."""
    turned = pb.transpose(x, (1, 0, 2))
    flat, wide = turned.reshape((-1, x.shape[2])), turned.reshape((x.shape[1], -1))
    return {"y": pb.relu(flat @ w + b), "z": pb.tanh(wide), "w": turned.reshape(-1) * 2}


def residual(x: Node, w: Node, b: Node) -> dict[str, Node]:
    return {"y": (x @ w) * (pb.tanh(x) @ w) + b}


def stacked(x: Node, w: Node, b: Node) -> dict[str, Node]:
    return {"y": pb.sigmoid(pb.matmul(x, w) * 2 + b)}


def convolved(x: Node, w: Node, b: Node) -> dict[str, Node]:
    y = pb.relu(pb.conv(x, w, padding=1) + b)
    bars = pb.gradient((y * y).sum(), [x, w, b])
    return {"y": y, **{f"bar{i}": bar for i, bar in enumerate(bars)}}


def strided(x: Node, w: Node, b: Node) -> dict[str, Node]:
    return {"y": pb.tanh(pb.conv(x, w, stride=2, groups=2) + b)}


def by_itself(x: Node, w: Node, b: Node) -> dict[str, Node]:
    """Each channel has a kernel of its own."""
    y = pb.relu(pb.conv(x, w, padding=1, groups=x.shape[-1]) + b)
    bars = pb.gradient((y * y).sum(), [x, w, b])
    return {"y": y, **{f"bar{i}": bar for i, bar in enumerate(bars)}}


def averaged(x: Node, w: Node, b: Node) -> dict[str, Node]:
    y = pb.tanh(pb.avg_pool(pb.relu(x * w), 2) + b)
    return {"y": y, "bar": pb.gradient((y * y).sum(), [x])[0]}


def largest(x: Node, w: Node, b: Node) -> dict[str, Node]:
    y = pb.tanh(pb.max_pool(pb.relu(x * w), 2) + b)
    return {"y": y, "bar": pb.gradient((y * y).sum(), [x])[0]}


# the graph, the inputs' shapes, and what the tasks are, kernels with what finishes them
FORMS: Forms = {
    "bias and activation": (linear, [(33, 70), (70, 45), (45,)], ["matmul add relu"]),
    "packed": (linear, [(200, 300), (300, 410), (410,)], ["matmul add relu"]),
    "a single column": (linear, [(65, 30), (30, 1), (1,)], ["matmul add relu"]),
    "a long inner dimension": (linear, [(5, 5000), (5000, 7), (7,)], ["matmul add relu"]),
    "one number": (linear, [(1, 3), (3, 1), (1,)], ["matmul add relu"]),
    "nothing inside": (linear, [(4, 0), (0, 5), (5,)], ["matmul add relu"]),
    "forward and backward": (with_gradients, [(30, 20), (20, 20), (20,)], []),
    "reshaped": (reshaped, [(4, 6, 10), (10, 12), (12,)], ["matmul add tanh"]),
    "read twice": (read_twice, [(9, 5), (5, 40), (40,)], ["matmul", "sum", "sub mul"]),
    "turned": (turned, [(24, 8), (8, 24), (24,)], ["matmul", "add"]),
    "in order once": (
        ordered,
        [(3, 4, 5), (5, 7), (7,)],
        ["reshape", "tanh", "mul", "matmul add relu"],
    ),
    "narrow units": (linear, [(128, 128), (128, 200), (200,)], ["matmul add relu"]),
    "two products": (residual, [(20, 16), (16, 16), (16,)], ["matmul", "tanh", "matmul mul add"]),
    "a stack": (stacked, [(3, 2, 10, 8), (3, 2, 8, 11), (11,)], ["matmul mul add sigmoid"]),
    "convolution": (convolved, [(2, 9, 8, 3), (3, 3, 3, 5), (5,)], []),
    "means of windows": (averaged, [(70, 10, 8, 6), (6,), (6,)], []),
    "means of one vector": (averaged, [(7, 6, 4, 16), (16,), (16,)], []),
    "largest of windows": (largest, [(70, 10, 8, 6), (6,), (6,)], []),
    "images side by side": (convolved, [(35, 9, 8, 3), (3, 3, 3, 5), (5,)], []),
    "groups side by side": (strided, [(50, 9, 9, 4), (3, 3, 2, 6), (6,)], ["conv add tanh"]),
    "each channel by itself": (by_itself, [(3, 9, 8, 20), (3, 3, 1, 20), (20,)], []),
    "groups": (strided, [(2, 9, 9, 4), (3, 3, 2, 6), (6,)], ["conv add tanh"]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMS)
def test_what_finishes_a_kernel_is_what_follows_it(name: str, dtype: str) -> None:
    module()
    form, shapes, expected = FORMS[name]
    random = np.random.default_rng(0)
    arrays = [(random.standard_normal(s) / max(s[0], 1) ** 0.5).astype(dtype) for s in shapes]
    feeds = {f"x{i}": array for i, array in enumerate(arrays)}
    step = Step(form(*(placeholder(label, a.shape, a.dtype) for label, a in feeds.items())))
    native = NativeExecutor(plan(step), State({}))
    lines = [line.split("(")[0].split()[2:] for line in str(native).splitlines()[1:]]
    tasks = [" ".join(words) for words in lines]
    assert not expected or tasks == expected
    found, wanted = native.run(feeds), executor(step, State({}), "numpy").run(feeds)
    for key, value in wanted.items():
        bound = (1e-4 if dtype == "float32" else 1e-11) * max(1, np.abs(value).max(initial=0))
        np.testing.assert_allclose(found[key], value, 0, bound, err_msg=key)


def test_a_kernel_in_a_loop_is_finished_too() -> None:
    module()

    def step(h: Node, x: Node) -> tuple[Node, Node]:
        new = pb.tanh(h @ w + x)
        return new, new * 2

    w, xs, h0 = (placeholder(n, s) for n, s in (("w", (6, 6)), ("xs", (5, 4, 6)), ("h", (4, 6))))
    last, ys = pb.scan(step, h0, xs)
    random = np.random.default_rng(1)
    feeds = {x.op.label: random.standard_normal(x.shape).astype(np.float32) for x in (w, xs, h0)}
    graph = Step({"last": last, "ys": ys})
    native = NativeExecutor(plan(graph), State({}))
    assert "matmul add tanh" in str(native)
    found, wanted = native.run(feeds), executor(graph, State({}), "numpy").run(feeds)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, 1e-4, 1e-5)
