"""The families of operations: what gives a class its shape rule and its samples.

An elementwise operation takes inputs of one shape. Broadcasting is an operation of its own, put
in by `elementwise`, so that 'the gradient of a bias is a sum over the batch' is a visible step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pullback.errors import DtypeError, ShapeError
from pullback.graph.cause import Cause, Place, figure, outcome
from pullback.graph.dtypes import (
    BOOL,
    DEFAULT_FLOAT,
    INT64,
    Array,
    Dtype,
    Shape,
    is_float,
    promote,
)
from pullback.graph.node import Node, Operand, as_node, functions
from pullback.graph.op import Op, apply
from pullback.ops.samples import Real, Sample


def broadcast_shape(name: str, nodes: Sequence[Node]) -> Shape:
    """The shape to which `nodes` broadcast by NumPy's rules."""
    try:
        return np.broadcast_shapes(*(node.shape for node in nodes))
    except ValueError as error:
        if "too large" in str(error):  # each axis fits, their product passes int64
            raise ShapeError(
                "the number of elements must be below 2**63",
                f"{name} of " + " and ".join(str(node.shape) for node in nodes),
                "Use smaller dimensions.",
            ) from None
        places = sorted({str(node.origin) for node in nodes if node.origin.source})
        raise ShapeError(
            f"the inputs of {name} must broadcast to one shape",
            " and ".join(str(node.shape) for node in nodes)
            + (f" ({'; '.join(places)})" if places else ""),
            "Reshape one of them, or put in an axis of length 1.",
        ) from None


def numbers(op: type[Elementwise], operands: Sequence[Operand]) -> list[Node]:
    """`operands` as nodes of one dtype that `op` takes; a Python number is weak."""
    ready = [x for x in operands if isinstance(x, Node) and x.dtype == DEFAULT_FLOAT]
    if len(ready) == len(operands) and op.takes != "bool":
        return ready  # what is ordinary should cost little
    weak = [isinstance(x, (bool, int, float)) for x in operands]
    strong = [as_node(x) for x, w in zip(operands, weak, strict=True) if not w]
    dtype = promote(BOOL, *(node.dtype for node in strong))
    for x, w in zip(operands, weak, strict=True):
        if w and isinstance(x, float) and not is_float(dtype):
            dtype = DEFAULT_FLOAT
        elif w and not isinstance(x, bool) and dtype == BOOL:
            dtype = INT64
    if op.takes == "float" and not is_float(dtype):
        dtype = DEFAULT_FLOAT
    if op.takes == "number" and dtype == BOOL:
        dtype = INT64
    if op.takes == "bool" and dtype != BOOL:
        raise DtypeError(f"{op.name} takes booleans", str(dtype), "Compare first: x != 0.")
    rest = iter(strong)
    nodes = [as_node(x, dtype) if w else next(rest) for x, w in zip(operands, weak, strict=True)]
    return [converted(x, node, dtype) for x, node in zip(operands, nodes, strict=True)]


def converted(x: Operand, node: Node, dtype: Dtype) -> Node:
    """`node`, which was made of `x`, in `dtype`; a list's numbers keep all their digits."""
    if node.dtype == dtype:
        return node
    if isinstance(x, (list, tuple)) and node.value is not None:
        return as_node(x, dtype)
    return functions()["cast"](node, dtype)


def same_shape(op: Op, nodes: Sequence[Node]) -> list[Node]:
    """`nodes`, broadcast to their common shape where they differ."""
    shape = nodes[0].shape
    if all(node.shape == shape for node in nodes):
        return list(nodes)
    others = {node.shape for node in nodes if node.shape}
    shape = others.pop() if len(others) == 1 else broadcast_shape(op.name, nodes)
    return [node if node.shape == shape else node.broadcast_to(shape) for node in nodes]


def stacked(mapped: Sequence[bool], inputs: Sequence[Node]) -> list[Node]:
    """`inputs` as stacks of one length: those that are none yet are repeated along a new axis."""
    length = next(x.shape[0] for x, m in zip(inputs, mapped, strict=True) if m)
    return [
        x if m else x.broadcast_to((length, *x.shape)) for x, m in zip(inputs, mapped, strict=True)
    ]


