"""Derivatives of functions: value and gradient, vjp, jvp, Hessian-vector product.

A vjp carries a cotangent back; the others are made of it. A jvp is the vjp of the vjp, since the
vjp is linear in its cotangent; a Hessian-vector product is the jvp of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pullback import ops
from pullback.autodiff import reverse
from pullback.errors import ConfigError, DifferentiationError, ShapeError
from pullback.graph import trees
from pullback.graph.dtypes import is_float
from pullback.graph.node import HasNode, Node, Operand, as_node
from pullback.ops.shaping import Reshape

Function = Callable[..., Node]


def gradient(loss: Node, wrt: Sequence[Operand]) -> tuple[Node, ...]:
    r"""The gradient of a scalar: $\partial \text{loss} / \partial x$ for each x of `wrt`.

    Args:
        loss: A tensor of one element.
        wrt: Tensors (or parameters) that it was computed from, anywhere in its history.

    Returns:
        One tensor of x's shape for each x; zeros where the loss does not depend on x.

    Raises:
        DifferentiationError: The loss is no scalar, x is not real, the loss depends on x only
            through operations without a derivative, or `wrt` is no list.

    Example:
        >>> import pullback as pb
        >>> x = pb.tensor(3.0)
        >>> pb.gradient(x * x + x, [x])
        (tensor(7.),)
    """
    if isinstance(wrt, HasNode):  # it could be iterated over: its rows would get zeros
        raise DifferentiationError(
            "wrt must be a list of tensors",
            f"one tensor of shape {wrt.__node__().shape}",
            "Write (x_bar,) = pb.gradient(loss, [x]).",
        )
    return tuple(reverse.gradient(loss, [as_node(x) for x in wrt]))


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the value of `f` and its gradient.

    Args:
        f: A function of tensors (or nested lists, tuples, dictionaries of them) to a scalar.
        argnums: With respect to which argument, or arguments.

    Returns:
        A function of the same arguments that returns `(value, gradient)`; the gradient has the
        form of the argument, or is a tuple where `argnums` is one. Arguments by keyword are
        passed on; no derivative is taken with respect to them.

    Example:
        >>> import pullback as pb
        >>> f = pb.value_and_grad(lambda w: (w["x"] * w["x"]).sum())
        >>> f({"x": pb.tensor([1.0, 2.0])})
        (tensor(5.), {'x': tensor([2., 4.])})
    """

    def differentiated(*args: Any, **kwargs: Any) -> tuple[Node, Any]:
        numbers = argument_numbers(argnums, len(args))
        known = list(args)
        for n in numbers:
            known[n] = trees.mapped(variable, args[n])
        loss = f(*known, **kwargs)
        flat = [leaf for n in numbers for leaf in trees.leaves(known[n])]
        bars = iter(reverse.gradient(loss, flat))
        parts = tuple(trees.mapped(lambda _: next(bars), known[n]) for n in numbers)
        return loss, parts[0] if isinstance(argnums, int) else parts

    return differentiated


def argument_numbers(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    """`argnums` as a tuple, each the number of one of `count` arguments."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= n < count for n in numbers):
        raise ConfigError(
            "argnums must name arguments that were passed",
            f"argnums={argnums} with {count} arguments",
            "Count from 0.",
        )
    return numbers


def vjp(f: Function, *primals: Operand) -> tuple[Node, Callable[[Operand], tuple[Node, ...]]]:
    r"""The value of `f` and its pullback, which carries a cotangent of the output back.

    With the Jacobian J of f at the primals, the pullback is $\bar y \mapsto J^\top \bar y$.

    Example:
        >>> import pullback as pb
        >>> y, pull = pb.vjp(lambda x: x * x, pb.tensor([1.0, 2.0]))
        >>> pull(pb.tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    nodes = [variable(x) for x in primals]
    y = f(*nodes)

    def pull(cotangent: Operand) -> tuple[Node, ...]:
        y_bar = as_node(cotangent).astype(y.dtype)
        bars = reverse.backward([y], [y_bar], nodes)
        return tuple(
            ops.full_like(x, 0.0) if b is None else b for x, b in zip(nodes, bars, strict=True)
        )

    return y, pull


def jvp(f: Function, primals: Sequence[Operand], tangents: Sequence[Operand]) -> tuple[Node, Node]:
    r"""The value of `f` and the directional derivative $J \dot x$ along the tangents.

    Example:
        >>> import pullback as pb
        >>> y, y_dot = pb.jvp(lambda x: x * x, [pb.tensor(3.0)], [pb.tensor(2.0)])
        >>> y_dot
        tensor(12.)
    """
    nodes = _paired(primals, tangents)
    y = f(*nodes)
    y_bar = ops.zeros(y.shape, y.dtype)
    bars = reverse.backward([y], [y_bar], nodes)
    pairs = [
        (bar, _tangent(t, x))
        for x, bar, t in zip(nodes, bars, tangents, strict=True)
        if bar is not None
    ]
    (y_dot,) = reverse.backward([b for b, _ in pairs], [t for _, t in pairs], [y_bar])
    return y, ops.zeros(y.shape, y.dtype) if y_dot is None else y_dot


def hvp(f: Function, primals: Sequence[Operand], tangents: Sequence[Operand]) -> tuple[Node, ...]:
    r"""The Hessian of a scalar function times a vector: $H \dot x$, never building H.

    Example:
        >>> import pullback as pb
        >>> pb.hvp(lambda x: (x * x * x).sum(), [pb.tensor([1.0, 2.0])], [pb.tensor([1.0, 0.0])])
        (tensor([6., 0.]),)
    """
    nodes = _paired(primals, tangents)
    bars = reverse.gradient(f(*nodes), nodes)
    directions = [_tangent(t, x) for x, t in zip(nodes, tangents, strict=True)]
    products = reverse.backward(bars, directions, nodes)
    return tuple(
        ops.full_like(x, 0.0) if p is None else p for x, p in zip(nodes, products, strict=True)
    )


def _paired(primals: Sequence[Operand], tangents: Sequence[Operand]) -> list[Node]:
    """The primals as nodes; there must be a tangent for each."""
    if len(primals) != len(tangents):
        raise ConfigError(
            "every primal needs one tangent",
            f"{len(primals)} primals and {len(tangents)} tangents",
            "Pass zeros where nothing moves.",
        )
    return [variable(x) for x in primals]


def _tangent(t: Operand, x: Node) -> Node:
    """`t` as a node of the shape and dtype of the primal x."""
    node = as_node(t).astype(x.dtype)
    if node.shape not in ((), x.shape):
        raise ShapeError(
            "a tangent has the shape of its primal, or is one number",
            f"tangent {node.shape}, primal {x.shape}",
            "Reshape the tangent.",
        )
    return node.broadcast_to(x.shape)


def variable(x: Operand) -> Node:
    """`x` as a node of real numbers that is the caller's alone.

    The same tensor may be passed twice, or passed and used by the function as a constant: were
    the variable that tensor itself, the derivatives would mix. A reshape to its own shape tells
    them apart, lets the derivatives of an outer function through, and costs nothing in a program.
    """
    node = as_node(float(x) if isinstance(x, int) and not isinstance(x, bool) else x)
    if not is_float(node.dtype):
        raise DifferentiationError(
            "a derivative is taken with respect to real numbers",
            f"dtype {node.dtype}",
            "Convert it with .astype('float32').",
        )
    return Node(Reshape(node.shape), (node,), node.shape, node.dtype, node.origin, node.value)
