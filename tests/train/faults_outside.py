"""Sources of NaN and inf in updates, data and state, and the same faults on other roads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import pullback as pb
from tests.train.faults import PLACE, ROW, ROWS, Fault, behind, constant, head, of

BEYOND = "beyond 3.4e+38, the largest float32"


def line() -> pb.nn.Module:
    """One layer without a bias: rows of zeros give no gradient."""
    return pb.nn.Sequential(pb.nn.Linear(1, weight_init=constant(0.25), bias=False))


def zeros() -> np.ndarray:
    return np.zeros((ROWS, 4))


def gradient_of(size: float) -> dict[str, Any]:
    """What makes the mean absolute error have that gradient in one weight, in one batch only."""
    return {"good": zeros, "bad": [0, 0, 8 * size, 0], "index": (2, 0), "row": None}


UPDATES = [
    Fault(
        "a rate that is too large", line, "mul", f"mul: 1e+38 * 125, {BEYOND}", role="update",
        settings={"optimizer": pb.optim.SGD(1e38), "loss": "mae"}, advice="Lower the learning rate",
        because=(
            "the 1e+38 is state 'learning_rate'", "it is for the new value of '0.weight'",
            "the gradient there is 125",
        ),
        **gradient_of(125),
    ),
    Fault(
        "a square that Adam remembers", line, "square", f"square: 1e+25^2, {BEYOND}",
        role="update", settings={"optimizer": pb.optim.Adam(1e-9), "loss": "mae"},
        because=("for the new value of 'optimizer/0.weight.square'", "the gradient there is 1e+25"),
        advice="Lower the learning rate", **gradient_of(1e25),
    ),
    Fault(
        "a square that RMSprop remembers", line, "square", f"square: 1e+25^2, {BEYOND}",
        role="update", settings={"optimizer": pb.optim.RMSprop(1e-9), "loss": "mae"},
        because=("for the new value of 'optimizer/0.weight.",), **gradient_of(1e25),
    ),
    Fault(
        "a rate that a schedule raises", line, "mul", f"mul: 2.4e+38 * (-1.5), {BEYOND}",
        role="update",
        good=lambda: np.full((ROWS, 1), 1.5), step=8, index=(0, 0), row=None,
        settings={
            "optimizer": pb.optim.SGD(3e38, schedule=pb.optim.WarmUp(steps=10)), "loss": "mae",
            "batch_size": 1,
        },
        because=("the new value of '0.weight'", "the gradient there is -1.5"),
    ),
]  # fmt: skip


def poison(step: int, change: Callable[[Any], None]) -> list[pb.Callback]:
    """Changes something behind the training's back, so that the step of that number meets it."""

    class Poison(pb.Callback):
        def on_step(self, session: Any) -> None:
            if session.step == step - 1:
                change(session)

        def on_stop(self, session: Any) -> None:
            for array in session.parts.train.arrays.values():  # its rows are scored in the end
                array[ROW] = 0

    return [Poison()]


def put(label: str, place: tuple[int, ...], number: float) -> Callable[[Any], None]:
    """Puts a number into a slot of the state."""

    def change(session: Any) -> None:
        value = session.state[label].copy()
        value[place] = number
        session.state[label] = value

    return change


def in_data(label: str, place: tuple[int, ...], number: float) -> Callable[[Any], None]:
    """Puts a number into the training data."""

    def change(session: Any) -> None:
        session.parts.train.arrays[label][place] = number

    return change


OUTSIDE = [
    Fault(
        "NaN in the data", line, "feed 'x'", "feed 'x' holds it", "NaN", path="",
        settings={"callbacks": poison(2, in_data("x", (ROW, 2), np.nan))},
        advice=f"Check the data: feed 'x', row {PLACE}",
    ),
    Fault(
        "inf in the targets", line, "feed 'y'", "feed 'y' holds it", path="", index=(PLACE, 0),
        settings={"callbacks": poison(2, in_data("y", (ROW, 0), np.inf))},
        advice=f"Check the data: feed 'y', row {PLACE}",
    ),
    Fault(
        "inf in a weight", line, "state '0.weight'", "state '0.weight' held it before the step",
        step=3, index=(1, 0), row=None, advice="Give state '0.weight' finite numbers",
        settings={"callbacks": poison(3, put("0.weight", (1, 0), np.inf))},
    ),
    Fault(
        "NaN in a moment", line, "state 'optimizer/0.weight.mean'",
        "state 'optimizer/0.weight.mean' held it before the step", "NaN", step=4, index=(2, 0),
        row=None, role="update", settings={
            "optimizer": pb.optim.Adam(1e-9),
            "callbacks": poison(4, put("optimizer/0.weight.mean", (2, 0), np.nan)),
        },
    ),
    Fault(
        "NaN in a running statistic",
        lambda: pb.nn.Sequential(pb.nn.BatchNorm(4), head()), "state '0.running_mean'",
        "state '0.running_mean' held it before the step", "NaN", step=4, index=(2,), row=None,
        settings={"callbacks": poison(4, put("0.running_mean", (2,), np.nan))},
    ),
]  # fmt: skip

LOG = Fault("log", of(lambda x: pb.log(x)), "log", "log of 0, defined above 0", bad=0)
ROOT = Fault(
    "root", behind(lambda x: pb.sqrt(x)), "reciprocal",
    "reciprocal: 1 / 0, a division by 0, in the derivative of sqrt at 0", role="backward", bad=0,
)  # fmt: skip

ROADS = [
    replace(LOG, name="in parts of a batch", index=(0, 2), settings={"accumulate": 3}),
    replace(ROOT, name="backwards, in parts of a batch", settings={"accumulate": 2}),
    replace(LOG, name="with L-BFGS", settings={"optimizer": pb.optim.LBFGS(1e-9)}),
    replace(LOG, name="with SAM", settings={"optimizer": pb.optim.SAM(1e-30)}),
    replace(LOG, name="with clipping and an average", settings={"clip_norm": 1.0, "ema": 0.9}),
    replace(
        LOG, name="in float64", make=of(lambda x: pb.exp(x)), dtype="float64", bad=1000,
        operation="exp", reason="exp of 1000, which overflows float64 above 709.7",
    ),
    replace(
        LOG, name="a square in float64", make=of(lambda x: pb.square(x)), dtype="float64",
        bad=1e200, operation="square",
        reason="square: 1e+200^2, beyond 1.8e+308, the largest float64",
    ),
    replace(ROOT, name="backwards in float64", dtype="float64"),
]  # fmt: skip
