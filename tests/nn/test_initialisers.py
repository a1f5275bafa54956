"""Every initialiser of the table: its range and deviation, what it depends on, its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, UnknownNameError
from pullback.nn import initialisers
from pullback.nn.initialisers import Initialiser, fans_of

SHAPE = (400, 300)
FANS = SHAPE
SUM = sum(SHAPE)
# name: (settings, kind, its limit, deviation or value)
EXPECTED = {
    "zeros": ({}, "value", 0.0),
    "ones": ({}, "value", 1.0),
    "constant": ({"value": -2.5}, "value", -2.5),
    "normal": ({"deviation": 0.3}, "normal", 0.3),
    "uniform": ({"limit": 0.7}, "uniform", 0.7),
    "fan_in_uniform": ({}, "uniform", 1 / math.sqrt(400)),
    "glorot_uniform": ({}, "uniform", math.sqrt(6 / SUM)),
    "glorot_normal": ({}, "normal", math.sqrt(2 / SUM)),
    "he_uniform": ({}, "uniform", math.sqrt(6 / 400)),
    "he_normal": ({}, "normal", math.sqrt(2 / 400)),
    "lecun_uniform": ({}, "uniform", math.sqrt(3 / 400)),
    "lecun_normal": ({}, "normal", math.sqrt(1 / 400)),
    "truncated_normal": ({"deviation": 0.3, "bound": 2.0}, "truncated", 0.3),
    "variance_scaling": ({"scale": 2.0, "form": "uniform"}, "uniform", math.sqrt(6 / 400)),
    "orthogonal": ({"gain": 2.0}, "orthogonal", 2.0),
    "identity": ({"gain": -2.0}, "identity", -2.0),
    "sparse": ({"sparsity": 0.1, "deviation": 0.3}, "sparse", 0.3),
}
STRUCTURED = ("orthogonal", "identity", "sparse", "truncated")  # see test_structured_values.py
each = pytest.mark.parametrize("name", EXPECTED)


def made(name: str) -> Initialiser:
    return initialisers.get({"name": name, **EXPECTED[name][0]})


def test_the_table_is_complete() -> None:
    assert set(EXPECTED) == set(initialisers.registry())


@each
def test_its_statistics(name: str) -> None:
    _, kind, size = EXPECTED[name]
    values = made(name)(SHAPE, np.dtype(np.float64), seed=3, path="0.weight")
    assert values.shape == SHAPE
    if kind in STRUCTURED:
        return
    if kind == "value":
        assert (values == size).all()
        return
    count = values.size
    assert len(np.unique(values)) > 0.99 * count
    deviation = size if kind == "normal" else size / math.sqrt(3)
    assert abs(values.mean()) < 5 * deviation / math.sqrt(count)
    assert abs(values.std() / deviation - 1) < 5 / math.sqrt(count)
    if kind == "uniform":
        assert np.abs(values).max() <= size
        assert np.abs(values).max() > 0.999 * size
        assert values.min() < -0.999 * size
        histogram, _ = np.histogram(values, bins=20, range=(-size, size))
        assert np.abs(histogram / (count / 20) - 1).max() < 0.1
    else:
        assert 3.5 * size < np.abs(values).max() < 6.5 * size
        within = (np.abs(values) < size).mean()
        assert abs(within - math.erf(1 / math.sqrt(2))) < 0.01
    rows, columns = values.mean(axis=0), values.mean(axis=1)
    assert np.abs(rows).max() < 6 * deviation / math.sqrt(SHAPE[0])
    assert np.abs(columns).max() < 6 * deviation / math.sqrt(SHAPE[1])


@each
def test_what_it_depends_on(name: str) -> None:
    draw, f4 = made(name), np.dtype(np.float32)
    first = draw((50, 20), f4, seed=1, path="0.weight")
    assert first.dtype == f4
    assert draw((50, 20), f4, seed=1, path="0.weight").tobytes() == first.tobytes()
    wide = draw((50, 20), np.dtype(np.float64), seed=1, path="0.weight")
    np.testing.assert_array_equal(wide.astype(f4), first)
    if EXPECTED[name][1] in ("value", "identity"):
        return
    others = [
        draw((50, 20), f4, seed=2, path="0.weight"),
        draw((50, 20), f4, seed=1, path="1.weight"),
        draw((50, 20), f4, seed=1, path="0.bias"),
        draw((50, 20), f4, seed=1 << 40, path="0.weight"),
    ]
    for i, a in enumerate([first, *others]):
        for b in others[i:]:
            correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
            assert abs(correlation) < 0.15


@each
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (0, 3), (1, 1), (2, 3, 4, 5)])
def test_every_shape(name: str, shape: tuple[int, ...]) -> None:
    values = made(name)(shape, np.dtype(np.float32), seed=1, path="x")
    assert values.shape == shape
    assert np.isfinite(values).all()


@each
def test_its_configuration_leads_back_to_it(name: str) -> None:
    draw = made(name)
    assert initialisers.get(draw.to_config()) == draw
    assert initialisers.get(draw) is draw
    for alias in type(draw).aliases:
        assert type(initialisers.get(alias)) is type(draw)


def test_fans() -> None:
    assert fans_of((3, 4)) == (3, 4)
    assert fans_of((5, 5, 3, 4)) == (75, 100)
    assert fans_of((7,)) == (7, 7)
    assert fans_of(()) == (1, 1)


def test_a_bias_has_the_fans_of_its_layer() -> None:
    layer = pb.nn.Linear(10_000, 40).initialise(0)
    assert np.abs(layer["bias"].numpy()).max() <= 0.01
    assert np.abs(layer["bias"].numpy()).max() > 0.009
    assert np.abs(layer["weight"].numpy()).max() <= 0.01


@pytest.mark.parametrize(
    ("name", "setting"), [("normal", "deviation"), ("uniform", "limit"), ("constant", "value")]
)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "1", None, [1.0], True])
def test_settings_that_are_none(name: str, setting: str, wrong: object) -> None:
    with pytest.raises(ConfigError, match=setting):
        initialisers.get({"name": name, setting: wrong})


@pytest.mark.parametrize("wrong", [0, -1])
def test_spreads_are_positive(wrong: float) -> None:
    for settings in ({"name": "normal", "deviation": wrong}, {"name": "uniform", "limit": wrong}):
        with pytest.raises(ConfigError, match="above 0"):
            initialisers.get(settings)


def test_unknown_names() -> None:
    for wrong, near in (("he_norml", "he_normal"), ("glorot_uniforn", "glorot_uniform")):
        with pytest.raises(UnknownNameError, match="unknown initialiser") as caught:
            pb.nn.Linear(2, 2, weight_init=wrong)
        assert near in caught.value.do
    with pytest.raises(UnknownNameError, match="deviation"):
        initialisers.get({"name": "normal", "devation": 0.1})


def test_an_initialiser_of_ones_own() -> None:
    class Eye(Initialiser):
        name = "eye"

        def draw(self, shape, fans, seed, stream):  # type: ignore[no-untyped-def]
            return np.eye(*shape)

    layer = pb.nn.Linear(3, 3, weight_init=Eye()).initialise()
    np.testing.assert_array_equal(layer["weight"].numpy(), np.eye(3))
