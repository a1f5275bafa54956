"""What is looked into: values that are known already, recomputation, loops, bad arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from tests.insight.test_fidelity import built, judged


def test_values_that_were_looked_at_are_computed_again() -> None:
    x = pb.tensor([0.5, -1.0, 2.0], name="x")
    h = pb.tanh(x)
    h.numpy()
    loss = (h * h).sum()
    loss.numpy()
    judged(pb.explain(loss, wrt=x, element=0))


def test_a_fused_operation_that_was_looked_at_opens_too() -> None:
    h = pb.tensor([0.5, -1.0, 2.0], name="x") * 3
    s = pb.softmax(h)
    q = pb.log(s) * s
    q.numpy()
    judged(pb.explain((q * h * s).sum(), wrt=s, element=0, open_fused=True))


def test_a_loop_that_was_looked_at() -> None:
    network = nn.Sequential(nn.LSTM(2, 3, last=True), nn.Linear(3, 2)).initialise(seed=0)
    x = pb.tensor(np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32"))
    y = network(x)
    y.numpy()
    judged(pb.explain((y * y).sum(), wrt=x, element=(0, 0, 0)))
    judged(pb.explain((y * y).sum(), wrt=network.parameters()["1.weight"], element=(0, 0)))


class Again(nn.Module):
    """A layer whose values are computed again in the backward pass."""

    def __init__(self) -> None:
        self.inner = nn.Sequential(nn.Linear(3, 3), "tanh")
        self.last = nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.last(pb.checkpoint(self.inner)(x))


def test_recomputation_is_the_chain_rule() -> None:
    x = pb.tensor([0.5, -1.0], name="x")
    f = pb.checkpoint(lambda a: pb.tanh(a) * pb.exp(a))
    judged(pb.explain(f(x).sum(), wrt=x, element=0))
    network = Again().initialise(seed=0)
    data = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 1, 1, 0])
    for place in ("inner.0.weight[1,2]", "x[0,0]", "last.bias[0]"):
        judged(pb.explain(network, data, place, loss="cross_entropy"))


def test_layers_within_loops_are_no_places() -> None:
    network = nn.Sequential(nn.RNN(4, 6, last=True), nn.Linear(6, 3)).initialise(seed=0)
    data = np.random.default_rng(0).normal(size=(5, 4, 4)), np.array([0, 1, 2, 1, 0])
    seen = pb.trace_step(network, data, loss="cross_entropy")
    assert "1.output" in seen
    assert not any("activation" in place for place in seen)
    assert set(seen.gradients) == set(network.parameters())


def test_what_the_loss_does_not_depend_on() -> None:
    x, other = pb.tensor([0.5, -1.0], name="x"), pb.tensor([1.0, 2.0], name="z")
    for found in (
        pb.explain((x * x).sum(), wrt=other, element=0),
        pb.explain(pb.stop_gradient(x).sum(), wrt=x, element=0),
    ):
        assert found.gradient == 0
        assert "does not change the loss" in " ".join(str(found).split())


def test_running_statistics_in_training() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2)).initialise(seed=0)
    data = np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 1, 0, 1, 1, 0])
    place = "1.running_mean[0]"
    found = pb.explain(network, data, place, loss="cross_entropy", training=True)
    assert found.gradient == 0
    assert found.kind == "buffer"


@pytest.mark.parametrize("loss", [{}, {"a": "mse"}, {"": "mse", "b": "mse"}])
def test_losses_that_fit_no_output_are_refused(loss: Any) -> None:
    network, data = built("dense", "float32")
    with pytest.raises(errors.ConfigError, match="has its loss"):
        pb.explain(network, data, "0.weight[0,0]", loss=loss)


@pytest.mark.parametrize("rate", ["a", 0, -1, float("nan"), float("inf"), [1.0]])
def test_learning_rates_are_positive_numbers(rate: Any) -> None:
    x = pb.tensor(2.0, name="x")
    with pytest.raises(errors.ConfigError, match="learning rate"):
        pb.explain(x * x, wrt=x, learning_rate=rate)


def test_an_unknown_executor_is_refused() -> None:
    x = pb.tensor(2.0, name="x")
    with pytest.raises(errors.UnknownNameError, match="nativ"):
        pb.explain(x * x, wrt=x, executor="nativ")


@pytest.mark.parametrize("given", ["net", None, 3])
def test_what_is_no_network_is_refused(given: Any) -> None:
    with pytest.raises(errors.ConfigError, match="network"):
        pb.trace_step(given, ([[1.0]], [[1.0]]), loss="mse")


def test_a_trace_is_a_mapping() -> None:
    network, data = built("dense", "float32")
    seen = pb.trace_step(network, data, loss="cross_entropy")
    assert "nope" not in seen
    assert seen.get("nope") is None
    with pytest.raises(errors.UnknownNameError, match=r"0\.weight"):
        seen["0.wieght"]
    assert seen.loss == pytest.approx(float(seen["loss"].value))
    assert seen.explain("0.weight[0,0]").gradient == seen["0.weight"].gradient[0, 0]
    assert max(map(len, str(seen).splitlines())) <= 100


@pytest.mark.parametrize("name", ["dense", "lenet", "lstm", "transformer"])
def test_a_trace_has_the_gradients_of_training(name: str) -> None:
    """Everything recorded, the gradients are those of a plain step, to the bit."""
    network, data = built(name, "float32")
    seen = pb.trace_step(network, data, loss="cross_entropy", training=True)
    for path, bar in seen.gradients.items():
        index = ",".join("0" * bar.ndim)
        found = pb.explain(network, data, f"{path}[{index}]", loss="cross_entropy", training=True)
        assert found.gradient == bar[(0,) * bar.ndim]


def test_long_names_are_wrapped() -> None:
    x = pb.tensor([1.0, 1.0, 2.0], name="a_tensor_with_a_name_that_is_" + "very_" * 20 + "long")
    for found in (
        pb.explain((x * x).max(), wrt=x, element=0),
        pb.explain((pb.tanh(x) * x).sum(), wrt=x, element=1),
    ):
        assert max(map(len, str(found).splitlines())) <= 100


@pytest.mark.parametrize(
    ("x", "f"),
    [
        ([1e-6, 0.5], lambda q: pb.log(q).sum()),
        ([1e-6, 0.5], lambda q: (1 / q).sum()),
        ([1e-8, 0.5], lambda q: pb.sqrt(q).sum()),
    ],
)
def test_elements_that_are_far_smaller_than_others(x: list[float], f: Any) -> None:
    q = pb.tensor(np.array(x), name="q")
    found = pb.explain(f(q), wrt=q, element=0)
    assert found.difference is not None
    assert found.difference.agrees, found


def test_differences_that_can_tell_nothing_say_so() -> None:
    doubled = pb.custom_derivative(lambda x: x * 1.0, lambda y_bar, y, x: 2 * y_bar)
    q = pb.tensor(np.array([1e-3, 2e-3]), name="q")
    found = pb.explain((doubled(q) * 1e-5).sum() + 1e3, wrt=q, element=0)
    assert found.difference is not None
    assert found.difference.verdict in ("small", "differs")


def test_long_loops_take_a_time_in_proportion() -> None:
    """As many steps again, no more than about as much time again: nothing is quadratic."""
    x = pb.tensor(np.ones(3, "float32"), name="x")
    rows = pb.tensor(np.ones((200, 3), "float32"))
    last, _ = pb.scan(lambda c, r: (pb.tanh(c * r), c), x, rows)
    judged(pb.explain(last.sum(), wrt=x, element=0))
