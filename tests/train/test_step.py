"""What one training step means: values, gradients, updates, and what must not change them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.execute import ReferenceExecutor, State, executor
from pullback.nn.mode import mode
from pullback.plan import planner
from pullback.train.step import Batch, Recipe
from tests.train.trainings import SETTINGS, Stop, UsedTwice, table

EXECUTORS = pytest.mark.parametrize("kind", ["numpy", "reference"])


def rows(count: int = 12, features: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features))


def recipe_of(
    network: pb.nn.Module, loss: str = "mse", optimizer: Any = None, **more: Any
) -> Recipe:
    return Recipe(
        network.initialise(1), pb.losses.get(loss), optimizer or pb.optim.SGD(0.1), **more
    )


def one_step(
    recipe: Recipe,
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None = None,
    kind: str = "numpy",
) -> tuple[State, dict[str, np.ndarray]]:
    """The state after one step, and what the step gave."""
    state = State(recipe.initial_state(7))
    step = recipe.training_step(Batch.of(x, y, weights))
    feeds = {"x": x, "y": y} | ({} if weights is None else {"weights": weights})
    return state, executor(step, state, kind).run(feeds)


def in_parts(
    recipe: Recipe, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, cuts: list[int]
) -> tuple[State, dict[str, np.ndarray]]:
    """The same by micro-batches that end at `cuts`."""
    state = State(recipe.initial_state(7))
    first = 0
    for last in [*cuts, len(x)]:
        feeds = {"x": x[first:last], "y": y[first:last]}
        if weights is not None:
            feeds["weights"] = weights[first:last]
        part = recipe.part_step(Batch.of(feeds["x"], feeds["y"], feeds.get("weights")))
        executor(part, state).run({**feeds, "row": np.asarray(first)})
        first = last
    return state, executor(recipe.apply_step(), state).run({})


def same_parameters(a: State, b: State, network: pb.nn.Module, tolerance: float = 1e-6) -> None:
    for path in network.parameters():
        np.testing.assert_allclose(a[path], b[path], rtol=tolerance, atol=tolerance, err_msg=path)


class ByHand:
    """Two layers with tanh between them and squared error, as a textbook writes it in NumPy."""

    def __init__(self, network: pb.nn.Module) -> None:
        p = network.parameters()
        self.V, self.c = p["0.weight"].numpy(), p["0.bias"].numpy()
        self.W, self.b = p["2.weight"].numpy(), p["2.bias"].numpy()

    def step(self, x: np.ndarray, t: np.ndarray, rate: float) -> float:
        h = np.tanh(x @ self.V + self.c)
        y = h @ self.W + self.b
        loss = ((y - t) ** 2).mean()
        y_bar = 2 * (y - t) / y.size
        a_bar = (y_bar @ self.W.T) * (1 - h * h)
        self.W = self.W - rate * h.T @ y_bar
        self.b = self.b - rate * y_bar.sum(0)
        self.V = self.V - rate * x.T @ a_bar
        self.c = self.c - rate * a_bar.sum(0)
        return float(loss)


@EXECUTORS
def test_against_a_network_written_by_hand(kind: str) -> None:
    network = pb.nn.dense(3, [5], 2, activation="tanh").astype("float64")
    recipe = recipe_of(network)
    hand = ByHand(network)
    state = State(recipe.initial_state(0))
    program = executor(
        recipe.training_step(Batch.of(np.ones((12, 3)), np.ones((12, 2)), None)),
        state,
        kind,
    )
    for number in range(20):
        x, t = rows(seed=number), rows(features=2, seed=100 + number)
        found = program.run({"x": x, "y": t})
        np.testing.assert_allclose(found["loss"], hand.step(x, t, 0.1), rtol=1e-13)
        assert state["step"] == number + 1
    for path, wanted in {
        "0.weight": hand.V,
        "0.bias": hand.c,
        "2.weight": hand.W,
        "2.bias": hand.b,
    }.items():
        np.testing.assert_allclose(state[path], wanted, rtol=1e-12, atol=1e-14, err_msg=path)


def test_fit_is_that_step_over_and_over() -> None:
    network = pb.nn.dense(3, [5], 2, activation="tanh").astype("float64").initialise(4)
    hand = ByHand(network)
    x, t = rows(24), rows(24, 2, seed=1)
    run = pb.fit(
        network, (x, t), batch_size=7, epochs=3, shuffle=False, optimizer=pb.optim.SGD(0.1)
    )
    losses = [
        hand.step(x[first : first + 7], t[first : first + 7], 0.1)
        for _ in range(3)
        for first in range(0, 24, 7)
    ]
    assert run.step == 12, "the last batch of three rows is kept"
    np.testing.assert_allclose(run.losses, losses, rtol=1e-12)
    np.testing.assert_allclose(network["0.weight"].numpy(), hand.V, rtol=1e-12)
    weighted = [np.average(losses[i : i + 4], weights=[7, 7, 7, 3]) for i in (0, 4, 8)]
    np.testing.assert_allclose(run.history("train.loss"), weighted, rtol=1e-12)


class Twice(pb.nn.Module):
    """y = (x w) w + w: one parameter that is read three times."""

    def __init__(self) -> None:
        self.w = pb.nn.Parameter((2, 2), pb.nn.initialisers.Normal(1.0), dtype="float64")
        self.again = self.w

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return x @ self.w @ self.again + self.w.sum(axis=0)


@EXECUTORS
def test_a_tied_weight_gets_the_sum_and_every_reader_sees_the_old_value(kind: str) -> None:
    network = Twice()
    assert list(network.parameters()) == ["w"]
    recipe = recipe_of(network)
    w, x, t = network.w.numpy(), rows(6, 2), rows(6, 2, seed=5)
    state, _ = one_step(recipe, x, t, kind=kind)
    y_bar = 2 * (x @ w @ w + w.sum(axis=0) - t) / t.size
    w_bar = x.T @ (y_bar @ w.T) + (x @ w).T @ y_bar + y_bar.sum(axis=0)
    np.testing.assert_allclose(state["w"], w - 0.1 * w_bar, rtol=1e-12)


@EXECUTORS
def test_frozen_parameters_keep_their_bits(kind: str) -> None:
    network = UsedTwice(4, 3)
    network.inner.bias.trainable = False
    recipe = recipe_of(network, "cross_entropy", pb.optim.AdamW(0.1, weight_decay=0.1), l2=0.1)
    x, y = table(12)
    before = {path: p.numpy() for path, p in network.parameters().items()}
    state, _ = one_step(recipe, x, y, kind=kind)
    for path, parameter in network.parameters().items():
        same = state[path].tobytes() == before[path].tobytes()
        assert same == (path in ("gain", "inner.bias")), path
        assert parameter.trainable == any(label.startswith(f"optimizer/{path}.") for label in state)


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(pb.errors.ConfigError, match="not frozen"):
        pb.fit(pb.nn.dense(4, [3], 3).freeze(), table())


@EXECUTORS
def test_updates_come_after_every_reader(kind: str) -> None:
    """The backward pass of the lower layer needs the upper weight as it was."""
    network = pb.nn.dense(3, [4], 2, activation="identity").astype("float64")
    recipe = recipe_of(network, optimizer=pb.optim.SGD(10.0))
    hand_v, hand_w = network["0.weight"].numpy(), network["2.weight"].numpy()
    x, t = rows(), rows(features=2, seed=9)
    h = x @ hand_v + network["0.bias"].numpy()
    y_bar = 2 * (h @ hand_w + network["2.bias"].numpy() - t) / t.size
    state, found = one_step(recipe, x, t, kind=kind)
    np.testing.assert_allclose(
        state["0.weight"], hand_v - 10 * x.T @ (y_bar @ hand_w.T), rtol=1e-11
    )
    assert found["learning_rate"] == 10.0


SETTINGS_OF_PARTS = {
    "plain": {},
    "penalties": {"l1": 0.01, "l2": 0.02},
    "clipped": {"clip_norm": 0.05},
    "adam": {"optimizer": pb.optim.Adam(0.01)},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", SETTINGS_OF_PARTS)
@pytest.mark.parametrize("cuts", [[6], [4, 8], [1, 2, 11], list(range(1, 12))])
def test_parts_equal_the_whole_also_their_dropout(
    cuts: list[int], settings: str, weighted: bool
) -> None:
    """Micro-batches of unequal size: the same loss, masks, gradient and update as the batch."""
    network = pb.nn.dense(4, [16, 8], 3, activation="gelu", dropout=0.5).astype("float64")
    x, y = table(12)
    x = x.astype(np.float64)
    weights = np.random.default_rng(3).uniform(0, 3, 12) if weighted else None
    more = {"optimizer": pb.optim.SGD(0.5), **SETTINGS_OF_PARTS[settings]}
    optimizer = more.pop("optimizer")
    whole = recipe_of(network, "cross_entropy", optimizer, **more)
    parts = recipe_of(network, "cross_entropy", optimizer, accumulate=len(cuts) + 1, **more)
    a, found_a = one_step(whole, x, y, weights)
    b, found_b = in_parts(parts, x, y, weights, cuts)
    np.testing.assert_allclose(found_a["loss"], found_b["loss"], rtol=1e-12)
    same_parameters(a, b, network, 1e-11)
    assert not any(b[label].any() for label in b if label.startswith("sum/"))
    if settings == "clipped":
        np.testing.assert_allclose(found_a["gradient_norm"], found_b["gradient_norm"], rtol=1e-11)
        assert found_a["gradient_norm"] > 0.05


@pytest.mark.parametrize("count", [2, 3, 5, 16])
def test_accumulation_in_fit_equals_the_full_batch(count: int) -> None:
    x, y = table(45)
    settings = {"batch_size": 16, "epochs": 3, "optimizer": pb.optim.Adam(0.01), "l2": 1e-3}
    runs = [
        pb.fit(pb.nn.dense(4, [16], 3, dropout=0.3), (x, y), accumulate=k, **settings)
        for k in (1, count)
    ]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-5)
    for path, p in runs[0].network.parameters().items():
        q = runs[1].network.parameters()[path]
        np.testing.assert_allclose(p.numpy(), q.numpy(), atol=2e-5, err_msg=path)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "mae", "huber", "bce"])
def test_a_weight_of_two_is_a_row_twice(loss: str) -> None:
    x, labels = table(10)
    targets = {"cross_entropy": labels, "bce": (labels > 0)[:, None].astype(np.float64)}
    y = targets.get(loss, rows(10, 3, seed=2))
    network = pb.nn.dense(4, [6], 1 if loss == "bce" else 3, activation="silu").astype("float64")
    recipe = recipe_of(network, loss)
    x = x.astype(np.float64)
    weights = np.array([1, 2, 1, 1, 3, 0, 1, 2, 1, 1.0])
    often = np.repeat(np.arange(10), weights.astype(int))
    a, found_a = one_step(recipe, x, y, weights)
    b, found_b = one_step(recipe, x[often], y[often])
    np.testing.assert_allclose(found_a["loss"], found_b["loss"], rtol=1e-12)
    same_parameters(a, b, network, 1e-12)
    c, _ = one_step(recipe, x, y, 7 * weights)  # only their proportions count
    same_parameters(a, c, network, 1e-12)


def test_class_weights_are_row_weights() -> None:
    x, y = table(40)
    network = pb.nn.dense(4, [6], 3).astype("float64")
    values = (1.0, 0.5, 3.0)
    weighted = pb.losses.CrossEntropy(class_weights=values)
    a, found_a = one_step(recipe_of(network, weighted), x.astype(np.float64), y)
    b, found_b = one_step(
        recipe_of(network, "cross_entropy"), x.astype(np.float64), y, np.array(values)[y]
    )
    np.testing.assert_allclose(found_a["loss"], found_b["loss"], rtol=1e-12)
    same_parameters(a, b, network, 1e-12)
    counts = np.bincount(y)
    settings = {"epochs": 1, "batch_size": 40, "seed": 1}
    runs = [
        pb.fit(pb.nn.dense(4, [6], 3), (x, y), class_weight=w, **settings)
        for w in ("balanced", dict(enumerate((40 / (3 * counts)).tolist())), 40 / (3 * counts))
    ]
    plain = pb.fit(pb.nn.dense(4, [6], 3), (x, y), **settings)
    same = {run.losses.tobytes() for run in runs}
    assert len(same) == 1
    assert plain.losses.tobytes() not in same


def test_the_order_of_rows_within_a_batch_does_not_matter() -> None:
    network = pb.nn.dense(4, [6], 3).astype("float64")
    x, y = table(20)
    x, order = x.astype(np.float64), np.random.default_rng(1).permutation(20)
    recipe = recipe_of(network, "cross_entropy")
    a, _ = one_step(recipe, x, y)
    b, _ = one_step(recipe, x[order], y[order])
    same_parameters(a, b, network, 1e-13)


def test_the_last_smaller_batch_is_kept_and_one_program_serves_each_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned: list[str] = []
    plan = planner.plan

    def counted(step: Any, without: Any = ()) -> Any:
        planned.append(step.name)
        return plan(step, without)

    monkeypatch.setattr("pullback.execute.choice.plan", counted)
    x, y = table(45)
    seen: list[int] = []

    class Look(pb.Callback):
        def on_step(self, session: Any) -> None:
            seen.append(len(session.plan.batches.at(session.step - 1)))

    pb.fit(
        pb.nn.dense(4, [6], 3), (x, y), batch_size=16, epochs=20, validation=0.2, callbacks=[Look()]
    )
    assert seen == [16, 16, 4] * 20
    assert sorted(planned) == ["evaluation"] * 2 + ["training step"] * 2
    planned.clear()
    pb.fit(pb.nn.dense(4, [6], 3), (x, y), batch_size=16, epochs=20, accumulate=3)
    # 16 rows are cut into 6, 5 and 5; the last 13 into 5, 4 and 4.
    assert sorted(planned) == ["evaluation"] + ["micro-batch"] * 3 + ["update of a batch"]


def test_every_row_is_seen_once_an_epoch_in_another_order() -> None:
    x, y = table(45)
    seen: list[np.ndarray] = []

    class Look(pb.Callback):
        def on_step(self, session: Any) -> None:
            seen.append(session.plan.batches.at(session.step - 1))

    pb.fit(pb.nn.dense(4, [6], 3), (x, y), batch_size=16, epochs=3, callbacks=[Look()])
    epochs = [np.concatenate(seen[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(epoch.tolist()) == list(range(45)) for epoch in epochs)
    assert len({epoch.tobytes() for epoch in epochs}) == 3


@pytest.mark.parametrize("name", ["weights and best", "momentum in parts"])
def test_the_same_seed_gives_the_same_bits_and_another_others(name: str) -> None:
    from tests.train.trainings import data, network

    def trained(seed: int) -> tuple[bytes, bytes]:
        run = pb.fit(network(name), data(name), batch_size=16, seed=seed, **SETTINGS[name])
        bits = b"".join(p.numpy().tobytes() for p in run.network.parameters().values())
        return bits, run.losses.tobytes()

    assert trained(3) == trained(3)
    first, second = trained(3), trained(4)
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_two_dropouts_of_equal_width_differ_and_every_step_draws_anew() -> None:
    network = pb.nn.Sequential(pb.nn.Dropout(0.5), pb.nn.Dropout(0.5)).initialise()
    x = pb.ones((50, 20))
    with mode(training=True, seed=1) as now:
        first = network[0](x).numpy() != 0
        inside = network(x).numpy() != 0
        now.step = pb.tensor(1)
    with mode(training=True, seed=1) as now:
        again = network[0](x).numpy() != 0
    assert (first == again).all(), "the same seed, place, call and step"
    assert 0.15 < inside.mean() < 0.35, "two masks, of which each keeps half"
    recipe = recipe_of(pb.nn.Sequential(pb.nn.Linear(3, 30), pb.nn.Dropout(0.5)))
    recipe = Recipe(recipe.network, recipe.loss, pb.optim.SGD(1e-30))
    state = State(recipe.initial_state(3))
    x, y = rows(8).astype(np.float32), np.zeros((8, 30), np.float32)
    program = executor(recipe.training_step(Batch.of(x, y, None)), state)
    losses = [float(program.run({"x": x, "y": y})["loss"]) for _ in range(6)]
    assert len(set(losses)) == 6, "every step draws a new mask"


def test_dropout_is_off_in_use() -> None:
    x, y = table(45)
    network = pb.nn.dense(4, [30], 3, dropout=0.9)
    scores = []

    class Look(pb.Callback):
        def on_epoch(self, session: Any) -> None:
            scores.append(session.evaluator.measure(session.parts.train)["loss"])
            scores.append(session.evaluator.measure(session.parts.train)["loss"])

    run = pb.fit(network, (x, y), epochs=1, callbacks=[Look()])
    assert scores[0] == scores[1] == run.scores["train.loss"]
    outputs = network(pb.tensor(x)).numpy()
    by_hand = np.maximum(x @ network["0.weight"].numpy() + network["0.bias"].numpy(), 0)
    by_hand = by_hand @ network["3.weight"].numpy() + network["3.bias"].numpy()
    np.testing.assert_allclose(outputs, by_hand, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(network.predict(x), by_hand.argmax(axis=1))


@EXECUTORS
def test_penalties_have_their_closed_form_and_spare_the_biases(kind: str) -> None:
    """Where the targets are met, the gradient is that of the penalty alone."""
    network = pb.nn.dense(3, [], 2).astype("float64")
    recipe = recipe_of(network, l1=0.3, l2=0.2)
    w, b = network["0.weight"].numpy(), network["0.bias"].numpy()
    x = rows()
    state, found = one_step(recipe, x, x @ w + b, kind=kind)
    np.testing.assert_allclose(
        state["0.weight"], w - 0.1 * (0.3 * np.sign(w) + 0.4 * w), rtol=1e-12
    )
    np.testing.assert_allclose(state["0.bias"], b, rtol=1e-12)
    assert found["loss"] < 1e-25, "the loss that is shown is that of the data"


@EXECUTORS
def test_the_norm_of_the_gradient_is_cut(kind: str) -> None:
    network = pb.nn.dense(3, [4], 2).astype("float64")
    x, t = rows(), 100 * rows(features=2, seed=3)
    free, _ = one_step(recipe_of(network), x, t, kind=kind)
    cut, found = one_step(recipe_of(network, clip_norm=0.25), x, t, kind=kind)
    before = recipe_of(network).initial_state(0)
    paths = list(network.parameters())
    long = np.concatenate([(before[p] - free[p]).ravel() for p in paths]) / 0.1
    short = np.concatenate([(before[p] - cut[p]).ravel() for p in paths]) / 0.1
    np.testing.assert_allclose(found["gradient_norm"], np.linalg.norm(long), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(short), 0.25, rtol=1e-10)
    np.testing.assert_allclose(short * np.linalg.norm(long), long * 0.25, rtol=1e-9, atol=1e-12)


def test_schedules_are_seen_in_the_telemetry(tmp_path: Any) -> None:
    x, y = table(48)
    optimizer = pb.optim.SGD(0.5, schedule=pb.optim.WarmUp(4, then="cosine"))
    run = pb.fit(
        pb.nn.dense(4, [6], 3), (x, y), batch_size=16, epochs=4, optimizer=optimizer, save=tmp_path
    )
    wanted = [0.5 * s / 4 for s in (1, 2, 3, 4)]
    wanted += [0.25 * (1 + np.cos(np.pi * s / 8)) for s in range(8)]
    np.testing.assert_allclose([s.learning_rate for s in run.steps], wanted, rtol=1e-6)
    with pb.runs.store.RunStore.open(run.path) as store:
        np.testing.assert_allclose(store.telemetry.history()["learning_rate"], wanted, rtol=1e-6)


def test_the_learning_rate_is_a_slot() -> None:
    network = pb.nn.dense(3, [4], 2).astype("float64")
    recipe = recipe_of(network)
    x, t = rows(), rows(features=2, seed=3)
    state = State(recipe.initial_state(0))
    program = executor(recipe.training_step(Batch.of(x, t, None)), state)
    state["learning_rate"] = 0.0
    before = state.snapshot()
    found = program.run({"x": x, "y": t})
    assert found["learning_rate"] == 0
    assert all((state[path] == before[path]).all() for path in network.parameters())
    state["learning_rate"] = 0.2
    program.run({"x": x, "y": t})
    assert any((state[path] != before[path]).any() for path in network.parameters())


@pytest.mark.parametrize("name", SETTINGS)
def test_the_two_executors_agree(name: str) -> None:
    from tests.train.trainings import data, network

    settings = {"batch_size": 16, "seed": 5, **SETTINGS[name], "steps": 6}
    runs = [
        pb.fit(network(name), data(name), executor=kind, **settings)
        for kind in ("numpy", "reference")
    ]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=2e-5)
    for path, p in runs[0].network.parameters().items():
        np.testing.assert_allclose(
            p.numpy(),
            runs[1].network.parameters()[path].numpy(),
            rtol=1e-3,
            atol=1e-4,
            err_msg=path,
        )


def test_state_is_one_block() -> None:
    recipe = recipe_of(pb.nn.dense(4, [6], 3), "cross_entropy", pb.optim.Adam())
    state = State(recipe.initial_state(0))
    copy = state.block.copy()
    x, y = table(12)
    program = executor(recipe.training_step(Batch.of(x, y, None)), state)
    program.run({"x": x, "y": y})
    after = state.snapshot()
    state.block[...] = copy  # a checkpoint is complete by construction
    program.run({"x": x, "y": y})
    assert all(state[k].tobytes() == after[k].tobytes() for k in state)


def test_stopping_by_a_callback_keeps_a_whole_step() -> None:
    x, y = table(45)
    run = pb.fit(pb.nn.dense(4, [6], 3), (x, y), batch_size=16, epochs=5, callbacks=[Stop(4)])
    assert (run.step, len(run.steps), run.steps[-1].step) == (4, 4, 4)


def test_the_reference_executor_is_used_when_asked_for() -> None:
    recipe = recipe_of(pb.nn.dense(4, [6], 3), "cross_entropy")
    x, y = table(12)
    state = State(recipe.initial_state(0))
    made = executor(recipe.training_step(Batch.of(x, y, None)), state, "reference")
    assert isinstance(made, ReferenceExecutor)


def test_trainings_side_by_side_and_one_inside_another_know_nothing_of_each_other() -> None:
    from tests.train.trainings import data, network

    def trained(name: str) -> bytes:
        run = pb.fit(network(name), data(name), batch_size=16, seed=5, **SETTINGS[name])
        return b"".join(p.numpy().tobytes() for p in run.network.parameters().values())

    names = list(SETTINGS)
    alone = {name: trained(name) for name in names}
    found: dict[str, bytes] = {}
    threads = [
        threading.Thread(target=lambda name=name: found.update({name: trained(name)}))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone

    class Nested(pb.Callback):
        def on_step(self, session: Any) -> None:
            if session.step == 3:
                assert trained("regression") == alone["regression"]

    x, y = data("plain")
    settings = {**SETTINGS["plain"], "batch_size": 16, "seed": 5}
    run = pb.fit(network("plain"), (x, y), callbacks=[Nested()], **settings)
    bits = b"".join(p.numpy().tobytes() for p in run.network.parameters().values())
    assert bits == alone["plain"]


class Centred(pb.nn.Module):
    """A layer that looks at the whole batch."""

    batch_statistics = True

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return x - x.mean(axis=0, keepdims=True)


@pytest.mark.parametrize(
    ("rows", "sizes"), [(33, [16, 17]), (34, [16, 16, 2]), (32, [16, 16]), (17, [17])]
)
def test_a_single_row_joins_the_batch_before_where_statistics_are_taken(
    rows: int, sizes: list[int]
) -> None:
    x, y = table(rows)
    seen: list[int] = []

    class Look(pb.Callback):
        def on_step(self, session: Any) -> None:
            seen.append(len(session.plan.feeds(session.step - 1)["y"]))

    for layer, wanted in ((Centred(), sizes), (pb.nn.ReLU(), [16] * (rows // 16) + [rows % 16])):
        seen.clear()
        network = pb.nn.Sequential(layer, pb.nn.Linear(4, 3))
        run = pb.fit(network, (x, y), batch_size=16, epochs=2, callbacks=[Look()])
        assert seen == [size for size in wanted if size] * 2
        assert run.epochs[-1].epoch == 2
