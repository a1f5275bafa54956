"""The pictures of the reference: activations with their derivatives, schedules over a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from docs.drawing import Axis, Curve, svg

import pullback as pb
from pullback.nn.activations import Activation
from pullback.optim import ReduceOnPlateau
from pullback.optim.schedules import Schedule
from pullback.train.plateau import Plateau

STEPS = 100

# What acts on a whole row is drawn for rows with x in the first place.
ROWS: dict[str, tuple[str, Callable[[pb.Tensor], list[pb.Tensor]]]] = {
    "glu": ("rows (x, x)", lambda x: [x, x]),
    "log_softmax": ("rows (x, 0)", lambda x: [x, 0 * x]),
    "softmax": ("rows (x, 0)", lambda x: [x, 0 * x]),
    "sparsemax": ("rows (x, 0)", lambda x: [x, 0 * x]),
}


def activation_picture(name: str, cls: type[Activation]) -> str:
    """The function and its derivative, from -5 to 5 (softmax and its like: the first output)."""
    xs = -5 + 10 * (np.arange(200) + 0.5) / 200  # without 0, where derivatives jump
    layer = cls().initialise(seed=0)
    x = pb.tensor(xs, "float64")
    said, row = ROWS.get(name, ("", None))
    y = layer(pb.stack(row(x), axis=1))[:, 0] if row else layer(x)
    (x_bar,) = pb.gradient(y.sum(), [x])
    ys, slopes = y.numpy(), x_bar.numpy()
    low = max(-5, math.floor(min(ys.min(), slopes.min(), -0.5)))
    high = min(5, math.ceil(max(ys.max(), slopes.max(), 1.2)))
    return svg(
        f"{name} and its derivative",
        Axis("x" + (f", for {said}" if said else ""), -5, 5, range(-4, 5, 2)),
        Axis("", low, high, range(low, high + 1)),
        [
            Curve(name, list(zip(xs, ys, strict=True)), jump=0.3),
            Curve("derivative", list(zip(xs, slopes, strict=True)), jump=0.2),
        ],
    )


def schedule_picture(name: str, cls: type[Schedule]) -> str:
    """The factor of the learning rate at each of 100 steps."""
    schedule = cls()
    if isinstance(schedule, ReduceOnPlateau):
        factors, unit = _on_plateau(schedule), "epoch; the loss falls up to the 20th"
    else:
        factors = [schedule(step, STEPS).item() for step in range(1, STEPS + 1)]
        unit = "step"
    points = list(zip(range(1, STEPS + 1), factors, strict=True))
    return svg(
        f"{name}: the factor of the learning rate",
        Axis(unit, 0, STEPS, range(0, STEPS + 1, 20)),
        Axis("factor", 0, 1.1, (0, 0.25, 0.5, 0.75, 1)),
        [Curve(name, points)],
    )


def _on_plateau(schedule: ReduceOnPlateau) -> list[float]:
    """The factor at each epoch of a run whose loss falls for 20 epochs and then stays."""
    rule, factor, found = Plateau(schedule, "validation.loss", "lower"), 1.0, []
    for epoch in range(1, STEPS + 1):
        found.append(factor)
        if rule.update(1 / min(epoch, 20)):
            factor = rule.lowered(factor, 1.0)
    return found
