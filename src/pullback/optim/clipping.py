"""What is done to gradients and added to losses so that training stays tame."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import promote
from pullback.graph.node import Node, Operand, as_node


@dataclass(frozen=True)
class Clipping:
    """Which limits gradients have; where there are several, they act in this order.

    Attributes:
        value: The largest size of an element; None for no limit.
        each_norm: The largest norm of each parameter's gradient.
        norm: The largest norm of all gradients together.

    Example:
        >>> import pullback as pb
        >>> Clipping(value=1.0)([pb.tensor([3.0, -0.5])])
        ([tensor([ 1. , -0.5])], None)
    """

    value: float | None = None
    each_norm: float | None = None
    norm: float | None = None

    def __call__(self, gradients: Sequence[Node]) -> tuple[list[Node], Node | None]:
        """The clipped gradients, and their common norm before it was limited, if it is."""
        found, norm = list(gradients), None
        if self.value is not None:
            found = clip_by_value(found, self.value)
        if self.each_norm is not None:
            found = clip_by_norm(found, self.each_norm)
        if self.norm is not None:
            found, norm = clip_by_global_norm(found, self.norm)
        return found, norm


def clip_by_value(gradients: Sequence[Node], limit: float) -> list[Node]:
    r"""Gradients with every element between -c and c: $\min(\max(g, -c), c)$.

    It changes the gradient's direction. NaN stays NaN; an infinity becomes c, which training tells
    of all the same, since it looks at the gradients before.

    Args:
        gradients: All gradients of a step.
        limit: c, a number above 0.

    Raises:
        ConfigError: The limit is not above 0.

    Example:
        >>> import pullback as pb
        >>> pb.optim.clip_by_value([pb.tensor([3.0, -0.5])], 1.0)
        [tensor([ 1. , -0.5])]
    """
    _check_limit(limit, "a gradient's elements")
    return [ops.clip(g, -limit, limit) for g in gradients]


def clip_by_norm(gradients: Sequence[Node], limit: Operand) -> list[Node]:
    r"""Gradients, each shrunk by itself to a length of at most `limit`.

    Each becomes $g\, c / \max(\lVert g \rVert, c)$: unchanged to the last bit where it is short.

    Args:
        gradients: All gradients of a step.
        limit: c, a number above 0, or a scalar slot.

    Raises:
        ConfigError: The limit is not above 0.

    Example:
        >>> import pullback as pb
        >>> pb.optim.clip_by_norm([pb.tensor([3.0, 4.0]), pb.tensor([0.5])], 1.0)
        [tensor([0.6, 0.8]), tensor([0.5])]
    """
    _check_limit(limit, "a gradient's norm")
    return [clip_by_global_norm([g], limit)[0][0] for g in gradients]


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
    _check_limit(limit, "a gradient's norm")
    norm = global_norm(gradients)
    most = as_node(limit, norm.dtype).astype(norm.dtype)
    factor = most / ops.maximum(norm, most)
    return [g * factor.astype(g.dtype) for g in gradients], norm


def global_norm(gradients: Sequence[Node]) -> Node:
    """The length of all gradients together.

    Raises:
        ConfigError: There is none.
    """
    if not gradients:
        raise ConfigError("clipping needs at least one gradient", "none", "Pass some.")
    dtype = promote(*(g.dtype for g in gradients))
    # Lengths of lengths: squares of large gradients would overflow in float32.
    return ops.norm(ops.stack([ops.norm(g).astype(dtype) for g in gradients]))


def _check_limit(limit: Operand, what: str) -> None:
    if isinstance(limit, numbers.Real) and not 0 < float(limit) < math.inf:
        raise ConfigError(
            f"the limit of {what} must be a number above 0",
            repr(limit),
            "Give for instance 1.0.",
        )


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
