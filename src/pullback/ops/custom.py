"""Computations with a rule of their own, and an order between computations.

`CustomDerivative` stands where a computation ends whose derivative is not found by the chain rule
through its operations: a user's own rule, or recomputation. The value passes unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pullback.graph.cause import Cause, Place, moved
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node, Operand, as_node, function
from pullback.graph.op import Op, apply, register
from pullback.ops.arithmetic import mul, scale
from pullback.ops.families import stacked
from pullback.ops.samples import Real, Sample

__all__ = ["barrier"]


class Rule:
    """How the cotangents of a computation's inputs follow from that of its output.

    Two equal rules are one rule, so a rule is a frozen record.

    Class attributes:
        stated: Whether the user wrote it, so that a None in it is the user's word.
    """

    stated: ClassVar[bool] = False

    def pullback(
        self, y_bar: Node, y: Node, inner: Node, xs: Sequence[Node]
    ) -> Sequence[Node | None]:
        """One cotangent for each of `xs`; None where no derivative exists.

        Args:
            y_bar: The cotangent of the output.
            y: The output, whose derivative is this rule.
            inner: The same value as the graph that computed it.
            xs: The inputs.
        """
        raise TypeError(f"{type(self).__name__} has no pullback")

    def batched(self, mapped: Sequence[bool]) -> Rule:
        """The rule of the computation on a stack, whose inputs are stacks where `mapped`."""
        raise TypeError(f"{type(self).__name__} has no rule for stacks")


@dataclass(frozen=True)
class ProductRule(Rule):
    """The rule of a product of two, for the samples."""

    def pullback(
        self, y_bar: Node, y: Node, inner: Node, xs: Sequence[Node]
    ) -> Sequence[Node | None]:
        a, b = (x.broadcast_to(y.shape) for x in xs)
        bars = scale(y_bar, b), scale(y_bar, a)
        return [bar.sum(range(y.ndim - x.ndim)) for x, bar in zip(xs, bars, strict=True)]

    def batched(self, mapped: Sequence[bool]) -> Rule:
        return self


@dataclass(frozen=True)
class ProductSample(Sample):
    """A product whose derivative is stated."""

    def build(self, *nodes: Node) -> Node:
        return apply(self.op, mul(*nodes), *nodes)


@register
class CustomDerivative(Op):
    r"""The value of the first input, with a pullback of its own to the others.

    The first input is a computation on the others, through which no cotangent goes; the rule says
    what each $\bar x$ is. A program has no trace of it: there is nothing left to differentiate.

    Shape:
        inner: any, the result
        xs: any number of any shape, what it was computed from
        y: as inner
    """

    name = "custom_derivative"
    family = "CUSTOM"
    arity = -1
    text = "custom_derivative({*})"
    rule: Rule = field(default_factory=Rule)

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def forward(self, inner: Array, *xs: Array) -> Array:
        return inner

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        return moved(at)

    def vjp(self, y_bar: Node, y: Node, inner: Node, *xs: Node) -> tuple[Node | None, ...]:
        return None, *self.rule.pullback(y_bar, y, inner, xs)

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The stacked computation, with the rule for stacks."""
        inner = stacked(mapped, inputs)[0]
        return apply(CustomDerivative(self.rule.batched(mapped[1:])), inner, *inputs[1:])

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for shape in ((), (0,), (3,), (2, 3)):
            yield ProductSample(cls(ProductRule()), (Real(shape), Real(shape)), spread=True)


@register
class Barrier(Op):
    r"""The first input, which nothing may read before the second is computed.

    $y = x$, so $\bar x = \bar y$; the second input has a part in the order alone. Rewrites do not
    see through it: what is computed from y is never merged with what is computed from x.

    Shape:
        x: any
        after: any
        y: as x
    """

    name = "barrier"
    family = "CUSTOM"
    arity = 2

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        return inputs[0].shape, inputs[0].dtype

    def forward(self, x: Array, after: Array) -> Array:
        return x

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        return moved(at)

    def vjp(self, y_bar: Node, y: Node, x: Node, after: Node) -> tuple[Node, None]:
        return y_bar, None

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The stack of the first input, after the second as it is."""
        return apply(self, stacked(mapped, inputs)[0], inputs[1])

    @classmethod
    def samples(cls) -> Iterable[Sample]:
        for x, after in (((), ()), ((0,), (2,)), ((3,), (2, 2)), ((2, 3), (1,))):
            yield Sample(cls(), (Real(x), Real(after)))


@function
def barrier(x: Operand, after: Operand) -> Node:
    """The value of `x`, which is read only once `after` is computed.

    What is computed from it is a computation of its own, even where the same was computed from
    `x` before: that is how a value is computed again instead of being kept.

    Example:
        >>> import pullback as pb
        >>> pb.barrier(pb.tensor([1.0, 2.0]), pb.tensor(3.0))
        tensor([1., 2.])
    """
    return apply(Barrier(), as_node(x), as_node(after))
