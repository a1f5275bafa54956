r"""How large the gradient of each sample is, without computing it.

A dense layer takes $x_i$ in row i and is handed $\bar z_i$ back, so that row's gradient of its
weights is $x_i \bar z_i^\top$, whose norm is $|x_i||\bar z_i|$. Of several positions in a row, as
in a text, the squared norm is $\sum_{ts} (x_t \cdot x_s)(\bar z_t \cdot \bar z_s)$. What is
repeated for every row, as a bias is, has the row's own cotangent as its gradient.

References:
    I. Goodfellow, 2015, "Efficient per-example gradient computations".
"""

from __future__ import annotations

from collections.abc import Sequence

from pullback import ops
from pullback.autodiff import gradient
from pullback.graph.node import Node
from pullback.graph.order import topological
from pullback.ops.contraction import Matmul
from pullback.ops.shaping import BroadcastTo, Reshape


def squared_norms(loss: Node, trained: Sequence[Node], rows: int) -> Node | None:
    """The squared norm of each row's part of the gradient of `loss`, (rows,).

    Args:
        loss: A sum over the rows, of which each goes through the network by itself.
        trained: The parameters.
        rows: How many rows there are.

    Returns:
        None where a parameter is used in a way that is none of those above.
    """
    uses: dict[Node, list[Node]] = {p: [] for p in trained}
    for y in topological([loss]):
        for x in y.inputs:
            if x in uses:
                uses[x].append(y)
    if any(len(found) > 1 for found in uses.values()):
        return None  # the parts of one gradient: their norms don't add up
    read = {p: found[0] for p, found in uses.items() if found}
    if not all(_is_known(p, y, rows) for p, y in read.items()):
        return None
    bars = gradient(loss, [*read.values()])
    parts = [_squares(p, y, bar, rows) for (p, y), bar in zip(read.items(), bars, strict=True)]
    whole, *others = parts or [ops.zeros((rows,), loss.dtype)]
    for part in others:
        whole = whole + part
    return whole


def _is_known(p: Node, y: Node, rows: int) -> bool:
    if isinstance(y.op, BroadcastTo):
        return y.ndim > p.ndim and y.shape[0] == rows
    if not isinstance(y.op, Matmul) or y.inputs[1] is not p or p is y.inputs[0] or y.ndim != 2:
        return False
    x = y.inputs[0]
    if x.shape[0] == rows:
        return True
    return isinstance(x.op, Reshape) and x.inputs[0].shape[:1] == (rows,)


def _squares(p: Node, y: Node, bar: Node, rows: int) -> Node:
    """Of each row, the squared norm of its part of the gradient of p, which y reads."""
    if isinstance(y.op, BroadcastTo):
        lead = y.ndim - p.ndim
        shared = [lead + a for a, n in enumerate(p.shape) if n == 1 and y.shape[lead + a] > 1]
        own = bar.sum(axis=(*range(1, lead), *shared)) if lead > 1 or shared else bar
        return _sum_of_squares(own.reshape((rows, -1)))
    x = y.inputs[0]
    if x.shape[0] == rows:
        return _sum_of_squares(x) * _sum_of_squares(bar)
    a, b = (v.reshape((rows, x.shape[0] // rows, -1)) for v in (x, bar))
    grams = (a @ ops.transpose(a, (0, 2, 1))) * (b @ ops.transpose(b, (0, 2, 1)))
    return grams.sum(axis=(1, 2))


def _sum_of_squares(x: Node) -> Node:
    return (x * x).sum(axis=1)
