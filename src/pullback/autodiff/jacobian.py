"""Whole Jacobians and Hessians: the transforms that make one row or column, over a basis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pullback import ops
from pullback.autodiff import reverse
from pullback.autodiff.batching import batched
from pullback.autodiff.transforms import argument_numbers, value_and_grad, variable
from pullback.errors import DifferentiationError
from pullback.graph import trees
from pullback.graph.dtypes import is_float
from pullback.graph.node import Node, as_node, placeholder


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    r"""A function that returns the Jacobian of `f`, $J_{ij} = \partial y_i / \partial x_j$.

    Its rows are the pullbacks $J^\top e_i$ of the unit vectors, its columns the pushforwards
    $J e_j$. All rows, or all columns where they are fewer, are computed at once, as a stack.

    Args:
        f: A function of tensors (or nested lists, tuples, dictionaries of them) to the same.
        argnums: With respect to which argument, or arguments.

    Returns:
        A function of the same arguments. For one tensor to one tensor it returns a tensor
        `(*output's shape, *argument's shape)`. For several, the result has the form of the
        output; in the place of each of its tensors stands the form of the argument, holding one
        Jacobian each, or a tuple of such where `argnums` is a sequence.

    Raises:
        DifferentiationError: An argument or output is not real.
        ConfigError: `argnums` names an argument that was not passed.

    Example:
        >>> import pullback as pb
        >>> pb.jacobian(lambda x: pb.stack([x[0] * x[1], x[0]]))(pb.tensor([3.0, 5.0]))
        tensor([[5., 3.],
                [1., 0.]])
    """

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        known = list(args)
        numbers = argument_numbers(argnums, len(args))
        for n in numbers:
            known[n] = trees.mapped(variable, args[n])
        y = f(*known, **kwargs)
        xs = [leaf for n in numbers for leaf in trees.leaves(known[n])]

        def of_one(leaf: Any) -> Any:
            found = iter(_jacobians(_real(as_node(leaf)), xs))
            parts = tuple(trees.mapped(lambda _: next(found), known[n]) for n in numbers)
            return parts[0] if isinstance(argnums, int) else parts

        return trees.mapped(of_one, y)

    return differentiated


def hessian(f: Callable[..., Node], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    r"""A function that returns the Hessian of a scalar function: the Jacobian of its gradient.

    $H_{ij} = \partial^2 y / \partial x_i \partial x_j$, for all pairs of elements. To multiply
    with it, `hvp` is enough, and never makes it.

    Args:
        f: A function of tensors (or nested lists, tuples, dictionaries of them) to a scalar.
        argnums: With respect to which argument, or arguments.

    Returns:
        A function of the same arguments. For one tensor it returns `(*shape, *shape)`; for
        several, the form of the arguments twice: `H["w"]["b"]` is the block of w and b.

    Raises:
        DifferentiationError: An argument or the output is not real, or the output no scalar.
        ConfigError: `argnums` names an argument that was not passed.

    Example:
        >>> import pullback as pb
        >>> pb.hessian(lambda x: x[0] * x[0] * x[1])(pb.tensor([3.0, 5.0]))
        tensor([[10.,  6.],
                [ 6.,  0.]])
    """
    slopes = value_and_grad(f, argnums)
    return jacobian(lambda *args, **kwargs: slopes(*args, **kwargs)[1], argnums)


def _jacobians(y: Node, xs: Sequence[Node]) -> list[Node]:
    """The Jacobian of y with respect to each x, by rows or by columns, whichever are fewer."""
    if sum(x.size for x in xs) < y.size:
        return [by_columns(y, x) for x in xs]
    return by_rows(y, xs)


def by_rows(y: Node, xs: Sequence[Node]) -> list[Node]:
    """The pullbacks of all unit cotangents."""
    y_bar = placeholder("y_bar", y.shape, y.dtype)
    bars = reverse.backward([y], [y_bar], xs)
    rows = batched([y if bar is None else bar for bar in bars], {y_bar: _basis(y)})
    return [
        ops.zeros((*y.shape, *x.shape), x.dtype)
        if bar is None or stack is None
        else stack.reshape((*y.shape, *x.shape))
        for x, bar, stack in zip(xs, bars, rows, strict=True)
    ]


def by_columns(y: Node, x: Node) -> Node:
    """The pushforwards of all unit tangents; each is the pullback of the pullback."""
    x_dot = placeholder("x_dot", x.shape, x.dtype)
    y_bar = ops.zeros(y.shape, y.dtype)
    (x_bar,) = reverse.backward([y], [y_bar], [x])
    (y_dot,) = [None] if x_bar is None else reverse.backward([x_bar], [x_dot], [y_bar])
    (columns,) = [None] if y_dot is None else batched([y_dot], {x_dot: _basis(x)})
    if columns is None:
        return ops.zeros((*y.shape, *x.shape), x.dtype)
    return columns.transpose(*range(1, columns.ndim), 0).reshape((*y.shape, *x.shape))


def _basis(x: Node) -> Node:
    """The unit vectors of the space of x, stacked."""
    units = ops.one_hot(ops.arange(x.size), x.size, x.dtype.name)
    return units.reshape((x.size, *x.shape))


def _real(y: Node) -> Node:
    if not is_float(y.dtype):
        raise DifferentiationError(
            "a Jacobian is the derivative of real numbers",
            f"an output of dtype {y.dtype} ({y.origin})",
            "Return what it was computed from.",
        )
    return y
