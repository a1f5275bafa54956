"""Recomputation: the same bits for less memory, in every place where a function may stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute.choice import executor
from pullback.execute.state import State
from pullback.graph import Node, placeholder, slot, topological
from pullback.plan import Step, plan

RANDOM = np.random.default_rng(2)
X, W = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 3))

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def plainly(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def deep(wrap: Wrap, layers: int, rows: int, width: int = 8) -> Step:
    """The training step of a chain of residual blocks, each wrapped."""
    x = placeholder("x", (rows, width))
    weights = [slot(f"w{i}", (width, width)) for i in range(2 * layers)]
    h = x
    for i in range(layers):

        def block(h: Node, i: int = i) -> Node:
            v, w = weights[2 * i : 2 * i + 2]
            dropped = pb.where(pb.random_uniform(h.shape, 5, stream=i) < 0.1, 0.0, h)
            return pb.tanh(pb.silu(pb.tanh(dropped @ v) @ w)) + h

        h = wrap(block)(h)
    loss = pb.square(h).mean()
    gradients = pb.gradient(loss, weights)
    new = {f"w{i}": w - 0.1 * g for i, (w, g) in enumerate(zip(weights, gradients, strict=True))}
    return Step({"loss": loss}, new, finite=[loss, *gradients])


def test_memory_shrinks_and_no_bit_changes() -> None:
    kept, recomputed = deep(plainly, 12, 64), deep(pb.checkpoint, 12, 64)
    least, most = plan(recomputed).peak_bytes(), plan(kept).peak_bytes()
    assert least < 0.45 * most
    longer = plan(deep(pb.checkpoint, 24, 64)).peak_bytes() - least
    inputs, parameters = 12 * 64 * 8 * 4, 2 * 24 * 8 * 8 * 4
    assert longer <= inputs + parameters  # a layer more costs its input, nothing of its inside

    random = np.random.default_rng(0)
    slots = plan(kept).slots.items()
    initial = {name: random.normal(size=shape).astype("f") / 3 for name, (_, shape, _) in slots}
    feeds = {"x": random.normal(size=(64, 8)).astype("float32")}
    for kind in ("numpy", "reference"):
        states = State(initial), State(initial)
        pairs = zip((kept, recomputed), states, strict=True)
        first, second = (executor(step, state, kind).run(feeds) for step, state in pairs)
        assert first["loss"].tobytes() == second["loss"].tobytes()
        assert states[0].block.tobytes() == states[1].block.tobytes()
        assert (states[0]["w0"] != initial["w0"]).any()


def block(p: Any, x: Node) -> Node:
    mask = pb.random_uniform(x.shape, 3, dtype="float64") < 0.3
    return pb.where(mask, 0.0, pb.sin(x @ p["w"])) * pb.exp(p["scale"][0]) + x


def parts() -> Any:
    return {"w": pb.tensor(W), "scale": [pb.tensor(0.3, "float64")]}, pb.tensor(X)


@pytest.mark.parametrize("transform", [
    lambda f: pb.value_and_grad(lambda *a: pb.square(f(*a)).sum(), (0, 1)),
    lambda f: pb.value_and_grad(lambda p, x: pb.square(f(p, pb.tanh(x))).sum(), 1),
    lambda f: pb.jacobian(f, 1),
    lambda f: pb.hessian(lambda p, x: pb.square(f(p, x)).sum(), 1),
    lambda f: lambda p, x: pb.jvp(lambda x: f(p, x), [x], [x * x]),
    lambda f: pb.vmap(pb.value_and_grad(lambda p, x: pb.square(f(p, x)).sum()), (None, 0)),
    lambda f: pb.value_and_grad(lambda p, x: pb.square(pb.vmap(f, (None, 0))(p, x)).sum()),
])  # fmt: skip
def test_every_transform_gives_what_it_gave(transform: Any) -> None:
    p, x = parts()
    found, wanted = transform(pb.checkpoint(block))(p, x), transform(block)(p, x)
    from pullback.graph import trees

    for a, b in zip(trees.leaves(found), trees.leaves(wanted), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


def test_against_finite_differences() -> None:
    f = pb.checkpoint(lambda x, w: pb.tanh(x @ w) * pb.relu(x))
    assert pb.gradcheck(f, [X, W], order=2)


def test_derivatives_reach_what_is_read_beside_the_arguments() -> None:
    """Parameters, values made before, and random numbers whose derivative is wanted."""
    w = pb.tensor(W)
    doubled, noise, row = w * 2, pb.random_normal((4, 3), 1, dtype="float64"), pb.ones(3, "float64")

    def f(x: Node) -> Node:
        return pb.sin(x @ doubled + noise) * row + pb.exp(noise)

    x = pb.tensor(X)
    wrt = [w, doubled, noise, row, x]
    found = pb.gradient(pb.square(pb.checkpoint(f)(x)).sum(), wrt)
    wanted = pb.gradient(pb.square(f(x)).sum(), wrt)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert np.abs(b.numpy()).min() > 0


def test_trees_keywords_and_what_is_no_tensor_pass() -> None:
    def f(pair: Any, how: str, *, times: Node) -> Any:
        assert how == "sum"
        return {"sum": pair[0] + pair[1], "times": [pair[0] * times], "first": pair[0], "name": how}

    a, b, c = pb.tensor(X), X + 1, pb.tensor(2.0)
    found = pb.checkpoint(f)((a, b), "sum", times=c)
    assert found["name"] == "sum"
    assert found["first"] is a
    np.testing.assert_array_equal(found["sum"].numpy(), X + (X + 1))
    (bar,) = pb.gradient(found["times"][0].sum(), [c])
    np.testing.assert_allclose(bar.numpy(), X.sum(), rtol=1e-6)


def test_nothing_is_computed_twice_where_no_derivative_is_wanted() -> None:
    x = placeholder("x", (4, 3))
    y = pb.checkpoint(lambda x: pb.tanh(pb.sin(x)))(x)
    assert [i.op.name for i in plan(Step({"y": y})).instructions] == ["sin", "tanh"]
    (bar,) = pb.gradient(y.sum(), [x])
    names = [i.op.name for i in plan(Step({"y": y, "bar": bar})).instructions]
    assert names.count("sin") == 2
    assert names.count("barrier") == 1


def test_checkpoints_within_checkpoints() -> None:
    inner = pb.checkpoint(lambda x: pb.tanh(pb.sin(x)))
    f = pb.checkpoint(lambda x: inner(inner(x) * 2))
    g = lambda x: pb.tanh(pb.sin(pb.tanh(pb.sin(x)) * 2))  # noqa: E731  # the same, written out
    x = pb.tensor(X)
    (found,), (wanted,) = (pb.gradient(h(x).sum(), [x]) for h in (f, g))
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())


def test_a_long_chain_of_checkpoints_takes_time_in_proportion() -> None:
    x = y = pb.tensor(1.0)
    step = pb.checkpoint(lambda x: pb.sin(x) + 0.1)
    for _ in range(2000):
        y = step(y)
    (bar,) = pb.gradient(y, [x])
    assert len(topological([bar])) < 2000 * 20


class Deep(pb.nn.Module):
    """Blocks with dropout, the inside of which is computed again or kept."""

    def __init__(self, again: bool) -> None:
        self.first, self.last = pb.nn.Linear(3, 8), pb.nn.Linear(8, 1)
        self.block = pb.nn.Sequential(pb.nn.Linear(8, 8), "tanh", pb.nn.Dropout(0.2))
        self.again = again

    def forward(self, x: Node) -> Node:
        f = pb.checkpoint(self.block) if self.again else self.block
        return self.last(f(f(self.first(x))))


def test_modules_in_fit() -> None:
    y = X.sum(axis=1, keepdims=True)
    runs = [
        pb.fit(Deep(again), (X.astype("f"), y.astype("f")), epochs=3, seed=4, progress=False)
        for again in (False, True)
    ]
    kept, recomputed = (run.model.network.parameters() for run in runs)
    assert len(kept) == 6
    for path in kept:
        assert kept[path].numpy().tobytes() == recomputed[path].numpy().tobytes(), path
