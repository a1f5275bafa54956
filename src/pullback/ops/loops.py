"""Loops: one operation that repeats a body, handing a carry from step to step."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.errors import ConfigError, DtypeError, ShapeError
from pullback.graph import trees
from pullback.graph.body import Body, closed
from pullback.graph.cause import Cause, Place, outcome
from pullback.graph.code import run
from pullback.graph.dtypes import FLOAT64, Array, Dtype, Shape, is_float, promote
from pullback.graph.node import Node, Operand, as_node, placeholder
from pullback.graph.op import Op, apply, register
from pullback.ops.samples import Real, Sample

LoopPullback = Callable[["Scan", Sequence[bool], Node, Node, Sequence[Node]], Sequence[Node | None]]
LoopBatching = Callable[["Scan", Sequence[bool], Sequence[Node]], Node]
_RULES: list[tuple[LoopPullback, LoopBatching]] = []


def set_loop_rules(pullback: LoopPullback, batching: LoopBatching) -> None:
    """Say how loops are differentiated and batched: `pullback.autodiff` does this on import.

    It takes reverse mode, and batching, of the body, which operations know nothing of.
    """
    _RULES[:] = [(pullback, batching)]


@register
class Scan(Op):
    r"""A loop: $(c_{t+1}, y_t) = f(c_t, x_t, w)$ for every step t, in order or backwards.

    The value is one flat array: the last carry, part by part, then all steps of each part of y.
    Its pullback is the loop in the other direction whose body is the pullback of f.

    Attributes:
        body: f. Its inputs are the parts of c, of x and of w; its outputs those of c and of y,
            all of one dtype.
        carries: How many parts the carry has.
        rows: How many parts x has: the inputs that are read row by row.
        length: How many steps there are.
        reverse: Whether the last step comes first.

    Shape:
        inputs: the parts of the first carry; those of x, (length, ...); those of w
        y: (numbers in all parts,)
    """

    name = "scan"
    family = "LOOP"
    arity = -1
    text = "scan({*}, {length} steps of {body})"
    latex = r"\operatorname{{scan}}_{{{length}}}({*})"
    body: Body
    carries: int
    rows: int
    length: int
    reverse: bool = False

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        for i, (given, wanted) in enumerate(zip(inputs, self.body.inputs, strict=True)):
            by_row = self.carries <= i < self.carries + self.rows
            shape = (self.length, *wanted.shape) if by_row else wanted.shape
            if (given.shape, given.dtype) != (shape, wanted.dtype):
                raise ShapeError(
                    f"input {i} of a loop of {self.length} steps must be {wanted.dtype} {shape}",
                    f"{given.dtype} {given.shape} ({given.origin})",
                    "Build loops with pb.scan, which sees to it.",
                )
        return (self.bounds[-1][1],), self.body.outputs[0].dtype

    @functools.cached_property
    def shapes(self) -> list[Shape]:
        """The shapes of the parts of the value: the carry's, then all steps of each of y's."""
        shapes = [node.shape for node in self.body.outputs]
        return shapes[: self.carries] + [(self.length, *s) for s in shapes[self.carries :]]

    @functools.cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """From where to where each part lies in the flat value."""
        stops = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        return list(zip([0, *stops], stops, strict=False))

    def whereabouts(self, flat: int) -> tuple[int, int]:
        """The part that an element of the value belongs to, and the step that gives it."""
        part = next(i for i, (start, stop) in enumerate(self.bounds) if start <= flat < stop)
        if part < self.carries:
            return part, 0 if self.reverse else self.length - 1
        start, stop = self.bounds[part]
        return part, (flat - start) * self.length // (stop - start)

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The step of the loop that gives it."""
        return Cause(f"step {self.whereabouts(at[0])[1]} of a loop{outcome(y, at, [])}")

    def forward(self, *arrays: Array) -> Array:
        wide = self._is_wide(arrays)
        dtype = FLOAT64 if wide else self.body.outputs[0].dtype
        flat = np.empty(self.bounds[-1][1], dtype)
        parts = [flat[a:b].reshape(s) for (a, b), s in zip(self.bounds, self.shapes, strict=True)]
        stacks = list(zip(parts, self.body.code(wide).outputs, strict=True))[self.carries :]
        last: Sequence[Any] = arrays[: self.carries]
        for t, values, carry in self.steps(*arrays):
            for stack, number in stacks:
                stack[t] = values[number]
            last = carry
        for part, value in zip(parts, last, strict=False):
            part[...] = value
        return flat

    def steps(
        self, *arrays: Array, keep: bool = False
    ) -> Iterator[tuple[int, list[Any], list[Any]]]:
        """Run the loop: after each step its number, the values of the body, the new carry.

        The values are in the order of the body's nodes; without `keep`, those that nobody needs
        any more are gone.
        """
        code = self.body.code(self._is_wide(arrays))
        operations = [(*one[:-1], ()) for one in code.code] if keep else code.code
        values = code.values.copy()
        c, x = self.carries, self.carries + self.rows
        for number, array in zip(code.inputs[x:], arrays[x:], strict=True):
            values[number] = array
        rows = list(zip(code.inputs[c:x], arrays[c:x], strict=True))
        carry = list(arrays[:c])
        for t in reversed(range(self.length)) if self.reverse else range(self.length):
            for number, value in zip(code.inputs, carry, strict=False):
                values[number] = value
            for number, array in rows:
                values[number] = array[t]
            run(operations, values)
            carry = [values[number] for number in code.outputs[:c]]
            yield t, values, carry

    def _is_wide(self, arrays: Sequence[Array]) -> bool:
        """Whether real inputs come in float64 where the body has float32, as the oracle does."""
        return any(
            is_float(array.dtype) and array.dtype.itemsize > node.dtype.itemsize
            for array, node in zip(arrays, self.body.inputs, strict=True)
        )

    def vjp(self, y_bar: Node, y: Node, *inputs: Node) -> tuple[Node | None, ...]:
        return self.vjp_of([is_float(x.dtype) for x in inputs], y_bar, y, *inputs)

    def vjp_of(
        self, wanted: Sequence[bool], y_bar: Node, y: Node, *inputs: Node
    ) -> tuple[Node | None, ...]:
        return tuple(_RULES[0][0](self, wanted, y_bar, y, inputs))

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        return _RULES[0][1](self, mapped, inputs)

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for length, reverse in ((3, False), (2, True), (1, False), (0, False)):
            inputs = (Real((2,)), Real(()), Real((length, 2)), Real((2, 2), -0.7, 0.7))
            yield LoopSample(cls(_neuron(FLOAT64), 2, 1, length, reverse), inputs)


