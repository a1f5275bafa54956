"""`pb.formula`: the passes of a network as equations."""

from __future__ import annotations

import pytest

import pullback as pb
from tests.insight.test_fidelity import NETWORKS, built


def test_a_dense_network_in_matrices() -> None:
    network = pb.nn.Sequential(pb.nn.Linear(3, 4), "tanh", pb.nn.Linear(4, 2)).initialise()
    found = pb.formula(network, ([[1.0, 2.0, 3.0]], [[0.0, 1.0]]), loss="mse")
    assert found.forward["0.output"] == "x @ 0.weight + 0.bias"
    assert found.forward["1.output"] == "tanh(0.output)"
    assert found.backward["loss_bar"] == "1"
    assert found.backward["2.weight_bar"] == "1.output^T @ 2.output_bar"
    assert found.backward["1.output_bar"] == "2.output_bar @ 2.weight^T"
    assert found.backward["0.output_bar"] == "1.output_bar * (1 - 1.output^2)"
    assert found.backward["0.weight_bar"] == "x^T @ 0.output_bar"
    assert "y_bar" not in found.backward


def test_latex_escapes_names() -> None:
    network = pb.nn.Sequential(pb.nn.LSTM(2, 3), pb.nn.Linear(3, 1)).initialise()
    found = pb.formula(network, ([[[1.0, 2.0]]], [[[1.0]]]), loss="mse", latex=True)
    assert r"\mathtt{1.weight}" in found.forward["1.output"]
    assert "_weight}" not in "".join(found.backward.values()).replace(r"\_", "")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_place_has_its_equations(name: str) -> None:
    network, data = built(name, "float32")
    found = pb.formula(network, data, loss="cross_entropy")
    seen = pb.trace_step(network, data, loss="cross_entropy")
    # A place may have several names: what a block gives is what its last layer gives.
    have = {node for p, node in seen.subject.places.items() if seen[p].cotangent is not None}
    assert len(found.backward) == len(have)
    assert max(map(len, str(found).splitlines())) <= 100
