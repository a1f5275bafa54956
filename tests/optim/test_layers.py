"""Learning rates and decays that some parameters have for themselves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import optim
from pullback.errors import ConfigError, UnknownNameError
from pullback.execute import State
from pullback.optim.layers import rate_pattern, settings_of
from pullback.train.step import Recipe
from tests.optim.references import REFERENCES

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 2))
DEFAULTS = [reference.settings[0] for reference in REFERENCES.values()]


def fitted(optimizer: optim.Optimizer, **more: Any) -> dict[str, np.ndarray]:
    network = pb.nn.dense(3, [4], 2, activation="tanh").astype("float64")
    settings = {"epochs": 3, "batch_size": 10, "progress": "none", "loss": "mse"} | more
    pb.fit(network, (X, Y), optimizer=optimizer, **settings)
    return {path: p.numpy() for path, p in network.parameters().items()}


def start() -> dict[str, np.ndarray]:
    network = pb.nn.dense(3, [4], 2, activation="tanh").astype("float64").initialise(0)
    return {path: p.numpy() for path, p in network.parameters().items()}


def test_later_patterns_win_each_for_what_it_names() -> None:
    layers = {"*": {"learning_rate": 1.0, "weight_decay": 2.0}, "*.bias": {"weight_decay": 0.0}}
    assert settings_of(layers, "0.bias") == {"learning_rate": 1.0, "weight_decay": 0.0}
    assert settings_of(layers, "0.weight") == {"learning_rate": 1.0, "weight_decay": 2.0}
    assert settings_of(None, "0.weight") == {}
    assert rate_pattern(layers, "0.bias") == "*"
    assert rate_pattern({"1.*": {"learning_rate": 1.0}}, "0.bias") is None


@pytest.mark.parametrize("optimizer", DEFAULTS, ids=lambda o: o.name)
def test_a_layer_of_its_own_moves_as_if_all_had_its_settings(optimizer: Any) -> None:
    """Step by step the layers depend on each other, so one step is compared."""
    from dataclasses import replace

    own = {"learning_rate": 0.02, "weight_decay": 0.3}
    mixed = fitted(replace(optimizer, layers={"0.*": own}), epochs=None, steps=1)
    alone = fitted(replace(optimizer, **own), epochs=None, steps=1)
    plain = fitted(optimizer, epochs=None, steps=1)
    for path, value in mixed.items():
        np.testing.assert_array_equal(value, (alone if path[0] == "0" else plain)[path], path)
    assert not np.array_equal(mixed["0.weight"], plain["0.weight"])


@pytest.mark.parametrize("optimizer", DEFAULTS, ids=lambda o: o.name)
def test_a_rate_of_zero_keeps_a_layer(optimizer: Any) -> None:
    from dataclasses import replace

    rule = replace(optimizer, weight_decay=0.1, layers={"0.*": {"learning_rate": 0}})
    found, first = fitted(rule), start()
    for path, value in found.items():
        assert np.isfinite(value).all()
        assert np.array_equal(value, first[path]) == path.startswith("0.")


def test_each_rate_of_its_own_is_a_slot_under_the_schedule() -> None:
    network = pb.nn.dense(3, [4], 2).initialise(0)
    layers = {"0.*": {"learning_rate": 0.5}, "*.bias": {"weight_decay": 0.0}}
    rule = optim.SGD(0.1, schedule=optim.Step(1, 0.5), layers=layers)
    recipe = Recipe(network, pb.losses.mse, rule)
    state = State(recipe.initial_state(0))
    assert {k: v.item() for k, v in state.items() if k.startswith("learning")} == {
        "learning_rate": pytest.approx(0.1),
        "learning_rate/0.*": 0.5,
    }
    assert recipe.update.peak_of("0.bias") == "learning_rate/0.*"
    assert recipe.update.peak_of("2.bias") == "learning_rate"


def test_a_configuration_goes_round() -> None:
    rule = optim.Adam(layers={"*.bias": {"weight_decay": 0}, "0.*": {"learning_rate": 1e-4}})
    again = optim.get(json.loads(json.dumps(rule.to_config())))
    assert again == rule
    assert list(again.layers or ()) == ["*.bias", "0.*"]
    assert "layers={'*.bias': {'weight_decay': 0.0}" in rule.describe()


def test_a_pattern_must_match() -> None:
    with pytest.raises(UnknownNameError, match=r"'0\.wieght'.*0\.weight, 0\.bias") as caught:
        fitted(optim.SGD(layers={"0.wieght": {"learning_rate": 1.0}}))
    assert "Did you mean '0.weight'" in str(caught.value)


def test_a_pattern_of_muon_s_others_must_match() -> None:
    with pytest.raises(UnknownNameError, match=r"the optimizer's others.*\n.*'7\.\*'"):
        fitted(optim.Muon(others=("7.*",)))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("0.*", "must map patterns"),
        ({"0.*": 0.1}, "must map patterns"),
        ({"0.*": optim.SGD(0.1)}, "must map patterns"),
        ([], "must map patterns"),
        (0, "must map patterns"),
        ({3: {"learning_rate": 1e-4}}, r'the key 3 of layers\n.*Write "3\.\*"'),
        ({None: {"learning_rate": 1e-4}}, "the key None of layers"),
        ({("0", "bias"): {"learning_rate": 1e-4}}, "the key .'0', 'bias'. of layers"),
        ({"": {"learning_rate": 1e-4}}, "the key '' of layers"),
        ({"0.*": {}}, "must name settings: learning_rate or weight_decay"),
        ({"0.*": {"learning_rate": -1}}, "learning_rate=-1"),
        ({"0.*": {"weight_decay": float("nan")}}, "weight_decay=nan"),
        ({"0.*": {"weight_decay": True}}, "weight_decay=True"),
    ],
)
def test_settings_that_are_refused(layers: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        optim.SGD(layers=layers)


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'learning_rate'"):
        optim.SGD(layers={"0.*": {"learning_rat": 1.0}})


def test_muon_leaves_tables_and_others_to_adamw() -> None:
    network = pb.nn.Sequential(pb.nn.Embedding(5, 4), pb.nn.Linear(4, 4), pb.nn.Linear(4, 2))
    rule = optim.Muon(others=("2.*",), layers={"0.*": {"weight_decay": 0.0}})
    rules = Recipe(network, pb.losses.mse, rule).update.rules
    assert {path: r.name for path, r in rules.items() if path.endswith("weight")} == {
        "0.weight": "adamw",
        "1.weight": "muon",
        "2.weight": "adamw",
    }
    assert rules["0.weight"].weight_decay == 0.0
    assert rules["2.weight"].weight_decay == 0.1
