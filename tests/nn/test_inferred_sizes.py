"""Sizes that are left open, `Linear(128)`, and found at the first call."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.container import write_tensors
from pullback.errors import ConfigError, FileFormatError, PullbackError, ShapeError
from pullback.nn.description import describe, rebuild
from pullback.nn.mode import current_mode
from pullback.nn.storage import KIND, contents
from pullback.nn.summary import summary
from tests.train.trainings import Stop, table


def open_network() -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(8), "relu", pb.nn.Linear(None, 3))


def explicit() -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(4, 8), "relu", pb.nn.Linear(8, 3))


class Own(pb.nn.Module):
    """A network of one's own, whose arguments tell no size."""

    def __init__(self) -> None:
        self.layers = [pb.nn.Linear(5), pb.nn.Linear(5)]
        self.last = pb.nn.Linear(3, bias=False)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        for layer in self.layers:
            x = pb.tanh(layer(x))
        return self.last(x)


class Wide(pb.nn.Linear):
    """A layer whose own arguments do not have the size that is found."""

    def __init__(self, factor: int) -> None:
        super().__init__(None, 3 * factor)


def bits(network: pb.nn.Module) -> dict[str, bytes]:
    return {path: value.numpy().tobytes() for path, value in network.state().items()}


@pytest.mark.parametrize(
    "make",
    [
        lambda: pb.nn.Linear(5),
        lambda: pb.nn.Linear(None, 5),
        lambda: pb.nn.Linear(out_features=5),
        lambda: pb.nn.Linear(in_features=None, out_features=5),
    ],
)
def test_ways_to_leave_it_open(make: Any) -> None:
    layer = make()
    assert not layer.is_built
    assert repr(layer) == "Linear(5)"
    layer.build((3,))
    assert layer.is_built
    assert repr(layer) == "Linear(3, 5)"
    assert describe(layer)["arguments"] == {"in_features": 3, "out_features": 5}


def test_other_settings_stay() -> None:
    layer = pb.nn.Linear(5, bias=False, weight_init="ones").build((3,)).initialise()
    assert repr(layer) == "Linear(3, 5, bias=False, weight_init='ones')"
    assert list(layer.parameters()) == ["weight"]
    assert layer.weight.numpy().tolist() == [[1.0] * 5] * 3


def test_sizes_that_are_wrong() -> None:
    for arguments in ((2, None), (0,), ("3",)):
        with pytest.raises(ConfigError, match="out_features of Linear must be a positive"):
            pb.nn.Linear(*arguments)
    with pytest.raises(ConfigError, match="out_features"):
        pb.nn.Linear(in_features=5)


def test_the_values_are_those_of_the_explicit_network() -> None:
    wanted = bits(explicit().initialise(3))
    assert bits(open_network().build((4,)).initialise(3)) == wanted
    assert bits(open_network().build(np.zeros((2, 4))).initialise(3)) == wanted
    assert bits(open_network().build(4).initialise(3)) == wanted
    a = pb.fit(open_network(), table(), epochs=2, seed=3)
    b = pb.fit(explicit(), table(), epochs=2, seed=3)
    assert bits(a.network) == bits(b.network)
    assert describe(a.network) == describe(b.network)


def test_a_first_call_finds_them_and_needs_values() -> None:
    made = open_network()
    with pytest.raises(ConfigError, match="initialise"):
        made(np.ones((2, 4)))
    assert made.is_built
    made.initialise()
    assert made(np.ones((2, 4))).shape == (2, 3)


def test_what_needs_sizes_says_how_to_get_them() -> None:
    for action in ("initialise", "freeze", "unfreeze"):
        with pytest.raises(ConfigError, match=r"Linear\(8\) at '0'") as caught:
            getattr(open_network(), action)()
        assert "network.build(" in caught.value.do
    with pytest.raises(ConfigError, match="build"):
        open_network().astype("float64")
    with pytest.raises(ConfigError):
        open_network().save("nowhere")
    with pytest.raises(ConfigError, match="values"):
        open_network().predict(np.ones((2, 4)))


def test_a_second_input_of_another_shape() -> None:
    made = open_network().build((4,)).initialise()
    with pytest.raises(ShapeError, match="takes 4 features"):
        made(np.ones((2, 5)))
    shared = pb.nn.Linear(6)
    with pytest.raises(ShapeError, match="takes 4 features"):
        pb.nn.Sequential(shared, shared).build((4,))
    with pytest.raises(ShapeError, match="on the last axis"):
        pb.nn.Linear(3)(2.0)


def test_a_layer_that_only_training_calls() -> None:
    class Odd(pb.nn.Module):
        def __init__(self) -> None:
            self.used, self.unused = pb.nn.Linear(3), pb.nn.Linear(3)

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return self.unused(x) if current_mode().training else self.used(x)

    with pytest.raises(ConfigError, match=r"Linear\(3\) at 'unused'"):
        pb.fit(Odd(), table(), steps=1)
    made = Odd()
    with pytest.raises(ConfigError, match="not called"):
        made.build((4,))


@pytest.mark.parametrize("make", [open_network, Own, lambda: pb.nn.Sequential(Wide(1))])
def test_saved_resumed_and_copied(make: Any, tmp_path: Path) -> None:
    custom = [Own, Wide]
    whole = pb.fit(make(), table(), epochs=2, save=tmp_path)
    x = table()[0]
    again = pb.load(whole.path, custom=custom)
    assert bits(again.network) == bits(whole.network)
    assert again.outputs(x).tobytes() == whole.model.outputs(x).tobytes()
    assert describe(again.network) == describe(whole.network)
    cut = pb.fit(make(), table(), epochs=2, save=tmp_path, callbacks=[Stop(1)])
    assert bits(pb.resume(cut.path, custom=custom).network) == bits(whole.network)
    copied = copy.deepcopy(make())
    assert not copied.is_built
    assert list(copied.build((4,)).state()) == list(whole.network.state())
    fresh = rebuild(describe(make()), custom)
    assert not fresh.is_built
    assert list(fresh.build((4,)).state()) == list(whole.network.state())


def test_looking_at_it_finds_nothing() -> None:
    made = open_network()
    text = str(made)
    assert not made.is_built
    assert "Linear(8)" in text
    assert text.splitlines()[-1].startswith("? parameters")
    assert "Linear(4, 8)" in summary(made, (4,))
    assert not made.is_built


@pytest.mark.parametrize(
    "sizes",
    [3, [], {"layers.0": "4"}, {"layers.0": True}, {"layers.0": 0}, {"nowhere": 4},
     {"layers.0": 4, "layers.1": 5, "last": 10**30}, {"layers.0": 4, "layers.1": 6, "last": 5}, {}],
    ids=str,
)  # fmt: skip
def test_hostile_sizes(sizes: Any, tmp_path: Path) -> None:
    tensors, metadata = contents(Own().build((4,)).initialise())
    assert metadata["network"]["sizes"] == {"layers.0": 4, "layers.1": 5, "last": 5}
    metadata["network"]["sizes"] = sizes
    write_tensors(tmp_path / "it", tensors, metadata, kind=KIND)
    with pytest.raises(PullbackError) as caught:
        pb.load(tmp_path / "it", custom=[Own])
    assert isinstance(caught.value, (FileFormatError, ConfigError, ShapeError))
