"""Normalisation layers: statistics in training and in use, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import gradcheck
from pullback.errors import ConfigError, ShapeError
from pullback.nn.mode import Mode, mode
from pullback.nn.module import uses_batch_statistics
from pullback.train.batches import Batches
from tests.nn.case import real
from tests.nn.cases_normalisation import standard
from tests.train.trainings import Stop, table

SHAPES = ((4, 3), (2, 3), (2, 5, 3), (1, 2, 2, 3))


def rows(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(2, 3, shape)


def layer(**more: Any) -> pb.nn.BatchNorm:
    made = pb.nn.BatchNorm(3, **more).initialise().astype("float64")
    if made.affine:
        made.weight.assign([1.0, -2.0, 0.5])
        made.bias.assign([0.1, 0.2, -0.3])
    return made


def moved(made: pb.nn.BatchNorm, x: np.ndarray, mean: Any, variance: Any) -> tuple[Any, Any]:
    axes = tuple(range(x.ndim - 1))
    m = made.momentum
    return (
        (1 - m) * mean + m * x.mean(axes),
        (1 - m) * variance + m * x.var(axes, ddof=1),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, 0])
def test_batch_normalisation_in_training_and_in_use(
    shape: tuple[int, ...], momentum: float
) -> None:
    made = layer(momentum=momentum)
    mean, variance = np.zeros(3), np.ones(3)
    w, b = made.weight.numpy(), made.bias.numpy()
    for seed in range(3):
        x = rows(shape, seed)
        with mode(training=True):
            y = made(x)
        wanted = standard(x, tuple(range(x.ndim - 1)), 1e-5) * w + b
        np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-12, atol=1e-12)
        mean, variance = moved(made, x, mean, variance)
        np.testing.assert_allclose(made.running_mean.numpy(), mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(made.running_variance.numpy(), variance, rtol=1e-12)
    wanted = (x - mean) / np.sqrt(variance + 1e-5) * w + b
    np.testing.assert_allclose(made(x).numpy(), wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(made(x[:1]).numpy(), wanted[:1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_the_derivatives_of_batch_normalisation_in_training(order: int) -> None:
    for seed in range(32):
        made = pb.nn.BatchNorm(3, epsilon=0.1).initialise()
        x, w, b = (real(np.random.default_rng(seed + i), s)[0] for i, s in
                   enumerate((SHAPES[seed % 4], (3,), (3,))))  # fmt: skip

        def f(*nodes: pb.Tensor, made: pb.nn.Module = made) -> pb.Tensor:
            values = dict(zip(made.parameters().values(), nodes[1:], strict=True))
            with mode(Mode(training=True)), pb.nn.parameter.bound(values):
                return made(nodes[0])

        verdict = gradcheck(f, [x, w, b], order=order, seed=seed)
        assert verdict, str(verdict)


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (0, 3)])
def test_one_value_a_feature_is_refused_in_training(shape: tuple[int, ...]) -> None:
    """Row 21 of the hard cases."""
    made = layer()
    before = {path: v.numpy().tobytes() for path, v in made.state().items()}
    with pytest.raises(ValueError, match="two values of each feature"), mode(training=True):
        made(rows(shape))
    assert {path: v.numpy().tobytes() for path, v in made.state().items()} == before
    assert made(rows(shape)).shape == shape


def network() -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(8), pb.nn.BatchNorm(), "relu", pb.nn.Linear(3))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_fit_refuses_batches_of_one_row(accumulate: int) -> None:
    made = network()
    x, y = table()
    with pytest.raises(ShapeError, match="two values of each feature"):
        pb.fit(made, (x, y), batch_size=1, steps=1)
    assert not made["1.running_mean"].numpy().any()
    run = pb.fit(network(), (x, y), batch_size=3, epochs=1, accumulate=accumulate)
    assert run.step == 15


def test_a_single_left_over_row_joins_the_batch_before_it() -> None:
    x, y = table(rows=33)
    run = pb.fit(network(), (x, y), batch_size=16, epochs=2)
    assert run.step == 4
    assert pb.fit(pb.nn.dense(4, [8], 3), (x, y), batch_size=16, epochs=2).step == 6
    for count, size in ((33, 16), (34, 16), (32, 16), (2, 1), (5, 5), (7, 2), (6, 5)):
        for least in (1, 2):
            batches = Batches(count, size, 0, least=least)
            cut = [batches.at(step) for step in range(batches.per_epoch)]
            assert sorted(np.concatenate(cut).tolist()) == list(range(count))
            assert all(len(batch) >= min(least, size) for batch in cut)
            assert all(len(batch) == size for batch in cut[:-1])
            second = np.concatenate([batches.at(batches.per_epoch + i) for i in range(len(cut))])
            assert sorted(second.tolist()) == list(range(count))


def test_which_networks_use_batch_statistics() -> None:
    assert uses_batch_statistics(network())
    for other in (pb.nn.LayerNorm(3), pb.nn.GroupNorm(4, 2), pb.nn.InstanceNorm(3)):
        assert not uses_batch_statistics(pb.nn.Sequential(other))


def test_one_layer_at_two_places_learns_from_both() -> None:
    made = layer()
    shared = pb.nn.Sequential(made, "tanh", made)
    x = rows((6, 3))
    with mode(training=True):
        shared(x)
    inner = np.tanh(standard(x, (0,), 1e-5) * made.weight.numpy() + made.bias.numpy())
    mean, variance = moved(made, inner, *moved(made, x, np.zeros(3), np.ones(3)))
    np.testing.assert_allclose(made.running_mean.numpy(), mean, rtol=1e-10)
    np.testing.assert_allclose(made.running_variance.numpy(), variance, rtol=1e-10)


def test_a_frozen_layer_uses_and_keeps_its_statistics() -> None:
    made = layer().freeze()
    x = rows((6, 3))
    used = made(x).numpy()
    with mode(training=True):
        y = made(x)
    np.testing.assert_array_equal(y.numpy(), used)
    assert not made.running_mean.numpy().any()
    with mode(training=True):
        made.unfreeze()(x)
    assert made.running_mean.numpy().all()


def test_running_statistics_are_those_of_the_steps() -> None:
    """A fit moves them as the same batches by hand, where the weights before them stay."""
    x = rows((20, 3)).astype(np.float32)
    made = pb.nn.Sequential(pb.nn.BatchNorm(3), pb.nn.Linear(3, 1))
    pb.fit(made, (x, x[:, :1]), batch_size=8, epochs=1, shuffle=False)
    mean, variance = np.zeros(3), np.ones(3)
    for start in (0, 8, 16):
        mean, variance = moved(made[0], x[start : start + 8], mean, variance)
    np.testing.assert_allclose(made["0.running_mean"].numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(made["0.running_variance"].numpy(), variance, rtol=1e-5)


def test_it_helps_where_inputs_are_badly_scaled() -> None:
    """And the evaluation of an epoch goes by the running statistics."""
    x, y = table(200)
    x = x * np.array([1, 1000, 0.01, 30], np.float32) + 500
    settings: dict[str, Any] = {
        "epochs": 40, "optimizer": pb.optim.SGD(0.1, momentum=0.9), "validation": 0.2,
        "metrics": ["accuracy"],
    }  # fmt: skip
    first = [pb.nn.BatchNorm(), pb.nn.Linear(16), pb.nn.BatchNorm(), "relu", pb.nn.Linear(3)]
    run = pb.fit(pb.nn.Sequential(*first), (x, y), **settings)
    assert run.scores["train.accuracy"] > 0.85
    assert (run.predict(x) == y).mean() > 0.8


@pytest.mark.parametrize("accumulate", [1, 2])
def test_saved_loaded_resumed(accumulate: int, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "batch_size": 11, "epochs": 2, "accumulate": accumulate, "checkpoint_steps": 1,
    }  # fmt: skip
    whole = pb.fit(network(), table(), save=tmp_path, **settings)
    assert whole.step == 8, "45 rows: the last one joins"
    cut = pb.fit(network(), table(), save=tmp_path, callbacks=[Stop(3)], **settings)
    again = pb.resume(cut.path)
    x = table()[0]
    assert again.model.outputs(x).tobytes() == whole.model.outputs(x).tobytes()
    for path, value in whole.network.state().items():
        assert again.network[path].numpy().tobytes() == value.numpy().tobytes(), path
    loaded = pb.load(whole.path)
    assert loaded.outputs(x).tobytes() == whole.model.outputs(x).tobytes()
    assert "BatchNorm(8)" in str(loaded.network)


def test_features_are_found() -> None:
    for made, shape in (
        (pb.nn.BatchNorm(), (7,)),
        (pb.nn.BatchNorm(momentum=0.5), (7,)),
        (pb.nn.LayerNorm(), (7,)),
        (pb.nn.RMSNorm(), (2, 7)),
        (pb.nn.GroupNorm(7), (2, 7)),
        (pb.nn.GroupNorm(groups=1), (7,)),
        (pb.nn.InstanceNorm(), (3, 3, 7)),
    ):
        assert not made.is_built
        assert made.build(shape).features == 7


@pytest.mark.parametrize(
    "make",
    [
        lambda: pb.nn.BatchNorm(0),
        lambda: pb.nn.BatchNorm(3, epsilon=0),
        lambda: pb.nn.BatchNorm(3, momentum=-0.1),
        lambda: pb.nn.BatchNorm(3, momentum=1.1),
        lambda: pb.nn.BatchNorm(3, momentum=None),
        lambda: pb.nn.BatchNorm(3, momentum=float("nan")),
        lambda: pb.nn.LayerNorm(3, epsilon=-1),
        lambda: pb.nn.RMSNorm(3, epsilon="small"),
        lambda: pb.nn.GroupNorm(6, 4),
        lambda: pb.nn.GroupNorm(6, 0),
        lambda: pb.nn.GroupNorm(4).build((6,)),
        lambda: pb.nn.InstanceNorm(-1),
    ],
)
def test_settings_out_of_range(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (pb.nn.BatchNorm(3), (3,)),
        (pb.nn.BatchNorm(3), (2, 4)),
        (pb.nn.LayerNorm(3), (4, 1)),
        (pb.nn.RMSNorm(3), ()),
        (pb.nn.GroupNorm(4, 2), (4,)),
        (pb.nn.InstanceNorm(3), (2, 3)),
        (pb.nn.InstanceNorm(3), (2, 1, 3)),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(made: pb.nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=type(made).__name__):
        made.initialise()(np.ones(shape))
