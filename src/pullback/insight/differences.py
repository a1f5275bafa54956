"""Finite differences of a scalar along one element, in float64, kinks recognised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.graph.order import depends_on, topological
from pullback.insight.columns import Index
from pullback.insight.derivation import Difference
from pullback.insight.subject import Subject
from pullback.insight.values import exact, exactly
from pullback.ops.comparison import StopGradient
from pullback.ops.custom import CustomDerivative

_STEP = 1e-5  # of the size of the value that is moved
_FINER = 16  # so many times smaller is the step that tells a kink from curvature
_NEAR = 1e-6  # of the gradient
_ROUNDING = 1e-11  # of the scalar, over the size of the value that is moved


class Along:
    """The scalar as a function of a shift of one element, in float64.

    What does not depend on the element is not computed again.
    """

    def __init__(
        self, subject: Subject, target: Node, index: Index, values: Mapping[Node, Array]
    ) -> None:
        order = topological([subject.loss])
        active = depends_on(order, [target])
        self.again = [n for n in order if n in active and n is not target]
        self._loss, self._target, self._index = subject.loss, target, index
        self._values = values

    @property
    def size(self) -> float:
        """How large the number is that is moved: itself, or about all of its array."""
        value = self._values[self._target]
        root = float(np.sqrt(np.mean(np.square(value))))
        return max(abs(float(value[self._index])), root, 1e-3)

    def __call__(self, shift: float) -> float:
        values = dict(self._values)
        values[self._target] = values[self._target].copy()
        values[self._target][self._index] += shift
        with np.errstate(all="ignore"):
            for node in self.again:
                values[node] = exactly(node, values)
        return float(values[self._loss].ravel()[0])


def compared(subject: Subject, target: Node, bar: Node, index: Index) -> Difference:
    """The finite difference beside the gradient.

    A central difference of order 2, and the slopes of the two sides, with two steps. Where the
    slopes stay apart as the step becomes smaller there is a kink; where the change of value does
    not shrink with the step, a jump.

    Args:
        subject: The scalar.
        target: With respect to which node.
        bar: The gradient with respect to it.
        index: Of which element.
    """
    values = exact([subject.loss, bar, target], subject.values)
    gradient = float(values[bar][index])
    along = Along(subject, target, index, values)
    here, h = along(0.0), _STEP * along.size
    if not np.isfinite([gradient, here]).all():
        return Difference(float("nan"), gradient, "differs")
    low, high, change = _slopes(along, here, h)
    found = (low + high) / 2
    noise = _ROUNDING * abs(here) / along.size
    near = _NEAR * max(abs(gradient), abs(found)) + noise
    fine, own = h / _FINER, 1e-3 * abs(float(values[target][index]))
    if 0 < own < h:  # a small number among larger ones: a pole or a kink at 0 may be near
        slope = sum(_slopes(along, here, own)[:2]) / 2
        if abs(slope - gradient) <= 10 * _NEAR * abs(gradient):
            return Difference(slope, gradient, "agrees")
    if high != low and abs(high - low) > 1e-3 * max(abs(high), abs(low)) + 10 * noise:
        low2, high2, change2 = _slopes(along, here, fine)
        if abs(change2) > 0.5 * abs(change) > 1e-8 * max(abs(here), 1e-8):
            return Difference(found, gradient, "jump")
        if abs(high2 - low2) > 0.5 * abs(high - low):
            slack = 1e-4 * max(abs(low2), abs(high2)) + _FINER * noise
            inside = min(low2, high2) - slack <= gradient <= max(low2, high2) + slack
            verdict = "kink" if inside else "differs"
            return Difference(found, gradient, verdict, (low2, high2), fine, _hidden(along))
        found = (low2 + high2) / 2  # a kink beside, or much curvature: the finer step is past it
        near = _NEAR * max(abs(gradient), abs(found)) + _FINER * noise
    lost = noise > 0.01 * max(abs(gradient), abs(found))
    if abs(found - gradient) <= near:
        return Difference(found, gradient, "small" if lost and noise else "agrees")
    # Of short steps rounding errors are large, of long ones the curvature: others are tried.
    others = [sum(_slopes(along, here, k * h)[:2]) / 2 for k in (8, 64)]
    others = [d for d in (found, *others) if np.isfinite(d)] or [found]
    best = min(others, key=lambda d: abs(d - gradient))
    if abs(best - gradient) <= _NEAR * max(abs(gradient), abs(best)) + noise:
        return Difference(best, gradient, "small" if lost else "agrees")
    spread = max(abs(found - other) for other in others)
    if abs(best - gradient) <= 3 * spread and abs(gradient) <= 1e3 * spread:
        return Difference(best, gradient, "small")
    return Difference(best, gradient, "differs", hidden=_hidden(along))


def _slopes(along: Along, here: float, h: float) -> tuple[float, float, float]:
    """The slopes from the left and from the right, and the change between them."""
    below, above = along(-h), along(h)
    return (here - below) / h, (above - here) / h, above - below


def _hidden(along: Along) -> tuple[str, ...]:
    """Operations whose rule may well be another thing than the derivative."""
    kinds = (StopGradient, CustomDerivative)
    met = [n for n in along.again if isinstance(n.op, kinds)]
    names = [f"{n.op.name} in {n.origin.path!r}" if n.origin.path else n.op.name for n in met]
    return tuple(dict.fromkeys(names))
