"""What is done to gradients and added to losses so that training stays tame."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import promote
from pullback.graph.node import Node, Operand, as_node


def clip_by_global_norm(gradients: Sequence[Node], limit: Operand) -> tuple[list[Node], Node]:
    r"""Gradients, shrunk together so that their common length is at most `limit`.

    With $n = \sqrt{\sum_i \lVert g_i \rVert^2}$, each becomes $g_i\, c / \max(n, c)$: unchanged
    to the last bit where $n \le c$, zero where all are zero. A length that is not finite gives
    gradients that are not finite: clipping hides nothing.

    Args:
        gradients: All gradients of a step.
        limit: c, a number above 0, or a scalar slot.

    Returns:
        The gradients, and their common length before.

    Raises:
        ConfigError: The limit is not above 0, or there is no gradient.

    References:
        R. Pascanu, T. Mikolov and Y. Bengio, 2013, "On the difficulty of training recurrent
        neural networks".

    Example:
        >>> import pullback as pb
        >>> g, norm = pb.optim.clip_by_global_norm([pb.tensor([3.0, 0.0]), pb.tensor(4.0)], 1.0)
        >>> g, norm
        ([tensor([0.6, 0. ]), tensor(0.8)], tensor(5.))
    """
    if isinstance(limit, numbers.Real) and not 0 < float(limit) < math.inf:
        raise ConfigError(
            "the limit of a gradient's norm must be a number above 0",
            repr(limit),
            "Give for instance 1.0.",
        )
    if not gradients:
        raise ConfigError("clipping needs at least one gradient", "none", "Pass some.")
    dtype = promote(*(g.dtype for g in gradients))
    # Lengths of lengths: squares of large gradients would overflow in float32.
    norm = ops.norm(ops.stack([ops.norm(g).astype(dtype) for g in gradients]))
    most = as_node(limit, dtype).astype(dtype)
    factor = most / ops.maximum(norm, most)
    return [g * factor.astype(g.dtype) for g in gradients], norm


def penalty(parameters: Sequence[Operand], l1: float = 0.0, l2: float = 0.0) -> Node:
    r"""What is added to a loss to keep weights small: $l_1 \sum |w| + l_2 \sum w^2$.

    The sums are over all elements of what is passed; pass the weight matrices and leave the
    biases out. $l_2$ is the coefficient of the sum of squares itself, without a half: its
    gradient is $2 l_2 w$. The derivative of |w| at 0 is 0.

    Args:
        parameters: What to keep small.
        l1: Of the magnitudes; at least 0. It drives small weights to 0.
        l2: Of the squares; at least 0.

    Returns:
        A scalar.

    Raises:
        ConfigError: A coefficient below 0, or not finite.

    References:
        A. Krogh and J. Hertz, 1992, "A simple weight decay can improve generalization".
        R. Tibshirani, 1996, "Regression shrinkage and selection via the lasso".

    Example:
        >>> import pullback as pb
        >>> pb.optim.penalty([pb.tensor([[1.0, -2.0]])], l1=0.1, l2=0.01)
        tensor(0.35)
    """
    for name, value in (("l1", l1), ("l2", l2)):
        if not (isinstance(value, numbers.Real) and 0 <= float(value) < math.inf):
            raise ConfigError(
                f"the coefficient {name} must be a number, at least 0",
                f"{name}={value!r}",
                "Give for instance 1e-4.",
            )
    total = None
    for parameter in map(as_node, parameters):
        for coefficient, size in ((l1, ops.abs), (l2, ops.square)):
            if coefficient:
                term = coefficient * ops.sum(size(parameter))
                total = term if total is None else total + term
    return ops.zeros(()) if total is None else total
