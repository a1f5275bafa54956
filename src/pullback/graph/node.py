"""A node: one value of a computation, known or not yet.

A node is also the user's tensor: immutable and lazy. Its arithmetic looks the operation up by
name, so this file knows no operation but the leaves. `pullback.execute` says how a value is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike

from pullback.errors import DataError, ShapeError, TraceError
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, Shape, as_array, as_dtype
from pullback.graph.op import Op, register
from pullback.graph.origin import Origin, here


@runtime_checkable
class HasNode(Protocol):
    """Anything that stands for a node, such as a parameter of a network."""

    def __node__(self) -> Node: ...


Operand = Union["Node", HasNode, float, int, bool, "Array", Sequence[Any], np.generic]

_LARGEST = float(np.finfo(DEFAULT_FLOAT).max)
_FUNCTIONS: dict[str, Callable[..., Node]] = {}
_EVALUATOR: list[Callable[[Sequence[Node]], list[Array]]] = []


def function(made: Callable[..., Node]) -> Callable[..., Node]:
    """Enter a function that builds nodes in the table from which operators take theirs."""
    _FUNCTIONS[made.__name__] = made
    return made


def functions() -> dict[str, Callable[..., Node]]:
    """The table of functions that build nodes, by name."""
    return _FUNCTIONS


def set_evaluator(evaluate: Callable[[Sequence[Node]], list[Array]]) -> None:
    """Say how the values of nodes are found; `pullback.execute` does this on import."""
    _EVALUATOR[:] = [evaluate]


class Operators:
    """Arithmetic and the methods that users expect of an array, each an operation."""

    __slots__ = ()
    __array_priority__ = 1000  # so that ndarray + node asks the node
    __array_ufunc__ = None

    def __neg__(self) -> Node:
        return _FUNCTIONS["neg"](self)

    def __pos__(self) -> Node:
        return as_node(self)  # type: ignore[arg-type]  # the mixin's users have __node__

    def __abs__(self) -> Node:
        return _FUNCTIONS["abs"](self)

    def __add__(self, other: Operand) -> Node:
        return _FUNCTIONS["add"](self, other)

    def __radd__(self, other: Operand) -> Node:
        return _FUNCTIONS["add"](other, self)

    def __sub__(self, other: Operand) -> Node:
        return _FUNCTIONS["sub"](self, other)

    def __rsub__(self, other: Operand) -> Node:
        return _FUNCTIONS["sub"](other, self)

    def __mul__(self, other: Operand) -> Node:
        return _FUNCTIONS["mul"](self, other)

    def __rmul__(self, other: Operand) -> Node:
        return _FUNCTIONS["mul"](other, self)

    def __truediv__(self, other: Operand) -> Node:
        return _FUNCTIONS["div"](self, other)

    def __rtruediv__(self, other: Operand) -> Node:
        return _FUNCTIONS["div"](other, self)

    def __pow__(self, other: Operand) -> Node:
        return _FUNCTIONS["power"](self, other)

    def __rpow__(self, other: Operand) -> Node:
        return _FUNCTIONS["power"](other, self)

    def __matmul__(self, other: Operand) -> Node:
        return _FUNCTIONS["matmul"](self, other)

    def __rmatmul__(self, other: Operand) -> Node:
        return _FUNCTIONS["matmul"](other, self)

    def __lt__(self, other: Operand) -> Node:
        return _FUNCTIONS["less"](self, other)

    def __le__(self, other: Operand) -> Node:
        return _FUNCTIONS["less_equal"](self, other)

    def __gt__(self, other: Operand) -> Node:
        return _FUNCTIONS["less"](other, self)

    def __ge__(self, other: Operand) -> Node:
        return _FUNCTIONS["less_equal"](other, self)

    def __eq__(self, other: object) -> Node:  # type: ignore[override]  # elementwise, as in NumPy
        return _FUNCTIONS["equal"](self, other)

    def __ne__(self, other: object) -> Node:  # type: ignore[override]  # elementwise, as in NumPy
        return _FUNCTIONS["not_equal"](self, other)

    def __invert__(self) -> Node:
        return _FUNCTIONS["logical_not"](self)

    def __and__(self, other: Operand) -> Node:
        return _FUNCTIONS["logical_and"](self, other)

    def __rand__(self, other: Operand) -> Node:
        return _FUNCTIONS["logical_and"](other, self)

    def __or__(self, other: Operand) -> Node:
        return _FUNCTIONS["logical_or"](self, other)

    def __ror__(self, other: Operand) -> Node:
        return _FUNCTIONS["logical_or"](other, self)

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Node:
        return _FUNCTIONS["getitem"](self, key)

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """The sum over `axis` (all axes when None)."""
        return _FUNCTIONS["sum"](self, axis, keepdims)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """The mean over `axis` (all axes when None)."""
        return _FUNCTIONS["mean"](self, axis, keepdims)

    def max(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """The largest element over `axis` (all axes when None)."""
        return _FUNCTIONS["max"](self, axis, keepdims)

    def min(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """The smallest element over `axis` (all axes when None)."""
        return _FUNCTIONS["min"](self, axis, keepdims)

    def all(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """Whether all booleans over `axis` hold."""
        return _FUNCTIONS["all"](self, axis, keepdims)

    def any(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        """Whether any boolean over `axis` holds."""
        return _FUNCTIONS["any"](self, axis, keepdims)

    def reshape(self, *shape: int | Sequence[int]) -> Node:
        """The same elements in another shape; one dimension may be -1."""
        return _FUNCTIONS["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int) -> Node:
        """The axes in another order; reversed when none is given."""
        return _FUNCTIONS["transpose"](self, axes or None)

    @property
    def T(self) -> Node:
        """The axes reversed."""
        return _FUNCTIONS["transpose"](self, None)

    def broadcast_to(self, shape: Sequence[int]) -> Node:
        """Repeated to `shape` by NumPy's rules."""
        return _FUNCTIONS["broadcast_to"](self, shape)

    def astype(self, dtype: DTypeLike) -> Node:
        """Converted to `dtype`."""
        return _FUNCTIONS["cast"](self, dtype)


