"""A loop as users write it: a function of the carry and one row, called once on placeholders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.errors import ConfigError, ShapeError
from pullback.graph import trees
from pullback.graph.dtypes import promote
from pullback.graph.node import Node, as_node, placeholder
from pullback.ops.loops import looped

__all__ = ["scan"]

LONGEST = 2**31
"""The most steps of a loop: these take hours."""


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    r"""A loop over the first axis of `xs`: $(c_{t+1}, y_t) = f(c_t, x_t)$.

    `f` is called once, on placeholders, and becomes the body of one operation: a loop of 10,000
    steps is as quickly traced, planned and differentiated as one of ten. Derivatives reach the
    first carry, `xs`, and everything that `f` uses from outside, such as weights.

    Args:
        f: Takes the carry and one row of `xs`; hands back the new carry, of the same form and
            shapes, and y, which may be None.
        carry: The first carry: a tensor, or nested tuples, lists and dictionaries of them, or
            None. Its parts, and those of y, are brought to one dtype; whole numbers that are to
            stay whole belong in `xs`.
        xs: Likewise; the first axis of every part counts the steps. None where there are none.
        length: The number of steps; needed where `xs` is None.
        reverse: Begin with the last row. Row t of the ys still belongs to row t of `xs`.

    Returns:
        The last carry, and the ys of all steps, each with a new first axis.

    Raises:
        ShapeError: The parts of `xs` differ in length, or f changes the carry's form or shapes.
        ConfigError: The number of steps is not known or beyond 2**31, or f does not hand
            back a pair.

    Example:
        >>> import pullback as pb
        >>> def decay(c, x):
        ...     c = 0.5 * c + x
        ...     return c, c
        >>> pb.scan(decay, 0.0, pb.tensor([1.0, 1.0, 1.0]))
        (tensor(1.75), tensor([1.  , 1.5 , 1.75]))
    """
    rows = [as_node(x) for x in trees.leaves(xs)]
    steps = _length(rows, length)
    first = trees.leaves(carry)
    weak = [isinstance(x, (bool, int, float)) for x in first]
    known = [as_node(x) for x in first]
    strong = [node.dtype for node, w in zip(known, weak, strict=True) if not w]
    dtype = promote(*(strong or [node.dtype for node in known] or [np.dtype(np.bool_)]))
    row = [placeholder(f"x.{i}", x.shape[1:], x.dtype) for i, x in enumerate(rows)]
    while True:  # again in a wider dtype if f widens the carry: at most once for each dtype
        start = [as_node(x, dtype).astype(dtype) for x in first]
        held = [placeholder(f"carry.{i}", c.shape, dtype) for i, c in enumerate(start)]
        new, y = _called(f, _filled(carry, held), _filled(xs, row))
        outputs = [*_matching(carry, new, held), *(as_node(leaf) for leaf in trees.leaves(y))]
        found = promote(dtype, *(node.dtype for node in outputs))
        if found == dtype or not first:
            break
        dtype = found
    made = looped(
        start,
        rows,
        ([*held, *row], [node.astype(found) for node in outputs]),
        length=steps,
        reverse=reverse,
    )
    return _filled(carry, made[: len(held)]), _filled(y, made[len(held) :])


def _filled(tree: Any, leaves: Sequence[Node]) -> Any:
    """A tree of the form of `tree` with other leaves."""
    rest = iter(leaves)
    return trees.mapped(lambda _: next(rest), tree)


def _length(rows: Sequence[Node], length: int | None) -> int:
    """The number of steps: what is given and every part of xs must agree."""
    for row in rows:
        if not row.shape:
            raise ShapeError(
                "xs of a loop have a first axis, which counts the steps",
                f"a scalar ({row.origin})",
                "Use a value that stays the same in f as it is; it need not be passed.",
            )
    lengths = {row.shape[0] for row in rows}
    given = set() if length is None else {length}
    if len(lengths) > 1 or (lengths and not given <= lengths):
        raise ShapeError(
            "all parts of xs, and length, must say the same number of steps",
            ", ".join(str(row.shape) for row in rows) + (f", length={length}" if given else ""),
            "Give every part the same first axis.",
        )
    found = next(iter(lengths or given), None)
    if not hasattr(found, "__index__") or found is None or found < 0:
        raise ConfigError(
            "a loop must know its number of steps, 0 or more",
            f"no xs and length={length!r}",
            "Pass length=..., or xs.",
        )
    if found > LONGEST:
        raise ConfigError(
            f"a loop has at most {LONGEST:,} steps",
            f"length={found}",
            "A step takes a microsecond or more: do several at once, or stop where it is settled.",
        )
    return int(found)


def _called(f: Callable[[Any, Any], Any], carry: Any, x: Any) -> tuple[Any, Any]:
    if not callable(f):
        raise ConfigError(
            "a loop needs a body, a function of the carry and a row of xs",
            type(f).__name__,
            "Pass a function: pb.scan(f, carry, xs).",
        )
    result = f(carry, x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise ConfigError(
            "the body of a loop hands back a pair: the new carry, and y",
            type(result).__name__,
            "Return (carry, y); y may be None.",
        )
    return result


def _matching(carry: Any, new: Any, held: Sequence[Node]) -> list[Node]:
    """The parts of the new carry in the order of the old one's, checked to be of its form."""
    parts = [as_node(leaf) for leaf in _aligned(carry, new)]
    for i, (was, now) in enumerate(zip(held, parts, strict=True)):
        if was.shape != now.shape:
            raise ShapeError(
                "the carry of a loop keeps its shapes from step to step",
                f"part {i} goes in as {was.shape} and comes out as {now.shape} ({now.origin})",
                f"Begin with a carry of shape {now.shape}, or reshape it inside.",
            )
    return parts


def _aligned(carry: Any, new: Any) -> list[Any]:
    """The leaves of `new`, in the order in which `carry` has them."""
    branches = (dict, list, tuple)
    if isinstance(carry, branches) or isinstance(new, branches) or carry is None or new is None:
        same = isinstance(new, type(carry)) and (carry is None or len(carry) == len(new))
        if not same or (isinstance(carry, dict) and carry.keys() != new.keys()):
            raise ShapeError(
                "the carry of a loop keeps its form from step to step",
                f"{_form(carry)} goes in and {_form(new)} comes out",
                "Return the new carry in the form in which it came.",
            )
    if isinstance(carry, dict):
        return [leaf for key in carry for leaf in _aligned(carry[key], new[key])]
    if isinstance(carry, (list, tuple)):
        return [leaf for a, b in zip(carry, new, strict=True) for leaf in _aligned(a, b)]
    return [] if carry is None else [new]


def _form(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"a dictionary of {', '.join(map(str, tree)) or 'nothing'}"
    if isinstance(tree, (list, tuple)):
        return f"a {type(tree).__name__} of {len(tree)}"
    return "None" if tree is None else "a tensor"
