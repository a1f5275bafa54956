"""vmap: a function of one example becomes a function of a stack of them, without a loop."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from pullback.autodiff.batching import batched
from pullback.errors import ConfigError, ShapeError
from pullback.graph import trees
from pullback.graph.node import Node, as_node, placeholder


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    r"""A function that applies `f` to each example of a stack: $y_i = f(x_i)$ for all i at once.

    `f` is called once, on examples whose values are not known yet, and the graph that it makes is
    then made again for the whole stack: one operation on a stack takes the place of many. So the
    result has derivatives, and `vmap` composes with the other transforms and with itself.

    Random numbers are drawn once for all examples, unless their seed, step or row is mapped.

    Args:
        f: A function of tensors, or nested lists, tuples and dictionaries of them, to the same.
        in_axes: Which axis of each argument counts the examples. A whole number goes for all
            arguments; a tuple has one entry an argument, and an entry may be a list, tuple or
            dictionary of the form of that argument. None means that all examples share it.
        out_axes: Which axis of the results counts the examples, in the same way; None for what
            is the same for all of them.

    Returns:
        A function of the same arguments, with the axis of the examples put in; arguments by
        keyword are passed on and shared by all examples.

    Raises:
        ShapeError: The lengths of the mapped axes differ, or a mapped argument has no such axis.
        ConfigError: Nothing is mapped, the axes have not the form of the arguments or results, or
            a result with out_axes None depends on the example.
        TraceError: `f` asks for the value of an example.

    Example:
        >>> import pullback as pb
        >>> rows = pb.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> pb.vmap(lambda x, w: (x * w).sum(), in_axes=(0, None))(rows, pb.tensor([1.0, 10.0]))
        tensor([21., 43.])

        The gradient of each row's own loss:

        >>> pb.vmap(pb.value_and_grad(lambda x: (x * x).sum()))(rows)[1]
        tensor([[2., 4.],
                [6., 8.]])
    """

    @functools.wraps(f)
    def of_stacks(*args: Any, **kwargs: Any) -> Any:
        stacks: dict[Node, Node] = {}
        places: dict[Node, str] = {}

        def example(axis: int | None, leaf: Any, place: str) -> Any:
            if axis is None or leaf is None:
                return leaf
            stack = _to_front(as_node(leaf), axis, place)
            one = placeholder(place, stack.shape[1:], stack.dtype)
            stacks[one], places[one] = stack, place
            return one

        names = _names(f, len(args))
        each = _each_argument(in_axes, len(args))
        examples = [
            trees.along(example, axes, argument, name)
            for axes, argument, name in zip(each, args, names, strict=True)
        ]
        length = _length(stacks, places)
        return _restacked(f(*examples, **kwargs), stacks, out_axes, length)

    return of_stacks


def _each_argument(in_axes: Any, count: int) -> list[Any]:
    """The axes of each argument."""
    if not isinstance(in_axes, (tuple, list)):
        return [in_axes] * count
    if len(in_axes) != count:
        raise ConfigError(
            "in_axes has one entry an argument",
            f"in_axes={in_axes!r} with {count} arguments",
            "Give one axis for all, or as many as there are arguments; None for shared ones.",
        )
    return list(in_axes)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """What the first arguments of `f` are called."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    single = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [p.name for p in parameters if p.kind in single]
    return [known[i] if i < len(known) else f"argument {i}" for i in range(count)]


def _to_front(x: Node, axis: int, place: str) -> Node:
    """`x` with one of its axes moved before the others."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(
            f"a mapped argument has the axis {axis} that counts the examples",
            f"{place} of shape {x.shape}",
            "Stack the examples, or give in_axes None for what they share.",
        )
    return x.transpose(axis % x.ndim, *(a for a in range(x.ndim) if a != axis % x.ndim))


def _length(stacks: dict[Node, Node], places: dict[Node, str]) -> int:
    """How many examples there are."""
    if not stacks:
        raise ConfigError(
            "vmap needs at least one argument that holds the examples",
            "no tensor with an axis in in_axes",
            "Pass the stack by position, with in_axes 0; arguments by keyword are shared.",
        )
    lengths = {place: stacks[one].shape[0] for one, place in places.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(
            "the mapped axes of all arguments must have one length, the number of examples",
            ", ".join(f"{place}: {n}" for place, n in lengths.items()),
            "Pass as many examples of each, or in_axes None for what they share.",
        )
    return next(iter(lengths.values()))


def _restacked(result: Any, stacks: dict[Node, Node], out_axes: Any, length: int) -> Any:
    """What `f` made of one example, made of all of them."""
    ones = [as_node(leaf) for leaf in trees.leaves(result)]
    pairs = iter(list(zip(ones, batched(ones, stacks), strict=True)))

    def turned(axis: int | None, leaf: Any, place: str) -> Node:
        one, stack = next(pairs)
        if axis is None:
            if stack is not None:
                raise ConfigError(
                    "out_axes may be None only where the result is the same for all examples",
                    f"{place}, which depends on them ({one.origin})",
                    "Give the axis on which they are to be stacked, such as 0.",
                )
            return one
        whole = one.broadcast_to((length, *one.shape)) if stack is None else stack
        if not -whole.ndim <= axis < whole.ndim:
            raise ShapeError(
                f"out_axes must be an axis of the stacked result, {whole.ndim} in all",
                f"{axis} for {place} of shape {whole.shape}",
                "Use 0, the first.",
            )
        order = list(range(1, whole.ndim))
        order.insert(axis % whole.ndim, 0)
        return whole.transpose(*order)

    return trees.along(turned, out_axes, result, "the result")
