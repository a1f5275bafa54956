r"""The pullback of a loop, and its batching rule.

The pullback is the loop in the other direction, whose body is the pullback of the body.
Where the loop computes $c_{t+1}, y_t = f(c_t, x_t, w)$, its pullback carries $\bar c$ from the
last step to the first: $\bar c_t, \bar x_t = f'(\bar c_{t+1}, \bar y_t; c_t, x_t, w)$. Both are
the same kind of operation, so the pullback is planned, printed and differentiated again like any
other.

What the pullback reads of each step, its residuals, comes from a wider loop: the first one, which
also hands out the values that the pullback mentions. Its value begins with that of the first, so
the planner runs it in the other's place, and a loop that is not differentiated keeps nothing.
(Computing the body again in the pullback would need less memory; an LSTM took a third longer.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pullback import ops
from pullback.autodiff.batching import batched
from pullback.autodiff.reverse import backward
from pullback.autodiff.sums import step_sums
from pullback.graph.body import Body
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node, placeholder
from pullback.graph.op import apply
from pullback.graph.order import depends_on, topological
from pullback.graph.origin import entered
from pullback.ops.arithmetic import Add
from pullback.ops.loops import Scan, looped, parts_of, set_loop_rules
from pullback.ops.shaping import BroadcastTo, Reshape, Transpose
from pullback.ops.slicing import Embed, Slice

_FREE = (Slice, Reshape, Transpose, BroadcastTo)  # views: made again rather than kept


def loop_pullback(
    op: Scan, wanted: Sequence[bool], y_bar: Node, y: Node, inputs: Sequence[Node]
) -> Sequence[Node | None]:
    """The cotangents of a loop's inputs from that of its value."""
    if not is_float(y.dtype):
        return [None] * len(inputs)
    return _Pullback(op, wanted, y_bar, y, inputs).cotangents()


def loop_batching(op: Scan, mapped: Sequence[bool], inputs: Sequence[Node]) -> Node:
    """The loop on stacks: one loop, whose body takes a stack and whose carry is one."""
    first_row, first_fixed = op.carries, op.carries + op.rows
    count = next(x.shape[0] for x, m in zip(inputs, mapped, strict=True) if m)
    carry = [
        x if m else x.broadcast_to((count, *x.shape))
        for x, m in zip(inputs[:first_row], mapped, strict=False)
    ]
    rows = [
        x.transpose(1, 0, *range(2, x.ndim)) if m else x
        for x, m in zip(inputs[first_row:first_fixed], mapped[first_row:], strict=False)
    ]
    steps = [placeholder(f"carry.{i}", x.shape, x.dtype) for i, x in enumerate(carry)]
    steps += [placeholder(f"x.{i}", x.shape[1:], x.dtype) for i, x in enumerate(rows)]
    outside = [*steps, *inputs[first_fixed:]]
    stacked = [*(True for _ in carry), *mapped[first_row:]]
    pairs = list(zip(op.body.inputs, outside, stacked, strict=True))
    found = batched(op.body.outputs, {x: y for x, y, m in pairs if m}, within=op.body.inputs)
    outputs = [
        y.broadcast_to((count, *y.shape)) if stack is None else stack
        for y, stack in zip(op.body.outputs, found, strict=True)
    ]
    given = {x: y for x, y, m in pairs if not m}
    parts = looped(carry, rows, (steps, outputs), length=op.length, reverse=op.reverse, given=given)
    flat = parts[:first_row]
    flat += [part.transpose(1, 0, *range(2, part.ndim)) for part in parts[first_row:]]
    sizes = [b - a for a, b in op.bounds]
    return ops.concatenate(
        [part.reshape((count, size)) for part, size in zip(flat, sizes, strict=True)], axis=1
    )


set_loop_rules(loop_pullback, loop_batching)


