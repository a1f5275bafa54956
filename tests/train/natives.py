"""Small trainings of every kind of layer, for tests of the native executor.

Large enough that the work of a step is shared among threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pullback as pb
from pullback import nn

Array = np.ndarray[Any, Any]


class EveryStep(pb.Callback):
    """Wants to be called after each step, so that none is taken together with others."""

    def on_step(self, session: Any) -> None:
        """Nothing to do."""


def pictures(rows: int) -> Array:
    return np.random.default_rng(0).normal(size=(rows, 12, 12, 3)).astype(np.float32)


def series(rows: int) -> Array:
    return np.random.default_rng(0).normal(size=(rows, 6, 24)).astype(np.float32)


def table(rows: int) -> Array:
    return np.random.default_rng(0).normal(size=(rows, 70)).astype(np.float32)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Array]]] = {
    "dense with dropout": (
        lambda: nn.dense(70, [310, 129], 5, activation="gelu", dropout=0.3),
        table,
    ),
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(16, 3), "relu", nn.MaxPool2d(2), nn.Conv2d(20, 3), "relu", nn.GlobalAvgPool(),
            nn.Linear(5),
        ),
        pictures,
    ),
    "lstm": (lambda: nn.Sequential(nn.LSTM(24, 70, last=True), nn.Linear(70, 5)), series),
    "transformer": (
        lambda: nn.Sequential(nn.TransformerBlock(24, 2), nn.Last(), nn.Linear(24, 5)),
        series,
    ),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(330), nn.BatchNorm(), "tanh", nn.Linear(5)),
        table,
    ),
}  # fmt: skip


def fitted(name: str, *, rows: int = 420, batch: int = 128, **settings: Any) -> pb.Run:
    """A training of the network of that name, natively."""
    make, draw = NETWORKS[name]
    x, y = draw(rows), np.random.default_rng(1).integers(0, 5, rows)
    given: dict[str, Any] = {"batch_size": batch, "steps": 5, "seed": 7, "optimizer": "adam"}
    given |= {"executor": "native", "progress": "none", "loss": "cross_entropy", **settings}
    return pb.fit(make(), (x, y), **given)


def weights(run: pb.Run) -> dict[str, bytes]:
    """The bits of weights and buffers."""
    return {k: v.numpy().tobytes() for k, v in run.network.state().items()}


def bits(run: pb.Run) -> dict[str, bytes]:
    """Those, and the losses of all steps."""
    return weights(run) | {"losses": np.array([s.loss for s in run.steps]).tobytes()}
