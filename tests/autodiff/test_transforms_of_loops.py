"""Loops under every transform: against the same loop written out, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.graph import Node

RANDOM = np.random.default_rng(4)
STEPS, SIZE, STACK = 4, 3, 5
CARRY, XS = RANDOM.normal(size=SIZE), RANDOM.normal(size=(STEPS, SIZE))
W = RANDOM.normal(size=(SIZE, SIZE)) / 2
Loop = Callable[..., tuple[Any, Any]]


def written_out(f: Any, carry: Any, xs: Any, *, reverse: bool = False) -> tuple[Any, Any]:
    ys = {}
    for t in reversed(range(STEPS)) if reverse else range(STEPS):
        carry, ys[t] = f(carry, xs[t])
    return carry, pb.stack([ys[t] for t in range(STEPS)])


def neuron(loop: Loop, again: bool = False, reverse: bool = False) -> Callable[..., Node]:
    def f(carry: Node, xs: Node, w: Node) -> Node:
        def step(c: Node, x: Node) -> tuple[Node, Node]:
            h = pb.tanh(c @ w + pb.sin(x))
            return h, h * x

        last, ys = loop(pb.checkpoint(step) if again else step, carry, xs, reverse=reverse)
        return last + ys.sum(0)

    return f


def nested(loop: Loop) -> Callable[..., Node]:
    """A loop in the body of a loop, which reads the outer one's carry and row."""

    def f(carry: Node, xs: Node, w: Node) -> Node:
        def outer(c: Node, x: Node) -> tuple[Node, Node]:
            def inner(d: Node, row: Node) -> tuple[Node, Node]:
                d = pb.tanh(d * row + c @ w)
                return d, d * x

            last, ys = loop(inner, x, xs)
            return last, ys.sum(0)

        last, ys = loop(outer, carry, xs)
        return last * ys.mean(0)

    return f


KINDS: dict[str, Callable[[Loop], Callable[..., Node]]] = {
    "plain": neuron,
    "backwards": lambda loop: neuron(loop, reverse=True),
    "body computed again": lambda loop: neuron(loop, again=loop is pb.scan),
    "nested": nested,
}


def compared(kind: str, transform: Callable[..., Any], *arrays: Any) -> None:
    found, wanted = (transform(KINDS[kind](loop))(*arrays) for loop in (pb.scan, written_out))
    parts = found if isinstance(found, tuple) else (found,)
    others = wanted if isinstance(wanted, tuple) else (wanted,)
    for a, b in zip(parts, others, strict=True):
        assert np.abs(b.numpy()).max() > 0
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_vmap(kind: str, mapped: tuple[int, ...]) -> None:
    """Of the value, and of the gradient, whatever is a stack: carry, rows, weights outside."""
    known = (CARRY, XS, W)
    arrays = [RANDOM.normal(size=(STACK, *a.shape)) / 2 if i in mapped else a
              for i, a in enumerate(known)]  # fmt: skip
    axes = tuple(0 if i in mapped else None for i in range(3))
    compared(kind, lambda f: pb.vmap(f, axes), *arrays)

    def slopes(f: Callable[..., Node]) -> Callable[..., Any]:
        each = pb.value_and_grad(lambda *a: pb.square(f(*a)).sum(), (0, 1, 2))
        return pb.vmap(lambda *a: each(*a)[1], axes)

    compared(kind, slopes, *arrays)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transform", [
    lambda f: pb.jacobian(f, (0, 1, 2)),
    lambda f: pb.hessian(lambda *a: pb.square(f(*a)).sum(), 2),
    lambda f: lambda *a: pb.hvp(lambda *b: pb.square(f(*b)).sum(), a, [x + 1 for x in a]),
    lambda f: lambda *a: pb.jvp(f, a, [x + 1 for x in a]),
], ids=["jacobian", "hessian", "hvp", "jvp"])  # fmt: skip
def test_other_transforms(kind: str, transform: Any) -> None:
    compared(kind, transform, CARRY, XS, W)


@pytest.mark.parametrize("kind", KINDS)
def test_against_finite_differences(kind: str) -> None:
    assert pb.gradcheck(KINDS[kind](pb.scan), [CARRY, XS, W], order=2)


def test_the_jacobian_of_a_recurrent_layer() -> None:
    """What is said at one time depends on no input after it."""
    layer = pb.nn.LSTM(2, 3).initialise(seed=0).astype("float64")
    x = RANDOM.normal(size=(1, 4, 2))
    found = pb.jacobian(layer)(pb.tensor(x)).numpy().reshape(4, 3, 4, 2)
    for said in range(4):
        for read in range(4):
            assert bool(found[said, :, read].any()) == (read <= said)
    assert pb.gradcheck(layer, [x], order=2)
    step = 1e-6
    for t in range(4):
        for i in range(2):
            moved = np.zeros_like(x)
            moved[0, t, i] = step
            change = (layer(x + moved).numpy() - layer(x - moved).numpy())[0] / (2 * step)
            np.testing.assert_allclose(found[:, :, t, i], change, rtol=1e-6, atol=1e-8)
