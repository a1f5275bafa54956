"""Activations by name and with settings: tails, kinks, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, ShapeError
from pullback.nn import activations

X = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(set(activations.registry()) - {"glu"}))
def test_every_activation_trains_by_name(name: str) -> None:
    network = pb.nn.dense(3, [4, 4], 1, activation=name)
    pb.fit(network, (X, X[:, :1]), epochs=2)
    assert np.isfinite(network.predict(X)).all()


def test_a_gate_halves_what_it_is_given() -> None:
    network = pb.nn.Sequential(pb.nn.Linear(3, 8), "glu", pb.nn.Linear(4, 1))
    pb.fit(network, (X, X[:, :1]), epochs=2)
    with pytest.raises(ShapeError, match="even length"):
        pb.glu(pb.ones((2, 3)))
    with pytest.raises(ShapeError, match="even length"):
        pb.glu(pb.ones((2, 4)), axis=2)


def test_layers_of_a_dense_network_learn_slopes_of_their_own() -> None:
    network = pb.nn.dense(3, [4, 5], 1, activation=pb.nn.PReLU())
    assert {"1.slope", "3.slope"} <= set(network.parameters())


def test_slopes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="takes 4 features"):
        pb.nn.PReLU(4).initialise()(X)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pb.nn.GELU("erf"),
        lambda: pb.nn.CELU(0.0),
        lambda: pb.nn.Squareplus(-1.0),
        lambda: pb.nn.HardShrink(-0.1),
        lambda: pb.nn.SoftShrink(math.nan),
    ],
)
def test_settings_out_of_range(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails_keep_their_digits(dtype: str) -> None:
    """Where 1 + erf or 1 + tanh would be 0 or noise."""
    x = np.linspace(-12, -2, 200)
    tanh = [v / (1 + math.exp(-2 * math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    wanted = {
        pb.gelu: [v * math.erfc(-v / math.sqrt(2)) / 2 for v in x],
        pb.gelu_tanh: tanh,
        pb.silu: [v / (1 + math.exp(-v)) for v in x],
        pb.squareplus: [2 / (math.sqrt(v * v + 4) - v) for v in x],
        pb.mish: [v * math.tanh(math.log1p(math.exp(v))) for v in x],
    }
    for f, values in wanted.items():
        keep = np.abs(values) > np.finfo(dtype).tiny
        tensor = pb.tensor(x.astype(dtype))
        exact = f(pb.tensor(x.astype(dtype).astype(np.float64))).numpy()
        np.testing.assert_allclose(exact[keep], np.array(values)[keep], rtol=1e-3)
        rounding = 3e-5 if f is pb.gelu_tanh else 1e-6  # its exponent is rounded, up to 90
        tolerance = 1e-12 if dtype == "float64" else rounding
        np.testing.assert_allclose(f(tensor).numpy()[keep], exact[keep], rtol=tolerance)


def test_float32_looks_it_up_with_the_same_digits() -> None:
    x = np.concatenate([np.linspace(-15, 9.5, 400_001), [-np.inf, np.inf, 0, 1e30]])
    x = x.astype(np.float32)
    exact = np.array([math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x])
    off = np.abs(pb.normal_cdf(x).numpy() - exact) / np.spacing(exact.astype(np.float32))
    assert off.max() < 2
    gelu = x[:-4] * exact[:-4]
    off = np.abs(pb.gelu(x[:-4]).numpy() - gelu) / np.spacing(np.abs(gelu.astype(np.float32)))
    assert off.max() < 3
    assert np.isnan(pb.normal_cdf(np.float32(np.nan)).item())


@pytest.mark.parametrize(
    ("f", "at", "slopes"),
    [
        (pb.relu6, [0.0, 6.0, 3.0, 7.0], [0, 0, 1, 0]),
        (pb.hard_tanh, [-1.0, 1.0, 0.5], [0, 0, 1]),
        (pb.hard_sigmoid, [-3.0, 3.0, 0.0], [0, 0, 1 / 6]),
        (pb.hard_shrink, [0.5, -0.5, 0.6], [0, 0, 1]),
        (pb.soft_shrink, [0.5, -0.5, 0.6], [0, 0, 1]),
        (pb.threshold, [0.0, 1.0, -1.0], [0, 1, 0]),
        (pb.celu, [0.0, 2.0, -800.0], [1, 1, 0]),
    ],
)
def test_slopes_at_kinks_are_the_stated_ones(
    f: object, at: list[float], slopes: list[float]
) -> None:
    x = pb.tensor(at, dtype="float64")
    (bar,) = pb.gradient(f(x).sum(), [x])  # type: ignore[operator]
    np.testing.assert_allclose(bar.numpy(), slopes, rtol=1e-15)


def test_nan_is_never_hidden() -> None:
    for name in ("relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "hard_shrink", "soft_shrink"):
        assert np.isnan(getattr(pb, name)(np.float64(np.nan)).item()), name
    for name in ("threshold", "selu", "celu", "tanh_shrink"):
        assert np.isnan(getattr(pb, name)(np.float64(np.nan)).item()), name


def test_selu_keeps_mean_0_and_variance_1() -> None:
    x = np.random.default_rng(0).normal(size=400_000)
    y = pb.selu(x).numpy()
    assert abs(y.mean()) < 0.01
    assert abs(y.var() - 1) < 0.01


def test_sparsemax_gives_exact_zeros_that_learn_nothing() -> None:
    x = pb.tensor([[3.0, 2.5, -1.0], [0.0, 0.0, 0.0]], dtype="float64")
    y = pb.sparsemax(x)
    np.testing.assert_allclose(y.numpy(), [[0.75, 0.25, 0], [1 / 3] * 3], rtol=1e-15)
    (bar,) = pb.gradient(y[0, 0], [x])
    np.testing.assert_allclose(bar.numpy(), [[0.5, -0.5, 0], [0, 0, 0]])
