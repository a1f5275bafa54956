"""Traces that are used again: never an old one, and nothing is kept alive."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.insight import traced, tracer
from tests.insight.traces import equal, rows, stack


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The title of every recording that is planned."""
    found: list[str] = []
    real = traced.Recording

    def recording(*given: Any, **named: Any) -> Any:
        found.append(named["title"])
        return real(*given, **named)

    monkeypatch.setattr(traced, "Recording", recording)
    return found


def fresh(network: nn.Module, batch: Any, **settings: Any) -> pb.Trace:
    """A trace by a tracer of its own, which knows nothing."""
    named = {name: settings.pop(name) for name in ("seed", "step") if name in settings}
    return pb.Tracer(network, **settings)(batch, **named)


def replaced(network: Any) -> None:
    setattr(network, "1", nn.Tanh())


def another_layer(network: Any) -> None:
    setattr(network, "4", nn.Linear(8, 3).initialise(seed=9))


def rewired(network: Any) -> None:
    delattr(network, "3")


def tied(network: Any) -> None:
    network[3].bias = network[0].bias


CHANGES: dict[str, Callable[[Any], Any]] = {
    "dropout": lambda network: setattr(network[2], "p", 0.25),
    "a layer replaced": replaced,
    "a layer of the same sizes": another_layer,
    "a layer left out": rewired,
    "tied": tied,
    "frozen": lambda network: network[3].freeze(),
    "one parameter frozen": lambda network: setattr(network[0].weight, "trainable", False),
    "dtype": lambda network: network.astype("float64"),
    "a forward of its own": lambda network: setattr(network[3], "forward", lambda x: x * 2),
}
VALUES: dict[str, Callable[[Any], Any]] = {
    "assigned": lambda network: network[0].weight.assign(np.ones((6, 8))),
    "initialised anew": lambda network: network.initialise(seed=7, overwrite=True),
}


@pytest.mark.parametrize("change", [*CHANGES, *VALUES])
@pytest.mark.parametrize("own", [False, True])
def test_a_changed_network_is_never_an_old_one(change: str, own: bool, planned: list[str]) -> None:
    network, batch = stack(), rows()
    settings: dict[str, Any] = {"loss": "cross_entropy", "optimizer": "adam"}
    record = pb.Tracer(network, **settings)

    def step() -> pb.Trace:
        return record(batch) if own else pb.trace_step(network, batch, **settings)

    before = step()
    equal(step(), before)
    assert len(planned) == 1
    {**CHANGES, **VALUES}[change](network)
    after = step()
    assert len(planned) == 1 + (change in CHANGES)
    equal(after, fresh(network, batch, **settings))
    seen = [(one["output"].value.tobytes(), [*one.updates]) for one in (before, after)]
    assert seen[0] != seen[1]


@pytest.mark.parametrize("rule", ["schedule_free_adamw", "sam", "adam"])
def test_what_begins_with_the_weights_begins_with_those_of_now(rule: str) -> None:
    network, batch = stack(), rows()
    settings: dict[str, Any] = {"loss": "cross_entropy", "optimizer": rule}
    pb.trace_step(network, batch, **settings)
    network.initialise(seed=7, overwrite=True)
    equal(pb.trace_step(network, batch, **settings), fresh(network, batch, **settings))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"loss": pb.losses.Huber(1.0)}, {"loss": pb.losses.Huber(0.1)}),
        ({"optimizer": pb.optim.SGD(0.1)}, {"optimizer": pb.optim.SGD(0.2)}),
        ({"optimizer": pb.optim.SGD(0.1)}, {"optimizer": None, "training": True}),
        (
            {"optimizer": pb.optim.SGD(0.1, layers={"0.*": {"learning_rate": 0.2}})},
            {"optimizer": pb.optim.SGD(0.1, layers={"0.*": {"learning_rate": 0.3}})},
        ),
        ({"training": True}, {"training": False}),
        ({"training": True, "seed": 1}, {"training": True, "seed": 2}),
        ({"training": True, "step": 1}, {"training": True, "step": 2}),
        ({"optimizer": "adam", "step": 0}, {"optimizer": "adam", "step": 9}),
        ({"per_sample": True}, {"per_sample": False}),
        ({"executor": "numpy"}, {"executor": "reference"}),
    ],
)
def test_other_settings_are_another_step(one: dict[str, Any], other: dict[str, Any]) -> None:
    network, (x, _) = stack(), rows()
    batch = x, np.random.default_rng(3).normal(size=(12, 3)).astype("float32")
    for settings in (one, other, one, other):
        settings = {"loss": "mse", **settings}
        equal(pb.trace_step(network, batch, **settings), fresh(network, batch, **settings))


