"""L-BFGS and its line search, on functions, against dense quasi-Newton, and through fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import optim
from pullback.errors import ConfigError, NonFiniteError
from pullback.nn.mode import current_mode
from pullback.optim.driver import NonFinitePointError
from pullback.optim.line_search import CURVATURE, DECREASE, Trial, strong_wolfe

Function = Any
RANDOM = np.random.default_rng(2)
FACTOR = RANDOM.normal(size=(6, 6))
HESSIAN = FACTOR @ FACTOR.T + 0.1 * np.eye(6)


def rosenbrock(w: np.ndarray) -> tuple[float, np.ndarray]:
    a, b = w[::2], w[1::2]
    value = float(((1 - a) ** 2 + 100 * (b - a * a) ** 2).sum())
    bars = np.empty_like(w)
    bars[::2], bars[1::2] = -2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)
    return value, bars


def quadratic(w: np.ndarray) -> tuple[float, np.ndarray]:
    return float(0.5 * w @ HESSIAN @ w), HESSIAN @ w


def driven(
    rule: optim.LBFGS, function: Function, w: np.ndarray, steps: int
) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    path, memory = [], rule.memory(w.size, w.dtype)
    for _ in range(steps):
        before = {name: array.copy() for name, array in memory.items()}
        w, new = rule.drive(function, w, memory, rule.learning_rate)
        assert all(np.array_equal(memory[name], before[name]) for name in memory)
        assert {n: (a.shape, a.dtype) for n, a in new.items()} == {
            n: (a.shape, a.dtype) for n, a in memory.items()
        }
        memory = new
        path.append((w, memory))
    return path


def dense_bfgs(function: Function, w: np.ndarray, rate: float, count: int) -> list[np.ndarray]:
    """With the whole inverse Hessian, scaled anew at each step as L-BFGS with all pairs does."""
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    path, before, gradient = [], None, function(w)[1]
    step = min(1.0, 1.0 / np.abs(gradient).sum()) * rate
    for _ in range(count):
        inverse = np.eye(w.size)
        if pairs:
            s, y = pairs[-1]
            inverse = (s @ y) / (y @ y) * inverse
        for s, y in pairs:
            rho = 1 / (y @ s)
            left = np.eye(w.size) - rho * np.outer(s, y)
            inverse = left @ inverse @ left.T + rho * np.outer(s, s)
        before, w = w, w - step * inverse @ gradient
        new = function(w)[1]
        if (new - gradient) @ (w - before) > 1e-10:
            pairs.append((w - before, new - gradient))
        gradient, step = new, rate
        path.append(w)
    return path


def test_fixed_steps_are_those_of_dense_bfgs() -> None:
    start = RANDOM.normal(size=6)
    rule = optim.LBFGS(0.7, iterations=1, history=50, line_search="none")
    got = [w for w, _ in driven(rule, quadratic, start, 12)]
    np.testing.assert_allclose(got, dense_bfgs(quadratic, start, 0.7, 12), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("history", "near"), [(1, 1e-3), (3, 1e-6), (10, 1e-6)])
def test_it_finds_the_minimum(history: int, near: float) -> None:
    """One pair alone: close by, its curvature is too small to be taken, and it crawls."""
    rule = optim.LBFGS(history=history, iterations=500, evaluations=2000, change_tolerance=1e-16)
    w, _ = driven(rule, rosenbrock, np.array([-1.2, 1.0, 2.0, -1.0]), 1)[-1]
    np.testing.assert_allclose(w, 1.0, atol=near)


def test_many_short_steps_are_one_long_one() -> None:
    """The memory carries everything: five calls of one iteration make one call of five."""
    start = np.array([-1.2, 1.0])
    options = {"evaluations": 1000, "history": 3}
    whole = driven(optim.LBFGS(iterations=5, **options), rosenbrock, start, 1)[-1]
    parts = driven(optim.LBFGS(iterations=1, **options), rosenbrock, start, 5)[-1]
    np.testing.assert_array_equal(whole[0], parts[0])
    for name, array in whole[1].items():
        np.testing.assert_array_equal(array, parts[1][name])


def test_a_flat_start_moves_nothing() -> None:
    w, _ = driven(optim.LBFGS(), quadratic, np.zeros(6), 2)[-1]
    assert not w.any()


LINES: dict[str, tuple[Any, Any]] = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "wavy": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "steep": (lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
              lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3),
    "wall": (lambda t: (t - 0.2) ** 2 if t < 0.5 else math.inf,
             lambda t: 2 * (t - 0.2) if t < 0.5 else math.nan),
    "nan": (lambda t: (t - 0.2) ** 2 if t < 0.5 else math.nan,
            lambda t: 2 * (t - 0.2) if t < 0.5 else math.nan),
}  # fmt: skip


@pytest.mark.parametrize("first", [1e-3, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", LINES)
def test_the_line_search_ends_where_both_conditions_hold(name: str, first: float) -> None:
    value, slope = LINES[name]

    def look(step: float) -> Trial:
        y = value(step)
        return Trial(step, y if math.isfinite(y) else math.inf, slope(step), np.zeros(1))

    start = look(0.0)
    found, count = strong_wolfe(look, start, first, 1.0, 1e-12, 60)
    assert count <= 60
    assert found.value <= start.value + DECREASE * found.step * start.slope
    assert abs(found.slope) <= -CURVATURE * start.slope


X = RANDOM.normal(size=(30, 3))
Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 0]], axis=1)


def fitted(rule: Any, network: Any = None, **more: Any) -> pb.Run:
    network = network or pb.nn.dense(3, [8], 2, activation="tanh").astype("float64")
    settings = {"batch_size": 30, "epochs": 20, "progress": "none", "loss": "mse"}
    return pb.fit(network, (X, Y), optimizer=rule, **(settings | more))


def test_it_trains_a_network_further_than_adam() -> None:
    run, other = fitted("lbfgs"), fitted("adam", epochs=400)
    assert run.losses[-1] < 1e-3
    assert run.losses[-1] < other.losses[-1]
    assert (np.diff(run.losses) <= 0).all()


def test_decay_is_half_the_sum_of_squares_and_by_layer() -> None:
    """A linear network with decay is ridge regression."""
    network = pb.nn.Linear(3, 2).astype("float64")
    rule = optim.LBFGS(weight_decay=0.1, layers={"bias": {"weight_decay": 0.0}})
    fitted(rule, network, epochs=10)
    x, y = X - X.mean(0), Y - Y.mean(0)
    rows = x.shape[0] * y.shape[1]
    want = np.linalg.solve(2 * x.T @ x / rows + 0.1 * np.eye(3), 2 * x.T @ y / rows)
    np.testing.assert_allclose(network["weight"].numpy(), want, rtol=1e-5, atol=1e-7)


def test_a_frozen_parameter_and_running_statistics() -> None:
    network = pb.nn.Sequential(pb.nn.Linear(3, 6), Counting(), pb.nn.Linear(6, 2))
    network = network.astype("float64").initialise(0)
    network["0.weight"].trainable = False
    before = network["0.weight"].numpy()
    fitted("lbfgs", network, epochs=3)
    np.testing.assert_array_equal(network["0.weight"].numpy(), before)
    assert network.buffers()["1.seen"].numpy() == 3  # one count a step, not one an evaluation


class Counting(pb.nn.Module):
    """Counts the batches that it has seen."""

    def __init__(self) -> None:
        self.seen = pb.nn.Buffer((), 0.0)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        if current_mode().training:
            current_mode().assign(self.seen, self.seen + 1.0)
        return x


class Overflow(pb.nn.Module):
    """An exponential that is soon infinite."""

    def __init__(self) -> None:
        self.inner = pb.nn.Linear(3, 2)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return pb.exp(self.inner(x))


def test_a_line_search_comes_back_from_infinity() -> None:
    run = fitted(optim.LBFGS(1e4), Overflow().astype("float64"), epochs=5)
    assert np.isfinite(run.losses).all()
    assert run.losses[-1] < run.losses[0]


def test_a_step_into_infinity_is_told_and_nothing_is_written() -> None:
    network = Overflow().astype("float64").initialise(0)
    before = network["inner.weight"].numpy()
    with pytest.raises(NonFiniteError, match="exp"):
        fitted(optim.LBFGS(1e6, line_search="none"), network)
    np.testing.assert_array_equal(network["inner.weight"].numpy(), before)


def test_a_start_that_is_not_finite() -> None:
    with pytest.raises(NonFinitePointError):
        optim.LBFGS().drive(lambda w: (math.nan, w), np.ones(2), optim.LBFGS().memory(2, float), 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clip_norm": 1.0}, "clip_norm does not go with lbfgs"),
        ({"ema": 0.9}, "ema does not go with lbfgs"),
        ({"accumulate": 2}, "accumulate does not go with lbfgs"),
        ({"constraints": {"*": "non_negative"}}, "constraints does not go with lbfgs"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fitted("lbfgs", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": 0},
        {"history": 1.5},
        {"line_search": "armijo"},
        {"change_tolerance": -1},
        {"layers": {"0.*": {"learning_rate": 0.1}}},
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        optim.LBFGS(**settings)
