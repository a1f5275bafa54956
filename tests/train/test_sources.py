"""The lines that the operations of a training step are said to come from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import pullback as pb
from pullback.graph.dtypes import DEFAULT_FLOAT as F32
from pullback.train.step import Batch, Recipe

BATCH = Batch((("x", (4, 3), F32), ("y", (4, 2), F32)))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "sam", "lamb"])
@pytest.mark.parametrize("kind", ["training", "part", "gradient"])
def test_every_operation_of_a_step_comes_from_a_line_of_the_user(kind: str, optimizer: str) -> None:
    network = pb.nn.dense(3, [4], 2, dropout=0.1)
    recipe = Recipe(network, pb.losses.get("mse"), pb.optim.get(optimizer), ema=0.9, clip_norm=1)
    step = getattr(recipe, f"{kind}_step")(BATCH)
    sources = {node.origin.source for node in step.order}
    assert {source.file for source in sources if source} == {__file__}


def test_a_layer_is_named_by_the_line_that_made_it() -> None:
    layer, line = pb.nn.Linear(3, 2), sys._getframe().f_lineno
    layer.initialise(seed=0)
    y = layer(pb.tensor(np.ones((1, 3), np.float32)))
    assert y.origin.source is not None
    assert y.origin.source.line == line
    assert y.origin.source.function == "test_a_layer_is_named_by_the_line_that_made_it"
