"""What a derivation says of the next step is what the training does, for every optimizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, losses, nn, optim
from pullback.runs import RunStore
from pullback.train.step import Recipe
from tests.optim.references import REFERENCES

SETTINGS = [
    *(o for name in REFERENCES for o in REFERENCES[name].settings),
    optim.LBFGS(iterations=2),
    optim.LBFGS(0.5, weight_decay=0.1, iterations=2, line_search="none"),
]
LAST = 4
X = np.random.default_rng(0).normal(size=(12, 5)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 12)
PLACE = "0.weight[2,1]"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where runs are saved."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(**settings: Any) -> nn.Module:
    return nn.dense(5, [6], 3, activation="tanh", **settings).initialise(seed=0)


def trained(optimizer: Any, **settings: Any) -> Path:
    """A run of whole batches, in the order of the rows, with a checkpoint at every step."""
    made = settings.pop("network", None) or network()
    run = pb.fit(
        made, (X, Y), loss="cross_entropy", optimizer=optimizer, batch_size=12, steps=LAST,
        shuffle=False, checkpoint_steps=1, save="runs", progress="none", validation=0,
        **settings,
    )  # fmt: skip
    assert run.path is not None
    return Path(run.path)


def slots(path: Path, step: int) -> dict[str, Any]:
    with RunStore.open(path) as store:
        return dict(store.load_checkpoint(step).tensors)


def at(path: Path, step: int, optimizer: Any = "sgd") -> nn.Module:
    """The network with the weights of a checkpoint, as they are used after training."""
    made, found = network(), slots(path, step)
    label = Recipe(made, losses.cross_entropy, optim.get(optimizer)).update.evaluated
    for place, value in made.state().items():
        value.assign(found[label(place)])
    return made


def both(optimizer: Any, **settings: Any) -> tuple[Any, Any]:
    """What is said of the last step, and the slots behind it."""
    path = trained(optimizer, **settings)
    made = at(path, LAST - 1, optimizer)
    found = pb.explain(made, (X, Y), PLACE, loss="cross_entropy", run=path)
    return found.move, slots(path, LAST)


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_every_optimizer(optimizer: optim.Optimizer, here: Path) -> None:
    """With memory of steps before; to the bit, since it is the same program on the same state."""
    move, after = both(optimizer)
    assert move.step == LAST
    assert move.optimizer == optimizer.name
    assert move.memory == ""
    assert move.after == float(after["0.weight"][2, 1])
    assert move.before == pytest.approx(move.after - move.by)


def test_every_registered_optimizer_is_here() -> None:
    assert {o.name for o in SETTINGS} == set(optim.registry())


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda o: o.describe())
def test_a_replayed_step_and_a_first_step(optimizer: optim.Optimizer, here: Path) -> None:
    path = trained(optimizer)
    if not isinstance(optimizer, optim.Driver):
        move = pb.replay(path, LAST).explain(PLACE).move
        assert move is not None
        assert move.after == float(slots(path, LAST)["0.weight"][2, 1])
        assert move.before == float(slots(path, LAST - 1)["0.weight"][2, 1])
    data = at(path, 0, optimizer), (X, Y), PLACE
    first = pb.explain(*data, loss="cross_entropy", optimizer=optimizer).move
    assert first is not None
    assert first.step == 1
    assert first.after == float(slots(path, 1)["0.weight"][2, 1])


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 0.05}, {"clip_value": 0.01}, {"clip_each_norm": 0.05}, {"l1": 0.1, "l2": 0.1},
        {"constraints": {"*.weight": "unit_norm"}}, {"accumulate": 1},
    ],
)  # fmt: skip
def test_all_that_stands_between_gradient_and_weight(settings: Any, here: Path) -> None:
    move, after = both(optim.Adam(0.05, schedule="cosine", weight_decay=0.1), **settings)
    assert move.after == float(after["0.weight"][2, 1])
    assert move.rate < 0.05
    assert move.weight_decay == 0.1
    assert bool(move.clipping) == any(name.startswith("clip") for name in settings)
    assert move.constraint == ("unit_norm" if "constraints" in settings else "")


def test_a_batch_in_parts_moves_as_a_whole_one(here: Path) -> None:
    move, after = both(optim.Adam(0.05), accumulate=3)
    assert move.after == pytest.approx(float(after["0.weight"][2, 1]), rel=1e-5)


def test_layers_have_rates_of_their_own(here: Path) -> None:
    rule = optim.Adam(0.05, layers={"0.*": {"learning_rate": 0.001, "weight_decay": 0.5}})
    move, after = both(rule)
    assert move.rate == pytest.approx(0.001)
    assert move.weight_decay == 0.5
    assert move.after == float(after["0.weight"][2, 1])


def test_averaged_weights_say_that_they_are(here: Path) -> None:
    path = trained(optim.Adam(0.05), ema=0.9)
    found = pb.explain(pb.load(path).network, (X, Y), PLACE, loss="cross_entropy", run=path)
    assert found.move is not None
    assert found.move.before == float(slots(path, LAST)["0.weight"][2, 1])
    assert found.move.before != found.links[0].value
    assert "of which this value is an average" in " ".join(str(found).split())


def test_weights_of_no_checkpoint_say_whose_memory_it_is(here: Path) -> None:
    path = trained(optim.Adam(0.05))
    found = pb.explain(network(), (X, Y), "0.bias[0]", loss="cross_entropy", run=path)
    assert found.move is not None
    assert found.move.memory == ""  # those of checkpoint 0
    other = nn.dense(5, [6], 3, activation="tanh").initialise(seed=9)
    found = pb.explain(other, (X, Y), PLACE, loss="cross_entropy", run=path)
    assert found.move is not None
    assert found.move.before == found.links[0].value
    assert f"the optimizer's memory is that of step {LAST}" in " ".join(str(found).split())


def test_words_say_when_it_moves_against_its_gradient(here: Path) -> None:
    """Momentum of three steps one way; then a batch whose gradient points the other way."""
    path = trained(optim.SGD(0.1, momentum=0.99))
    made = at(path, LAST - 1)
    for data in ((X, Y), (X, (Y + 1) % 3)):
        found = pb.explain(made, data, PLACE, loss="cross_entropy", run=path)
        assert found.move is not None
        said = " ".join(str(found).split())
        way = "larger" if found.move.by > 0 else "smaller"
        assert f"Step {LAST} of the training (sgd, learning rate 0.1) makes it {way}" in said
        assert ("not the way of this gradient" in said) == (found.move.by * found.gradient > 0)
        read = json.loads(json.dumps(found.to_json()))["move"]
        assert read["after"] == found.move.after


def test_a_step_that_is_held_back(here: Path) -> None:
    """The squares of errors are too large for float32, their gradients are not."""
    data = network(), (X, np.full((12, 3), 1e30, "float32")), "2.bias[0]"
    found = pb.explain(*data, loss="mse", optimizer="sgd")
    assert found.move is not None
    assert found.move.held_back
    assert found.move.by == 0
    assert "would be held back" in " ".join(str(found).split())


def test_what_is_not_trained_does_not_move(here: Path) -> None:
    made = network()
    made[0].freeze()
    data = made, (X, Y)
    assert pb.explain(*data, PLACE, loss="cross_entropy", optimizer="adam").move is None
    assert pb.explain(*data, "x[0,1]", loss="cross_entropy", optimizer="adam").move is None


class Halved(optim.SGD):
    """Gradient descent of one's own."""

    name = "halved"

    def direction(self, gradient: Any, slots: Any, step: Any) -> Any:
        """Half the gradient."""
        return 0.5 * gradient, {}

    def slots(self, shape: Any, dtype: Any) -> dict[str, float]:
        """Nothing is remembered."""
        return {}


