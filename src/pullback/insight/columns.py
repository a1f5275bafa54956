"""What the pullback of one operation makes of each element of its cotangent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pullback.autodiff.reverse import backward, pullback
from pullback.execute import evaluate
from pullback.graph.dtypes import FLOAT64, Array, is_float
from pullback.graph.node import Constant, Node, constant
from pullback.ops.families import Elementwise

Index = tuple[int, ...]


def column(y: Node, place: int, index: Index, values: Mapping[Node, Array], y_bar: Array) -> Array:
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

    Returns:
        An array of the shape of y, in float64.
    """
    if isinstance(y.op, Elementwise):
        found = np.zeros(y.shape)
        inputs = [values[x][index] for x in y.inputs]
        found[index] = _factors(y, place, (), inputs, values[y][index], y_bar[index])
        return found
    return _factors(y, place, index, [values[x] for x in y.inputs], values[y], y_bar)


def _factors(
    y: Node, place: int, index: Index, inputs: list[Array], value: Array, y_bar: Array
) -> Array:
    given = tuple(wide(x) for x in inputs)
    known = wide(value)
    node = Node(y.op, given, known.shape, known.dtype, y.origin, known.value)
    arrived = wide(y_bar)
    wanted = [i == place for i in range(len(given))]
    x_bar = pullback(node, arrived, wanted)[place]
    if x_bar is None:
        return np.zeros(known.shape)
    one = np.zeros(x_bar.shape)
    one[index] = 1
    (found,) = backward([x_bar], [constant(one)], [arrived])
    return np.zeros(known.shape) if found is None else evaluate([found])[0]


def wide(array: Array) -> Node:
    """A constant; real numbers in float64."""
    array = np.asarray(array)
    kept = array.astype(FLOAT64) if is_float(array.dtype) else array
    return Node(Constant(""), (), kept.shape, kept.dtype, constant(0.0).origin, kept)
