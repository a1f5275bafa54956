"""What depends on the step alone is traced once, however many parameters there are."""

from __future__ import annotations

import pytest

import pullback as pb
from pullback.graph.dtypes import DEFAULT_FLOAT as F32
from pullback.graph.order import topological
from pullback.train.step import Batch, Recipe


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lamb"])
def test_a_further_parameter_adds_no_correction(optimizer: str) -> None:
    def corrections(layers: int) -> int:
        network = pb.nn.Sequential(*[pb.nn.Linear(3, 3) for _ in range(layers)])
        recipe = Recipe(network, pb.losses.get("mse"), pb.optim.get(optimizer))
        step = recipe.training_step(Batch((("x", (4, 3), F32), ("y", (4, 3), F32))))
        return sum(node.op.name == "expm1" for node in topological(step.assigns.values()))

    assert corrections(1) == corrections(5) == 2
