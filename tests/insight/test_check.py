"""`pb.check_gradients`: planted errors are found and named, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from pullback.graph.dtypes import is_float
from pullback.graph.op import Op, operation
from tests.autodiff.test_gradcheck import WRONG
from tests.autodiff.test_gradcheck import called as example
from tests.insight.test_fidelity import NETWORKS, built
from tests.nn.cases import CASES as LAYERS
from tests.nn.cases import as_real, called
from tests.nn.cases import drawn as drawn_layer

PLANTED = ("lenet", "lstm", "transformer", "normalised", "dense")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_wrong_in_networks(name: str, dtype: str) -> None:
    network, data = built(name, dtype)
    for training in (False, True):
        found = pb.check_gradients(network, data, loss="cross_entropy", training=training)
        assert found, found
        assert len(found.checked) > 10


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_wrong_in_layers(name: str) -> None:
    for case in LAYERS[name]:
        module, arrays = drawn_layer(case, 0)
        y = called(module, *(pb.tensor(as_real(a, "float32")) for a in arrays))
        if y.size and is_float(y.dtype):
            assert pb.check_gradients(y.sum())


def rules() -> list[tuple[str, str]]:
    """Every operation with a rule of its own that one of the networks is made of."""
    found = {}
    for name in PLANTED:
        network, data = built(name, "float64")
        checked = pb.check_gradients(network, data, loss="cross_entropy", training=True).checked
        found.update({one.operation: name for one in checked})
    return sorted((op, name) for op, name in found.items() if operation(op).vjp is not Op.vjp)


FAULTS: dict[str, Any] = {
    "a factor": lambda bar: bar * 1.001,
    "the sign": lambda bar: -bar,
    "cut off": lambda bar: bar * 0.0,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "network"), rules())
def test_planted_errors_are_named(
    name: str, network: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule of one operation is broken: it is found, in the layers that use it."""
    op = operation(name)
    right = op.vjp_of

    def broken(self: Any, wanted: Any, y_bar: Any, y: Any, *inputs: Any) -> Any:
        bars = right(self, wanted, y_bar, y, *inputs)
        return tuple(None if bar is None else FAULTS[fault](bar) for bar in bars)

    monkeypatch.setattr(op, "vjp_of", broken)
    made, data = built(network, "float64")
    found = pb.check_gradients(made, data, loss="cross_entropy", training=True)
    assert {one.operation for one in found.wrong} == {name}, found


@pytest.mark.parametrize(("name", "what", "rule"), WRONG)
def test_wrong_rules_are_found(
    name: str, what: str, rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mistakes as people make them."""
    f, inputs = example(name)
    y = f(*(pb.tensor(np.asarray(x)) for x in inputs))
    total = (y * np.linspace(1, 2, max(y.size, 1)).reshape(y.shape)).sum()
    assert pb.check_gradients(total), "it must be right before"
    monkeypatch.setattr(operation(name), "vjp", lambda self, *args: rule(*args))
    assert name in {one.operation for one in pb.check_gradients(total).wrong}, what


def test_so_many_errors_are_planted() -> None:
    assert len(WRONG) + len(FAULTS) * len(rules()) >= 60


def test_a_kink_is_no_error() -> None:
    x = pb.tensor([0.0, -1.0, 2.0, 0.0])
    found = pb.check_gradients(pb.relu(x).sum() + pb.maximum(x, 0.0).sum())
    assert found
    assert any(one.kinks for one in found.checked)


def test_a_slope_that_is_none_at_a_kink_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(self: Any, y_bar: Any, y: Any, x: Any) -> tuple[Any]:
        return (pb.where(x > 0, y_bar, pb.where(x == 0, 5 * y_bar, 0.0)),)

    monkeypatch.setattr(operation("relu"), "vjp", leaky)
    assert not pb.check_gradients(pb.relu(pb.tensor([0.0, -1.0, 2.0])).sum())


def test_a_rule_of_ones_own_is_named_with_its_layer() -> None:
    class Wrong(nn.Module):
        def forward(self, x: Any) -> Any:
            return pb.custom_derivative(pb.sin, lambda y_bar, y, x: y_bar * x)(x)

    network = nn.Sequential(nn.Linear(2, 3), Wrong(), nn.Linear(3, 1)).initialise(seed=0)
    data = [[1.0, 2.0], [0.5, -1.0]], [[0.0], [1.0]]
    found = pb.check_gradients(network, data, loss="mse")
    assert [one.path for one in found.wrong] == ["1"]
    assert "custom_derivative in '1'" in str(found)
    assert "WRONG" in str(found)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="no loss"):
        pb.check_gradients(nn.Linear(2, 1).initialise(), ([[1.0, 2.0]], [[1.0]]))
    with pytest.raises(errors.ConfigError, match="gradcheck"):
        pb.check_gradients(lambda x: x)
