r"""Sums over the steps of a loop: $\bar w = \sum_t \bar w_t$, without a sum at every step.

The cotangent of a weight matrix in one step is a product, $\bar w_t = h_t^\top \bar z_t$. Summed
in the carry, all of the matrix would be read and written at every step. Stacked over the steps,
the factors make one product of all: $[h_1; h_2; ...]^\top [\bar z_1; \bar z_2; ...]$, in which
the sum over the steps is part of the sum over the rows. (For 128 units of an LSTM, 64 steps and
batches of 32, 3.3 ms instead of 4.9 to 9 ms for 64 products and sums.) The same goes for
what is added at indices, and for whatever is stacked in any case: a bias beside a matrix. Anything
else, no larger than the values of a step, is summed in the carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pullback.graph.node import Node
from pullback.graph.op import Op, apply
from pullback.graph.order import depends_on, topological
from pullback.ops.arithmetic import Add, Neg
from pullback.ops.contraction import Matmul
from pullback.ops.indexing import ScatterAdd
from pullback.ops.reductions import Sum
from pullback.ops.shaping import Reshape, Transpose
from pullback.ops.slicing import Embed

_LINEAR = (Embed, Neg, Reshape, Sum, Transpose)
Stacked = Callable[[Node], Node]


@dataclass
class StepSum:
    """A sum over the steps, split into what is added up after the loop and what within it.

    Attributes:
        after: Terms made of stacked values: the node of one step, what must be stacked for it
            (its factors or itself), and the linear operations that follow it.
        within: The sum of the other terms, in one step; None where there are none.
    """

    after: list[tuple[Node, tuple[Node, ...], list[Op]]] = field(default_factory=list)
    within: Node | None = None

    def stacked(self) -> Iterable[Node]:
        """The values of a step that must be stacked."""
        for _, factors, _ in self.after:
            yield from map(base, factors)

    def total(self, of_all_steps: Stacked, within: Node | None) -> Node:
        """The whole sum, from the stacked values and what was added up within the loop."""
        terms = [] if within is None else [within]
        for node, factors, linear in self.after:
            term = _added_up(node, [lifted(x, of_all_steps) for x in factors])
            for op in reversed(linear):
                term = apply(op, term)
            terms.append(term)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def step_sums(
    bars: Mapping[int, Node], steps: Sequence[Node], rows: Sequence[Node], stacked: Sequence[Node]
) -> dict[int, StepSum]:
    """How the sum of each of `bars` over the steps is best made.

    Args:
        bars: Terms of one step, in the body of a loop.
        steps: The placeholders of the body whose values change from step to step.
        rows: Those among them that are read from arrays.
        stacked: Further values that are stacked in any case.
    """
    first = {i: step_sum(bar, steps, rows, stacked) for i, bar in bars.items()}
    known = [*stacked, *(x for found in first.values() for x in found.stacked())]
    return {i: step_sum(bar, steps, rows, known) for i, bar in bars.items()}


def step_sum(
    bar: Node, steps: Sequence[Node], rows: Sequence[Node], stacked: Sequence[Node]
) -> StepSum:
    """How the sum of `bar` over the steps is best made; see `step_sums`."""
    changing = depends_on(topological([bar], stop=set(steps).__contains__), steps)
    found, known = StepSum(), set(stacked)
    waiting = [bar]
    while waiting:
        term = waiting.pop()
        if isinstance(term.op, Add):
            waiting += reversed(term.inputs)
            continue
        node, linear = term, list[Op]()
        while isinstance(node.op, _LINEAR):
            linear.append(node.op)
            (node,) = node.inputs
        if _is_product(node, changing, set(rows)):
            found.after.append((node, node.inputs, linear))
        elif node in known:
            found.after.append((node, (node,), linear))
        else:
            found.within = term if found.within is None else found.within + term
    return found


def _is_product(node: Node, changing: set[Node], rows: set[Node]) -> bool:
    """Whether a node can be made for all steps at once from its factors in all steps."""
    if isinstance(node.op, ScatterAdd):
        return node.op.axis == 0 and base(node.inputs[1]) in rows
    return isinstance(node.op, Matmul) and all(x in changing for x in node.inputs)


def _added_up(node: Node, stacks: Sequence[Node]) -> Node:
    """The sum of a node over all steps, from its factors in all steps."""
    if len(stacks) == 1:
        return stacks[0].sum(0)
    if isinstance(node.op, ScatterAdd):
        return apply(node.op, *stacks)
    a, b = stacks  # (steps, ..., rows, inner) and (steps, ..., inner, columns)
    lead, last = range(1, a.ndim - 2), a.ndim - 1
    steps, inner = a.shape[0], a.shape[-1]
    a = a.transpose(*lead, last - 1, 0, last).reshape((*node.shape[:-1], steps * inner))
    b = b.transpose(*lead, 0, last - 1, last)
    return apply(Matmul(), a, b.reshape((*node.shape[:-2], steps * inner, node.shape[-1])))


def base(node: Node) -> Node:
    """What `node` is another view of."""
    while isinstance(node.op, (Reshape, Transpose)):
        (node,) = node.inputs
    return node


def lifted(node: Node, of_all_steps: Stacked) -> Node:
    """A view of a step's value, as a view of the value in all steps."""
    views = []
    while isinstance(node.op, (Reshape, Transpose)):
        views.append(node)
        (node,) = node.inputs
    y = of_all_steps(node)
    for view in reversed(views):
        if isinstance(view.op, Transpose):
            y = y.transpose(0, *(1 + a for a in view.op.axes))
        else:
            y = y.reshape((y.shape[0], *view.shape))
    return y
