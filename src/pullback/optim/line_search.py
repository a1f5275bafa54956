"""How far to go along a direction: a search for a point of the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pullback.graph.dtypes import Array

DECREASE, CURVATURE = 1e-4, 0.9


@dataclass(frozen=True)
class Trial:
    """A point on the line.

    Attributes:
        step: How far along the direction.
        value: The objective there; infinite where it is not finite.
        slope: Its derivative along the direction.
        gradient: Its gradient.
    """

    step: float
    value: float
    slope: float
    gradient: Array


Look = Callable[[float], Trial]


def strong_wolfe(
    look: Look, start: Trial, first: float, longest: float, smallest: float, most: int
) -> tuple[Trial, int]:
    r"""A point with $f(t) \le f(0) + c_1 t f'(0)$ and $|f'(t)| \le c_2 |f'(0)|$, if one is found.

    First an interval that holds such a point is looked for, by longer and longer steps; then it is
    made smaller, by the minima of cubics through both ends. A value that is not finite counts as
    too high, so that the search comes back from where the objective overflows.

    Args:
        look: Gives the trial at a step.
        start: The trial at 0, whose slope is negative.
        first: The first step that is tried.
        longest: The largest element of the direction.
        smallest: The interval is small enough when no weight would change by more within it.
        most: How many trials there may be.

    Returns:
        The best trial, and how many there were. It is `start` if none is better.

    References:
        J. Nocedal and S. Wright, 2006, "Numerical optimization", algorithms 3.5 and 3.6, with the
        safeguards of M. Schmidt's minFunc.
    """
    low, high, found, count = _bracketed(look, start, first, most)
    stuck = False
    while not found and count < most and abs(high.step - low.step) * longest >= smallest:
        step = _cubic_minimum(low, high)
        near, far = sorted((low.step, high.step))
        margin = 0.1 * (far - near)
        if min(far - step, step - near) < margin:  # at an end of the interval
            if stuck or step >= far or step <= near:
                step = far - margin if abs(step - far) < abs(step - near) else near + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        trial = look(step)
        count += 1
        if _is_high(trial, start) or trial.value >= low.value:
            high = trial
            continue
        found = abs(trial.slope) <= -CURVATURE * start.slope
        if not found and trial.slope * (high.step - low.step) >= 0:
            high = low
        low = trial
    return low, count


def _bracketed(look: Look, start: Trial, first: float, most: int) -> tuple[Trial, Trial, bool, int]:
    """The good and the bad end of an interval, whether the good one will do, and the trials."""
    before, trial, count = start, look(first), 1
    while not (_is_high(trial, start) or (count > 1 and trial.value >= before.value)):
        if abs(trial.slope) <= -CURVATURE * start.slope:
            return trial, trial, True, count
        if trial.slope >= 0:
            return trial, before, False, count
        if count >= most:
            return trial, trial, True, count
        bounds = trial.step + 0.01 * (trial.step - before.step), trial.step * 10
        step = _cubic_minimum(before, trial, bounds)
        before, trial = trial, look(step)
        count += 1
    return before, trial, False, count


def _is_high(trial: Trial, start: Trial) -> bool:
    """Whether the objective has not fallen enough there."""
    return not trial.value <= start.value + DECREASE * trial.step * start.slope


def _cubic_minimum(a: Trial, b: Trial, bounds: tuple[float, float] | None = None) -> float:
    """The minimum within bounds of the cubic with both trials' values and slopes.

    The middle of the bounds where there is no such minimum, or numbers are not finite.
    """
    a, b = (a, b) if a.step <= b.step else (b, a)
    least, most = bounds or (a.step, b.step)
    middle = (least + most) / 2
    if a.step == b.step or not math.isfinite(a.value + b.value + a.slope + b.slope):
        return middle
    first = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = first * first - a.slope * b.slope
    if square < 0:
        return middle
    root = math.sqrt(square)
    below = b.slope - a.slope + 2 * root
    if not below:
        return middle
    step = b.step - (b.step - a.step) * ((b.slope + root - first) / below)
    return float(np.clip(step, least, most)) if math.isfinite(step) else middle