class _Pullback:
    """The work of `loop_pullback` on one loop.

    Attributes:
        active: The body's inputs that need a cotangent, by number: the wanted ones, and the
            parts of the carry through which they act.
        arrived: The cotangent of each part of the loop's value; None where it is zero.
        outer: By the number of the output, what stands for its cotangent in one step.
        bars: By the number of the input, its cotangent in one step, where one arrives.
    """

    def __init__(
        self, op: Scan, wanted: Sequence[bool], y_bar: Node, y: Node, inputs: Sequence[Node]
    ) -> None:
        self.op, self.y, self.inputs = op, y, inputs
        body = op.body
        self.active = _active(op, wanted)
        self.arrived = [
            None if bar is None else bar.reshape(shape)
            for bar, shape in zip(_parts(y_bar, op.bounds), op.shapes, strict=True)
        ]
        self.outer = {
            i: placeholder(f"bar.{i}", node.shape, node.dtype)
            for i, node in enumerate(body.outputs)
            if (i in self.active if i < op.carries else self.arrived[i] is not None)
        }
        ends = [body.outputs[i] for i in self.outer]
        wrt = [body.inputs[i] for i in self.active]
        found = backward(ends, list(self.outer.values()), wrt, within=body.inputs)
        self.bars = {i: bar for i, bar in zip(self.active, found, strict=True) if bar is not None}

    def cotangents(self) -> list[Node | None]:
        """The cotangents of all inputs; None for those that are not active."""
        op, inputs, dtype = self.op, self.op.body.inputs, self.y.dtype
        first_row, first_fixed = op.carries, op.carries + op.rows
        steps = [*inputs[:first_fixed], *self.outer.values()]
        of_rows = [bar for i, bar in self.bars.items() if first_row <= i < first_fixed]
        fixed = {i: bar for i, bar in self.bars.items() if i >= first_fixed}
        sums = step_sums(fixed, steps, inputs[first_row:first_fixed], of_rows)
        within = {i: total.within for i, total in sums.items() if total.within is not None}
        so_far = {i: placeholder(f"sum.{i}", inputs[i].shape, dtype) for i in within}
        carried = [i for i in self.active if i < first_row]
        carry = [self.bars.get(i, ops.zeros(inputs[i].shape, dtype)) for i in carried]
        carry += [so_far[i] + node.astype(dtype) for i, node in within.items()]
        rows = [*of_rows, *(node for total in sums.values() for node in total.stacked())]
        held = [*(self.outer[i] for i in carried), *so_far.values()]
        last, stacks = self._run(carried, held, carry, rows)

        found: dict[int, Node] = dict(zip(carried, last, strict=False))
        found |= {i: stacks[self.bars[i]] for i in self.bars if first_row <= i < first_fixed}
        added = dict(zip(within, last[len(carried) :], strict=True))
        found |= {i: s.total(stacks.__getitem__, added.get(i)) for i, s in sums.items()}
        return [found[i].astype(x.dtype) if i in found else None for i, x in enumerate(inputs)]

    def _run(
        self, carried: list[int], held: list[Node], carry: list[Node], rows: list[Node]
    ) -> tuple[list[Node], dict[Node, Node]]:
        """The loop itself.

        Args:
            carried: The parts of the first loop's carry whose cotangents this one carries.
            held: What stands for the parts of this loop's carry, in its body.
            carry: The new carry, as nodes of the body.
            rows: Values of each step that are wanted of all steps.

        Returns:
            The last carry, and `rows` of all steps.
        """
        op, dtype = self.op, self.y.dtype
        kept = self._residuals([*carry, *rows], [*held, *self.outer.values()])
        fixed = op.carries + op.rows
        given = dict(zip(op.body.inputs[fixed:], self.inputs[fixed:], strict=True))
        given |= {node: placeholder("kept", node.shape, node.dtype) for node in kept}
        made = [node for node in dict.fromkeys(rows) if node not in kept]
        arrived = {self.outer[i]: self.arrived[i] for i in self.outer if i >= op.carries}
        start = [self.arrived[i] for i in carried]
        start += [None] * (len(held) - len(start))
        values = looped(
            [ops.full_like(h, 0.0) if s is None else s for h, s in zip(held, start, strict=True)],
            [*(bar for bar in arrived.values() if bar is not None), *kept.values()],
            (
                [*held, *arrived, *(given[node] for node in kept)],
                [node.astype(dtype) for node in (*carry, *made)],
            ),
            length=op.length,
            reverse=not op.reverse,
            given=given,
        )
        stacks = {
            node: stack.astype(node.dtype)
            for node, stack in zip(made, values[len(carry) :], strict=True)
        }
        return values[: len(carry)], {**kept, **stacks}

    def _residuals(self, needs: list[Node], bars: Sequence[Node]) -> dict[Node, Node]:
        """What the body of the pullback reads of each step, with its values in all steps.

        Kept are the values that the body itself computes. What a derivative rule makes of them,
        and views, are made again; so are booleans and whole numbers, which do not fit in the
        loop's value.
        """
        op, body = self.op, self.op.body
        given, forward = set(body.inputs), set(body.order)
        order = topological(needs, stop=given.__contains__)
        late = depends_on(order, bars)
        changing = depends_on(order, body.inputs[: op.carries + op.rows])
        needed = {x for node in order if node in late for x in node.inputs} | set(needs)
        kept: list[Node] = []
        for node in reversed(order):
            if node in late or node not in needed or node not in changing:
                continue
            fits = node.dtype == self.y.dtype and not isinstance(node.op, _FREE)
            if node in given or (node in forward and fits):
                kept.append(node)
            else:
                needed.update(node.inputs)
        rows = dict(zip(body.inputs, self.inputs, strict=True))
        read = {node: rows[node] for node in body.inputs[op.carries :] if node in set(kept)}
        return read | self._wider([node for node in reversed(kept) if node not in read])

    def _wider(self, nodes: list[Node]) -> dict[Node, Node]:
        """The values of nodes of the body in all steps, from a loop that hands them out too."""
        op, body = self.op, self.op.body
        ys = dict.fromkeys(body.outputs[op.carries :])
        more = [node for node in nodes if node not in ys]
        y = self.y
        if more:
            wide = replace(op, body=Body(body.inputs, (*body.outputs, *more)))
            with entered(y.origin):  # it is the first loop, not a part of the pullback
                y = apply(wide, *self.inputs)
            body = wide.body
        places = {node: i for i, node in enumerate(body.outputs) if i >= op.carries}
        parts = parts_of(y) if nodes else []
        return {node: parts[places[node]] for node in nodes}


