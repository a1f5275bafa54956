"""Einstein's sums: products of arrays with named axes, as few matrix products."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from pullback.errors import ShapeError
from pullback.graph.node import Node, Operand, as_node, function
from pullback.ops.arranging import diagonal, moveaxis
from pullback.ops.contraction import matmul
from pullback.ops.reductions import sum as total

__all__ = ["einsum"]


@function
def einsum(subscripts: str, *operands: Operand) -> Node:
    r"""The sum of products that `subscripts` writes down, as in NumPy.

    `"bij,bjk->bik"` is $y_{bik} = \sum_j a_{bij}\, b_{bjk}$: an axis that is not named behind the
    arrow is summed over. Without an arrow, the result has the axes named once, in alphabetical
    order. `...` stands for all axes that are not named; an axis named twice in one operand is its
    diagonal. Operands are taken from the left, two by two, each as a batched matrix product.

    Raises:
        ShapeError: The subscripts do not fit the operands.

    Example:
        >>> import pullback as pb
        >>> pb.einsum("ij,j->i", pb.tensor([[1.0, 2.0], [3.0, 4.0]]), pb.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    nodes = [as_node(x) for x in operands]
    named, wanted = _parsed(subscripts, nodes)
    _check_sizes(subscripts, named, nodes)
    terms = [_without_twins(name, node) for name, node in zip(named, nodes, strict=True)]
    axes, y = terms[0]
    for number, (other_axes, other) in enumerate(terms[1:], 1):
        needed = set(wanted).union(*(a for a, _ in terms[number + 1 :]))
        axes, y = _product(axes, y, other_axes, other, needed)
    gone = [i for i, axis in enumerate(axes) if axis not in wanted]
    y, kept = (total(y, gone) if gone else y), [a for a in axes if a in wanted]
    return y.transpose(*(kept.index(axis) for axis in wanted)) if kept else y


def _parsed(subscripts: str, nodes: Sequence[Node]) -> tuple[list[str], str]:
    """The axes of each operand and of the result, one letter each; `...` written out."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    names = left.split(",")
    letters = set(text) - set("->,.")
    if len(names) != len(nodes) or not letters <= set(string.ascii_letters):
        raise ShapeError(
            "einsum names the axes of each operand with letters, such as 'ij,jk->ik'",
            f"{subscripts!r} for {len(nodes)} operands",
            "Give one group of letters an operand, with commas between.",
        )
    spare = [c for c in string.ascii_letters if c not in letters]
    found, rest = [], ""
    for name, node in zip(names, nodes, strict=True):
        free = node.ndim - len(name.replace("...", ""))
        if free < 0 or (free and "..." not in name):
            raise ShapeError(
                f"the axes of an operand of einsum must all be named in {subscripts!r}",
                f"{name!r} for shape {node.shape}",
                "Name each axis by a letter, or the rest by '...'.",
            )
        own = "".join(spare[len(spare) - free :])
        rest = max(rest, own, key=len)
        found.append(name.replace("...", own))
    if not arrow:
        once = "".join(sorted(c for c in letters if left.count(c) == 1))
        right = rest + once
    wanted = right.replace("...", rest)
    if len(set(wanted)) < len(wanted) or not set(wanted) <= set("".join(found)):
        raise ShapeError(
            "the axes of the result of einsum are axes of its operands, each once",
            f"{right!r} in {subscripts!r}",
            "Mend what follows the arrow.",
        )
    return found, wanted


def _check_sizes(subscripts: str, named: Sequence[str], nodes: Sequence[Node]) -> None:
    sizes: dict[str, int] = {}
    for name, node in zip(named, nodes, strict=True):
        for axis, size in zip(name, node.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ShapeError(
                    f"an axis must have one length in all operands of einsum {subscripts!r}",
                    f"{axis!r} of lengths {sizes[axis]} and {size}, in shapes "
                    + " and ".join(str(n.shape) for n in nodes),
                    "Reshape one of them.",
                )


def _without_twins(name: str, node: Node) -> tuple[str, Node]:
    """An operand whose axes differ: of an axis named twice the diagonal."""
    for axis in name:
        while name.count(axis) > 1:
            first, second = name.index(axis), name.rindex(axis)
            node = diagonal(moveaxis(moveaxis(node, second, -1), first, -2))
            name = name[:first] + name[first + 1 : second] + name[second + 1 :] + axis
    return name, node


def _product(a_axes: str, a: Node, b_axes: str, b: Node, needed: set[str]) -> tuple[str, Node]:
    """Two operands as one, as a batched matrix product; only `needed` axes are left."""
    lonely = [i for i, axis in enumerate(a_axes) if axis not in needed and axis not in b_axes]
    a, a_axes = (total(a, lonely) if lonely else a), _left(a_axes, lonely)
    lonely = [i for i, axis in enumerate(b_axes) if axis not in needed and axis not in a_axes]
    b, b_axes = (total(b, lonely) if lonely else b), _left(b_axes, lonely)
    shared = [axis for axis in a_axes if axis in b_axes]
    batch = [axis for axis in shared if axis in needed]
    inner = [axis for axis in shared if axis not in needed]
    rows = [axis for axis in a_axes if axis not in b_axes]
    columns = [axis for axis in b_axes if axis not in a_axes]
    size = dict(zip(a_axes, a.shape, strict=True)) | dict(zip(b_axes, b.shape, strict=True))

    def arranged(x: Node, axes: str, *groups: list[str]) -> Node:
        order = [axes.index(axis) for group in groups for axis in group]
        shape = [size[axis] for axis in batch]
        shape += [math.prod(size[axis] for axis in group) for group in groups[1:]]
        return x.transpose(*order).reshape(shape)

    y = matmul(arranged(a, a_axes, batch, rows, inner), arranged(b, b_axes, batch, inner, columns))
    axes = [*batch, *rows, *columns]
    return "".join(axes), y.reshape([size[axis] for axis in axes])


def _left(axes: str, gone: Sequence[int]) -> str:
    return "".join(axis for i, axis in enumerate(axes) if i not in gone)
