"""What an operation is, and the one table of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from pullback.errors import ShapeError, unknown
from pullback.graph.cause import Cause, Place, outcome
from pullback.graph.dtypes import Array, Dtype, Shape, is_float
from pullback.graph.origin import here

if TYPE_CHECKING:
    from pullback.graph.node import Node


@dataclass(frozen=True)
class Op:
    """One operation: its meaning, shape rule, derivative and formula, all in one class.

    An instance is the operation with its attributes fixed (`Sum(axes=(0,), keepdims=False)`), so
    two equal instances on the same inputs are the same computation.

    Class attributes:
        name: The operation's name: its key in the registry and its row in native/ops.def.
        family: Which family gives it its shape rule; the row's second entry.
        arity: How many inputs it takes; -1 for any number.
        text: How it is printed, with `{0}`, `{1}` for its inputs and `{axes}` for attributes.
        latex: The same in LaTeX.
        binding: How tightly the printed form binds: 0 never needs brackets.
        differentiable: False where no derivative exists (integers out, comparisons).
        mend: What to do where it, or its derivative, is NaN or inf; a sentence.
    """

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    arity: ClassVar[int] = 1
    text: ClassVar[str] = ""
    latex: ClassVar[str] = ""
    binding: ClassVar[int] = 0
    differentiable: ClassVar[bool] = True
    mend: ClassVar[str] = ""

    def infer(self, *inputs: Node) -> tuple[Shape, Dtype]:
        """The output's shape and dtype; raises ShapeError or DtypeError where there is none."""
        raise TypeError(f"{type(self).__name__} has no shape rule")

    def forward(self, *args: Any, **kwargs: Any) -> Array:
        """The operation's meaning on NumPy arrays: the oracle of every executor."""
        raise TypeError(f"{type(self).__name__} has no meaning of its own")

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Node | None, ...]:
        """The pullback, in graph operations: `vjp(y_bar, y, *inputs)`, one entry an input.

        None means that no derivative exists with respect to that input. An operation without
        this method is differentiated through `decompose`.
        """
        raise TypeError(f"{type(self).__name__} is differentiated through its decomposition")

    def vjp_of(
        self, wanted: Sequence[bool], y_bar: Node, y: Node, *inputs: Node
    ) -> tuple[Node | None, ...]:
        """The pullback, where only the cotangents of the `wanted` inputs will be used.

        For operations to which the others would be dear; what is not wanted may be None.
        """
        return self.vjp(y_bar, y, *inputs)

    def decompose(self, *args: Any, **kwargs: Any) -> Node:
        """The operation's definition in simpler ones: `decompose(*inputs)`; fused ones only."""
        raise TypeError(f"{type(self).__name__} is a primitive")

    def batch(self, mapped: Sequence[bool], *inputs: Node) -> Node:
        """The batching rule: the operation on a stack, once for each entry of a new first axis.

        Args:
            mapped: Whether the input of that place is a stack. At least one is; all stacks have
                the same length.
            inputs: A stack has a new first axis in front of the axes the operation knows; every
                other input is what it was, and is the same for all entries.

        Returns:
            The results, stacked along a new first axis: entry i is the operation of the i-th
            entry of each stack and of the other inputs whole.

        A fused operation without this method is batched through `decompose`.
        """
        raise TypeError(
            f"{type(self).__name__} has no batching rule: give it `batch`, or a family that has"
        )

    def why(self, at: Place, y: Array, *inputs: Array) -> Cause:
        """What made element `at` of the value `y`: asked of a NaN or inf, and of what led to it."""
        numbers = [x for x in inputs if is_float(x.dtype) and x.size]
        sizes = " and ".join(f"up to {abs(x).max():.6g}" for x in numbers)
        words = f"{self.name} of numbers {sizes}" if numbers else self.name
        return Cause(words + outcome(y, at, numbers))

    @classmethod
    def samples(cls) -> Iterable[Any]:
        """Inputs for the table-driven tests: `pullback.ops.samples.Sample` objects."""
        return ()

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def is_fused(self) -> bool:
        """Whether the operation has a definition in simpler ones."""
        return type(self).decompose is not Op.decompose

    @property
    def has_vjp(self) -> bool:
        """Whether the operation states its own pullback."""
        return type(self).vjp is not Op.vjp

    @property
    def has_batch(self) -> bool:
        """Whether the operation states its own batching rule."""
        return type(self).batch is not Op.batch

    def attributes(self) -> dict[str, Any]:
        """The attributes that distinguish this instance, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.attributes().items())
        return f"{self.name}({shown})" if shown else self.name


_REGISTRY: dict[str, type[Op]] = {}
O = TypeVar("O", bound=Op)


@dataclass_transform(frozen_default=True)
def register(cls: type[O]) -> type[O]:
    """Class decorator: makes `cls` a frozen record of its attributes and enters it in the table."""
    made = dataclass(frozen=True)(cls)
    if made.name in _REGISTRY:
        raise ValueError(f"two operations are named {made.name!r}")
    _REGISTRY[made.name] = made
    return made


def registry() -> dict[str, type[Op]]:
    """All registered operations by name, sorted."""
    return dict(sorted(_REGISTRY.items()))


def operation(name: str) -> type[Op]:
    """The operation of that name.

    Raises:
        UnknownNameError: There is none; the nearest is named.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        raise unknown("operation", name, sorted(_REGISTRY)) from None


def apply(op: Op, *inputs: Node) -> Node:
    """The node that is `op` of `inputs`."""
    from pullback.graph.node import Node  # node.py needs `apply` for its operators

    shape, dtype = op.infer(*inputs)
    if math.prod(shape) * dtype.itemsize >= 2**63:
        raise ShapeError(
            "the number of elements, and of bytes, must be below 2**63",
            f"{op.name} of shape {shape} ({here()})",
            "Use smaller dimensions.",
        )
    return Node(op, inputs, shape, dtype, here())
