"""Jacobians and Hessians against closed forms and finite differences."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff.jacobian import by_columns, by_rows
from pullback.errors import ConfigError, DifferentiationError
from pullback.graph import Node

RANDOM = np.random.default_rng(1)
X, W, B = RANDOM.normal(size=3), RANDOM.normal(size=(3, 4)), RANDOM.normal(size=4)


def close(found: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=tolerance, atol=tolerance)


def by_differences(f: Any, x: np.ndarray) -> np.ndarray:
    """The Jacobian (output, x) by central differences of order 4."""
    h, columns = 1e-3, []
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        near, far = (f(x + k * step) - f(x - k * step) for k in (1, 2))
        columns.append((8 * near - far) / (12 * h))
    return np.stack(columns, -1).reshape((*np.shape(columns[0]), *x.shape))


def test_of_a_linear_map() -> None:
    close(pb.jacobian(lambda x: x @ W)(X), W.T)
    close(pb.jacobian(lambda w: X @ w)(W), np.einsum("i,jk->kij", X, np.eye(4)))
    close(pb.jacobian(lambda x: x)(pb.tensor(W)), np.eye(12).reshape(3, 4, 3, 4))
    close(pb.jacobian(lambda x: x.T)(W), np.eye(12).reshape(3, 4, 12)[..., :].reshape(
        3, 4, 3, 4).transpose(1, 0, 2, 3))  # fmt: skip
    close(pb.jacobian(lambda x: 2 * x)(pb.tensor(3.0, "float64")), 2.0)


@pytest.mark.parametrize("shape", [(2,), (3, 4), (5, 2, 3)])
def test_rows_and_columns_agree_with_differences(shape: tuple[int, ...]) -> None:
    """Fewer outputs than inputs go by rows, fewer inputs by columns."""
    mixing = RANDOM.normal(size=(3, int(np.prod(shape))))

    def f(x: Node) -> Node:
        return pb.sin(pb.tanh(x) @ mixing).reshape(shape)

    (x,) = [pb.tensor(X)]
    wanted = by_differences(lambda x: f(pb.tensor(x)).numpy(), X)
    close(pb.jacobian(f)(X), wanted, 1e-9)
    rows, columns = by_rows(f(x), [x])[0], by_columns(f(x), x)
    close(rows, wanted, 1e-9)
    close(columns, rows.numpy())


def test_of_trees_to_trees() -> None:
    def f(p: Any, x: Node) -> Any:
        y = pb.tanh(x @ p["w"] + p["b"][0])
        return {"y": y, "sums": (y.sum(), pb.exp(x))}

    p = {"w": W, "b": [B]}
    y = np.tanh(X @ W + B)
    slope = np.diag(1 - y**2)
    dw = np.einsum("kj,i->kij", slope, X)
    found = pb.jacobian(f, argnums=(0, 1))(p, X)
    of_p, of_x = found["y"]
    close(of_p["w"], dw)
    close(of_p["b"][0], slope)
    close(of_x, slope @ W.T)
    close(found["sums"][0][0]["w"], dw.sum(0))
    close(found["sums"][1][0]["b"][0], np.zeros((3, 4)))
    close(found["sums"][1][1], np.diag(np.exp(X)))
    close(pb.jacobian(f, argnums=-1)(p, X)["y"], slope @ W.T)


def test_hessian_of_a_quadratic_form() -> None:
    a = RANDOM.normal(size=(3, 3))
    close(pb.hessian(lambda x: (x * (pb.tensor(a) @ x)).sum())(X), a + a.T)
    close(pb.hessian(lambda x: x**3)(pb.tensor(2.0, "float64")), 12.0)
    close(pb.hessian(lambda w: (pb.sqrt(w) - 2) ** 2)(pb.tensor(4.0, "float64")), 0.125)


def test_hessian_of_trees() -> None:
    def f(p: Any, x: Node) -> Node:
        return pb.logsumexp(x @ p["w"] + p["b"])

    z = X @ W + B
    s = np.exp(z) / np.exp(z).sum()
    curve = np.diag(s) - np.outer(s, s)
    found = pb.hessian(f, argnums=(0, 1))({"w": W, "b": B}, X)
    close(found[0]["b"][0]["b"], curve)
    close(found[0]["w"][0]["b"], np.einsum("i,jk->ijk", X, curve))
    close(found[0]["w"][0]["w"], np.einsum("i,jl,k->ijkl", X, curve, X))
    close(found[1][1], W @ curve @ W.T)
    wanted = by_differences(
        lambda x: pb.value_and_grad(f, 1)({"w": W, "b": B}, pb.tensor(x))[1].numpy(), X
    )
    close(found[1][1], wanted, 1e-8)


def test_hessian_agrees_with_its_product() -> None:
    def f(x: Node) -> Node:
        return pb.square(pb.sin(x @ W)).sum() + pb.prod(x)

    v = RANDOM.normal(size=3)
    h = pb.hessian(f)(X).numpy()
    np.testing.assert_allclose(h, h.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(h @ v, pb.hvp(f, [X], [v])[0].numpy(), rtol=1e-12)


def test_where_nothing_depends_and_where_nothing_is() -> None:
    close(pb.jacobian(lambda x: pb.tensor([1.0, 2.0]))(X), np.zeros((2, 3)))
    close(pb.jacobian(lambda x: pb.relu(x) * 0)(X), np.zeros((3, 3)))
    close(pb.jacobian(lambda x: x[:0])(X), np.zeros((0, 3)))
    close(pb.hessian(lambda x: x.sum())(X), np.zeros((3, 3)))


def test_differentiable_again() -> None:
    def curl(x: Node) -> Node:
        return pb.square(pb.jacobian(lambda x: pb.sin(x @ W))(x)).sum()

    assert pb.gradcheck(curl, [X])


def test_mistakes_are_named() -> None:
    with pytest.raises(DifferentiationError, match="output of dtype int64"):
        pb.jacobian(lambda x: pb.argmax(x))(X)
    with pytest.raises(DifferentiationError, match="real numbers"):
        pb.jacobian(lambda x: x)(pb.tensor([1, 2]))
    with pytest.raises(ConfigError, match="argnums"):
        pb.jacobian(lambda x: x, argnums=1)(X)
    with pytest.raises(DifferentiationError, match="one real number"):
        pb.hessian(lambda x: x)(X)


def test_a_network_of_the_usual_size_takes_no_time() -> None:
    network = pb.nn.Sequential(pb.nn.Linear(784, 128), "tanh", pb.nn.Linear(128, 10))
    network.initialise(seed=0)
    x = RANDOM.normal(size=784).astype("float32")
    start = time.perf_counter()
    found = pb.jacobian(network)(x).numpy()
    assert time.perf_counter() - start < 2  # tens of milliseconds on an idle core
    first, last = network["0"].weight.numpy(), network["2"].weight.numpy()
    hidden = np.tanh(x @ first + network["0"].bias.numpy())
    wanted = (first * (1 - hidden**2)) @ last
    np.testing.assert_allclose(found, wanted.T, rtol=1e-4, atol=1e-5)
