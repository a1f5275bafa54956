"""Products of matrices. Contractions follow IEEE: 0 * inf is NaN here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pullback.errors import ShapeError
from pullback.graph.cause import Cause, Place, figure, largest, outcome
from pullback.graph.dtypes import BOOL, DEFAULT_FLOAT, Array, Dtype, Shape, promote
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.families import converted, stacked
from pullback.ops.samples import Real, Sample

__all__ = ["matmul"]


@register
class Matmul(Op):
    r"""Matrix product, batched: $Y = A B$.

    So $\bar A = \bar Y B^\top$ and $\bar B = A^\top \bar Y$.

    Shape:
        A: (..., rows, inner)
        B: (..., inner, columns), the same leading axes
        Y: (..., rows, columns)
    """

    name = "matmul"
    family = "CONTRACTION"
    arity = 2
    text = "{0} @ {1}"
    latex = "{0} {1}"
    binding = 4

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        a, b = inputs
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                "the columns of the first matrix must be as many as the rows of the second",
                f"{a.shape} ({a.origin}) @ {b.shape} ({b.origin})",
                "Transpose one of them, or mend the layer's size.",
            )
        return (*a.shape[:-1], b.shape[-1]), a.dtype

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """A stack times one matrix is one product: the entries' rows, one below the other."""
        a, b = inputs
        if not mapped[1] and b.ndim == 2:
            length, rows, inner = a.shape
            return (a.reshape((length * rows, inner)) @ b).reshape((length, rows, b.shape[1]))
        if not mapped[0] and a.ndim == 2:
            return _matrix_transpose(
                self.batch([True, False], _matrix_transpose(b), _matrix_transpose(a))
            )
        return apply(self, *stacked(mapped, inputs))

    def forward(self, a: Array, b: Array) -> Array:
        return np.asarray(np.matmul(a, b))

    def vjp(self, y_bar: Node, y: Node, a: Node, b: Node) -> tuple[Node, Node]:
        return matmul(y_bar, _matrix_transpose(b)), matmul(_matrix_transpose(a), y_bar)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The largest of the products that are summed up there."""
        a, b = inputs
        *lead, i, j = at
        left, right = a[tuple(lead)][i], b[tuple(lead)][:, j]
        if not len(left):
            return Cause("matmul, a sum of no products")
        (k,) = largest(left.astype(np.float64) * right)[1]
        terms = f"{figure(left[k])} * {figure(right[k])}"
        words = f"matmul, a sum of {len(left)} products, the largest {terms}"
        factors = [(0, (*lead, i, k)), (1, (*lead, k, j))]
        if abs(right[k]) > abs(left[k]):
            factors.reverse()
        return Cause(words + outcome(y, at, [left, right]), tuple(factors))

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for a, b in (
            ((2, 3), (3, 4)), ((1, 1), (1, 1)), ((3, 1), (1, 2)), ((0, 2), (2, 3)),
            ((2, 0), (0, 3)), ((2, 2, 3), (2, 3, 1)), ((1, 2, 2, 2), (1, 2, 2, 3)),
        ):  # fmt: skip
            yield Sample(cls(), (Real(a), Real(b)))


def _matrix_transpose(x: Node) -> Node:
    return x.transpose(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


@function
def matmul(a: Operand, b: Operand) -> Node:
    """The matrix product `a @ b`, with NumPy's rules for vectors and leading axes.

    Raises:
        ShapeError: The inner dimensions differ, or an operand is a scalar.

    Example:
        >>> import pullback as pb
        >>> pb.tensor([[1.0, 2.0]]) @ pb.tensor([[3.0], [4.0]])
        tensor([[11.]])
    """
    left, right = as_node(a), as_node(b)
    if not left.shape or not right.shape:
        raise ShapeError("a matrix product needs at least one axis", "a scalar", "Use * instead.")
    dtype = promote(left.dtype, right.dtype)
    dtype = DEFAULT_FLOAT if dtype == BOOL else dtype
    left, right = converted(a, left, dtype), converted(b, right, dtype)
    if right.ndim == 2 and left.ndim > 2:  # one large product instead of many small ones
        rows = left.reshape((math.prod(left.shape[:-1]), left.shape[-1]))
        return apply(Matmul(), rows, right).reshape((*left.shape[:-1], right.shape[-1]))
    row = left if left.ndim > 1 else left.reshape((1, -1))
    column = right if right.ndim > 1 else right.reshape((-1, 1))
    try:
        lead = np.broadcast_shapes(row.shape[:-2], column.shape[:-2])
    except ValueError:
        raise ShapeError(
            "the leading axes of a batched product must broadcast",
            f"{left.shape} @ {right.shape}",
            "Reshape one of them.",
        ) from None
    y = apply(
        Matmul(),
        row.broadcast_to((*lead, *row.shape[-2:])),
        column.broadcast_to((*lead, *column.shape[-2:])),
    )
    shape = list(y.shape)
    if right.ndim == 1:
        shape.pop(-1)
    if left.ndim == 1:
        shape.pop(-1 if right.ndim == 1 else -2)
    return y.reshape(shape)