def _active(op: Scan, wanted: Sequence[bool]) -> list[int]:
    """The inputs of the body that need a cotangent, by number."""
    inputs = op.body.inputs
    active = {i for i, x in enumerate(inputs) if wanted[i] and is_float(x.dtype)}
    while True:
        reached = depends_on(op.body.order, [inputs[i] for i in active])
        carried = {i for i in range(op.carries) if op.body.outputs[i] in reached}
        if carried <= active:
            return sorted(active)
        active |= carried


def _parts(y_bar: Node, bounds: Sequence[tuple[int, int]]) -> list[Node | None]:
    """The part of a flat cotangent within each of the bounds; None where it is known to be zero.

    Users read a loop's value part by part, so its cotangent comes as a sum of parts, each put
    into zeros: they are taken out of that sum instead of adding it up.
    """
    found: list[Node | None] = [None] * len(bounds)
    place = {b: i for i, b in enumerate(bounds)}
    waiting = [y_bar]
    while waiting:
        term = waiting.pop()
        if isinstance(term.op, Add):
            waiting += reversed(term.inputs)
            continue
        among: Iterable[tuple[int, Node]]
        if isinstance(term.op, Embed) and term.inputs[0].size == 0:
            continue
        if isinstance(term.op, Embed) and term.op.bounds[0][:2] in place:
            among = [(place[term.op.bounds[0][:2]], term.inputs[0])]
        else:
            among = [(i, term[a:b]) for i, (a, b) in enumerate(bounds)]
        for i, part in among:
            before = found[i]
            found[i] = part if before is None else before + part
    return found
