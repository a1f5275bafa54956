"""One step with everything in it: to the bit that of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn, optim
from tests.insight.traces import equal, rows, same, stack, values
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
