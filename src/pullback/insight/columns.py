"""What the pullback of one operation makes of each element of its cotangent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pullback.autodiff.reverse import backward, pullback
from pullback.execute import evaluate
from pullback.graph.dtypes import FLOAT64, Array, is_float
from pullback.graph.node import Constant, Node, constant
from pullback.graph.origin import Origin
from pullback.ops.families import Elementwise

Index = tuple[int, ...]
_NEAR = 1e-9


@dataclass(frozen=True)
class Column:
    r"""How the cotangent of one element of an input follows from that of the output.

    Attributes:
        factors: $M_{ij}$ for all j, an array of the shape of y, in float64.
        value: $\bar x_i$, as the rule itself gives it.
        linear: Whether that is $\sum_j M_{ij}\,\bar y_j$. A rule of the user's own need not be
            linear in the cotangent; then it has no factors that hold for every cotangent.
    """

    factors: Array
    value: float
    linear: bool


def column(y: Node, place: int, index: Index, values: Mapping[Node, Array], y_bar: Array) -> Column:
    r"""The factors with which a cotangent enters that of one element of an input.

    The rule of the operation is linear, $\bar x_i = \sum_j M_{ij}\,\bar y_j$: this is row i of M,
    found by taking the derivative of the rule itself with respect to $\bar y$. So nothing about
    any operation is written here, and a rule of the user's own is shown as it is.

    Args:
        y: The operation.
        place: Which of its inputs.
        index: Which element of that.
        values: The values of y and of its inputs.
        y_bar: The cotangent.

    References:
        B. Christianson, 1992, "Automatic Hessians by reverse accumulation" (the derivative of a
        linear map of cotangents is the map that carries tangents forward).
    """
    inputs = [values[x] for x in y.inputs]
    if not isinstance(y.op, Elementwise):
        factors, value = _factors(y, place, index, inputs, values[y], y_bar)
    else:
        factors = np.zeros(y.shape)
        here = [x[index] for x in inputs]
        factors[index], value = _factors(y, place, (), here, values[y][index], y_bar[index])
    with np.errstate(all="ignore"):
        terms = np.where((factors == 0) | (y_bar == 0), 0.0, factors * y_bar)
        apart = abs(float(terms.sum()) - value)
        size = max(float(np.abs(terms).sum()), abs(value))
    return Column(factors, value, not apart > _NEAR * size)


def _factors(
    y: Node, place: int, index: Index, inputs: list[Array], value: Array, y_bar: Array
) -> tuple[Array, float]:
    given = tuple(wide(x) for x in inputs)
    known = wide(value)
    node = Node(y.op, given, known.shape, known.dtype, y.origin, known.value)
    arrived = wide(y_bar)
    wanted = [i == place for i in range(len(given))]
    x_bar = pullback(node, arrived, wanted)[place]
    if x_bar is None:
        return np.zeros(known.shape), 0.0
    one = np.zeros(x_bar.shape)
    one[index] = 1
    (found,) = backward([x_bar], [constant(one)], [arrived])
    if found is None:
        return np.zeros(known.shape), float(evaluate([x_bar])[0][index])
    factors, bar = evaluate([found, x_bar])
    return factors, float(bar[index])


def wide(array: Array) -> Node:
    """A constant; real numbers in float64."""
    array = np.asarray(array)
    kept = array.astype(FLOAT64) if is_float(array.dtype) else array
    return Node(Constant(""), (), kept.shape, kept.dtype, Origin(), kept)
