"""How layers are put together beside each other: shortcuts, branches, joints, other shapes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Literal, get_args

from pullback import ops
from pullback.errors import ConfigError, ShapeError, unknown
from pullback.graph.node import Node
from pullback.nn.module import Module, register_layer
from pullback.nn.sequential import layer_of

Join = Literal["concatenate", "sum", "stack"]


@register_layer
class Residual(Module):
    r"""The output of a body added to its input: $y = x + f(x)$, or $s(x) + f(x)$ with a shortcut s.

    Backward, $\bar y$ reaches x unchanged beside what comes through the body, so deep stacks of
    such blocks learn.

    Args:
        body: f, a module; several layers go into a `Sequential`.
        shortcut: s, a module that brings x to the shape of f(x); None passes x on as it is.

    Shape:
        x: whatever the body takes
        output: that of the body; shortcut and body must agree, nothing is broadcast

    Raises:
        ConfigError: Body or shortcut is no module.
        ShapeError: Their outputs differ in shape.

    Example:
        >>> import pullback as pb
        >>> block = pb.nn.Residual(pb.nn.Sequential(pb.nn.Linear(4, 4), "relu")).initialise()
        >>> block(pb.ones((2, 4))).shape
        (2, 4)

    References:
        K. He, X. Zhang, S. Ren and J. Sun, 2016, "Deep residual learning for image recognition".
    """

    def __init__(self, body: Module | str, shortcut: Module | str | None = None) -> None:
        self.body = layer_of(body, "the body of Residual")
        self.shortcut = None if shortcut is None else layer_of(shortcut, "the shortcut of Residual")

    def forward(self, x: Node) -> Node:
        through: Node = self.body(x)
        past: Node = x if self.shortcut is None else self.shortcut(x)
        if through.shape != past.shape:
            raise ShapeError(
                f"body and shortcut of {type(self).__name__}, made in {self._source}, "
                "give one shape",
                f"{through.shape} from the body and {past.shape} past it",
                "Let the body keep the shape, or give it a shortcut that changes it alike: "
                "Residual(body, shortcut=pb.nn.Linear(out_features)).",
            )
        return past + through


@register_layer
class Parallel(Module):
    r"""Branches that all get the same input, their outputs joined: $[f_0(x), f_1(x), \dots]$.

    Args:
        branches: Modules, or names of activations; their paths are 0, 1, 2, ...
        join: `concatenate` puts outputs one after the other along `axis`, `sum` adds them up,
            `stack` puts them along a new axis.
        axis: Where to; the last axis, the features, by default.

    Shape:
        x: whatever the branches take
        output: theirs, joined; but for the joined axis they must agree, nothing is broadcast

    Raises:
        ConfigError: A branch is no module, there is none, or there is no such way to join.
        ShapeError: The outputs do not fit together.

    Example:
        >>> import pullback as pb
        >>> both = pb.nn.Parallel(pb.nn.Linear(3, 2), pb.nn.Linear(3, 4)).initialise()
        >>> both(pb.ones((5, 3))).shape
        (5, 6)

    References:
        C. Szegedy et al., 2015, "Going deeper with convolutions".
    """

    def __init__(self, *branches: Module | str, join: Join = "concatenate", axis: int = -1) -> None:
        if not branches:
            raise ConfigError("Parallel has branches", "none", "Pass one module or more.")
        if join not in get_args(Join):
            raise unknown("way to join", str(join), get_args(Join))
        for i, branch in enumerate(branches):
            setattr(self, str(i), layer_of(branch, f"branch {i} of Parallel"))
        self.join, self.axis = join, operator.index(axis)

    def forward(self, x: Node) -> Node:
        outputs: list[Node] = [branch(x) for branch in self._children.values()]
        if self.join == "concatenate":
            return concatenated(self, outputs, self.axis)
        shapes = [y.shape for y in outputs]
        if len(set(shapes)) > 1:
            raise ShapeError(
                f"the branches of {type(self).__name__}, made in {self._source}, give one shape "
                f"to be joined by {self.join}",
                ", ".join(map(str, shapes)),
                "Give every branch the same number of features, or use join='concatenate'.",
            )
        if self.join == "stack":
            return ops.stack(outputs, self.axis)
        total = outputs[0]
        for y in outputs[1:]:
            total = total + y
        return total


@register_layer
class Concatenate(Module):
    """Several inputs put one after the other along an axis.

    Args:
        axis: Along which; the last axis, the features, by default.

    Shape:
        inputs: (batch, ...), one shape but for the axis
        output: the same, the axis as long as all together

    Raises:
        ShapeError: The inputs do not fit together.

    References:
        G. Huang, Z. Liu, L. van der Maaten and K. Weinberger, 2017, "Densely connected
        convolutional networks".

    Example:
        >>> import pullback as pb
        >>> pb.nn.Concatenate()(pb.ones((5, 3)), pb.ones((5, 1))).shape
        (5, 4)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = operator.index(axis)

    def forward(self, *inputs: Node) -> Node:
        return concatenated(self, inputs, self.axis)


def concatenated(layer: Module, outputs: Sequence[Node], axis: int) -> Node:
    """The tensors one after the other along an axis, checked."""
    rests = {
        (y.shape[:axis], y.shape[axis:][1:]) if -y.ndim <= axis < y.ndim else None for y in outputs
    }
    if len(rests) != 1 or None in rests:
        raise ShapeError(
            f"what {type(layer).__name__}, made in {layer._source}, puts together along axis "
            f"{axis} has one shape but for that axis",
            ", ".join(str(y.shape) for y in outputs) or "nothing",
            "Bring them to one shape first: pb.nn.Flatten(), or a global pooling layer.",
        )
    return ops.concatenate(list(outputs), axis)


@register_layer
class Reshape(Module):
    """The numbers of each row in another shape.

    Args:
        shape: The shape of one row; one length may be -1, which is what is left.

    Shape:
        x: (batch, ...)
        output: (batch, *shape)

    Raises:
        ConfigError: The shape is not made of lengths, or has more than one -1.
        ShapeError: The rows have another number of elements.

    References:
        C. Harris et al., 2020, "Array programming with NumPy".

    Example:
        >>> import pullback as pb
        >>> pb.nn.Reshape((28, 28, 1))(pb.ones((2, 784))).shape
        (2, 28, 28, 1)
    """

    def __init__(self, shape: int | Sequence[int]) -> None:
        lengths = (shape,) if isinstance(shape, int) else tuple(shape)
        whole = all(hasattr(n, "__index__") and not isinstance(n, bool) for n in lengths)
        if not whole or any(n < -1 for n in lengths) or lengths.count(-1) > 1:
            raise ConfigError(
                "the shape of Reshape is made of lengths, of which one may be -1",
                repr(shape),
                "Use for instance (28, 28, 1).",
            )
        self.shape = tuple(operator.index(n) for n in lengths)

    def forward(self, x: Node) -> Node:
        size = math.prod(x.shape[1:])
        known = math.prod(n for n in self.shape if n != -1)
        fits = size == known if -1 not in self.shape else known and size % known == 0
        if not x.shape or not fits:
            raise ShapeError(
                f"{self!r}, made in {self._source}, takes rows of "
                + ("a multiple of " if -1 in self.shape else "")
                + f"{known} numbers, (batch, ...)",
                f"an input of shape {x.shape} from {x.origin}",
                "Change the shape, or the layer before it.",
            )
        return x.reshape((x.shape[0], *(n if n != -1 else size // known for n in self.shape)))