class Node(Operators):
    """One value: an operation applied to other values.

    Attributes:
        op: The operation, with its attributes.
        inputs: The nodes that it is applied to.
        shape: The value's shape.
        dtype: The value's dtype.
        origin: Who made it: module path, source line, role.
        value: The array, once it is known; read-only.
    """

    __slots__ = ("__weakref__", "dtype", "inputs", "op", "origin", "shape", "value")

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        shape: Shape,
        dtype: Dtype,
        origin: Origin,
        value: Array | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.shape = shape
        self.dtype = dtype
        self.origin = origin
        self.value = value

    def __node__(self) -> Node:
        return self

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("len() needs at least one axis", "a scalar", "Use .size.")
        return self.shape[0]

    def numpy(self) -> Array:
        """The value as a NumPy array of the caller's own.

        Raises:
            TraceError: It depends on a placeholder whose value is not yet known.
        """
        if self.value is None:
            (self.value,) = _EVALUATOR[0]([self])
        return self.value.copy()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __dlpack__(self, **settings: Any) -> Any:
        """The value for another library, as a capsule of the DLPack protocol; a copy."""
        return np.array(self.numpy()).__dlpack__(**settings)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the value lies: in the memory of the processor."""
        return np.empty(0).__dlpack_device__()

    def item(self) -> Any:
        """The single element as a Python number."""
        if self.size != 1:
            raise ShapeError(
                "a Python number needs a tensor of one element",
                f"shape {self.shape}",
                "Reduce it first, or use .numpy().",
            )
        return self.numpy().item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor can be an index, not {self.dtype}")
        return int(self.item())

    def __repr__(self) -> str:
        try:
            array = self.numpy()
        except TraceError:
            return f"tensor(<{self.op.name}>, shape={self.shape}, dtype={self.dtype})"
        body = np.array2string(array, separator=", ", prefix="tensor(", precision=6)
        tail = "" if self.dtype == DEFAULT_FLOAT else f", dtype={self.dtype}"
        return f"tensor({body}{tail})"


class Leaf(Op):
    """An operation without inputs."""

    family = "LEAF"
    arity = 0


@register
class Constant(Leaf):
    """A value fixed when the graph was made, held by its node."""

    name = "constant"
    label: str = ""


@register
class Placeholder(Leaf):
    """A value given when the program runs: a batch of inputs, of targets, of weights."""

    name = "placeholder"
    label: str


@register
class Slot(Leaf):
    """A value of the training's state: a parameter, a moment, the step number, a rate."""

    name = "slot"
    label: str


