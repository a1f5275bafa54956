"""`pb.explain`: what it says, and what bad input gets."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import errors, nn


def network() -> tuple[nn.Module, tuple[Any, Any]]:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 3)).astype("float32"), random.integers(0, 2, 8)
    return nn.Sequential(nn.Linear(3, 4), "tanh", nn.Linear(4, 2)).initialise(seed=0), (x, y)


def explained(place: str, **settings: Any) -> pb.Derivation:
    made, data = network()
    return pb.explain(made, data, place, loss="cross_entropy", **settings)


def test_terms_are_what_the_chain_rule_says() -> None:
    """Of x = [0.5, -1, 2] and the sum of tanh(x)^2: 2 tanh(x) (1 - tanh(x)^2)."""
    x = pb.tensor([0.5, -1.0, 2.0], name="x")
    found = pb.explain((pb.tanh(x) ** 2).sum(), wrt=x, element=1)
    y = np.tanh(-1.0)
    first, second = found.links[:2]
    assert [link.operation for link in found.links] == ["tanh", "power", "sum", ""]
    assert first.largest()[0].local == pytest.approx(1 - y * y, rel=1e-6)
    assert second.largest()[0].local == pytest.approx(2 * y, rel=1e-6)
    assert found.gradient == pytest.approx(2 * y * (1 - y * y), rel=1e-6)
    assert first.formula == "y_bar * (1 - y^2)"


def test_a_weight_has_a_term_for_each_row() -> None:
    found = explained("0.weight[1,2]")
    _, (x, _) = network()
    assert found.links[0].count == 8
    np.testing.assert_allclose(found.links[0].sums[0].local, x[:, 1], rtol=1e-6)
    assert found.rows is not None
    assert found.rows.sum() == pytest.approx(found.gradient, rel=1e-5)


def test_rows_are_per_sample_gradients() -> None:
    found = explained("0.weight[1,2]")
    made, (x, y) = network()
    each = pb.per_sample_gradients(made, "cross_entropy", x, y)["0.weight"][:, 1, 2]
    np.testing.assert_allclose(found.rows, each / 8, rtol=1e-4, atol=1e-8)


def test_outputs_of_layers_have_gradients_too() -> None:
    found = explained("1.output[3,0]")
    assert found.place.name == "1.output"
    assert found.links[-1].place.name == "loss"


def test_a_weight_that_is_used_twice_has_a_sum_for_each_use() -> None:
    x = pb.tensor(2.0, name="x")
    found = pb.explain(x * x + x, wrt=x)
    assert found.gradient == 5
    assert sorted(t.value for t in found.links[0].largest(5)) == [1, 2, 2]


def test_a_loop_is_opened_step_by_step() -> None:
    made = nn.Sequential(nn.LSTM(2, 3, last=True), nn.Linear(3, 2)).initialise(seed=0)
    x, y = np.random.default_rng(0).normal(size=(4, 5, 2)), np.array([0, 1, 1, 0])
    place = next(p for p in made.parameters() if p.startswith("0.") and "weight" in p)
    found = pb.explain(made, (x, y), f"{place}[0,0]", loss="cross_entropy")
    assert any(link.time is not None for link in found.links)
    assert found.error < 1e-4


def test_a_fused_operation_opens_into_its_definition() -> None:
    shut, opened = explained("2.bias[0]"), explained("2.bias[0]", open_fused=True)
    assert "cross_entropy_with_logits" in [link.operation for link in shut.links]
    assert "cross_entropy_with_logits" not in [link.operation for link in opened.links]
    assert opened.total == pytest.approx(shut.total, rel=1e-6)


def test_a_kink_is_recognised() -> None:
    x = pb.tensor([0.0, 1.0], name="x")
    found = pb.explain(pb.relu(x).sum(), wrt=x, element=0)
    assert found.gradient == 0
    assert found.difference is not None
    assert found.difference.slopes == pytest.approx((0, 1))
    assert "kink" in str(found)


def test_a_wrong_rule_is_seen() -> None:
    cube = pb.custom_derivative(lambda x: x * x * x, lambda y_bar, y, x: 2 * x * x * y_bar)
    x = pb.tensor(2.0, name="x")
    found = pb.explain(cube(x) * 1.0, wrt=x)
    assert found.gradient == 8
    assert found.difference is not None
    assert not found.difference.agrees
    assert "DIFFERS" in str(found)


def test_words_say_which_way_and_who() -> None:
    text = str(explained("0.weight[1,2]", learning_rate=0.1))
    said = " ".join(text.split())
    assert "gradient descent makes it" in said
    assert "Of 8 rows" in said
    assert "at a learning rate of 0.1" in said
    assert max(map(len, text.splitlines())) <= 100


def test_json_holds_what_the_text_says() -> None:
    found = explained("0.weight[1,2]")
    read = json.loads(json.dumps(found.to_json()))
    assert read["gradient"] == found.gradient
    assert read["place"] == {"name": "0.weight", "index": [1, 2]}
    assert len(read["links"]) == len(found.links)
    assert read["links"][0]["count"] == 8


BAD = {
    "no such place": ("0.wieght[0,0]", errors.UnknownNameError, "0.weight"),
    "out of range": ("0.weight[3,0]", errors.ShapeError, "0 to (2, 3)"),
    "too few numbers": ("0.weight[1]", errors.ShapeError, "2 numbers"),
    "no index": ("0.weight", errors.ShapeError, "no index"),
    "no numbers": ("0.weight[a,b]", errors.ConfigError, "0.weight[3,7]"),
    "no end": ("0.weight[1,2", errors.ConfigError, "0.weight[3,7]"),
    "labels": ("y[0]", errors.DifferentiationError, "real"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_places_are_refused(name: str) -> None:
    place, kind, said = BAD[name]
    with pytest.raises(kind) as caught:
        explained(place)
    assert said in str(caught.value)


def test_both_forms_say_what_they_need() -> None:
    made, data = network()
    with pytest.raises(errors.ConfigError, match="no loss"):
        pb.explain(made, data, "0.weight[0,0]")
    with pytest.raises(errors.ConfigError, match="wrt"):
        pb.explain(pb.tensor(1.0))
    with pytest.raises(errors.ConfigError, match="values"):
        pb.explain(nn.Linear(2, 1), ([[1.0, 2.0]], [[1.0]]), "weight[0,0]", loss="mse")
    with pytest.raises(errors.ConfigError, match="network"):
        pb.explain("a run", data, "0.weight[0,0]", loss="mse")
    x = pb.tensor([1.0, 2.0])
    with pytest.raises(errors.DifferentiationError, match="one real number"):
        pb.explain(x * x, wrt=x, element=0)
