"""One step with everything in it: to the bit that of training, and never an old one."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn, optim
from pullback.insight import traced, tracer
from tests.native.helpers import module
from tests.train.natives import NETWORKS

ROWS = 48
RULES = [name for name, rule in optim.registry().items() if not issubclass(rule, optim.Driver)]
KINDS = [pytest.param("native", marks=pytest.mark.native), "numpy"]


def there(executor: str) -> None:
    """Fail or leave the test out where there is no native module, as the native tests do."""
    if executor == "native":
        module()


def data(name: str, rows: int = ROWS) -> tuple[Any, Any]:
    return NETWORKS[name][1](rows), np.random.default_rng(1).integers(0, 5, rows)


def network_of(name: str) -> nn.Module:
    made = NETWORKS[name][0]()
    made.build(data(name)[0].shape[1:])
    return made.initialise(seed=2)


def values(network: nn.Module) -> dict[str, Any]:
    return {path: value.numpy() for path, value in network.state().items()}


def same(seen: pb.Trace, before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> None:
    """Values, new values and updates are those of the step, to the bit."""
    moved = set()
    for path, old in before.items():
        one = seen[prefix + path]
        np.testing.assert_array_equal(one.value, old)
        if one.after is None:
            np.testing.assert_array_equal(after[path], old)
            continue
        np.testing.assert_array_equal(one.after, after[path], err_msg=path)
        np.testing.assert_array_equal(one.update, after[path] - old)
        moved.add(prefix + path)
    assert moved == set(seen.updates)
    assert moved >= set(seen.gradients)


def first_step(name: str, rule: optim.Optimizer, executor: str) -> None:
    """The first step of `fit`, traced before it is made."""
    network, (x, y) = network_of(name), data(name)
    before = values(network)
    seen = pb.trace_step(
        network, (x, y), loss="cross_entropy", optimizer=rule, seed=5, executor=executor
    )
    run = pb.fit(
        network, (x, y), loss="cross_entropy", optimizer=rule, seed=5, executor=executor, steps=1,
        batch_size=ROWS, shuffle=False, progress="none",
    )  # fmt: skip
    assert run.losses[0] == seen.loss
    if rule.evaluated or getattr(getattr(rule, "base", None), "evaluated", ""):
        return  # the network ends up with an average of what is trained
    same(seen, before, values(network))


@pytest.mark.parametrize("executor", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_step_of_fit(name: str, executor: str) -> None:
    there(executor)
    first_step(name, optim.Adam(1e-2), executor)


@pytest.mark.parametrize("executor", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_it_is_the_step_of_every_optimizer(rule: str, executor: str) -> None:
    there(executor)
    first_step("dense with dropout", optim.get(rule), executor)


@pytest.mark.parametrize("executor", KINDS)
def test_it_is_the_step_where_a_layer_has_one_output(executor: str) -> None:
    """Its product is cut among strands in one of the two programs and not in the other."""
    there(executor)
    network = nn.dense(22, [16, 1, 129], 8, activation="tanh")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(128, 22)).astype("float32"), random.integers(0, 8, 128)
    training = pb.Training(network=network, executor=executor)
    step = training.step(
        lambda x, y: pb.losses.cross_entropy(network(x), y), optimizer="sgd", name="step"
    )
    for _ in range(3):
        seen = pb.trace_step(step, (x, y))
        before = values(network)
        assert step(x, y) == seen.loss
        same(seen, before, values(network), "network.")


@pytest.mark.parametrize("executor", [*KINDS, "reference"])
@pytest.mark.parametrize("rule", ["sgd", "adam", "schedule_free_adamw", "sam"])
def test_it_is_the_next_step_of_a_training(rule: str, executor: str) -> None:
    """From the middle of a training, with its moments, its counters and its dropout."""
    there(executor)
    network, (x, y) = network_of("dense with dropout"), data("dense with dropout")
    training = pb.Training(network=network, seed=3, executor=executor)

    @training.step(optimizer=rule, clip_norm=0.5)
    def step(x: Any, y: Any, *, half: bool = False) -> Any:
        loss = pb.losses.cross_entropy(network(x), y)
        return loss / 2 if half else loss

    record = pb.Tracer(step)
    for k in range(4):
        rows = np.random.default_rng(k).choice(ROWS, 20)
        given = {"x": x[rows], "y": y[rows], "half": k == 2}
        before, count = values(network), step.count
        seen = record(given)
        assert step.count == count
        assert step(**given) == seen.loss
        same(seen, before, values(network), "network.")


def test_a_replayed_step_has_the_updates_of_the_run(tmp_path: Path) -> None:
    found: dict[int, dict[str, Any]] = {}

    class Keeping(pb.Callback):
        def on_start(self, session: Any) -> None:
            found[0] = values(session.network)

        def on_step(self, session: Any) -> None:
            found[session.step] = values(session.network)

    x, y = data("batch norm", 90)
    run = pb.fit(
        network_of("batch norm"), (x, y), loss="cross_entropy", optimizer="adamw", l2=1e-3,
        batch_size=20, epochs=3, save=tmp_path, progress="none", callbacks=Keeping(),
    )  # fmt: skip
    for step in (1, 4, run.step):
        seen = pb.replay(run, step)
        same(seen, found[step - 1], found[step])
        assert "1.running_mean" in seen.updates


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


def equal(a: pb.Trace, b: pb.Trace) -> None:
    assert list(a) == list(b)
    for place in a:
        for what in ("value", "cotangent", "after", "per_sample"):
            one, other = getattr(a[place], what), getattr(b[place], what)
            assert (one is None) == (other is None), (place, what)
            if one is not None:
                np.testing.assert_array_equal(one, other, err_msg=f"{place} {what}")


def stack() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(6, 8), "relu", nn.Dropout(0.5), nn.Linear(8, 8), nn.Linear(8, 3))
    made.initialise(seed=0)
    return made


def rows(count: int = 12) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.normal(size=(count, 6)).astype("float32"), random.integers(0, 3, count)


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


def test_a_training_that_gets_another_step() -> None:
    """The block of state is made anew; a trace reads the new one."""
    network, batch = stack(), rows()
    training = pb.Training(network=network)
    first = training.step(lambda x, y: pb.losses.cross_entropy(network(x), y), name="first")
    pb.trace_step(first, batch)
    training.step(lambda x, y: pb.losses.cross_entropy(network(x), y) * 2, name="second")
    for _ in range(2):
        before, seen = values(network), pb.trace_step(first, batch)
        assert first(*batch) == seen.loss
        same(seen, before, values(network), "network.")


PER_SAMPLE = ["dense with dropout", "convolution", "lstm", "transformer"]


@pytest.mark.parametrize("executor", [*KINDS, "reference"])
@pytest.mark.parametrize("name", PER_SAMPLE)
def test_the_gradients_of_rows_make_up_the_gradient(name: str, executor: str) -> None:
    there(executor)
    network, (x, y) = network_of(name), data(name, 9)
    weights = np.random.default_rng(4).uniform(0.5, 2, 9)
    given: dict[str, Any] = {"training": True, "seed": 3, "step": 2}
    seen = pb.trace_step(
        network, (x, y, weights), loss="cross_entropy", per_sample=True, executor=executor, **given
    )
    alone = pb.per_sample_gradients(network, "cross_entropy", x, y, weights, **given)
    scale = max(np.abs(bar).max() for bar in seen.gradients.values())
    for path, bar in seen.gradients.items():
        each = seen[path].per_sample
        assert each.shape == (9, *bar.shape)
        np.testing.assert_allclose(each.sum(0) / weights.sum(), bar, 1e-3, 1e-5 * scale)
        np.testing.assert_allclose(each, alone[path], 1e-3, 1e-5 * scale)
        norms = np.sqrt((each.astype(float).reshape(9, -1) ** 2).sum(1))
        np.testing.assert_allclose(seen[path].per_sample_norms, norms, 1e-5)
    assert seen["output"].per_sample is None
    assert seen["output"].per_sample_norms is None


def test_rows_that_act_on_each_other_have_no_gradients_of_their_own() -> None:
    network, batch = network_of("batch norm"), data("batch norm")
    with pytest.raises(errors.ConfigError, match="statistics of the batch"):
        pb.trace_step(network, batch, loss="cross_entropy", training=True, per_sample=True)


def test_gradients_of_rows_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    network, batch = stack(), rows()
    monkeypatch.setattr("pullback.memory.whole", lambda: 4 * 12 * 100)
    with pytest.raises(errors.DataError, match="12 single rows") as raised:
        pb.trace_step(network, batch, loss="cross_entropy", per_sample=True)
    assert "per_sample_norms" in raised.value.do
    pb.trace_step(network, batch, loss="cross_entropy")


def test_the_cotangent_of_an_input() -> None:
    network, (x, y) = stack(), rows()
    seen = pb.trace_step(network, (x, y), loss="cross_entropy")
    found = pb.explain(network, (x, y), "x[3,2]", loss="cross_entropy")
    assert seen["x"].cotangent[3, 2] == pytest.approx(found.gradient, rel=1e-5)
    assert seen["y"].cotangent is None


def test_what_is_printed() -> None:
    network, batch = stack(), rows()
    plain = pb.trace_step(network, batch, loss="cross_entropy")
    assert "update" not in str(plain)
    seen = pb.trace_step(network, batch, loss="cross_entropy", optimizer="adam")
    assert "update's norm" in str(seen).splitlines()[1]
    assert max(map(len, str(seen).splitlines())) <= 100
    row = next(one for one in seen.to_json() if one["name"] == "0.weight")
    assert row["update_norm"] == pytest.approx(np.linalg.norm(seen["0.weight"].update))
    assert all(one["update_norm"] is None for one in plain.to_json())


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({}, errors.ConfigError, "with a loss"),
        ({"loss": "mze"}, errors.UnknownNameError, "mse"),
        ({"loss": "mse", "optimizer": "adan"}, errors.UnknownNameError, "adam"),
        ({"loss": "mse", "optimizer": "lbfgs"}, errors.ConfigError, "several times"),
        ({"loss": "mse", "optimizer": "sgd", "training": False}, errors.ConfigError, "update"),
        ({"loss": "mse", "executor": "nativ"}, errors.UnknownNameError, "native"),
        ({"loss": "mse", "seed": -1}, errors.ConfigError, "seed"),
        ({"loss": "mse", "step": 1.5}, errors.ConfigError, "step"),
        ({"loss": "mse", "optimizer": pb.optim.SGD(schedule="cosine")}, errors.ConfigError, "run"),
        (
            {"loss": "mse", "optimizer": pb.optim.SGD(layers={"7.*": {"learning_rate": 0.2}})},
            errors.UnknownNameError,
            "0.weight",
        ),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        pb.trace_step(stack(), (rows()[0], np.zeros((12, 3))), **settings)


def test_arguments_of_a_training_that_are_refused() -> None:
    network, batch = stack(), rows()
    training = pb.Training(network=network)
    step = training.step(lambda x, y: pb.losses.cross_entropy(network(x), y), name="step")
    for name, given in {"loss": "mse", "optimizer": "sgd", "per_sample": True}.items():
        with pytest.raises(errors.ConfigError, match=name):
            pb.trace_step(step, batch, **{name: given})
    with pytest.raises(errors.ConfigError, match="seed=3"):
        pb.trace_step(step, batch, seed=3)
    with pytest.raises(errors.DataError, match="arguments"):
        pb.trace_step(step, batch[0])
    with pytest.raises(errors.ConfigError, match="values"):
        pb.trace_step(nn.Linear(2, 1), batch, loss="mse")


def test_a_label_that_is_none_leaves_the_tracer_as_it_was() -> None:
    network, (x, y) = stack(), rows()
    record = pb.Tracer(network, loss="cross_entropy")
    wanted = record((x, y))
    with pytest.raises(errors.LabelError):
        record((x, np.full_like(y, 7)))
    equal(record((x, y)), wanted)
