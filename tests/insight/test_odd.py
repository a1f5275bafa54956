"""Derivations of what is not smooth, not linear, not finite, or nothing at all."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn
from pullback.graph import printing
from pullback.graph.op import registry
from pullback.insight.derive import rule
from tests.insight.test_fidelity import NETWORKS, built


def one(x: Any, f: Any) -> pb.Derivation:
    z = pb.tensor(x, name="x")
    return pb.explain(f(z), wrt=z)


@pytest.mark.parametrize("rule", [lambda g: g * g, lambda g: pb.clip(g, -1, 1)])
def test_a_rule_that_is_not_linear_is_told(rule: Any) -> None:
    odd = pb.custom_derivative(lambda x: x * 1.0, lambda y_bar, y, x: rule(y_bar))
    found = one(2.0, lambda x: odd(x) * 5.0)
    assert not found.links[0].linear
    assert found.total == found.gradient
    assert "not linear in y_bar" in " ".join(str(found).split())
    assert found.links[-1].operation == ""


@pytest.mark.parametrize(
    ("x", "f", "verdict"),
    [
        (0.0, pb.relu, "kink"),
        (0.0, pb.abs, "kink"),
        (1e-10, pb.relu, "agrees"),
        (1.0, lambda x: pb.maximum(x, 1.0), "kink"),
        (0.5, lambda x: pb.where(x >= 0.5, 2 * x, x), "jump"),
        (0.7, pb.sin, "agrees"),
    ],
)
def test_what_a_difference_says(x: float, f: Any, verdict: str) -> None:
    found = one(np.float64(x), lambda z: f(z) * 1.0)
    assert found.difference is not None
    assert found.difference.verdict == verdict, found


def test_the_minimum_of_a_parabola_is_no_mistake() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(20, 3))
    w = np.array([1.0, -2.0, 0.5]) + 1e-13
    y = x @ np.array([1.0, -2.0, 0.5])
    z = pb.tensor(w, name="w")
    found = pb.explain(
        ((pb.tensor(x) @ z.reshape(3, 1) - y[:, None]) ** 2).mean(), wrt=z, element=1
    )
    assert found.difference is not None
    assert found.difference.verdict in ("agrees", "small")


def test_infinite_slopes_are_followed() -> None:
    found = one(0.0, lambda x: pb.log(x) * 1.0)
    assert "infinite or none" in " ".join(str(found).split())
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["gradient"] is None


def test_a_rule_that_hides_something_is_named() -> None:
    class Hiding(nn.Module):
        def forward(self, x: Any) -> Any:
            return pb.stop_gradient(x) * x

    network = nn.Sequential(nn.Linear(2, 2), Hiding()).initialise(seed=0)
    data = [[1.0, 2.0]], [[0.5, 1.0]]
    found = pb.explain(network, data, "0.weight[0,0]", loss="mse")
    assert found.difference is not None
    assert found.difference.verdict == "differs"
    assert "stop_gradient in '1' has a rule of its own" in " ".join(str(found).split())


def test_a_dead_unit_says_why() -> None:
    found = one([-0.7], lambda x: (pb.relu(x) * 2.0).sum())
    assert found.gradient == 0
    assert [link.operation for link in found.links][-1] == ""
    assert "relu passes nothing on" in " ".join(str(found).split())


def test_the_loss_itself() -> None:
    z = pb.tensor(2.0, name="z")
    loss = z * 3.0
    found = pb.explain(loss, wrt=loss)
    assert found.gradient == found.total == 1
    assert found.adds_up
    assert "ADD UP" not in str(found)
    assert r"\begin{align*}" in found.to_latex()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("x[1,0]", "It is an input"),
        ("1.output[1,0]", "It is computed"),
        ("0.weight[0,0]", "gradient descent"),
        ("2.bias[0]", "frozen"),
    ],
)
def test_words_know_what_moves(place: str, said: str) -> None:
    network = nn.Sequential(nn.Linear(3, 4), "tanh", nn.Linear(4, 2)).initialise(seed=0)
    network["2"].freeze()
    x = np.random.default_rng(0).normal(size=(5, 3))
    found = pb.explain(network, (x, np.zeros((5, 2))), place, loss="mse")
    assert said in " ".join(str(found).split())


def per_row(network: nn.Module, data: Any, path: str) -> None:
    shape = network.parameters()[path].shape
    index = tuple(n - 1 for n in shape)
    place = f"{path}[{','.join(map(str, index))}]"
    found = pb.explain(network, data, place, loss="cross_entropy")
    if found.rows is None:
        return
    each = pb.per_sample_gradients(network, "cross_entropy", *data)[path]
    wanted = each[(slice(None), *index)] / len(data[0])
    np.testing.assert_allclose(found.rows, wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("rows", [3, 4, 5, 6, 8])
@pytest.mark.parametrize("name", ["dense", "normalised", "lenet", "tied", "transformer", "lstm"])
def test_rows_are_per_sample_gradients_whatever_the_shapes(name: str, rows: int) -> None:
    """Also where the batch has as many rows as a weight."""
    network, (x, y) = built(name, "float64")
    x = np.concatenate([x] * 3)[:rows] * np.linspace(1, 1.5, rows).reshape(-1, *(1,) * (x.ndim - 1))
    for path in network.parameters():
        per_row(network, (x, np.concatenate([y] * 3)[:rows]), path)


def test_rows_are_told_for_dense_layers() -> None:
    network, data = built("dense", "float64")
    assert pb.explain(network, data, "0.weight[0,0]", loss="cross_entropy").rows is not None


def test_rows_that_act_on_each_other_have_no_shares() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2)).initialise(seed=0)
    data = np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 1, 0, 1, 1, 0])
    for training in (True, False):
        found = pb.explain(network, data, "0.weight[0,0]", loss="cross_entropy", training=training)
        assert (found.rows is None) == training


def test_names_are_told_apart() -> None:
    network, data = built("transformer", "float32")
    found = pb.explain(network, data, "x[0,0,0]", loss="cross_entropy", open_fused=True)
    text = str(found)
    for line in text.splitlines():
        name, _, rest = line.strip().partition(" is ")
        assert not rest.startswith(f"{name},")


def test_arguments_of_the_other_form_are_refused() -> None:
    x = pb.tensor([1.0, 2.0], name="x")
    with pytest.raises(errors.ConfigError, match="place"):
        pb.explain((x * x).sum(), None, "x[0]", wrt=x)
    network, data = built("dense", "float32")
    with pytest.raises(errors.ConfigError, match="element"):
        pb.explain(network, data, "0.weight[0,0]", loss="mse", element=1)


@pytest.mark.parametrize("element", [1, np.int64(1), (1,), [1], -1])
def test_elements_are_given_in_several_ways(element: Any) -> None:
    x = pb.tensor([1.0, 2.0], name="x")
    assert pb.explain((x * x).sum(), wrt=x, element=element).place.index == (1,)


@pytest.mark.parametrize("element", [(0, 1), 2, 1.5, "1", (1.5,), None])
def test_odd_elements_are_refused(element: Any) -> None:
    x = pb.tensor([1.0, 2.0], name="x")
    with pytest.raises(errors.ShapeError, match="1 number"):
        pb.explain((x * x).sum(), wrt=x, element=element)


def balanced(written: str) -> bool:
    bare = written.replace(r"\{", "").replace(r"\}", "")
    words = re.sub(r"\\[a-zA-Z]+|\\_", "", bare)
    return bare.count("{") == bare.count("}") and not re.search(r"[A-Za-z]{2}_[A-Za-z]", words)


@pytest.mark.parametrize("name", sorted(registry()))
def test_formulas_of_every_operation_are_latex(name: str) -> None:
    sample = next(iter(registry()[name].samples()), None)
    if sample is None:
        return
    arrays = [x.draw(np.random.default_rng(0)) for x in sample.inputs]
    y = sample.build(*map(pb.tensor, arrays))
    while y.op.name != name:
        (y, *_) = y.inputs
    assert balanced(printing.formula(y, style="latex")), printing.formula(y, style="latex")
    for place, x in enumerate(y.inputs):
        if x.dtype.kind == "f" and y.op.differentiable:
            assert balanced(rule(y, place, "latex")), rule(y, place, "latex")


@pytest.mark.parametrize("name", NETWORKS)
def test_other_forms(name: str) -> None:
    network, data = built(name, "float32")
    path, parameter = next(iter(network.parameters().items()))
    place = f"{path}[{','.join('0' * parameter.ndim)}]"
    found = pb.explain(network, data, place, loss="cross_entropy")
    assert balanced(found.to_latex())
    assert "|---:" in found.to_markdown()
    page = found._repr_html_()
    assert page.count("<table>") == page.count("</table>")
    json.dumps(found.to_json(), allow_nan=False)
