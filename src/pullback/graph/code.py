"""A list of operations on numbered values, looked up once and run many times on NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pullback.graph.dtypes import Dtype
from pullback.graph.op import Op

# What one operation needs at a run: its function, its first two inputs (-1 where it has fewer),
# all inputs where there are none or more than two, where the result goes, its dtype, and the
# values that nobody needs after it.
Code = tuple[Callable[..., Any], int, int, tuple[int, ...] | None, int, Dtype, tuple[int, ...]]


def coded(
    op: Op, inputs: Sequence[int], output: int, dtype: Dtype, frees: Sequence[int] = ()
) -> Code:
    """One operation, made ready to be run."""
    first, second = (*inputs, -1, -1)[:2]
    more = tuple(inputs) if len(inputs) not in (1, 2) else None
    return op.forward, first, second, more, output, dtype, tuple(frees)


def run(code: Iterable[Code], values: list[Any]) -> None:
    """Run the operations in order; `values` holds the inputs, and then the results."""
    for forward, a, b, more, output, dtype, frees in code:
        if more is not None:
            result = forward(*[values[i] for i in more])
        elif b >= 0:
            result = forward(values[a], values[b])
        else:
            result = forward(values[a])
        if result.dtype is not dtype:
            result = np.asarray(result, dtype)
        values[output] = result
        for number in frees:
            values[number] = None
