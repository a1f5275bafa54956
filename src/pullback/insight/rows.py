"""Which values belong to the rows of a batch, one part of them to each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from pullback.graph.node import Node
from pullback.ops.contraction import Matmul
from pullback.ops.convolution import Conv
from pullback.ops.families import Axiswise, Elementwise, Rowwise
from pullback.ops.indexing import Gather
from pullback.ops.joining import Concatenate
from pullback.ops.normalisation import Normalising
from pullback.ops.pooling import Pooling
from pullback.ops.reductions import Reduction
from pullback.ops.shaping import BroadcastTo, Reshape, Transpose
from pullback.ops.slicing import Embed, Slice


class Share(Enum):
    """What a value has to do with the rows of a batch."""

    NONE = 0  # it is the same whatever the rows are
    EACH = 1  # its elements, in order, are as many for each row, and follow from that row alone
    MIXED = 2  # it follows from several rows at once


def shares(order: Sequence[Node], fed: Sequence[Node], rows: int) -> tuple[dict[Node, Share], bool]:
    """What each node has to do with the rows, and whether rows act on each other.

    Args:
        order: The nodes, each after its inputs.
        fed: Those that hold the batch.
        rows: How many rows it has.

    Returns:
        The shares; and whether a value of one row depends on other rows, as under batch
        normalisation in training. Where that is so, no part of a gradient is one row's.
    """
    found: dict[Node, Share] = {}
    batch, acting = set(fed), False
    for node in order:
        inputs = [found[x] for x in node.inputs]
        if node in batch:
            found[node] = Share.EACH if node.shape and node.shape[0] == rows else Share.NONE
        elif Share.EACH in inputs and Share.MIXED in inputs and node.size > 1:
            found[node], acting = Share.MIXED, True
        elif Share.MIXED in inputs:
            found[node] = Share.MIXED
        elif Share.EACH in inputs:
            found[node] = Share.EACH if _keeps(node, inputs, rows) else Share.MIXED
            acting = acting or (found[node] is Share.MIXED and _spreads(node, rows))
        else:
            found[node] = Share.NONE
    return found, acting


def _spreads(node: Node, rows: int) -> bool:
    """Whether a value that mixes rows has parts for each of them all the same."""
    return isinstance(node.op, (Axiswise, Normalising)) and node.shape[:1] == (rows,)


def _keeps(node: Node, inputs: Sequence[Share], rows: int) -> bool:
    """Whether a value has a part for each row, as (some of) its inputs do."""
    if node.size % rows:
        return False
    for kind, rule in _RULES.items():
        if isinstance(node.op, kind):
            return rule(node, inputs)
    return isinstance(node.op, (Elementwise, Rowwise, Reshape))


def _in_front(node: Node, inputs: Sequence[Share]) -> bool:
    """Whether the first axis stays where it is, and is no axis along which is computed."""
    axes: Sequence[int] = getattr(node.op, "axes", ())
    return 0 not in axes and node.inputs[0].ndim > 1


def _product(node: Node, inputs: Sequence[Share]) -> bool:
    left, right = inputs
    return left is Share.EACH and (right is Share.NONE or node.ndim > 2)


_RULES: Mapping[type | tuple[type, ...], Callable[[Node, Sequence[Share]], bool]] = {
    BroadcastTo: lambda y, _: y.inputs[0].shape[:1] == y.shape[:1] and y.inputs[0].ndim == y.ndim,
    Transpose: lambda y, _: y.op.axes[0] == 0,  # type: ignore[attr-defined]
    Reduction: _in_front,
    Axiswise: _in_front,
    Normalising: _in_front,
    Matmul: _product,
    Conv: lambda _, inputs: inputs[1] is Share.NONE,
    Concatenate: lambda y, _: y.op.axis != 0,  # type: ignore[attr-defined]
    Gather: lambda y, inputs: (y.op.axis == 0) == (inputs[0] is Share.NONE),  # type: ignore[attr-defined]
    Pooling: lambda _, inputs: True,
    (Slice, Embed): lambda y, _: y.op.bounds[0] == (0, y.inputs[0].shape[0], 1),  # type: ignore[attr-defined]
}
