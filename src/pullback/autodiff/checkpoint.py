"""Recomputation: the backward pass computes a function's values again instead of keeping them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback import ops
from pullback.autodiff import reverse
from pullback.graph import trees
from pullback.graph.dtypes import is_float
from pullback.graph.node import Leaf, Node, as_node
from pullback.graph.op import apply
from pullback.graph.order import depends_on, topological
from pullback.ops.custom import CustomDerivative, Rule


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    r"""The same function, whose intermediate values are not kept for the backward pass.

    A program keeps every value that the backward pass reads again, so its memory grows with the
    number of layers. Of a checkpointed function only the arguments are kept; when its cotangent
    arrives, its values are computed once more from them. Each of n layers checkpointed: memory for
    n inputs and the inside of one layer, time for one more forward pass. Values and gradients stay
    the same to the bit; random numbers are drawn again, and so are the same too.

    What `f` computes from tensors that are not its arguments (a parameter) alone is kept.

    Args:
        f: A function of tensors, or nested lists, tuples and dictionaries of them, to the same; or
            a module. Where it returns several tensors, each is computed again by itself.

    Returns:
        A function of the same arguments with the same values.

    Example:
        >>> import pullback as pb
        >>> block = pb.nn.Sequential(pb.nn.Linear(2, 64), "tanh", pb.nn.Linear(64, 2))
        >>> x = pb.tensor([[1.0, 2.0]])
        >>> y = pb.checkpoint(block.initialise(seed=0))(x)
        >>> bool((y == block(x)).all())
        True

    References:
        A. Griewank and A. Walther, 2000, "Algorithm 799: revolve".
        T. Chen, B. Xu, C. Zhang and C. Guestrin, 2016, "Training deep nets with sublinear memory
        cost".
    """

    @functools.wraps(f)
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        known, named = trees.mapped(_tensor, args), trees.mapped(_tensor, kwargs)
        xs = [x for x in trees.leaves((known, named)) if isinstance(x, Node)]
        xs = list(dict.fromkeys(xs))
        return trees.mapped(lambda y: _kept(y, xs), f(*known, **named))

    return recomputed


def _tensor(leaf: Any) -> Any:
    """A leaf of the arguments, as a node if it is a tensor."""
    is_tensor = isinstance(leaf, np.ndarray) or hasattr(leaf, "__node__")
    return as_node(leaf) if is_tensor else leaf


def _kept(y: Any, xs: Sequence[Node]) -> Any:
    """`y`, to be computed again from `xs` in the backward pass."""
    if not isinstance(y, Node) or y in set(xs):
        return y
    edge = set(xs)
    order = topological([y], stop=lambda node: node in edge or node.value is not None)
    active = depends_on(order, xs)
    if y not in active:
        return y
    again = (node for node in order if node in active and node not in edge)
    beside = [x for node in again for x in node.inputs if x not in active]
    return apply(CustomDerivative(Recomputation(len(xs))), y, *xs, *_captured(beside))


def _captured(inputs: Sequence[Node]) -> list[Node]:
    """What is read beside the arguments, and of random numbers what they are drawn from.

    Where nothing could be differentiated any more (a draw, a comparison), the operation is
    computed again like all others. It stays an input if it is real, since a derivative with
    respect to it may be wanted.
    """
    found: dict[Node, None] = {}
    waiting, seen = list(inputs), set[Node]()
    while waiting:
        x = waiting.pop()
        if x in seen:
            continue
        seen.add(x)
        if _is_kept(x) or is_float(x.dtype):
            found[x] = None
        if not _is_kept(x):
            waiting.extend(x.inputs)
    return list(found)


def _is_kept(x: Node) -> bool:
    return isinstance(x.op, Leaf) or x.value is not None or x.op.differentiable


@dataclass(frozen=True)
class Recomputation(Rule):
    """The chain rule through a second computation, which starts when the cotangent is there.

    Attributes:
        arguments: How many of the inputs are arguments; the others are what was read beside them.
    """

    arguments: int

    def pullback(
        self, y_bar: Node, y: Node, inner: Node, xs: Sequence[Node]
    ) -> Sequence[Node | None]:
        again = self._starts(y_bar, xs)
        for node in topological([inner], stop=again.__contains__):
            if node in again:
                continue
            inputs = tuple(again.get(i, i) for i in node.inputs)
            if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
                origin = replace(node.origin, role="backward")
                again[node] = Node(node.op, inputs, node.shape, node.dtype, origin)
        starts = [again.get(x, x) for x in xs]
        return reverse.backward([again.get(inner, inner)], [y_bar], starts, within=starts)

    def _starts(self, y_bar: Node, xs: Sequence[Node]) -> dict[Node, Node]:
        """What the second computation reads in the place of what the first one read.

        Arguments, and whole numbers from which others may be drawn, stand behind a barrier: no
        rewrite can then take the first computation for the second.
        """
        arguments, rest = xs[: self.arguments], [x for x in xs[self.arguments :] if _is_kept(x)]
        again = {x: x for x in rest if is_float(x.dtype)}
        behind = (*arguments, *(x for x in rest if not is_float(x.dtype)))
        return {**again, **{x: ops.barrier(x, y_bar) for x in behind}}

    def batched(self, mapped: Sequence[bool]) -> Rule:
        return self
