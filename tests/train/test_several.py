"""Several inputs and several outputs: by name or in order, from fit to a resumed run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, DataError, ShapeError, UnknownNameError
from pullback.graph.node import Node
from pullback.train.build import session_of
from pullback.train.measures import measures_of
from pullback.train.settings import Settings
from pullback.train.sources import source_of
from tests.train.trainings import Kill, Killed, Stop, left

ROWS = 45


class Two(pb.nn.Module):
    """A place by its number and a few measurements; a size and a city."""

    def __init__(self) -> None:
        self.places = pb.nn.Embedding(7, 4)
        self.body = pb.nn.Linear(3, 4)
        self.drop = pb.nn.Dropout(0.2)
        self.size_head = pb.nn.Linear(4, 1)
        self.city_head = pb.nn.Linear(4, 3)

    def inner(self, place: Node, measured: Node) -> Node:
        return self.drop(pb.tanh(self.places(place) + self.body(measured)))

    def forward(self, place: Node, measured: Node) -> dict[str, Node]:
        h = self.inner(place, measured)
        return {"size": self.size_head(h), "city": self.city_head(h)}


class InOrder(Two):
    """The same, its outputs in order."""

    def forward(self, place: Node, measured: Node) -> tuple[Node, Node]:
        h = self.inner(place, measured)
        return self.size_head(h), self.city_head(h)


class OneOut(Two):
    """The same inputs, one output."""

    def forward(self, place: Node, measured: Node) -> Node:
        return self.city_head(self.inner(place, measured))


def inputs(rows: int = ROWS) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "place": random.integers(0, 7, rows),
        "measured": random.normal(size=(rows, 3)).astype(np.float32),
    }


def targets(x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "size": x["measured"][:, :1] * 2 + x["place"][:, None],
        "city": np.array(["Bonn", "Oslo", "Rome"])[x["place"] % 3],
    }


X = inputs()
Y = targets(X)
SETTINGS: dict[str, Any] = {
    "batch_size": 16,
    "optimizer": pb.optim.Adam(0.05),
    "progress": "none",
    "seed": 5,
}


def test_dicts_by_name() -> None:
    run = pb.fit(Two(), (X, Y), validation=0.2, epochs=60, **SETTINGS)
    names = ["loss", "size.loss", "city.loss", "size.rmse", "size.mae", "size.r2"]
    names += ["city.accuracy", "city.balanced_accuracy", "city.f1"]
    assert list(run.scores) == [f"{part}.{n}" for part in ("train", "validation") for n in names]
    assert run.scores["train.city.accuracy"] > 0.9
    assert run.scores["train.size.r2"] > 0.8
    said = run.predict(X)
    assert list(said) == ["size", "city"]
    assert said["size"].shape == (ROWS,)
    assert (said["city"] == Y["city"]).mean() > 0.9
    likely = run.predict(X, probabilities=True)
    assert np.array_equal(likely["size"], said["size"])
    assert likely["city"].shape == (ROWS, 3)
    assert [*run.classes] == ["validation.city"]
    assert run.evaluate((X, Y))["city.accuracy"] == (said["city"] == Y["city"]).mean()
    assert [*run.evaluate((X, Y), {"city": ["f1"]})] == ["city.f1"]
    assert "size.rmse" in str(run)


def test_tuples_in_order_are_the_same_training() -> None:
    named = pb.fit(Two(), (X, Y), epochs=2, **SETTINGS)
    placed = pb.fit(InOrder(), (tuple(X.values()), tuple(Y.values())), epochs=2, **SETTINGS)
    mixed = pb.fit(InOrder(), (X, tuple(Y.values())), epochs=2, **SETTINGS)
    assert named.losses.tolist() == placed.losses.tolist() == mixed.losses.tolist()
    said = placed.predict(tuple(X.values()))
    assert isinstance(said, tuple)
    assert np.array_equal(said[1], named.predict(X)["city"])
    assert "train.output_1.accuracy" in placed.scores


def test_several_inputs_and_one_output() -> None:
    run = pb.fit(OneOut(), (X, Y["city"]), epochs=60, **SETTINGS)
    assert (run.predict(X) == Y["city"]).mean() > 0.9
    assert run.evaluate((X, Y["city"]))["accuracy"] > 0.9


def test_a_dict_of_the_only_input_is_that_input() -> None:
    class Named(pb.nn.Module):
        def __init__(self) -> None:
            self.only = pb.nn.Linear(3, 1)

        def forward(self, measured: Node) -> Node:
            return self.only(measured)

    y = Y["size"].astype(np.float32)
    one = pb.fit(Named(), (X["measured"], y), epochs=2, **SETTINGS)
    named = pb.fit(Named(), ({"measured": X["measured"]}, y), epochs=2, **SETTINGS)
    assert one.losses.tolist() == named.losses.tolist()


def test_losses_and_their_weights_by_output() -> None:
    """The objective is the weighted sum; an output of weight 0 teaches nothing."""
    settings = {**SETTINGS, "epochs": 2}
    losses = {"size": "mae", "city": pb.losses.CrossEntropy(label_smoothing=0.1)}
    run = pb.fit(Two(), (X, Y), loss=losses, loss_weights={"size": 0.25, "city": 2}, **settings)
    scores = run.scores
    wanted = 0.25 * scores["train.size.loss"] + 2 * scores["train.city.loss"]
    assert scores["train.loss"] == pytest.approx(wanted, rel=1e-12)
    assert scores["train.size.loss"] == pytest.approx(scores["train.size.mae"], rel=1e-5)

    network = Two().initialise(0)
    before = network["size_head.weight"].numpy()
    pb.fit(network, (X, Y), loss_weights={"size": 0}, **settings)
    assert np.array_equal(network["size_head.weight"].numpy(), before)


def test_parts_of_a_batch_give_the_step_of_the_whole() -> None:
    """Ignored labels and class weights make the parts' weights unequal, output by output."""
    x = inputs(16)
    city = np.where(np.arange(16) < 7, -1, x["place"] % 3)
    y = {"size": x["measured"][:, :1].astype(np.float64), "city": city}
    settings = {"batch_size": 16, "steps": 3, "progress": "none", "optimizer": pb.optim.SGD(0.1)}
    settings |= {"class_weight": {"city": [1, 2, 3]}, "l2": 0.01, "loss_weights": {"size": 0.5}}

    class Still(Two):
        def inner(self, place: Node, measured: Node) -> Node:
            return pb.tanh(self.places(place) + self.body(measured))

    weights = np.linspace(0.5, 2, 16)
    whole = Still().astype("float64").initialise(1)
    parts = Still().astype("float64").initialise(1)
    one = pb.fit(whole, (x, y, weights), **settings)
    cut = pb.fit(parts, (x, y, weights), accumulate=3, **settings)
    assert cut.losses == pytest.approx(one.losses, rel=1e-12)
    for path, parameter in whole.parameters().items():
        assert parts[path].numpy() == pytest.approx(parameter.numpy(), rel=1e-10, abs=1e-14)


