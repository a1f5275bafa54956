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
from dataclasses import dataclass

from pullback import ops
from pullback.autodiff import gradient
from pullback.graph.node import Node
from pullback.graph.order import topological
from pullback.ops.contraction import Matmul
from pullback.ops.shaping import BroadcastTo, Reshape


@dataclass(frozen=True)
class Traced:
    """The loss of a batch of so many rows, and the parameters that it depends on."""

    loss: Node
    trained: Sequence[Node]
    rows: int


def squared_norms(batch: Traced, larger: Traced) -> Node | None:
    """The squared norm of each row's part of the gradient of a loss, (rows,).

    Args:
        batch: The loss is a sum over the rows, of which each goes through the network by itself.
        larger: The same of a batch of a row more: what grows with it is the axis of the rows, and
            no other axis that happens to be as long.

    Returns:
        None where a parameter is used in a way that is none of those above.
    """
    found, others = _uses(batch), _uses(larger)
    if any(len(uses) > 1 for uses in found):
        return None  # the parts of one gradient: their norms don't add up
    read = [(p, y[0], z[0]) for p, y, z in zip(batch.trained, found, others, strict=True) if y]
    if not all(_is_known(p, y, z, batch.rows, larger.rows) for p, y, z in read):
        return None
    bars = gradient(batch.loss, [y for _, y, _ in read])
    parts = [_squares(p, y, bar, batch.rows) for (p, y, _), bar in zip(read, bars, strict=True)]
    whole, *rest = parts or [ops.zeros((batch.rows,), batch.loss.dtype)]
    for part in rest:
        whole = whole + part
    return whole


def _uses(batch: Traced) -> list[list[Node]]:
    """What reads each parameter."""
    uses: dict[Node, list[Node]] = {p: [] for p in batch.trained}
    for y in topological([batch.loss]):
        for x in y.inputs:
            if x in uses:
                uses[x].append(y)
    return [*uses.values()]


def _is_known(p: Node, y: Node, z: Node, rows: int, more: int) -> bool:
    """Whether y reads p in a way that is known, and has the rows of the batch on its first axis.

    Args:
        p: A parameter.
        y: What reads it.
        z: The same in a batch with more rows.
        rows: How many rows there are.
        more: How many there are in the other batch.
    """
    if isinstance(y.op, BroadcastTo):
        return y.ndim > p.ndim and _grows(y, z, rows, more)
    if not isinstance(y.op, Matmul) or y.inputs[1] is not p or p is y.inputs[0] or y.ndim != 2:
        return False
    x, other = y.inputs[0], z.inputs[0]
    if _grows(x, other, rows, more):
        return True
    both = isinstance(x.op, Reshape) and isinstance(other.op, Reshape)
    return both and _grows(x.inputs[0], other.inputs[0], rows, more)


def _grows(a: Node, b: Node, rows: int, more: int) -> bool:
    """Whether the first axis is that of the rows, and no other changes with their number."""
    return (a.shape[:1], b.shape[:1]) == ((rows,), (more,)) and a.shape[1:] == b.shape[1:]


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
