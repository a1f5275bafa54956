"""Finite differences of a scalar along one element, in float64, kinks recognised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pullback.autodiff.gradcheck import difference, is_kink
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.graph.order import depends_on, topological
from pullback.insight.derivation import Difference, Index
from pullback.insight.subject import Subject
from pullback.insight.values import exact, exactly

_STEP = 1e-5  # of the size of the value that is moved
_NEAR = 1e-6  # of the gradient
_ROUNDING = 1e-10  # of the scalar, over the size of the value that is moved


class Along:
    """The scalar as a function of a shift of one element, in float64.

    What does not depend on the element is not computed again.
    """

    def __init__(
        self, subject: Subject, target: Node, index: Index, values: Mapping[Node, Array]
    ) -> None:
        order = topological([subject.loss])
        active = depends_on(order, [target])
        self._again = [n for n in order if n in active and n is not target]
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
            for node in self._again:
                values[node] = exactly(node, values)
        return float(values[self._loss].ravel()[0])


def compared(subject: Subject, target: Node, bar: Node, index: Index) -> Difference:
    """The finite difference beside the gradient in float64: agreeing, apart, or on a kink.

    First a central difference of order 2. Where that is not near, differences of order 6 with
    smaller and smaller steps; where the slopes from the left and the right stay apart, and the
    gradient lies between them, the element is on a kink.
    """
    values = exact([subject.loss, bar], subject.values)
    gradient = float(values[bar][index])
    along = Along(subject, target, index, values)
    here, h = along(0.0), _STEP * along.size
    above, below = along(h), along(-h)
    found = (above - below) / (2 * h)
    near = _NEAR * max(abs(gradient), abs(found)) + _ROUNDING * abs(here) / along.size
    if abs(found - gradient) <= near:
        return Difference(found, gradient, True)
    better = difference(along, gradient, near)
    if abs(better - gradient) <= 10 * near:
        return Difference(better, gradient, True)
    if is_kink(along, gradient, near):
        return Difference(better, gradient, True, ((here - below) / h, (above - here) / h))
    return Difference(better, gradient, False)
