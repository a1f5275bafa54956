"""A layer, a loss, a metric and a callback of one's own.

The task: predict a number from measurements with a few wild outliers. The loss is the logarithm of
the hyperbolic cosine, which is square near zero and straight far out; the layer multiplies pairs
of features, which a linear layer cannot.
"""

from __future__ import annotations

import numpy as np

import pullback as pb


class Products(pb.nn.Module):
    """Weighted sums, and products of weighted sums."""

    def __init__(self, in_features: int, out_features: int) -> None:
        self.left = pb.nn.Linear(in_features, out_features)
        self.right = pb.nn.Linear(in_features, out_features)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.left(x) * self.right(x)


class LogCosh(pb.losses.Loss):
    """ln cosh of the error, without overflow: |d| + softplus(-2 |d|) - ln 2."""

    name, task = "log_cosh", "regression"

    def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
        d = pb.abs(outputs - targets)
        return (d + pb.softplus(-2 * d) - np.log(2)).mean(axis=1)


def within_a_tenth(predictions: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows that are off by less than 0.1."""
    return float((abs(predictions - targets) < 0.1).mean())


class Watch(pb.Callback):
    """Prints a line every five epochs, and stops when nearly all rows are right."""

    def on_epoch(self, session: object) -> None:
        near = session.values["validation.within_a_tenth"]
        if session.epoch % 5 == 0:
            print(f"epoch {session.epoch:3}  within a tenth: {near:.3f}")
        if near >= 0.95:
            session.stop("95 % of the rows are within a tenth")


random = np.random.default_rng(0)
X = random.uniform(-1, 1, (500, 3))
y = X[:, :1] * X[:, 1:2] - X[:, 2:]  # (rows, 1), as the network's outputs
y[::25] += random.normal(0, 10, (20, 1))  # outliers

network = pb.nn.Sequential(Products(3, 8), pb.nn.Linear(8, 1))
run = pb.fit(
    network,
    (X, y),
    validation=0.2,
    loss=LogCosh(),
    metrics=["mae", within_a_tenth],
    callbacks=[Watch()],
    epochs=200,
)
print(run)
