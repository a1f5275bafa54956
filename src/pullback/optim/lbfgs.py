"""L-BFGS: steps by the curvature that past gradients show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.dtypes import Array, Dtype
from pullback.named import register
from pullback.optim.driver import Driver, Evaluate, NonFinitePointError
from pullback.optim.line_search import Look, Trial, strong_wolfe

SEARCHES = ("strong_wolfe", "none")


@register
class LBFGS(Driver):
    r"""L-BFGS: Newton's method with the curvature of the last few steps, for full batches.

    Each iteration goes along $d = -H g$, where H is the inverse Hessian that the last m pairs of
    steps $s_i$ and changes of the gradient $y_i$ imply (two loops, $O(m n)$), from the multiple
    $(s^\top y) / (y^\top y)$ of the identity. The length is found by a line search for the strong
    Wolfe conditions, from $\eta$ on (the first time from $\eta / \sum |g|$, if that is shorter).

    One step of the training makes up to `iterations` iterations on its batch, with the same dropout
    throughout. The batch should hold all rows: curvature measured on different rows means little.
    Weight decay adds $\tfrac12 \lambda \lVert w \rVert^2$ to the objective.

    Args:
        learning_rate: $\eta$, above 0: where the line search begins, or the whole step without it.
        iterations: How many iterations a step makes, at most.
        evaluations: After how many evaluations of the objective a step ends, give or take one;
            1.25 times `iterations` when None.
        gradient_tolerance: A step ends when no element of the gradient is larger; at least 0.
        change_tolerance: A step ends when no weight, or the objective, changes by more; at least 0.
        history: m, how many pairs are kept; it takes 2 m times the memory of the parameters.
        line_search: "strong_wolfe", or "none" for steps of length $\eta$.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Weight decay that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range, or a layer with a rate of its own: the direction
            belongs to all parameters together.

    References:
        D. C. Liu and J. Nocedal, 1989, "On the limited memory BFGS method for large scale
        optimization".

    Example:
        >>> import numpy as np, pullback as pb
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> run = pb.fit(pb.nn.Linear(1, 1), (x, 3 * x - 1), optimizer="lbfgs", loss="mse",
        ...              batch_size=20, epochs=2)
        >>> bool(run.losses[-1] < 1e-6)
        True
    """

    name: ClassVar[str] = "lbfgs"
    aliases: ClassVar[tuple[str, ...]] = ("l_bfgs",)
    learning_rate: float = 1.0
    iterations: int = 20
    evaluations: int | None = None
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9
    history: int = 10
    line_search: str = "strong_wolfe"

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_whole("iterations", least=1)
        if self.evaluations is not None:
            self.check_whole("evaluations", least=1)
        self.check_number("gradient_tolerance", least=0)
        self.check_number("change_tolerance", least=0)
        self.check_whole("history", least=1)
        if self.line_search not in SEARCHES:
            raise ConfigError(
                "line_search of lbfgs must be 'strong_wolfe' or 'none'",
                repr(self.line_search),
                "Its default is 'strong_wolfe'.",
            )
        if any("learning_rate" in own for own in (self.layers or {}).values()):
            raise ConfigError(
                "lbfgs has one learning rate: its direction belongs to all parameters together",
                f"layers={self.layers!r}",
                "Leave the learning rates out, or freeze the layer: parameter.trainable = False.",
            )

    def memory(self, size: int, dtype: Dtype) -> dict[str, Array]:
        """Pairs, the last direction, its length, the gradient before it, and counts."""
        pairs = np.zeros((self.history, size), dtype)
        vector, number = np.zeros(size, dtype), np.zeros(())
        count = np.zeros((), np.int64)
        return {
            "changes": pairs,
            "steps": pairs,
            "direction": vector,
            "gradient": vector,
            "length": number,
            "scale": np.ones(()),
            "pairs": count,
            "iterations": count,
        }

    def drive(
        self, evaluate: Evaluate, point: Array, memory: Mapping[str, Array], rate: float
    ) -> tuple[Array, dict[str, Array]]:
        """Up to `iterations` iterations from a point."""
        past = {name: array.copy() for name, array in memory.items()}
        most = self.evaluations or max(self.iterations * 5 // 4, 1)
        here = _evaluated(evaluate, point)
        count, number = 1, 0
        while number < self.iterations and not self._is_flat(here.gradient):
            number += 1
            past["iterations"] += 1
            direction = self._direction(here.gradient, past)
            slope = float(here.gradient @ direction)
            first = rate
            if past["iterations"] == 1:
                first = min(1.0, 1.0 / float(np.abs(here.gradient).sum())) * rate
            past["gradient"], past["length"][...] = here.gradient, first
            if slope > -self.change_tolerance:
                break
            start = Trial(0.0, here.value, slope, here.gradient)
            look = _line(evaluate, point, direction)
            if self.line_search == "strong_wolfe":
                longest = float(np.abs(direction).max())
                left = most - count + 1
                found, trials = strong_wolfe(
                    look, start, first, longest, self.change_tolerance, left
                )
            elif number == self.iterations:  # the next step looks there, on its own batch
                found, trials = Trial(first, math.inf, math.nan, here.gradient), 0
            else:
                found, trials = _finite(look(first), point, direction), 1
            count += trials
            past["length"][...] = found.step
            moved = float(np.abs(found.step * direction).max())
            point = (point + found.step * direction).astype(point.dtype)
            before, here = here, found
            change = abs(here.value - before.value)
            if count >= most or moved <= self.change_tolerance or change < self.change_tolerance:
                break
        return point, past

    def _is_flat(self, gradient: Array) -> bool:
        return not gradient.size or float(np.abs(gradient).max()) <= self.gradient_tolerance

    def _direction(self, gradient: Array, past: dict[str, Array]) -> Array:
        """The two loops, after the newest pair has been added to `past`."""
        if past["iterations"] == 1:
            past["direction"] = -gradient
            return past["direction"]
        change = gradient - past["gradient"]
        step = (past["direction"] * float(past["length"])).astype(gradient.dtype)
        curvature = float(change @ step)
        if curvature > 1e-10:
            self._remember(past, change, step)
            past["scale"][...] = curvature / float(change @ change)
        count = int(past["pairs"])
        changes, steps = past["changes"], past["steps"]
        inverse = [1.0 / float(changes[i] @ steps[i]) for i in range(count)]
        along, weights = -gradient, [0.0] * count
        for i in reversed(range(count)):
            weights[i] = float(steps[i] @ along) * inverse[i]
            along = along - weights[i] * changes[i]
        along = float(past["scale"]) * along
        for i in range(count):
            back = float(changes[i] @ along) * inverse[i]
            along = along + (weights[i] - back) * steps[i]
        past["direction"] = along.astype(gradient.dtype)
        return past["direction"]

    def _remember(self, past: dict[str, Array], change: Array, step: Array) -> None:
        """Add a pair; the oldest one makes room."""
        count = int(past["pairs"])
        for name, new in (("changes", change), ("steps", step)):
            if count == self.history:
                past[name][:-1] = past[name][1:]
            past[name][min(count, self.history - 1)] = new
        past["pairs"][...] = min(count + 1, self.history)


def _evaluated(evaluate: Evaluate, point: Array) -> Trial:
    """The objective at the point where a step begins."""
    still = np.zeros_like(point)
    return _finite(_line(evaluate, point, still)(0.0), point, still)


def _line(evaluate: Evaluate, point: Array, direction: Array) -> Look:
    """The objective along a direction; infinite where it or its gradient is not finite."""

    def look(step: float) -> Trial:
        value, gradient = evaluate((point + step * direction).astype(point.dtype))
        if not math.isfinite(value) or not np.isfinite(gradient).all():
            return Trial(step, math.inf, math.nan, gradient)
        return Trial(step, value, float(gradient @ direction), gradient)

    return look


def _finite(trial: Trial, point: Array, direction: Array) -> Trial:
    if not math.isfinite(trial.value):
        raise NonFinitePointError((point + trial.step * direction).astype(point.dtype))
    return trial
