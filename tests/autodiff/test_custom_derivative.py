"""A derivative of one's own: used in every order and transform, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import DifferentiationError, DtypeError, PullbackError, ShapeError
from pullback.graph import Node, placeholder, slot
from pullback.plan import Step, plan

RANDOM = np.random.default_rng(3)
X, W = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 2))

# log(1 + e^x): the chain rule would give inf / inf for large x
softplus = pb.custom_derivative(
    lambda x: pb.log(1 + pb.exp(x)), lambda y_bar, y, x: y_bar * (1 - pb.exp(-y))
)
product = pb.custom_derivative(
    lambda a, b: a @ b, lambda y_bar, y, a, b: (y_bar @ b.T, a.T @ y_bar)
)


def test_the_rule_is_used_and_not_the_chain_rule() -> None:
    rounded = pb.custom_derivative(pb.round, lambda y_bar, y, x: 7 * y_bar)
    x = pb.tensor(X)
    y = rounded(x)
    np.testing.assert_array_equal(y.numpy(), np.round(X))
    np.testing.assert_array_equal(pb.gradient((2 * y).sum(), [x])[0].numpy(), np.full((4, 3), 14))
    value, slope = pb.value_and_grad(softplus)(800.0)
    assert value.item() == np.inf
    assert slope.item() == 1


@pytest.mark.parametrize("order", [1, 2])
def test_it_is_checked_like_any_derivative(order: int) -> None:
    assert pb.gradcheck(softplus, [X], order=order)
    assert pb.gradcheck(product, [X, W], order=order)
    assert pb.gradcheck(lambda x: softplus(x * x) * softplus(x), [X], order=order)
    wrong = pb.custom_derivative(pb.sin, lambda y_bar, y, x: y_bar * y)
    assert not pb.gradcheck(wrong, [X], order=order)


def test_the_second_derivative_is_that_of_the_rule() -> None:
    f = pb.custom_derivative(lambda x: x * 0, lambda y_bar, y, x: y_bar * x**3)
    first = pb.value_and_grad(f)
    second = pb.value_and_grad(lambda x: first(x)[1])
    assert first(2.0)[1].item() == 8
    assert second(2.0)[1].item() == 12


def test_the_derivative_may_be_stated_with_the_output() -> None:
    f = pb.custom_derivative(pb.exp, lambda y_bar, y, x: y_bar * y)
    third = pb.hessian(lambda x: pb.value_and_grad(f)(x)[1])
    np.testing.assert_allclose(third(pb.tensor(0.5, "float64")).item(), np.exp(0.5), rtol=1e-12)


def test_other_transforms_take_it() -> None:
    rows = [pb.tensor(row) for row in X]
    v = RANDOM.normal(size=X.shape)
    slopes = 1 / (1 + np.exp(-X))
    np.testing.assert_allclose(pb.jvp(softplus, [X], [v])[1].numpy(), slopes * v, rtol=1e-12)
    np.testing.assert_allclose(pb.vmap(softplus)(X).numpy(), np.log1p(np.exp(X)), rtol=1e-12)
    each = pb.vmap(pb.jacobian(softplus))(X).numpy()
    np.testing.assert_allclose(each, [np.diag(s) for s in slopes], rtol=1e-12)
    curved = pb.vmap(pb.hessian(lambda x: softplus(x).sum()))(X).numpy()
    wanted = [pb.hessian(lambda x: pb.softplus(x).sum())(row).numpy() for row in rows]
    np.testing.assert_allclose(curved, wanted, rtol=1e-12, atol=1e-12)
    checked = pb.checkpoint(lambda x: softplus(pb.sin(x)))
    assert pb.gradcheck(checked, [X], order=2)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_stacks_of_some_inputs(axes: tuple[int | None, int | None]) -> None:
    """The rule is written for one example; an input that all share gets the sum."""
    a = RANDOM.normal(size=(5, 4, 3) if axes[0] == 0 else (4, 3))
    b = RANDOM.normal(size=(5, 3, 2) if axes[1] == 0 else (3, 2))
    f, plain = pb.vmap(product, axes), pb.vmap(lambda a, b: a @ b, axes)
    weights = RANDOM.normal(size=(5, 4, 2))
    found = pb.value_and_grad(lambda a, b: (pb.sin(f(a, b)) * weights).sum(), (0, 1))(a, b)
    wanted = pb.value_and_grad(lambda a, b: (pb.sin(plain(a, b)) * weights).sum(), (0, 1))(a, b)
    for x, y in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-11)
    nested = pb.vmap(lambda s: (f(a * s, b) * weights).sum())
    scales = np.array([1.0, 2.0])
    slopes = pb.value_and_grad(lambda s: nested(s).sum())(scales)[1].numpy()
    inner = [(plain(a, b).numpy() * weights).sum()] * 2
    np.testing.assert_allclose(slopes, inner, rtol=1e-11)


def test_a_program_has_no_trace_of_it() -> None:
    x = placeholder("x", (3,))
    names = [i.op.name for i in plan(Step({"y": softplus(x)})).instructions]
    assert "custom_derivative" not in names
    kept = plan(Step({"y": softplus(x)}), without=["simplify"])
    assert "custom_derivative" in [i.op.name for i in kept.instructions]


def test_none_for_an_input_without_derivative() -> None:
    def picked(y_bar: Node, y: Node, x: Node, i: Node) -> Any:
        return pb.scatter_add(y_bar, i, 4), None

    f = pb.custom_derivative(lambda x, i: pb.gather(x, i), picked)
    x, i = pb.tensor([1.0, 2.0, 3.0, 4.0]), pb.tensor([2, 2])
    assert pb.gradient(f(x, i).sum(), [x])[0].numpy().tolist() == [0, 0, 2, 0]


@pytest.mark.parametrize(
    ("rule", "error", "said"),
    [
        (lambda y_bar, y, a, b: y_bar, DifferentiationError, "1 cotangent for 2 inputs"),
        (lambda y_bar, y, a, b: (y_bar, y_bar), ShapeError, r"cotangent \(4, 2\) for input 0"),
        (lambda y_bar, y, a, b: (None,) * 3, DifferentiationError, "3 cotangents for 2 inputs"),
        (lambda y_bar, y, a, b: (), DifferentiationError, "0 cotangents for 2 inputs"),
        (lambda y_bar, y, a, b: None, DifferentiationError, "None for 2 inputs"),
        (lambda y_bar, y, a, b: (np.ones((4, 3), int), None), DtypeError, "int64 for input 0"),
        (lambda y_bar, y, a, b: (a > 0, None), DtypeError, "bool for input 0 of dtype float64"),
        (lambda y_bar, y, a, b: (None, b), DifferentiationError, "pullback gives None for it"),
    ],
)
def test_mistakes_are_named(rule: Any, error: type[PullbackError], said: str) -> None:
    f = pb.custom_derivative(lambda a, b: a @ b, rule)
    a, b = pb.tensor(X), pb.tensor(W)
    with pytest.raises(error, match=said) as caught:
        pb.gradient(f(a, b).sum(), [a])
    assert "to do:" in str(caught.value)
    with pytest.raises(error):
        pb.vmap(lambda b: pb.gradient(f(a, b).sum(), [a])[0])(pb.stack([b, b]))


def test_none_is_not_zero() -> None:
    """None closes one way; others stay open, and behind a stopped gradient it is zero."""
    f = pb.custom_derivative(lambda x: x * x, lambda y_bar, y, x: (None,))
    nothing = pb.custom_derivative(lambda x: x * x, lambda y_bar, y, x: None)
    x = pb.tensor([1.0, 2.0])
    assert pb.gradient((f(x) + 3 * x).sum(), [x])[0].numpy().tolist() == [3, 3]
    assert pb.gradient(f(pb.stop_gradient(x)).sum(), [x])[0].numpy().tolist() == [0, 0]
    assert pb.gradient(f(f(pb.tensor(1.0))), [x])[0].numpy().tolist() == [0, 0]
    with pytest.raises(DifferentiationError, match="pullback gives None for it"):
        pb.gradient(f(x).sum(), [x])
    with pytest.raises(DifferentiationError, match="None for 1 input "):
        pb.gradient(nothing(x).sum(), [x])


def test_cotangents_are_rounded_to_the_precision_of_their_input() -> None:
    f = pb.custom_derivative(lambda x: 2 * x, lambda y_bar, y, x: np.full(2, 0.1))
    (x_bar,) = pb.gradient(f(x := pb.tensor([1.0, 2.0])).sum(), [x])
    assert x_bar.dtype == np.float32
    assert x_bar.numpy().tolist() == [np.float32(0.1)] * 2


def test_a_cotangent_of_a_whole_number_is_refused() -> None:
    f = pb.custom_derivative(lambda x, i: x * i, lambda y_bar, y, x, i: (y_bar, y_bar))
    x = pb.tensor(2.0)
    with pytest.raises(DifferentiationError, match="input 1, of dtype int64"):
        pb.gradient(f(x, 3), [x])


def test_a_parameter_that_is_not_passed_is_refused() -> None:
    w = slot("0.weight", (3, 2), "float64")
    f = pb.custom_derivative(lambda x: x @ w, lambda y_bar, y, x: y_bar @ w.T)
    with pytest.raises(DifferentiationError, match=r"0\.weight, which it reads"):
        f(X)
    stopped = pb.custom_derivative(
        lambda x: x @ pb.stop_gradient(w), lambda y_bar, y, x: y_bar @ w.T
    )
    assert stopped(X).shape == (4, 2)


class Binary(pb.nn.Module):
    """Hidden signs, learned through by the straight-through estimator."""

    def __init__(self) -> None:
        self.first, self.last = pb.nn.Linear(3, 16), pb.nn.Linear(16, 1)
        self.drop = pb.nn.Dropout(0.1)

    def forward(self, x: Node) -> Node:
        signs = pb.custom_derivative(
            lambda h: pb.where(h > 0, 1.0, -1.0), lambda y_bar, y, h: y_bar * (pb.abs(h) < 1)
        )
        return self.last(self.drop(signs(self.first(x))))


@pytest.mark.parametrize("executor", ["numpy", "reference"])
def test_it_trains_and_is_loaded(executor: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    y = np.sign(x[:, :1] * x[:, 1:2])
    network = Binary().initialise(seed=0)
    before = network["first.weight"].numpy()
    settings = {"epochs": 15, "optimizer": pb.optim.Adam(0.02), "seed": 1, "progress": False}
    run = pb.fit(network, (x, y), executor=executor, **settings)
    after = pb.losses.mse(run.model.network(x), y).item()
    assert after < 0.7 * pb.losses.mse(pb.zeros(y.shape), y).item()
    assert (network["first.weight"].numpy() != before).any()  # the sign alone has no slope
    run.model.save(tmp_path / "signs.pb")
    loaded = pb.load(tmp_path / "signs.pb", custom=[Binary])
    np.testing.assert_array_equal(loaded.predict(x), run.model.predict(x))
    again = pb.per_sample_gradients(loaded.network, "mse", x, y)
    assert again["first.weight"].any()
