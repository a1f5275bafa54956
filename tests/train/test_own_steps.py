"""Steps of one's own: what they compute, what they refuse, and that they go on to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import (
    ConfigError,
    DtypeError,
    FileFormatError,
    NonFiniteError,
    ShapeError,
    UnknownNameError,
)

random = np.random.default_rng(0)
X = random.normal(size=(24, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")


def network(seed: int = 3) -> pb.nn.Sequential:
    made = pb.nn.Sequential(pb.nn.Linear(3, 8), "tanh", pb.nn.Dropout(0.3), pb.nn.Linear(8, 1))
    made.initialise(seed)
    return made


def weights(module: pb.nn.Module) -> dict[str, np.ndarray]:
    return {path: p.numpy() for path, p in module.parameters().items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[k], b[k]) for k in a)


OPTIMIZERS = [
    pb.optim.SGD(0.1, momentum=0.9),
    pb.optim.AdamW(1e-2, schedule="cosine"),
    pb.optim.SAM(),
    pb.optim.Adam(1e-2, layers={"network.0.*": {"learning_rate": 0.0}}),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.name)
def test_a_step_is_that_of_fit(optimizer: pb.optim.Optimizer) -> None:
    """Without dropout (whose layers have other paths), the same weights to the last bits."""
    plain = {"dropout": 0.0, "activation": "tanh"}
    fitted, own = (pb.nn.dense(3, [8], 1, **plain).initialise(1) for _ in range(2))  # type: ignore[arg-type]
    settings: dict[str, Any] = {"clip_norm": 1.0}
    layers = {"0.*": {"learning_rate": 0.0}} if optimizer.layers else None
    rule = pb.optim.get({**optimizer.to_config(), "layers": layers})
    pb.fit(fitted, (X, Y), loss="mse", optimizer=rule, steps=10, batch_size=24, shuffle=False,
           progress=False, **settings)  # fmt: skip
    training = pb.Training(network=own)

    @training.step(optimizer=optimizer, total_steps=10, **settings)
    def step(x: Any, y: Any) -> Any:
        return pb.losses.mse(own(x), y)

    for _ in range(10):
        step(X, Y)
    for path, value in weights(fitted).items():
        np.testing.assert_allclose(weights(own)[path], value, rtol=1e-6, atol=1e-7)


def test_only_what_is_named_is_updated() -> None:
    a, b = network(1), network(2)
    training = pb.Training(a=a, b=b)

    @training.step(update="a", optimizer="sgd")
    def only_a(x: Any) -> Any:
        return ((a(x) + b(x)) ** 2).mean()

    before = weights(a), weights(b)
    only_a(X)
    assert not same(weights(a), before[0])
    assert same(weights(b), before[1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": pb.optim.SGD(layers={"a.9.*": {"learning_rate": 0.1}})}, r"'a\.9\.\*'"),
        ({"optimizer": "sgd", "constraints": {"a.0.wieght": "max_norm"}}, r"a\.0\.weight"),
    ],
)
def test_a_pattern_must_match(settings: dict[str, Any], said: str) -> None:
    a = network(1)
    training = pb.Training(a=a)

    @training.step(**settings)
    def only(x: Any) -> Any:
        return (a(x) ** 2).mean()

    with pytest.raises(UnknownNameError, match=said):
        only(X)


def test_two_steps_remember_apart() -> None:
    shared = network()
    training = pb.Training(net=shared)
    up = training.step(lambda x: (shared(x) ** 2).mean(), optimizer="adam", name="up")
    down = training.step(lambda x: -(shared(x) ** 2).mean(), optimizer="adam", name="down")
    up(X)
    up(X)
    down(X)
    assert (up.count, down.count) == (2, 1)
    assert "up/optimizer/net.0.weight.mean" in training.state
    assert not np.array_equal(
        training.state["up/optimizer/net.0.weight.mean"],
        training.state["down/optimizer/net.0.weight.mean"],
    )


def test_a_step_that_is_added_later_keeps_what_is_known() -> None:
    one, two = network(), network()
    for late, net in ((False, one), (True, two)):
        training = pb.Training(net=net)
        first = training.step(lambda x, net=net: (net(x) ** 2).mean(), name="first")
        if late:
            first(X)
        second = training.step(lambda x, net=net: net(x).mean(), name="second", optimizer="sgd")
        if not late:
            first(X)
        second(X)
        first(X)
    assert same(weights(one), weights(two))


def test_it_is_traced_once_for_each_form() -> None:
    traced = []
    net = network()
    training = pb.Training(net=net)

    @training.step
    def step(x: Any, factor: float, kind: str = "mean") -> Any:
        traced.append((x.shape, kind))
        return factor * (net(x) ** 2).mean() if kind == "mean" else (net(x) ** 2).sum()

    for factor in (1.0, 2.0, 0.5):
        step(X, factor)
    step(X[:5], 1.0)
    step(X, 1.0, kind="sum")
    step(X.astype("float64"), 1.0)
    assert traced == [((24, 3), "mean"), ((5, 3), "mean"), ((24, 3), "sum")]


def test_values_beside_the_loss_come_back() -> None:
    net = network()
    training = pb.Training(net=net)

    @training.step(optimizer="sgd")
    def step(x: Any) -> Any:
        y = net(x)
        return (y**2).mean(), {"outputs": y, "rows": len(x), "largest": pb.max(y)}

    loss, values = step(X)
    assert isinstance(loss, float)
    assert values["outputs"].shape == (24, 1)
    assert values["rows"] == 24
    assert loss == pytest.approx(float((values["outputs"] ** 2).mean()))


def test_statistics_and_open_sizes() -> None:
    net = pb.nn.Sequential(pb.nn.Linear(8), pb.nn.BatchNorm(), "relu", pb.nn.Linear(1))
    training = pb.Training(net=net, seed=5)

    @training.step
    def step(x: Any) -> Any:
        return (net(x) ** 2).mean()

    step(X)
    assert net["0.weight"].shape == (3, 8)
    assert net["1.running_mean"].numpy().any()


def test_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    def made() -> tuple[pb.Training, Any, pb.nn.Module]:
        net = network()
        training = pb.Training(net=net, seed=7)
        return training, training.step(lambda x: (net(x) ** 2).mean(), name="step"), net

    _, step, net = made()
    losses = [step(X) for _ in range(6)]
    first, half, _ = made()
    assert [half(X) for _ in range(3)] == losses[:3]
    first.save(tmp_path / "half.safetensors")
    later, rest, again = made()
    later.load(tmp_path / "half.safetensors")
    assert rest.count == 3
    assert [rest(X) for _ in range(3)] == losses[3:]
    assert same(weights(net), weights(again))
    other = pb.Training(net=network())
    other.step(lambda x: x.sum(), name="other")
    with pytest.raises(ConfigError, match="its own slots"):
        other.load(tmp_path / "half.safetensors")
    with pytest.raises(FileFormatError):
        other.load(tmp_path / "nothing")


def test_the_rate_can_be_changed() -> None:
    net = network()
    step = pb.Training(net=net).step(lambda x: (net(x) ** 2).mean(), optimizer="sgd", name="s")
    step(X)
    before = weights(net)
    assert step.learning_rate == pytest.approx(0.01)
    step.learning_rate = 0.0
    step(X)
    assert same(weights(net), before)


def test_nothing_is_written_where_something_is_not_finite() -> None:
    net = network()
    training = pb.Training(net=net)

    @training.step
    def step(x: Any) -> Any:
        return pb.log(net(x)).mean()

    before = {k: v.copy() for k, v in training.state.items()}
    with pytest.raises(NonFiniteError, match="log") as caught:
        step(-X)
    assert "test_own_steps.py" in str(caught.value)
    assert all(np.array_equal(v, before[k]) for k, v in training.state.items())
    assert step.count == 0


def test_the_program_can_be_read() -> None:
    net = network()
    training = pb.Training(net=net)
    step = training.step(lambda x: (net(x) ** 2).mean(), optimizer="sgd", name="shrink")
    text = str(step.program(X))
    assert "program 'shrink'" in text
    assert "net.0 " in text
    assert "assign net.0.weight" in text


def test_the_oracle_agrees() -> None:
    found = []
    for kind in ("numpy", "reference"):
        net = network()
        training = pb.Training(net=net, executor=kind)
        step = training.step(lambda x, net=net: (net(x) ** 2).mean(), name="step")
        found.append([step(X) for _ in range(5)])
    np.testing.assert_allclose(*found, rtol=1e-5)


NET = network()
TRAINING = pb.Training(net=NET)


def mean(x: Any) -> Any:
    return NET(x).mean()


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no network": (lambda: pb.Training(), ConfigError, "needs a network"),
    "something else": (lambda: pb.Training(net=3), ConfigError, "net=int"),  # type: ignore[arg-type]
    "a seed": (lambda: pb.Training(net=NET, seed=-1), ConfigError, "seed"),
    "an executor": (lambda: pb.Training(net=NET, executor="gpu"), UnknownNameError, "gpu"),
    "another network": (
        lambda: TRAINING.step(len, update="nett"), UnknownNameError, "Did you mean 'net'"),
    "a driver": (lambda: TRAINING.step(len, optimizer="lbfgs"), ConfigError, "pb.fit"),
    "a vector": (lambda: TRAINING.step(NET, name="a")(X), ShapeError, "scalar loss"),
    "nothing": (lambda: TRAINING.step(lambda x: None, name="b")(X), ShapeError, "scalar loss"),
    "text": (lambda: TRAINING.step(mean, name="c")(["a"]), DtypeError, "numbers"),
    "ragged": (lambda: TRAINING.step(mean, name="d")([[1], [1, 2]]), ShapeError, "array"),
    "too many": (lambda: TRAINING.step(mean, name="e")(X, X), TypeError, "many"),
    "a name twice": (
        lambda: [TRAINING.step(len, name="f") for _ in range(2)], ConfigError, "twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


def test_time_and_memory_stay_flat() -> None:
    import tracemalloc

    net = network()
    step = pb.Training(net=net).step(lambda x: (net(x) ** 2).mean(), name="step")
    for _ in range(20):
        step(X)
    tracemalloc.start()
    for _ in range(200):
        step(X)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000
