"""The user's handle on a value: a node of a graph, known or not yet."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from pullback import execute as execute  # says how the value of a node is found
from pullback.graph.node import Node, constant

Tensor = Node


def tensor(value: Any, dtype: DTypeLike | None = None, name: str = "") -> Tensor:
    """A tensor of known numbers, copied from `value`.

    Args:
        value: A number, nested lists of numbers, or an array.
        dtype: bool, uint8, int32, int64, float32 or float64. Python floats become float32,
            whole numbers int64; arrays keep their dtype.
        name: What it is called in explanations.

    Raises:
        DataError: It is not made of numbers, or its rows differ in length.

    Example:
        >>> import pullback as pb
        >>> pb.tensor([1.0, 2.0]) * 2
        tensor([2., 4.])
    """
    return constant(value, dtype, name)
