"""Rewrites: each makes a graph cheaper and changes none of its values.

A rewrite looks at one node whose inputs are already rewritten and returns that node, or a
cheaper one of the same shape and dtype. Each has a name under which it can be switched off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pullback.graph.node import Constant, Leaf, Node
from pullback.graph.op import Op
from pullback.ops.families import Elementwise
from pullback.ops.random import Random
from pullback.ops.shaping import BroadcastTo, Full, Reshape, Transpose
from pullback.ops.slicing import Slice, as_slices
from pullback.plan.loops import merge_loops
from pullback.plan.program import Step

_FOLDED_BYTES = 1 << 16


class Rewrite:
    """One kind of rewriting. An instance serves one planning."""

    name: ClassVar[str] = ""

    @classmethod
    def prepare(cls, step: Step) -> Step:
        """`step`, or a cheaper one, before any node is visited: what takes a view of the whole."""
        return step

    def visit(self, node: Node) -> Node:
        """`node`, or a cheaper node of the same value."""
        raise TypeError(f"{type(self).__name__} visits no node")


class FoldConstants(Rewrite):
    """Values that depend on nothing but constants are computed once, while planning."""

    name = "fold_constants"

    def visit(self, node: Node) -> Node:
        for x in node.inputs:
            if x.value is None:
                return node
        if isinstance(node.op, (Leaf, Random, BroadcastTo)):
            return node
        if isinstance(node.op, Full) and node.size > 1:
            return node
        if node.size * node.dtype.itemsize > _FOLDED_BYTES:
            return node
        with np.errstate(all="ignore"):
            value = np.asarray(node.op.forward(*(x.value for x in node.inputs)), node.dtype)
        return Node(Constant(), (), node.shape, node.dtype, node.origin, value)


class Simplify(Rewrite):
    """Identities: x * 1, x - 0, x / 1, scale(1, x), double negation, views of views, of Full."""

    name = "simplify"

    def visit(self, node: Node) -> Node:
        rule = self._rules.get(node.op.name)
        return node if rule is None else rule(node)

    @staticmethod
    def _product(node: Node) -> Node:
        a, b = node.inputs
        return b if _is(a, 1) else a if _is(b, 1) else node

    @staticmethod
    def _safe_product(node: Node) -> Node:
        a, b = node.inputs
        return b if _is(a, 1) else node  # scale(a, 1) is kept: of -0.0 it makes 0.0

    @staticmethod
    def _less_zero(node: Node) -> Node:
        a, b = node.inputs  # 0 + x is kept, and x - -0.0 too: -0.0 + 0.0 is 0.0
        return a if _is(b, 0) and not np.signbit(_known(b)) else node

    @staticmethod
    def _quotient(node: Node) -> Node:
        a, b = node.inputs
        return a if _is(b, 1) else node

    @staticmethod
    def _negation(node: Node) -> Node:
        (x,) = node.inputs
        return x.inputs[0] if x.op.name == "neg" else node

    @staticmethod
    def _reshape(node: Node) -> Node:
        (x,) = node.inputs
        if isinstance(x.op, Reshape):
            (x,) = x.inputs
        if isinstance(x.op, Full):
            return _again(node, replace(x.op, shape=node.shape))
        return x if x.shape == node.shape else _again(node, node.op, x)

    @staticmethod
    def _slice(node: Node) -> Node:
        (x,) = node.inputs
        if not (isinstance(node.op, Slice) and isinstance(x.op, Slice)):
            return node
        (source,) = x.inputs
        ranges = [range(*b)[s] for b, s in zip(x.op.bounds, as_slices(node.op.bounds), strict=True)]
        return _again(node, Slice(tuple((r.start, r.stop, r.step) for r in ranges)), source)

    @staticmethod
    def _transpose(node: Node) -> Node:
        (x,) = node.inputs
        if not (isinstance(node.op, Transpose) and isinstance(x.op, Transpose)):
            return node
        axes = tuple(x.op.axes[a] for a in node.op.axes)
        (inner,) = x.inputs
        return inner if axes == tuple(range(len(axes))) else _again(node, Transpose(axes), inner)

    @staticmethod
    def _computation(node: Node) -> Node:
        return node.inputs[0]  # in a program, nothing is left to be differentiated

    _rules: ClassVar[dict[str, Callable[[Node], Node]]] = {
        "mul": _product,
        "scale": _safe_product,
        "sub": _less_zero,
        "div": _quotient,
        "neg": _negation,
        "reshape": _reshape,
        "slice": _slice,
        "transpose": _transpose,
        "custom_derivative": _computation,
    }


class ElideBroadcasts(Rewrite):
    """Elementwise operations broadcast by themselves: copies that only feed one are not made."""

    name = "elide_broadcasts"

    def visit(self, node: Node) -> Node:
        if not isinstance(node.op, Elementwise) or node.op.arity < 2:
            return node
        if not any(isinstance(x.op, (BroadcastTo, Full)) for x in node.inputs):
            return node
        slim = [_source(x) for x in node.inputs]
        for i, whole in enumerate(node.inputs):  # which may be slim themselves: the next one, then
            if any(x.shape == node.shape for x in slim):
                break
            if np.broadcast_shapes(*(x.shape for x in slim)) == node.shape:
                break
            slim[i] = whole
        if all(a is b for a, b in zip(slim, node.inputs, strict=True)):
            return node
        return _again(node, node.op, *slim)


class MergeCommon(Rewrite):
    """The same operation on the same inputs is computed once; so is a loop within a wider one."""

    name = "merge_common"

    @classmethod
    def prepare(cls, step: Step) -> Step:
        return merge_loops(step)

    def __init__(self) -> None:
        self._known: dict[Hashable, Node] = {}

    def visit(self, node: Node) -> Node:
        return self._known.setdefault(self._key(node), node)

    @staticmethod
    def _key(node: Node) -> Hashable:
        if isinstance(node.op, Constant):
            if node.value is None or node.size > 1:
                return id(node)
            return (node.shape, node.dtype, node.value.tobytes())
        if isinstance(node.op, Leaf):
            return node.op
        inputs = tuple(map(id, node.inputs))
        attributes = vars(node.op)
        if not attributes:
            return (type(node.op), inputs)
        # Equal attributes are the same but for zeros, which have a sign.
        zeros = [v for v in attributes.values() if isinstance(v, float) and v == 0]
        return (node.op, tuple([math.copysign(1, zero) for zero in zeros]), inputs)


def _is(x: Node, number: float) -> bool:
    """Whether every element of x is known to be `number`."""
    return _known(x) == number


def _known(x: Node) -> float:
    """The number that every element of x is known to be; NaN where that is not known."""
    x = _source(x)
    return float(x.value.item()) if x.value is not None and x.size == 1 else float("nan")


def _source(x: Node) -> Node:
    """What x repeats, if it is a broadcast or full of one number."""
    if isinstance(x.op, BroadcastTo):
        return x.inputs[0]
    if isinstance(x.op, Full) and x.shape:
        return Node(Constant(), (), (), x.dtype, x.origin, np.asarray(x.op.value, x.dtype))
    return x


def _again(node: Node, op: Op, *inputs: Node) -> Node:
    return Node(op, inputs, node.shape, node.dtype, node.origin)


# In the order in which they look at a node.
REWRITES: tuple[type[Rewrite], ...] = (FoldConstants, Simplify, ElideBroadcasts, MergeCommon)