def test_the_objective_against_each_loss_by_hand() -> None:
    network = Two().initialise(3)
    source = source_of(
        (X, Y),
        network,
        validation=None,
        loss=None,
        class_weight=None,
        seed=0,
        loss_weights={"city": 3.0},
    )
    session = session_of(network, source, pb.optim.SGD(0.1), Settings(batch_size=45), [])
    found = session.evaluator.measure(source.parts.train)
    said = network(**X)
    size = pb.losses.mse(said["size"], Y["size"].astype(np.float32)).item()
    codes = np.unique(Y["city"], return_inverse=True)[1]
    city = pb.losses.cross_entropy(said["city"], codes).item()
    assert found == pytest.approx(
        {"loss": size + 3 * city, "size.loss": size, "city.loss": city}, rel=1e-6
    )


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["accuracy", "rmse"], ["city.accuracy", "size.rmse"]),
        ("mae", ["size.mae"]),
        (["city.f1", "size.mae"], ["city.f1", "size.mae"]),
        ({"size": ["r2"]}, ["size.r2"]),
        ([lambda predictions, targets: 0.5], None),
    ],
)
def test_metrics_by_output(wanted: Any, names: list[str] | None) -> None:
    source = source_of((X, Y), Two(), validation=None, loss=None, class_weight=None, seed=0)
    if names is None:
        wanted[0].__name__ = "half"
        names = ["size.half", "city.half"]
    assert [m.name for m in measures_of(wanted, source.head)] == names


def test_until_and_monitor_name_an_output() -> None:
    run = pb.fit(
        Two(),
        (X, Y),
        validation=0.2,
        epochs=80,
        until="train.city.accuracy >= 0.9",
        patience=70,
        monitor="city.loss",
        **SETTINGS,
    )
    assert "city.accuracy" in run.reason
    assert "reached the target train.city.accuracy >= 0.9" in run.reason
    run = pb.fit(
        Two(),
        (X, Y),
        validation=0.2,
        epochs=80,
        patience=1,
        monitor="size.rmse",
        min_delta=100.0,
        metrics=["accuracy"],
        **SETTINGS,
    )
    assert "no better validation size rmse for 1 epoch" in run.reason
    assert "validation.size.rmse" in run.scores


