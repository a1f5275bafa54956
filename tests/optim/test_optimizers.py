"""Every optimizer against its formula, and the laws that all of them keep."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import optim
from pullback.errors import ConfigError, ShapeError, UnknownNameError
from pullback.execute import State, executor
from pullback.graph import placeholder, slot
from pullback.optim import Optimizer
from pullback.plan import Step
from tests.optim.problems import PROBLEMS
from tests.optim.references import REFERENCES

NAMES = sorted(optim.registry())
SETTINGS = [optimizer for reference in REFERENCES.values() for optimizer in reference.settings]
STEPS = 100


def descend(
    optimizer: Optimizer, w: Any, gradient: Any, steps: int, dtype: str = "float64"
) -> list[Any]:
    """The weights after every step, by a program of the update."""
    start = np.asarray(w, dtype)
    node, bar = slot("w", start.shape, dtype), placeholder("bar", start.shape, dtype)
    number = slot("number", (), "int64") + 1
    slots = optimizer.initial(start)
    known = {name: slot(name, value.shape, dtype) for name, value in slots.items()}
    rate = pb.tensor(optimizer.learning_rate, "float64")
    moved, new = optimizer.update(node, bar, known, rate, number)
    assert {n.dtype.name for n in (moved, *new.values())} == {dtype}
    assert {name: n.shape for name, n in new.items()} == {k: v.shape for k, v in slots.items()}
    state = State({"w": start, "number": np.int64(0), **slots})
    run = executor(Step({}, {"w": moved, "number": number, **new}), state)
    path = []
    for _ in range(steps):
        at = state["w"].astype(np.float64)
        uphill = optimizer.ascended([pb.tensor(at)], [pb.tensor(gradient(at), "float64")])
        bars = gradient(at if uphill is None else uphill[0].numpy())
        run.run({"bar": np.asarray(bars, dtype)})
        path.append(state["w"].copy())
    return path


def test_every_optimizer_has_a_reference() -> None:
    driven = {name for name, cls in optim.registry().items() if issubclass(cls, optim.Driver)}
    assert driven == {"lbfgs"}  # in test_lbfgs.py
    assert sorted({*REFERENCES, *driven}) == NAMES
    for name, reference in REFERENCES.items():
        assert {optimizer.name for optimizer in reference.settings} == {name}


@pytest.mark.parametrize("name", NAMES)
def test_declared_in_full(name: str) -> None:
    cls = optim.registry()[name]
    assert cls.__name__ in optim.__all__
    for section in ("$", "Args:", "Raises:", "References:", "Example:"):
        assert section in (cls.__doc__ or ""), section
    for alias in (name, name.upper(), *cls.aliases):
        assert optim.get(alias) == cls()
    assert optim.get(cls) == cls()


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_a_hundred_steps_are_those_of_the_formula(optimizer: Optimizer, problem: str) -> None:
    gradient, start = PROBLEMS[problem]
    want = REFERENCES[optimizer.name].run(optimizer, start, gradient, STEPS)
    got = descend(optimizer, start, gradient, STEPS)
    assert not np.allclose(got[-1], start)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_float32_stays_near_float64(optimizer: Optimizer) -> None:
    start = np.array([[0.5, -0.3], [1.0, 2.0]])
    want = descend(optimizer, start, lambda w: 0.3 * w + 2.0, STEPS)
    got = descend(optimizer, start, lambda w: 0.3 * w + 2.0, STEPS, "float32")
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_a_zero_gradient_moves_nothing_but_by_decay(optimizer: Optimizer) -> None:
    start = np.array([1.0, -2.0])
    path = descend(optimizer, start, np.zeros_like, 5)
    assert np.isfinite(path).all()
    if optimizer.weight_decay:
        assert (np.abs(path[-1]) < np.abs(start)).all()
    else:
        np.testing.assert_array_equal(path[-1], start)


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_decay_can_be_left_out_for_a_parameter(optimizer: Optimizer) -> None:
    from dataclasses import replace

    w, g = pb.tensor([1.0, -2.0]), pb.tensor([0.5, 0.25])
    slots = {name: pb.tensor(value) for name, value in optimizer.initial(w.numpy()).items()}
    given = (w, g, slots, pb.tensor(optimizer.learning_rate), pb.tensor(1))
    without, _ = optimizer.update(*given, decay=False)
    plain, _ = replace(optimizer, weight_decay=0.0).update(*given)
    np.testing.assert_array_equal(without.numpy(), plain.numpy())


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_an_update_is_traced_without_its_numbers(optimizer: Optimizer) -> None:
    w, g = (placeholder(name, (3, 2)) for name in "wg")
    rate, step = placeholder("rate", ()), placeholder("step", (), "int64")
    shapes = optimizer.slot_shapes(w.shape, w.dtype)
    slots = {name: placeholder(name, shape) for name, shape in shapes.items()}
    new, remembered = optimizer.update(w, g, slots, rate, step)
    assert (new.value, new.shape, new.dtype) == (None, w.shape, w.dtype)
    assert remembered.keys() == slots.keys()


def test_the_rate_of_a_step() -> None:
    slot, step = pb.tensor(0.5), pb.tensor(3)
    assert optim.SGD(0.1).rate(slot, step) is slot
    halved = optim.SGD(0.1, schedule=optim.Step(every=2, gamma=0.5))
    assert halved.rate(slot, step).item() == 0.25
    assert halved.rate(slot, step).dtype == "float32"
    assert optim.Adam(schedule="cosine").rate(slot, step, 4).item() == pytest.approx(0.25)
    with pytest.raises(ConfigError, match="how many steps"):
        optim.Adam(schedule="cosine").rate(slot, step)


@pytest.mark.parametrize(
    "optimizer",
    [*SETTINGS, optim.Adam(schedule=optim.WarmUp(10, then=optim.Cosine(0.1)))],
    ids=lambda o: o.describe(),
)
def test_a_configuration_goes_round(optimizer: Optimizer) -> None:
    config = json.loads(json.dumps(optimizer.to_config()))
    assert optim.get(config) == optimizer
    assert optim.get(optimizer) is optimizer


def test_described_in_one_line() -> None:
    assert optim.SGD(0.1, schedule="cosine").describe() == (
        "sgd(learning_rate=0.1, weight_decay=0.0, schedule=cosine(final=0.0, steps=None), "
        "momentum=0.0, dampening=0.0, nesterov=False)"
    )


def test_unknown_names_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'adam'"):
        optim.get("adan")
    with pytest.raises(UnknownNameError, match="Did you mean 'cosine'"):
        optim.SGD(schedule="cosin")
    with pytest.raises(UnknownNameError, match="Did you mean 'beta1'"):
        optim.get({"name": "adam", "beta_1": 0.9})


def test_a_schedule_is_not_a_rate() -> None:
    with pytest.raises(ConfigError, match="schedule=cosine"):
        optim.Adam(optim.Cosine())  # type: ignore[arg-type]


RATES = [0, 0.0, -1e-3, float("nan"), float("inf"), True, "0.1"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES)
def test_a_rate_must_be_above_zero(name: str, rate: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        optim.get({"name": name, "learning_rate": rate})
    assert f"learning_rate={rate!r}" in str(caught.value)
    assert "to do" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("sgd", "momentum", 1.0),
        ("sgd", "momentum", -0.1),
        ("sgd", "dampening", 1.5),
        ("sgd", "weight_decay", -1.0),
        ("sgd", "weight_decay", float("nan")),
        ("sgd", "nesterov", 1),
        ("sgd", "nesterov", True),
        ("adam", "beta1", 1.0),
        ("adam", "beta2", -0.5),
        ("adam", "beta2", float("nan")),
        ("adam", "epsilon", 0.0),
        ("adamw", "weight_decay", -0.01),
        ("rmsprop", "alpha", 1.0),
        ("rmsprop", "epsilon", -1e-8),
        ("rmsprop", "momentum", 1.0),
        ("rmsprop", "centered", "yes"),
        ("sgd", "learning_rate", None),
        ("adam", "amsgrad", 1),
        ("adagrad", "initial_sum", -1.0),
        ("adadelta", "rho", 1.0),
        ("nadam", "momentum_decay", -1.0),
        ("radam", "beta2", 1.0),
        ("adamax", "epsilon", 0.0),
        ("adabelief", "beta1", -0.1),
        ("yogi", "initial_square", float("inf")),
        ("lion", "beta2", 1.0),
        ("rprop", "grow", 1.0),
        ("rprop", "shrink", 1.0),
        ("rprop", "most", 1e-9),
        ("lars", "trust", 0.0),
        ("lamb", "epsilon", 0.0),
        ("adafactor", "decay", 0.0),
        ("adafactor", "epsilon", 0.0),
        ("muon", "rounds", 0),
        ("muon", "rounds", 2.5),
        ("schedule_free_sgd", "beta", 1.0),
        ("sam", "rho", 0.0),
        ("sam", "adaptive", "yes"),
    ],
)
def test_a_setting_out_of_range_is_refused(name: str, setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=setting):
        optim.get({"name": name, setting: value})


def test_sam_and_its_base_have_the_same_settings() -> None:
    rule = optim.SAM(0.3, base=optim.Adam(0.1, weight_decay=0.2, schedule="cosine"))
    assert (rule.learning_rate, rule.weight_decay) == (0.3, 0.2)
    assert rule.base == optim.Adam(0.3, weight_decay=0.2, schedule="cosine")
    assert rule.schedule == optim.Cosine()
    with pytest.raises(ConfigError, match="base=sam"):
        optim.SAM(base="sam")


def test_nesterov_without_dampening() -> None:
    with pytest.raises(ConfigError, match=r"dampening=0\.1"):
        optim.SGD(momentum=0.9, dampening=0.1, nesterov=True)


def test_a_gradient_has_the_shape_of_its_parameter() -> None:
    w, g = pb.zeros((2, 3)), pb.zeros((3,))
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2, 3\)"):
        optim.SGD().update(w, g, {}, pb.tensor(0.1), pb.tensor(1))


def test_corrections_keep_their_digits_in_float32() -> None:
    """At the first step Adam's own running mean square is corrected back to the gradient's."""
    g = np.array([1e-3, 1.0, 123.456])
    for w in descend(optim.Adam(1.0, epsilon=1e-30), np.zeros(3), lambda _: g, 1, "float32"):
        np.testing.assert_allclose(w, -1.0, rtol=2e-7)
