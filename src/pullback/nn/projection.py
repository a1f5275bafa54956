r"""Rows times a matrix: $x W + b$, where x may be rows of a table.

What an `Embedding` hands on are rows of its table, many of them the same ones. Then
$(\text{table}\, W + b)$ is computed once, and its rows are taken: for 73 characters and 32
sequences of 64 steps, 73 rows instead of 2,048, and as much less in the pullback, where the
cotangents of equal rows are added before they meet the matrix.
"""

from __future__ import annotations

from pullback import ops
from pullback.graph.node import Node
from pullback.graph.op import apply
from pullback.ops.indexing import Gather
from pullback.ops.shaping import Reshape, Transpose


def projected(x: Node, weight: Node, bias: Node | None) -> Node:
    """$x W + b$ for each row of x.

    Args:
        x: (..., features).
        weight: (features, out_features).
        bias: (out_features,).
    """
    found = _rows_of_table(x)
    if found is not None and found[0].inputs[0].shape[0] < found[1].size:
        gather, indices = found
        return apply(gather.op, projected(gather.inputs[0], weight, bias), indices)
    y = ops.matmul(x, weight)
    return y if bias is None else y + bias


def _rows_of_table(x: Node) -> tuple[Node, Node] | None:
    """The node that takes rows of a table, and its indices in the shape of x; None if x is none."""
    op = x.op
    if isinstance(op, Gather):
        is_table = x.inputs[0].ndim == 2 and op.axis == 0 and not op.lead
        return (x, x.inputs[1]) if is_table else None
    if isinstance(op, Transpose) and op.axes[-1] == x.ndim - 1:
        found = _rows_of_table(x.inputs[0])
        return found and (found[0], found[1].transpose(*op.axes[:-1]))
    if isinstance(op, Reshape) and x.shape[-1:] == x.inputs[0].shape[-1:]:
        found = _rows_of_table(x.inputs[0])
        return found and (found[0], found[1].reshape(x.shape[:-1]))
    return None