def test_an_optimizer_of_ones_own(here: Path) -> None:
    path = trained(Halved(0.5))
    data = at(path, LAST - 1), (X, Y), PLACE
    move = pb.explain(*data, loss="cross_entropy", run=path, custom=[Halved]).move
    assert move is not None
    assert move.after == float(slots(path, LAST)["0.weight"][2, 1])
    with pytest.raises(errors.UnknownNameError, match="halved") as caught:
        pb.explain(*data, loss="cross_entropy", run=path)
    assert "custom=[...]" in caught.value.do


def test_bad_input(here: Path) -> None:
    data = network(), (X, Y), PLACE
    with pytest.raises(errors.ConfigError, match="of a learning rate, of an optimizer or of a run"):
        pb.explain(*data, loss="cross_entropy", optimizer="adam", learning_rate=0.1)
    with pytest.raises(errors.UnknownNameError, match="adma"):
        pb.explain(*data, loss="cross_entropy", optimizer="adma")
    with pytest.raises(errors.FileFormatError, match="folder of a run"):
        pb.explain(*data, loss="cross_entropy", run="nowhere")
    path = trained("adam")
    other = nn.dense(5, [7], 3, activation="tanh").initialise(seed=0), (X, Y), PLACE
    with pytest.raises(errors.ConfigError, match="must be that of the run"):
        pb.explain(*other, loss="cross_entropy", run=path)
    unsaved = pb.fit(network(), (X, Y), loss="cross_entropy", steps=1, progress="none")
    with pytest.raises(errors.ConfigError, match="must have been saved"):
        pb.explain(*data, loss="cross_entropy", run=unsaved)
    x = pb.tensor([1.0, 2.0], name="x")
    with pytest.raises(errors.ConfigError, match="a tensor with optimizer"):
        pb.explain((x * x).sum(), wrt=x, element=0, optimizer="adam")