class Rowwise(Op):
    """An operation that lets further axes stand in front: on a stack it is itself."""

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The operation itself, of inputs that all have the new axis."""
        return apply(self, *stacked(mapped, inputs))


@dataclass(frozen=True)
class Axiswise(Op):
    """An operation along some of its inputs' axes; on a stack it works along the axes behind."""

    axes: tuple[int, ...] = ()

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The same axes, each one further on."""
        behind = replace(self, axes=tuple(a + 1 for a in self.axes))
        return apply(behind, *stacked(mapped, inputs))


class Elementwise(Rowwise):
    """One number of each input gives one number of the output; the inputs have one shape.

    Class attributes:
        takes: Which dtypes: `float` (others are converted), `number`, `bool` or `any`.
        domain: Where samples are drawn, one (low, high) an input.
        hard_points: Inputs whose value and derivative must be right though they are extreme.
        defined: For which numbers it is defined, if not for all: `above 0`.
    """

    family = "ELEMENTWISE"
    takes: ClassVar[str] = "float"
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),)
    hard_points: ClassVar[tuple[float, ...]] = (0.0,)
    defined: ClassVar[str] = ""

    def __call__(self, *operands: Operand) -> Node:
        """The operation of `operands`, converted to one dtype and broadcast to one shape."""
        if len(operands) != self.arity:
            raise TypeError(f"{self.name} takes {self.arity} operands, not {len(operands)}")
        return apply(self, *same_shape(self, numbers(type(self), operands)))

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        """The inputs' common shape."""
        return inputs[0].shape, self.result_dtype(inputs[-1].dtype)

    def result_dtype(self, dtype: Dtype) -> Dtype:
        """The output's dtype, from the inputs'."""
        return dtype

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """The operation of the numbers there: `log of 0, defined above 0`."""
        numbers = [x[at] for x in inputs]
        order = sorted(range(len(numbers)), key=lambda i: self.weight(y[at], numbers[i]))
        ending = outcome(y, at, numbers)
        if ending and self.defined:
            ending = f", defined {self.defined}"
        return Cause(self.said(*numbers) + ending, tuple((i, at) for i in order))

    def weight(self, y: Array, x: Array) -> float:
        """How little one of the inputs has to do with the value: a 0 comes from the smallest."""
        return abs(float(x)) if y == 0 else -abs(float(x))

    def said(self, *numbers: Array) -> str:
        """The operation of numbers, in words or as a formula: `log of 0`, `2 * (-3)`."""
        shown = [figure(x) for x in numbers]
        if not self.text or self.text.startswith(self.name):
            return f"{self.name} of {' and '.join(shown)}"
        signed = [f"({x})" if x.startswith("-") else x for x in shown]
        return self.text.format(*signed, **self.attributes())

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        """Every instance on several shapes, and broadcast."""
        domain = cls.domain if len(cls.domain) == cls.arity else cls.domain * cls.arity
        shapes: tuple[Shape, ...] = ((), (0,), (1,), (5,), (2, 3), (2, 1, 2))
        for op in cls.instances():
            for shape in shapes:
                yield Sample(op, tuple(Real(shape, low, high) for low, high in domain))
            if cls.arity > 1:
                mixed: tuple[Shape, ...] = ((2, 3), (3,), (2, 1))
                yield Sample(
                    op, tuple(Real(s, *d) for s, d in zip(mixed, domain, strict=False)), spread=True
                )

    @classmethod
    def instances(cls) -> Iterable[Op]:
        """The attribute settings that the samples cover."""
        return (cls(),)


class Predicate(Elementwise):
    """An elementwise question: the answer is boolean and has no derivative."""

    takes = "number"
    differentiable = False

    def result_dtype(self, dtype: Dtype) -> Dtype:
        """Boolean, whatever is asked about."""
        return BOOL


def normal_axes(op: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """`axis` as a sorted tuple of non-negative axes."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ShapeError(
                f"the axis of {op} must be from {-ndim} to {ndim - 1}",
                str(a),
                "Choose another axis.",
            )
    normal = tuple(sorted({int(a) % ndim for a in axes}))
    if len(normal) != len(axes):
        raise ShapeError(f"the axes of {op} must differ", str(axes), "Name each axis once.")
    return normal
