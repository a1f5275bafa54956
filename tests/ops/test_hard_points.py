"""Extreme inputs of the elementwise operations: the right value, the right derivative.

At a kink the derivative is the stated one; where it is infinite, it is, unless the cotangent is 0.
"""

from __future__ import annotations

import itertools
import math
from math import inf, nan, pi

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import backward
from pullback.graph import Node, apply, constant, registry
from pullback.ops.families import Elementwise

SLOPE = 2 / math.sqrt(pi)
LN2 = math.log(2)
HALF = math.sqrt(0.5)
TINY, HUGE = 1e-30, 1e30

Point = tuple[tuple[float, ...], float, tuple[float, ...]]

# operation: (inputs, value, derivatives)
HARD: dict[str, list[Point]] = {
    "acosh": [((1,), 0, (inf,)), ((HUGE,), math.acosh(HUGE), (TINY,))],
    "asinh": [((0,), 0, (1,)), ((HUGE,), math.asinh(HUGE), (TINY,))],
    "atanh": [((0,), 0, (1,)), ((1,), inf, (inf,)), ((-1,), -inf, (inf,))],
    "log10": [((0,), -inf, (inf,))],
    "log2": [((0,), -inf, (inf,))],
    "logaddexp": [
        ((0, 0), LN2, (0.5, 0.5)),
        ((0, 1000), 1000, (0, 1)),
        ((1000, 0), 1000, (1, 0)),
        ((1000, 1000), 1000 + LN2, (0.5, 0.5)),
        ((-inf, -inf), -inf, (0.5, 0.5)),
    ],
    "xlogy": [
        ((0, 0), 0, (0, 0)),
        ((0, 1), 0, (0, 0)),
        ((1, 0), -inf, (-inf, inf)),
        ((1, 1), 0, (0, 1)),
    ],
    "abs": [((0,), 0, (0,))],
    "acos": [((0,), pi / 2, (-1,)), ((1,), 0, (-inf,)), ((-1,), pi, (-inf,))],
    "add": [((0, 0), 0, (1, 1))],
    "asin": [((0,), 0, (1,)), ((1,), pi / 2, (inf,)), ((-1,), -pi / 2, (inf,))],
    "atan": [((0,), 0, (1,)), ((HUGE,), pi / 2, (1e-60,)), ((-HUGE,), -pi / 2, (1e-60,))],
    "atan2": [
        ((0, 0), 0, (0, 0)),
        ((0, TINY), 0, (HUGE, 0)),
        ((0, HUGE), 0, (TINY, 0)),
        ((TINY, 0), pi / 2, (0, -HUGE)),
        ((TINY, TINY), pi / 4, (HUGE / 2, -HUGE / 2)),
        ((TINY, HUGE), 1e-60, (TINY, -1e-90)),
        ((HUGE, 0), pi / 2, (0, -TINY)),
        ((HUGE, TINY), pi / 2, (1e-90, -TINY)),
        ((HUGE, HUGE), pi / 4, (TINY / 2, -TINY / 2)),
    ],
    "ceil": [((0,), 0, (0,))],
    "clip": [((0,), 0, (0,)), ((1,), 1, (0,)), ((inf,), 1, (0,)), ((nan,), nan, (0,))],
    "cos": [((0,), 1, (0,))],
    "cosh": [((0,), 1, (0,)), ((1000,), inf, (inf,)), ((-1000,), inf, (-inf,))],
    "div": [((0, 0), nan, (inf, nan))],
    "elu": [((0,), 0, (1,)), ((1000,), 1000, (1,)), ((-1000,), -1, (0,))],
    "erf": [((0,), 0, (SLOPE,)), ((1000,), 1, (0,)), ((-1000,), -1, (0,))],
    "erfc": [((0,), 1, (-SLOPE,)), ((1000,), 0, (0,)), ((-1000,), 2, (0,))],
    "exp": [((0,), 1, (1,)), ((1000,), inf, (inf,)), ((-1000,), 0, (0,))],
    "expm1": [((0,), 0, (1,)), ((1000,), inf, (inf,)), ((-1000,), -1, (0,))],
    "floor": [((0,), 0, (0,))],
    "gelu": [((0,), 0, (0.5,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "gelu_tanh": [((0,), 0, (0.5,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "hard_shrink": [
        *(((x,), 0, (0,)) for x in (0, 0.5, -0.5)),
        ((1000,), 1000, (1,)),
        ((-1000,), -1000, (1,)),
    ],
    "hypot": [
        ((0, 0), 0, (0, 0)),
        ((0, TINY), TINY, (0, 1)),
        ((0, HUGE), HUGE, (0, 1)),
        ((TINY, 0), TINY, (1, 0)),
        ((TINY, TINY), TINY / HALF, (HALF, HALF)),
        ((TINY, HUGE), HUGE, (1e-60, 1)),
        ((HUGE, 0), HUGE, (1, 0)),
        ((HUGE, TINY), HUGE, (1, 1e-60)),
        ((HUGE, HUGE), HUGE / HALF, (HALF, HALF)),
    ],
    "leaky_relu": [((0,), 0, (0.01,)), ((1000,), 1000, (1,)), ((-1000,), -10, (0.01,))],
    "log": [((0,), -inf, (inf,))],
    "log1p": [((0,), 0, (1,)), ((-1,), -inf, (inf,))],
    "log_sigmoid": [((0,), -LN2, (0.5,)), ((1000,), 0, (0,)), ((-1000,), -1000, (1,))],
    "maximum": [((0, 0), 0, (0.5, 0.5))],
    "minimum": [((0, 0), 0, (0.5, 0.5))],
    "mish": [((0,), 0, (0.6,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "mul": [((0, 0), 0, (0, 0))],
    "neg": [((0,), 0, (-1,))],
    "normal_cdf": [((0,), 0.5, (SLOPE * HALF / 2,)), ((1000,), 1, (0,)), ((-1000,), 0, (0,))],
    "power": [
        ((0, 0), 1, (0, 0)),
        ((0, 0.5), 0, (inf, 0)),
        ((0, 1), 0, (1, 0)),
        ((0, 4), 0, (0, 0)),
        ((0.5, 0), 1, (0, -LN2)),
        ((0.5, 0.5), HALF, (HALF, -HALF * LN2)),
        ((0.5, 1), 0.5, (1, -0.5 * LN2)),
        ((0.5, 4), 1 / 16, (0.5, -LN2 / 16)),
        ((1, 0), 1, (0, 0)),
        ((1, 0.5), 1, (0.5, 0)),
        ((1, 1), 1, (1, 0)),
        ((1, 4), 1, (4, 0)),
        ((4, 0), 1, (0, 2 * LN2)),
        ((4, 0.5), 2, (0.25, 4 * LN2)),
        ((4, 1), 4, (1, 8 * LN2)),
        ((4, 4), 256, (256, 512 * LN2)),
    ],
    "prelu": [((0, 0), 0, (0, 0)), ((0, 0.25), 0, (0.25, 0)), ((-2, 0.25), -0.5, (0.25, -2))],
    "reciprocal": [((0,), inf, (-inf,))],
    "relu": [((0,), 0, (0,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "round": [((0,), 0, (0,))],
    "scale": [((0, 0), 0, (0, 0))],
    "sigmoid": [((0,), 0.5, (0.25,)), ((1000,), 1, (0,)), ((-1000,), 0, (0,))],
    "sign": [((0,), 0, (0,))],
    "silu": [((0,), 0, (0.5,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "sin": [((0,), 0, (1,))],
    "sinh": [((0,), 0, (1,)), ((1000,), inf, (inf,)), ((-1000,), -inf, (inf,))],
    "soft_shrink": [
        *(((x,), 0, (0,)) for x in (0, 0.5, -0.5)),
        ((1000,), 999.5, (1,)),
        ((-1000,), -999.5, (1,)),
    ],
    "softplus": [((0,), LN2, (0.5,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
    "softsign": [
        ((0,), 0, (1,)),
        ((1000,), 1000 / 1001, (1001**-2,)),
        ((-1000,), -1000 / 1001, (1001**-2,)),
    ],
    "sqrt": [((0,), 0, (inf,))],
    "square": [((0,), 0, (0,))],
    "squareplus": [
        ((0,), 1, (0.5,)),
        ((1000,), 1000.000999999000002, (1 - 9.9999700000999996e-07,)),
        ((-1000,), 0.000999999000001999995, (9.99997000009999965e-07,)),
    ],
    "sub": [((0, 0), 0, (1, -1))],
    "tan": [((0,), 0, (1,))],
    "tanh": [((0,), 0, (1,)), ((1000,), 1, (0,)), ((-1000,), -1, (0,))],
    "threshold": [((0,), 0, (0,)), ((1000,), 1000, (1,)), ((-1000,), 0, (0,))],
}
POINTS = [(name, *point) for name, points in HARD.items() for point in points]
OPERATIONS = {
    name: op
    for name, op in registry().items()
    if issubclass(op, Elementwise) and op.differentiable and name != "where"
}

every_point = pytest.mark.parametrize(("name", "at", "value", "slopes"), POINTS)


def applied(name: str, at: tuple[float, ...], dtype: type = np.float64) -> tuple[Node, list[Node]]:
    op = OPERATIONS[name](0.0, 1.0) if name == "clip" else OPERATIONS[name]()
    xs = [constant(dtype(x)) for x in at]
    return apply(op, *xs), xs


def pulled(y: Node, y_bar: float, xs: list[Node]) -> list[Node]:
    bars = backward([y], [constant(y_bar, y.dtype)], xs)
    assert all(bar is not None for bar in bars)
    return [bar for bar in bars if bar is not None]


def test_every_hard_point_of_every_operation_has_its_answer() -> None:
    listed = {(name, at) for name, at, _, _ in POINTS}
    for name, op in OPERATIONS.items():
        for at in itertools.product(op.hard_points, repeat=op.arity):
            wanted = (name, tuple(at))
            assert any(n == name and np.array_equal(a, at, equal_nan=True) for n, a in listed), (
                f"no expected answer for {wanted}"
            )


@every_point
def test_value_and_derivative(
    name: str, at: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    y, xs = applied(name, at)
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-14)
    for bar, slope in zip(pulled(y, 1.0, xs), slopes, strict=True):
        np.testing.assert_allclose(bar.numpy(), slope, rtol=1e-14)
    for bar, slope in zip(pulled(y, -3.0, xs), slopes, strict=True):
        np.testing.assert_allclose(bar.numpy(), -3 * slope, rtol=1e-14)


@every_point
def test_float32_says_the_same(
    name: str, at: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    y, xs = applied(name, at, np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(y.numpy(), np.float32(value), rtol=1e-6, atol=1e-37)
        for bar, slope in zip(pulled(y, 1.0, xs), slopes, strict=True):
            assert bar.dtype == np.float32
            np.testing.assert_allclose(bar.numpy(), np.float32(slope), rtol=1e-6, atol=1e-37)


@every_point
def test_a_zero_cotangent_gives_zero(
    name: str, at: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    y, xs = applied(name, at)
    assert [bar.item() for bar in pulled(y, 0.0, xs)] == [0.0] * len(xs)


@every_point
def test_a_zero_cotangent_gives_zero_in_second_order(
    name: str, at: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    """The Hessian times anything, under a zero cotangent."""
    y, xs = applied(name, at)
    bars = pulled(y, 0.0, xs)
    again = backward(bars, [constant(np.float64(1)) for _ in bars], xs)
    assert [0.0 if bar is None else bar.item() for bar in again] == [0.0] * len(xs)


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_bad_element_does_not_spoil_its_neighbours(name: str) -> None:
    """Under a mask, an infinite derivative stays in its place: row 4 of the hard points."""
    op = OPERATIONS[name]
    for at in itertools.product(op.hard_points, repeat=op.arity):
        good = [(low + high) / 2 + 0.1 for low, high in op.domain * op.arity][: op.arity]
        xs = [constant(np.array([bad, fine])) for bad, fine in zip(at, good, strict=True)]
        y = pb.where(constant(np.array([False, True])), apply(op(), *xs), 0.0)
        for bar in pb.gradient(y.sum(), xs):
            found = bar.numpy()
            assert found[0] == 0
            assert np.isfinite(found[1])


def test_nan_passes_through_and_is_not_hidden() -> None:
    quiet = {"sign", "floor", "ceil", "round"}  # flat: their derivative is 0 everywhere
    for name, op in OPERATIONS.items():
        xs = [constant(np.float64(nan)) for _ in range(op.arity)]
        y = apply(op(), *xs)
        assert np.isnan(y.item()), name
        if name in quiet:
            assert pulled(y, 1.0, xs)[0].item() == 0


def test_a_zero_cotangent_is_safe_in_reductions() -> None:
    bad = np.array([[nan, inf, 1.0], [-inf, 0.0, 2.0], [1.0, 2.0, 3.0]])
    keep = constant(np.array([False, False, True]))
    for f in (pb.sum, pb.mean, pb.max, pb.min, pb.logsumexp, pb.norm, pb.variance, pb.std):
        x = constant(bad)
        (bar,) = pb.gradient(pb.where(keep, f(x, axis=1), 0.0).sum(), [x])
        assert (bar.numpy()[:2] == 0).all(), f
        assert np.isfinite(bar.numpy()[2]).all(), f
    for g in (pb.softmax, pb.log_softmax):
        x = constant(bad)
        rows = keep.reshape((3, 1))
        (bar,) = pb.gradient((pb.where(rows, g(x), 0.0) * x[2]).sum(), [x])
        assert (bar.numpy()[:2] == 0).all(), g


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_a_zero_cotangent_gives_zero_whatever_came_in(name: str, bad: float) -> None:
    op = OPERATIONS[name]
    for at in itertools.product([bad, 0.5], repeat=op.arity):
        y, xs = applied(name, at)
        assert [bar.item() for bar in pulled(y, 0.0, xs)] == [0.0] * len(xs), at