def test_other_batches_are_other_steps(planned: list[str]) -> None:
    network = stack()
    for count in (12, 7, 12, 7):
        x, y = rows(count)
        for weights in (None, np.linspace(0, 1, count)):
            seen = pb.trace_step(network, (x, y, weights), loss="cross_entropy")
            equal(seen, fresh(network, (x, y, weights), loss="cross_entropy"))
    assert len(planned) == 4 + 8  # each form once, and once for every tracer of its own


class Opaque(nn.Module):
    """A layer that asks what no attribute tells."""

    factor: ClassVar[list[float]] = [1.0]

    def __init__(self) -> None:
        self.inner = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.inner(x) * self.factor[0]


def test_a_layer_of_ones_own_is_traced_anew(planned: list[str]) -> None:
    network, batch = Opaque().initialise(seed=0), rows()
    first = pb.trace_step(network, batch, loss="cross_entropy")
    Opaque.factor[0] = 2.0
    try:
        second = pb.trace_step(network, batch, loss="cross_entropy")
    finally:
        Opaque.factor[0] = 1.0
    assert len(planned) == 2
    np.testing.assert_array_equal(second["output"].value, 2 * first["output"].value)


def test_arrays_are_the_traces_own() -> None:
    """What was handed out stays what it was, whatever comes after."""
    network, (x, y) = stack(), rows()
    record = pb.Tracer(network, loss="cross_entropy", optimizer="sgd")
    first = record((x, y))
    kept = {place: (one.value.copy(), one.cotangent) for place, one in first.items()}
    network[0].weight.assign(np.ones((6, 8)))
    x[...] = 0
    record((x, y))
    for place, (value, bar) in kept.items():
        np.testing.assert_array_equal(first[place].value, value)
        if bar is not None:
            np.testing.assert_array_equal(first[place].cotangent, bar)
    assert first.explain("0.bias[0]").gradient == first["0.bias"].gradient[0]
    first["0.weight"].value[...] = first["0.weight"].cotangent[...] = 5
    np.testing.assert_array_equal(first["0.weight"].value, kept["0.weight"][0])
    np.testing.assert_array_equal(network[0].weight.numpy(), np.ones((6, 8)))


def test_memory_is_used_again_only_when_nobody_can_look(planned: list[str]) -> None:
    network, (x, y) = stack(), rows()
    record = pb.Tracer(network, loss="cross_entropy", optimizer="sgd")
    batches = [(x * k, y) for k in range(1, 8)]
    wanted = [fresh(network, b, loss="cross_entropy", optimizer="sgd") for b in batches]
    held = [record(batch) for batch in batches]
    copied = copy.copy(held[0])
    place = held[1]["0.weight"]
    del held[:2]
    for batch in batches * 3:
        record(batch)
    equal(copied, wanted[0])
    np.testing.assert_array_equal(place.gradient, wanted[1]["0.weight"].gradient)
    for seen, right in zip(held, wanted[2:], strict=True):
        equal(seen, right)
    assert len(planned) == 1 + len(batches)


def test_nothing_is_kept_alive() -> None:
    network = stack()
    pb.trace_step(network, rows(), loss="cross_entropy", optimizer="schedule_free_adamw")
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None
    assert all(one.of() is not None for one in tracer._KEPT._found)


def test_few_are_kept_and_none_that_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer._KEPT, "_found", [])
    networks = [stack() for _ in range(6)]
    for network in networks:
        pb.trace_step(network, rows(), loss="cross_entropy")
    assert 1 < len(tracer._KEPT) <= 4
    monkeypatch.setattr(tracer._KEPT, "largest", 1000)
    pb.trace_step(networks[0], rows(), loss="cross_entropy")
    assert len(tracer._KEPT) == 0
    pb.Tracer(networks[0], loss="cross_entropy")(rows())


def test_threads_do_not_share_a_run() -> None:
    network, batches = stack(), [rows(12), tuple(-a if a.ndim > 1 else a for a in rows(12))]
    record = pb.Tracer(network, loss="cross_entropy")
    wanted = [fresh(network, batch, loss="cross_entropy") for batch in batches]
    wrong: list[BaseException] = []

    def work(k: int) -> None:
        try:
            for _ in range(30):
                equal(record(batches[k]), wanted[k])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