def looped(
    carry: Sequence[Node],
    rows: Sequence[Node],
    inside: tuple[Sequence[Node], Sequence[Node]],
    *,
    length: int,
    reverse: bool,
    given: Mapping[Node, Node] | None = None,
) -> list[Node]:
    """The parts of a loop's value, from its body as nodes: the last carry, then all of y.

    Args:
        carry: The first carry.
        rows: What is read row by row.
        inside: Placeholders of the carry and of a row, and the new carry and y made of them.
        length: How many steps there are.
        reverse: Whether the last comes first.
        given: Nodes that others stand for, inside.
    """
    steps, outputs = inside
    if not outputs:
        return []
    body, outer = closed(steps, outputs, given)
    op = Scan(body, len(carry), len(rows), length, reverse)
    return parts_of(apply(op, *carry, *rows, *outer))


def parts_of(y: Node) -> list[Node]:
    """The parts of a loop's value, each in its shape."""
    op = y.op
    assert isinstance(op, Scan)
    return [y[a:b].reshape(s) for (a, b), s in zip(op.bounds, op.shapes, strict=True)]


class LoopSample(Sample):
    """A sample whose body has the dtype of its inputs."""

    def build(self, *nodes: Node) -> Node:
        op = self.op
        assert isinstance(op, Scan)
        return apply(replace(op, body=_neuron(nodes[0].dtype)), *nodes)


@functools.cache
def _neuron(dtype: Dtype) -> Body:
    """A recurrent neuron, beside a leaky sum of what it gives."""
    c, v = placeholder("c", (2,), dtype), placeholder("v", (), dtype)
    x, w = placeholder("x", (2,), dtype), placeholder("w", (2, 2), dtype)
    h = (x + (c.reshape((1, 2)) @ w).reshape((2,))) * (1 + 0.1 * c * v)
    return Body((c, v, x, w), (h, v * 0.5 + h.sum(), h * c))
