"""Functions whose derivative the user states, instead of the chain rule through their graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pullback.autodiff.batching import batched
from pullback.errors import DifferentiationError, DtypeError, ShapeError
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node, Operand, Slot, as_node, placeholder
from pullback.graph.op import apply
from pullback.graph.order import topological
from pullback.ops.custom import CustomDerivative, Rule
from pullback.writing import counted


def custom_derivative(
    forward: Callable[..., Node], pullback: Callable[..., Any]
) -> Callable[..., Node]:
    r"""A function with the values of `forward` and the derivative that `pullback` states.

    For $y = f(x_1, \dots)$ the chain rule finds
    $\bar x_i = (\partial y / \partial x_i)^\top \bar y$ from the operations of f. Here
    `pullback` says it: where the true derivative is of no use, or
    where a formula is more accurate than that of the single operations. Derivatives of higher
    order are those of the pullback, so it is written in operations of the library.

    Args:
        forward: A function of tensors to one tensor. Tensors that it takes from elsewhere are
            constants for the derivative: pass as an argument what is to be differentiated.
        pullback: `pullback(y_bar, y, *xs)` gives the cotangents of the inputs: a tuple with one
            tensor of the input's shape each, or a tensor alone where there is one input; None in
            its place for an input without derivative, which is not zero: a gradient with respect
            to what nothing else carries back to is refused. It is linear in `y_bar`. Real
            cotangents of another precision are rounded to that of their input.

    Returns:
        A function of the tensors that `forward` takes. `pb.gradcheck` compares its derivative
        with finite differences, and `vmap` and the other transforms take it like any other.

    Raises:
        DifferentiationError: When differentiated, if `pullback` returns nothing, or the number of
            cotangents is not that of the inputs, or all that leads to what is differentiated is
            None; when called, if it reads a parameter in training that was not passed.
        ShapeError: When differentiated, if a cotangent has not the shape of its input.
        DtypeError: When differentiated, if a cotangent is not made of real numbers.

    Example:
        The straight-through estimator: rounding has slope 0 almost everywhere, so nothing could
        be learned through it; its cotangent is passed on as if it were the identity.

        >>> import pullback as pb
        >>> rounded = pb.custom_derivative(pb.round, lambda y_bar, y, x: y_bar)
        >>> x = pb.tensor([0.2, 1.7])
        >>> pb.value_and_grad(lambda x: (3 * rounded(x)).sum())(x)
        (tensor(6.), tensor([3., 3.]))

    References:
        Y. Bengio, N. Leonard and A. Courville, 2013, "Estimating or propagating gradients through
        stochastic neurons for conditional computation".
    """

    @functools.wraps(forward)
    def with_rule(*operands: Operand) -> Node:
        xs = [as_node(x) for x in operands]
        inner = as_node(forward(*xs))
        _check_captured(inner, xs)
        return apply(CustomDerivative(Stated(pullback)), inner, *xs)

    return with_rule


@dataclass(frozen=True)
class Stated(Rule):
    """A pullback that the user wrote."""

    stated: ClassVar[bool] = True
    function: Callable[..., Any]

    def pullback(
        self, y_bar: Node, y: Node, inner: Node, xs: Sequence[Node]
    ) -> Sequence[Node | None]:
        found = self.function(y_bar, y, *xs)
        if found is None:
            raise DifferentiationError(
                "a pullback returns the cotangents of its inputs",
                f"None for {counted(len(xs), 'input')} ({y.origin})",
                "Return them; (None,) says that an only input has no derivative.",
            )
        bars = found if isinstance(found, (tuple, list)) else (found,)
        if len(bars) != len(xs):
            raise DifferentiationError(
                "a pullback gives one cotangent for each input",
                f"{counted(len(bars), 'cotangent')} for {counted(len(xs), 'input')} ({y.origin})",
                "Return a tuple; None stands for an input without derivative.",
            )
        return [self._checked(i, x, bar) for i, (x, bar) in enumerate(zip(xs, bars, strict=True))]

    def batched(self, mapped: Sequence[bool]) -> Rule:
        return OfStack(self, tuple(mapped))

    @staticmethod
    def _checked(i: int, x: Node, bar: Operand | None) -> Node | None:
        """A cotangent in the dtype of its input, if it has its shape."""
        if bar is None:
            return None
        if not is_float(x.dtype):
            raise DifferentiationError(
                "a pullback gives None for an input that is not real",
                f"a cotangent for input {i}, of dtype {x.dtype}",
                "Return None in its place.",
            )
        node = as_node(bar)
        if not is_float(node.dtype):
            raise DtypeError(
                "a cotangent is made of real numbers",
                f"cotangent of dtype {node.dtype} for input {i} of dtype {x.dtype} ({x.origin})",
                "Multiply by y_bar what it is multiplied with, or convert it with .astype.",
            )
        if node.shape != x.shape:
            raise ShapeError(
                "a cotangent has the shape of its input",
                f"cotangent {node.shape} for input {i} of shape {x.shape} ({x.origin})",
                "Sum over the axes along which the input was broadcast.",
            )
        return node.astype(x.dtype)


@dataclass(frozen=True)
class OfStack(Rule):
    """The rule of one example, for a stack of them: an input that all share gets the sum."""

    rule: Rule
    mapped: tuple[bool, ...]

    @property
    def stated(self) -> bool:  # type: ignore[override]  # that of the rule of one example
        """Whether the user wrote the rule."""
        return self.rule.stated

    def pullback(
        self, y_bar: Node, y: Node, inner: Node, xs: Sequence[Node]
    ) -> Sequence[Node | None]:
        stacks = [y_bar, y, *(x for x, m in zip(xs, self.mapped, strict=True) if m)]
        ones = [placeholder("example", x.shape[1:], x.dtype) for x in stacks]
        rest = iter(ones[2:])
        each = [next(rest) if m else x for x, m in zip(xs, self.mapped, strict=True)]
        bars = self.rule.pullback(ones[0], ones[1], ones[1], each)
        known = [bar for bar in bars if bar is not None]
        made = iter(batched(known, dict(zip(ones, stacks, strict=True))))
        return [
            None if bar is None else self._joined(bar, next(made), m, len(y))
            for bar, m in zip(bars, self.mapped, strict=True)
        ]

    def batched(self, mapped: Sequence[bool]) -> Rule:
        return OfStack(self, tuple(mapped))

    @staticmethod
    def _joined(bar: Node, stack: Node | None, mapped: bool, length: int) -> Node:
        """The cotangents of all examples, or their sum for an input that all share."""
        whole = bar.broadcast_to((length, *bar.shape)) if stack is None else stack
        return whole if mapped else whole.sum(0)


def _check_captured(inner: Node, xs: Sequence[Node]) -> None:
    """Refuse what reads a trained value that is not among the inputs: it would get no gradient."""
    edge = set(xs)

    def ends(node: Node) -> bool:
        return node in edge or node.value is not None or not node.op.differentiable

    for node in topological([inner], stop=ends):
        if isinstance(node.op, Slot) and node not in edge and is_float(node.dtype):
            raise DifferentiationError(
                "a function with a pullback of its own is differentiated by its arguments alone",
                f"{node.op.label}, which it reads without being passed it ({inner.origin})",
                "Pass it as an argument, or read pb.stop_gradient of it.",
            )
