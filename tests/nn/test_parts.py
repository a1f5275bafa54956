"""Modules in lists, copies of networks, and what is refused of both."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


class Stack(pb.nn.Module):
    def __init__(self, depth: int) -> None:
        self.layers = [pb.nn.Linear(3, 3) for _ in range(depth)]
        self.gains = ([pb.nn.Parameter(3, pb.nn.initialisers.Ones())], None, "text")
        self.widths = [3] * depth

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x * self.gains[0][0]


def test_modules_in_a_list_are_found_trained_and_saved(tmp_path: Any) -> None:
    made = Stack(2)
    assert list(made.parameters()) == [
        *("gains.0.0", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"),
    ]
    assert made["layers.1"] is made.layers[1]
    assert made["layers.1.weight"] is made.layers[1].weight
    assert made.widths == [3, 3]
    pb.fit(made, (X, X[:, ::-1]), epochs=3)
    before = Stack(2).initialise(0)
    for path, parameter in made.parameters().items():
        assert (parameter.numpy() != before.parameters()[path].numpy()).any(), path
    made.save(tmp_path / "stack.safetensors")
    again = pb.load(tmp_path / "stack.safetensors", custom=[Stack])
    np.testing.assert_array_equal(again.predict(X), made.predict(X))


def test_a_list_that_is_replaced_or_deleted_is_forgotten() -> None:
    made = Stack(3)
    made.layers = [pb.nn.Linear(3, 3)]
    assert "layers.0.weight" in made.parameters()
    assert not any(path.startswith("layers.1") for path in made.parameters())
    del made.layers
    assert list(made.parameters()) == ["gains.0.0"]


def test_a_misfit_within_a_list_names_its_place() -> None:
    made = Stack(2).initialise()
    made.layers = [pb.nn.Linear(3, 3), pb.nn.Linear(4, 3)]
    with pytest.raises(pb.errors.ShapeError, match=r"layer 'layers\.0'"):
        made.initialise()(X)


def test_modules_that_would_not_be_found_are_refused_by_name() -> None:
    grown = Stack(1)
    grown.more = []
    grown.more.append(pb.nn.Linear(3, 3))
    with pytest.raises(ConfigError, match="a list at 'more' of Stack"):
        grown.initialise()
    kept = Stack(1)
    kept.by_name = {"a": [pb.nn.Linear(3, 3)]}
    with pytest.raises(ConfigError, match=r"a dict at '0\.by_name' of Stack"):
        pb.fit(pb.nn.Sequential(kept), (X, X))


def test_a_copy_computes_the_same_and_shares_nothing() -> None:
    made = pb.nn.Sequential(Stack(2), "relu", pb.nn.Linear(3, 2))
    made[2].weight.trainable = False
    pb.fit(made, (X, np.array(["a", "b"] * 10)), epochs=2)
    again = copy.deepcopy(made)
    np.testing.assert_array_equal(again.predict(X), made.predict(X))
    assert again.parameters().keys() == made.parameters().keys()
    assert not again["2.weight"].trainable
    assert again[0].layers[1] is again["0.layers.1"]
    kept = made.predict(X, probabilities=True)
    again.initialise(9, overwrite=True)
    np.testing.assert_array_equal(made.predict(X, probabilities=True), kept)
    assert (again.predict(X, probabilities=True) != kept).any()


def test_a_shared_layer_is_shared_in_the_copy() -> None:
    shared = pb.nn.Linear(3, 3)
    again = copy.deepcopy(pb.nn.Sequential(shared, "tanh", shared))
    assert again[0] is again[2]
    assert again[0] is not shared
    assert len(again.parameters()) == 2


def test_a_shallow_copy_has_places_of_its_own() -> None:
    made = pb.nn.dense(3, [4], 2)
    again = copy.copy(made)
    again.extra = pb.nn.Linear(2, 2)
    assert "extra.weight" in again.parameters()
    assert "extra.weight" not in made.parameters()


def test_pickling_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"pb\.load"):
        pickle.dumps(pb.nn.dense(3, [4], 2))