def constant(value: Any, dtype: DTypeLike | None = None, label: str = "") -> Node:
    """A node of a known value, which is copied.

    Python floats become float32 unless `dtype` says otherwise; arrays keep their dtype.

    Raises:
        DataError: It is not made of numbers, its rows differ in length, or a number does not fit.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if type(value) is float and wanted == DEFAULT_FLOAT and not abs(value) > _LARGEST:
        return Node(
            Constant(label), (), (), wanted, here(), _number(value, math.copysign(1, value))
        )
    try:
        with np.errstate(over="raise"):
            known = as_array(value) if hasattr(value, "__dlpack__") else value
            array = np.array(known, dtype=wanted)
        found = f"{type(value).__name__} of dtype {array.dtype}"
    except (OverflowError, FloatingPointError):
        raise DataError(
            f"a number must fit in its dtype, {wanted}", str(value)[:80], "Use a wider dtype."
        ) from None
    except (ValueError, TypeError) as error:
        array, found = np.array(None), f"{type(value).__name__}: {error}"
    if array.dtype == object or array.dtype.kind in "USOmM":
        raise DataError(
            "a tensor is made of numbers, all rows of one length",
            found,
            "Encode text and dates first; see pullback.data.",
        )
    if dtype is None and array.dtype == np.float64 and not _has_dtype(value):
        array = array.astype(DEFAULT_FLOAT)
    array = array.astype(as_dtype(array.dtype), copy=False)
    return Node(Constant(label), (), array.shape, array.dtype, here(), read_only(array))


@lru_cache(maxsize=256)
def _number(value: float, sign: float) -> Array:
    """A number as an array that all constants of it share; zeros have a sign."""
    return read_only(np.array(value, DEFAULT_FLOAT))


def read_only(array: Array) -> Array:
    """A view of `array` through which nobody can write, nor make it writeable again."""
    owner = array.base
    if isinstance(owner, np.ndarray):
        owner.flags.writeable = False
    array.flags.writeable = False
    return array.view()


def _has_dtype(value: Any) -> bool:
    """Whether the user chose the dtype: an array or NumPy scalar did, a list of floats did not."""
    if isinstance(value, (list, tuple)):
        return any(_has_dtype(element) for element in value)
    return isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "dtype")


def placeholder(label: str, shape: Sequence[int], dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """A node whose value is given when the program runs."""
    return Node(Placeholder(label), (), tuple(shape), as_dtype(dtype), here())


def slot(label: str, shape: Sequence[int], dtype: DTypeLike = DEFAULT_FLOAT) -> Node:
    """A node that reads the training's state."""
    return Node(Slot(label), (), tuple(shape), as_dtype(dtype), here())


def as_node(value: Operand, dtype: DTypeLike | None = None) -> Node:
    """`value` as a node: itself, what it stands for, nodes of a list stacked, or a constant."""
    if isinstance(value, Node):
        return value
    if isinstance(value, (list, tuple)):
        return _FUNCTIONS["stack"](value) if _has_node(value) else constant(value, dtype)
    # isinstance(value, HasNode) would be slow: a protocol is looked up name by name
    stands_for: Callable[[], Node] | None = getattr(value, "__node__", None)
    return constant(value, dtype) if stands_for is None else stands_for()


def _has_node(value: Any) -> bool:
    """Whether nodes stand in a list: made into a constant, they would lose their derivatives."""
    if isinstance(value, (list, tuple)):
        return any(_has_node(element) for element in value)
    return hasattr(value, "__node__")