@pytest.mark.parametrize("accumulate", [1, 2])
def test_several_resume_to_the_same_bits(tmp_path: Path, accumulate: int) -> None:
    settings = {
        **SETTINGS,
        "epochs": 3,
        "validation": 0.2,
        "save": tmp_path,
        "checkpoint_steps": 2,
        "accumulate": accumulate,
        "patience": 2,
        "monitor": "city.loss",
        "loss": {"size": "huber"},
        "loss_weights": {"size": 0.5},
        "class_weight": "balanced",
    }
    whole = pb.fit(Two(), (X, Y), **settings)
    stopped = pb.fit(Two(), (X, Y), callbacks=Stop(4), **settings)
    pb.resume(stopped.path, custom=[Two], progress="none")
    assert left(stopped.path) == left(whole.path)
    with pytest.raises(Killed):
        pb.fit(Two(), (X, Y), callbacks=Kill(step=5), **settings)
    again = pb.resume(tmp_path / "run-3", custom=[Two], progress="none")
    assert left(again.path) == left(whole.path)
    loaded = pb.load(again.path, custom=[Two])
    assert np.array_equal(loaded.predict(X)["city"], whole.predict(X)["city"])


def test_other_data_are_noticed_at_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pullback.runs.store.COPY_LIMIT", 10)
    settings = {**SETTINGS, "epochs": 2, "save": tmp_path, "loss_weights": {"size": 0.5}}
    whole = pb.fit(Two(), (X, Y), **settings)
    path = pb.fit(Two(), (X, Y), callbacks=Stop(2), **settings).path
    other = {**X, "place": (X["place"] + 1) % 7}
    with pytest.raises(DataError, match="the data that it was started with"):
        pb.resume(path, data=(other, Y), custom=[Two], progress="none")
    pb.resume(path, data=(X, Y), custom=[Two], progress="none")
    assert left(path) == left(whole.path)


def wrong(**change: Any) -> tuple[Any, Any, dict[str, Any]]:
    return change.pop("x", X), change.pop("y", Y), change


@pytest.mark.parametrize(
    ("error", "match", "given"),
    [
        (UnknownNameError, "Did you mean 'place'", wrong(x={"plce": X["place"], **X})),
        (DataError, "needs the inputs place, measured", wrong(x={"place": X["place"]})),
        (DataError, "needs the inputs place, measured", wrong(x=X["measured"])),
        (DataError, "takes 2 arrays", wrong(x=(*X.values(), X["place"]))),
        (DataError, "same number of rows", wrong(x={**X, "place": X["place"][:9]})),
        (DataError, "same number of rows", wrong(y={**Y, "city": Y["city"][:9]})),
        (
            DataError,
            "feature of 'measured' must be finite",
            wrong(x={**X, "measured": X["measured"] + np.inf}),
        ),
        (UnknownNameError, "Did you mean 'city'", wrong(y={"size": Y["size"], "citi": Y["city"]})),
        (ShapeError, "none for city", wrong(y={"size": Y["size"]})),
        (ShapeError, "a target for each", wrong(y=Y["city"])),
        (UnknownNameError, "Did you mean 'size'", wrong(loss={"sise": "mae"})),
        (UnknownNameError, "Did you mean 'size'", wrong(loss_weights={"sise": 1})),
        (ConfigError, "0 or more", wrong(loss_weights={"size": -1})),
        (UnknownNameError, "Did you mean 'city'", wrong(class_weight={"sity": "balanced"})),
        (UnknownNameError, "Did you mean 'size'", wrong(metrics=["sise.mae"])),
        (UnknownNameError, "Did you mean 'size'", wrong(metrics={"sise": ["mae"]})),
        (ConfigError, "each metric must have a name", wrong(metrics=["mae", "size.mae"])),
        (ConfigError, "must name its output", wrong(until="rmse < 1")),
        (ConfigError, "must name its output", wrong(patience=1, monitor="train.rmse")),
        (DataError, "the targets of the training rows", wrong(validation=(X, Y["city"]))),
    ],
)
def test_mistakes_are_answered_in_words(
    error: type[Exception], match: str, given: tuple[Any, Any, dict[str, Any]]
) -> None:
    x, y, settings = given
    with np.errstate(all="ignore"), pytest.raises(error, match=match):
        pb.fit(Two(), (x, y), epochs=1, **{**SETTINGS, **settings})


def test_targets_by_name_for_a_network_with_one_output() -> None:
    with pytest.raises(ShapeError, match="one array of targets"):
        pb.fit(OneOut(), (X, Y), epochs=1, **SETTINGS)
