"""Initial values of weights as matrices: orthogonal, the identity, and sparse.

A weight of shape (..., in, out) is taken as a matrix of (all that feeds one output, out).
"""

from __future__ import annotations

import math

import numpy as np

from pullback.graph.dtypes import Array, Shape
from pullback.named import register
from pullback.nn.initialiser import Fans, Initialiser, normal, uniform


@register
class Orthogonal(Initialiser):
    r"""A matrix with orthogonal columns (or rows, whichever are fewer), all of length `gain`.

    It keeps the length of what passes through, forward and backward. A vector has length `gain`.

    Args:
        gain: The length, above 0; $\sqrt2$ suits rectifiers.

    References:
        Saxe, McClelland and Ganguli, 2014, "Exact solutions to the nonlinear dynamics of learning
        in deep linear neural networks".

    Example:
        >>> import numpy as np
        >>> w = Orthogonal()((5, 3), np.dtype("float64"))
        >>> bool(np.allclose(w.T @ w, np.eye(3)))
        True
    """

    name = "orthogonal"
    gain: float = 1.0

    def check(self) -> None:
        """Check the gain."""
        self.check_number("gain", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        rows, columns = _matrix(shape)
        if not rows * columns:
            return np.zeros(shape)
        drawn = normal((max(rows, columns), min(rows, columns)), 1.0, seed, stream)
        q, r = np.linalg.qr(drawn)
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else the distribution is not uniform
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@register
class Identity(Initialiser):
    """What comes in goes out, times `gain`: ones on the diagonal, all else 0.

    A convolution has them in the middle of its window. A vector, such as a bias, is all 0.

    Args:
        gain: The number on the diagonal.

    References:
        Le, Jaitly and Hinton, 2015, "A simple way to initialize recurrent networks of rectified
        linear units".

    Example:
        >>> import numpy as np
        >>> Identity()((2, 3), np.dtype("float32")).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    name = "identity"
    gain: float = 1.0

    def check(self) -> None:
        """Check the gain."""
        self.check_number("gain")

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        values = np.zeros(shape)
        if len(shape) > 1 and values.size:
            values[tuple(n // 2 for n in shape[:-2])] = self.gain * np.eye(shape[-2], shape[-1])
        return values


@register
class Sparse(Initialiser):
    """Normal numbers, a share of which is 0 in every unit's incoming weights.

    Args:
        sparsity: The share of zeros, at least 0 and below 1; their number is rounded up.
        deviation: Of the others, above 0.

    References:
        Martens, 2010, "Deep learning via Hessian-free optimization".

    Example:
        >>> import numpy as np
        >>> w = Sparse(0.75)((8, 2), np.dtype("float32"))
        >>> np.count_nonzero(w, axis=0).tolist()
        [2, 2]
    """

    name = "sparse"
    sparsity: float = 0.9
    deviation: float = 0.01

    def check(self) -> None:
        """Check the share and the deviation."""
        self.check_number("sparsity", least=0, below=1)
        self.check_number("deviation", above=0)

    def draw(self, shape: Shape, fans: Fans, seed: int, stream: int) -> Array:
        matrix = _matrix(shape)
        values = normal(matrix, self.deviation, seed, stream)
        order = uniform(matrix, 1.0, seed, stream, draw=1).argsort(axis=0)
        zeros = math.ceil(self.sparsity * matrix[0] - 1e-9)
        np.put_along_axis(values, order[:zeros], 0.0, axis=0)
        return values.reshape(shape)


def _matrix(shape: Shape) -> tuple[int, int]:
    """The shape of a weight as a matrix; a vector is one column."""
    if len(shape) < 2:
        return math.prod(shape), 1
    return math.prod(shape[:-1]), shape[-1]
