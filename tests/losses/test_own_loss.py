"""A loss of the user's own."""

import pytest

import pullback as pb
from pullback.errors import ShapeError


class LogCosh(pb.losses.Loss):
    """ln cosh of the difference, which would broadcast by itself."""

    name, task = "log_cosh", "regression"

    def per_row(self, outputs, targets):
        return pb.log(pb.cosh(outputs - targets)).mean(axis=1)


def test_an_own_loss_never_broadcasts_in_silence():
    outputs = pb.tensor([[1.0], [2.0]])
    assert LogCosh()(outputs, pb.tensor([[1.0], [2.0]])).item() == 0
    with pytest.raises(ShapeError, match="nothing is broadcast"):
        LogCosh()(outputs, pb.tensor([1.0, 2.0]))
