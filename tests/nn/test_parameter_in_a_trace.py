"""A parameter's value is not taken out of a step that is being traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import TraceError
from pullback.nn.parameter import Parameter


class Scaled(pb.nn.Module):
    """A dense layer divided by the length of its weights, which `length` finds."""

    def __init__(self, length: Callable[[Parameter], Any]) -> None:
        super().__init__()
        self.dense = pb.nn.Linear(2, 1)
        self.length = length

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.dense(x) / self.length(self.dense.weight)


X = np.random.default_rng(0).normal(size=(16, 2))


@pytest.mark.parametrize(
    "length",
    [
        lambda w: np.linalg.norm(w),
        lambda w: np.sqrt((w.numpy() ** 2).sum()),
        lambda w: float(np.asarray(w).max()),
    ],
)
def test_a_value_taken_out_is_refused(length: Callable[[Parameter], Any]) -> None:
    """It would be a constant of the step: silently frozen, with a derivative that lacks a term."""
    network = Scaled(length)
    with pytest.raises(TraceError, match=r"test_parameter_in_a_trace\.py:\d+"):
        pb.fit(network, (X, X[:, :1]), epochs=1, validation=None)


def test_operations_on_the_parameter_and_values_outside_are_fine() -> None:
    network = Scaled(pb.norm)
    pb.fit(network, (X, X[:, :1]), epochs=1, validation=None)
    assert network.dense.weight.numpy().shape == np.asarray(network.dense.weight).shape
