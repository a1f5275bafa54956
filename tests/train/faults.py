"""What the tests of origins have in common: data with one bad row, and small parts of networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pullback as pb

ROWS, BATCH = 48, 8
ROW = 35
STEP = ROW // BATCH + 1  # the fifth batch, when rows are not shuffled
PLACE = ROW % BATCH
STILL = pb.optim.SGD(1e-30)  # moves no weight, so that the numbers of a case are those it names

Function = Callable[[pb.Tensor], pb.Tensor]


@dataclass(frozen=True)
class Fault:
    """A training that must fail, and what must be said of it.

    Attributes:
        name: What is wrong.
        make: The network.
        operation: The one in which it arises.
        reason: The reason's words, without what follows them.
        what: `NaN` or `inf`.
        path: The layer.
        role: The pass.
        index: The element of the operation's value.
        because: What some sentence about where the number comes from must contain.
        advice: What the advice must contain.
        line: What the line of the source must contain, which is one of the table's files.
        bad: What stands in the row: a number in column 2, or all of it.
        good: What stands in the others.
        y: The targets.
        step: The step of the training, from 1.
        row: The row of the batch.
        settings: Those of `fit`.
    """

    name: str
    make: Callable[[], pb.nn.Module]
    operation: str
    reason: str
    what: str = "inf"
    path: str = "0"
    role: str = "forward"
    index: tuple[int, ...] | None = (PLACE, 2)
    because: tuple[str, ...] = ()
    advice: str = ""
    line: str = ""
    bad: Any = None
    good: Callable[[], np.ndarray] | None = None
    y: Callable[[], np.ndarray] | None = None
    step: int = STEP
    row: int | None = PLACE
    settings: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    loop_step: int | None = None

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Features with the bad row among the good ones, and targets."""
        x = table() if self.good is None else self.good()
        if self.bad is not None:
            x[(ROW, 2) if np.ndim(self.bad) == 0 else ROW] = self.bad
        return x, np.zeros((ROWS, 1), "float32") if self.y is None else self.y()


def table(columns: int = 4, *more: int) -> np.ndarray:
    """Numbers from 0.3 to 0.7, in which nothing can go wrong."""
    return np.random.default_rng(0).uniform(0.3, 0.7, (ROWS, columns, *more)).astype("float64")


class Apply(pb.nn.Module):
    """A function of the user's as a layer."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.function(x)


class Gain(pb.nn.Module):
    """A function of the input times weights of 1, so that it has a derivative to be needed."""

    def __init__(self, function: Function, features: int = 4) -> None:
        self.function = function
        self.gain = pb.nn.Parameter(features, pb.nn.initialisers.Ones())

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.function(x * self.gain)


def of(function: Function) -> Callable[[], pb.nn.Module]:
    """A network that begins with a function."""
    return lambda: pb.nn.Sequential(Apply(function), head())


def behind(function: Function) -> Callable[[], pb.nn.Module]:
    """A network that begins with a function behind weights."""
    return lambda: pb.nn.Sequential(Gain(function), head())


def head(outputs: int = 1) -> pb.nn.Module:
    """A last layer of small positive weights; its sizes are found."""
    return pb.nn.Linear(outputs, weight_init=constant(0.25), bias=False)


def constant(value: float) -> pb.nn.initialisers.Initialiser:
    return pb.nn.initialisers.Constant(value)
