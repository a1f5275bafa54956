"""What layers need of linear algebra: inverses, unit vectors, orthogonal matrices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.cause import Cause, Place
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import apply, register
from pullback.ops.arithmetic import quotient, scale
from pullback.ops.arranging import eye, swapaxes
from pullback.ops.contraction import matmul
from pullback.ops.families import Rowwise
from pullback.ops.reductions import _floating, norm
from pullback.ops.reductions import sum as total
from pullback.ops.samples import Sample, WellConditioned

__all__ = ["cosine_similarity", "inverse", "normalise", "orthogonalise", "outer", "solve"]


@register
class Inverse(Rowwise):
    r"""Inverse of a matrix: $Y = A^{-1}$, so $\bar A = -Y^\top \bar Y\, Y^\top$.

    A singular matrix gives inf in every place.

    Shape:
        A, Y: (..., n, n)
    """

    name = "inverse"
    family = "CONTRACTION"
    text = "{0}^-1"
    latex = "{0}^{{-1}}"
    binding = 1
    mend = "Add a small multiple of the identity to the matrix."

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        (a,) = inputs
        if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
            raise ShapeError(
                "an inverse needs square matrices, (..., n, n)",
                f"{a.shape} ({a.origin})",
                "Use pb.solve, or a pseudo-inverse made of it.",
            )
        return a.shape, a.dtype

    def forward(self, a: Array) -> Array:
        try:
            return np.asarray(np.linalg.inv(a))
        except np.linalg.LinAlgError:
            y = np.full(a.shape, np.inf, a.dtype)
            for place in np.ndindex(a.shape[:-2]):
                if np.linalg.matrix_rank(a[place]) == a.shape[-1]:
                    y[place] = np.linalg.inv(a[place])
            return y

    def vjp(self, y_bar: Node, y: Node, a: Node) -> tuple[Node]:
        turned = swapaxes(y, -1, -2)
        return (-matmul(matmul(turned, y_bar), turned),)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The matrix is singular, if all of its inverse is infinite."""
        if np.isinf(y[at[:-2]]).all() and np.isfinite(inputs[0][at[:-2]]).all():
            return Cause("inverse of a singular matrix")
        return super().why(at, y, *inputs)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((2, 2), (1, 1), (3, 3), (2, 3, 3), (0, 2, 2)):
            yield Sample(cls(), (WellConditioned(shape),))


@function
def inverse(a: Operand) -> Node:
    """The inverse of square matrices.

    Raises:
        ShapeError: They are not square.

    Example:
        >>> import pullback as pb
        >>> pb.inverse(pb.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5 , 0.  ],
                [0.  , 0.25]])
    """
    return apply(Inverse(), _floating(a))


@function
def solve(a: Operand, b: Operand) -> Node:
    """x with `a @ x = b`, by the inverse of `a`.

    Example:
        >>> import pullback as pb
        >>> pb.solve(pb.tensor([[2.0, 0.0], [0.0, 4.0]]), pb.tensor([2.0, 2.0]))
        tensor([1. , 0.5])
    """
    return matmul(inverse(a), b)


@function
def outer(a: Operand, b: Operand) -> Node:
    r"""The outer product of the last axes: $y_{ij} = a_i b_j$.

    Example:
        >>> import pullback as pb
        >>> pb.outer(pb.tensor([1.0, 2.0]), pb.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    left, right = as_node(a), as_node(b)
    return left.reshape((*left.shape, 1)) * right.reshape((*right.shape[:-1], 1, right.shape[-1]))


@function
def normalise(x: Operand, axis: int = -1) -> Node:
    r"""Vectors of length 1 along `axis`: $y = x / \lVert x \rVert$; 0 for 0, with derivative 0.

    Example:
        >>> import pullback as pb
        >>> pb.normalise(pb.tensor([3.0, 4.0]))
        tensor([0.6, 0.8])
    """
    node = _floating(x)
    return quotient(node, norm(node, axis, keepdims=True).broadcast_to(node.shape))


@function
def cosine_similarity(a: Operand, b: Operand, axis: int = -1) -> Node:
    """The cosine of the angle between vectors along `axis`; 0 where one of them is 0.

    Example:
        >>> import pullback as pb
        >>> pb.cosine_similarity(pb.tensor([1.0, 0.0]), pb.tensor([1.0, 1.0]))
        tensor(0.707107)
    """
    return total(scale(normalise(a, axis), normalise(b, axis)), axis)


@function
def orthogonalise(a: Operand, rounds: int = 20) -> Node:
    r"""The nearest matrix with orthonormal rows or columns, by Newton and Schulz's iteration.

    From $X_0 = A / \lVert A \rVert$, each round takes $X \leftarrow \tfrac32 X - \tfrac12 X X^\top
    X$, which brings every singular value to 1; small ones take more rounds.

    Shape:
        A and the result: (..., rows, columns)

    References:
        G. Schulz, 1933, "Iterative Berechnung der reziproken Matrix"; Å. Björck and C. Bowie,
        1971, "An iterative algorithm for computing the best estimate of an orthogonal matrix".

    Example:
        >>> import pullback as pb
        >>> q = pb.orthogonalise(pb.tensor([[3.0, 0.0], [0.0, 2.0]]))
        >>> q.numpy().round(5).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    node = _floating(a)
    if node.ndim < 2:
        raise ShapeError(
            "orthogonalise takes matrices, (..., rows, columns)", str(node.shape), "Reshape it."
        )
    tall = node.shape[-2] > node.shape[-1]
    x = swapaxes(node, -1, -2) if tall else node
    x = quotient(x, norm(x, (-2, -1), keepdims=True).broadcast_to(x.shape))
    unit = eye(x.shape[-2], dtype=x.dtype)
    for _ in range(rounds):
        x = matmul(1.5 * unit - 0.5 * matmul(x, swapaxes(x, -1, -2)), x)
    return swapaxes(x, -1, -2) if tall else x
