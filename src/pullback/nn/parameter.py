"""The values of a network: named places that training writes to, parameters above all."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from pullback.errors import ConfigError, DtypeError, ShapeError, TraceError
from pullback.execute.state import written
from pullback.graph.dtypes import DEFAULT_FLOAT, Array, Dtype, as_dtype, is_float
from pullback.graph.node import Node, Operators, constant
from pullback.graph.origin import user_line
from pullback.memory import must_fit
from pullback.nn.initialisers import Initialiser
from pullback.ops.shaping import checked_shape

_BOUND: ContextVar[Mapping[Value, Node] | None] = ContextVar("pullback_bound", default=None)


class Value(Operators):
    """A named place in a network that holds an array: a parameter or a buffer.

    In an expression it stands for a node: the slot of the state while a step is traced, else a
    snapshot of its present value.

    Args:
        shape: The value's shape.
        initialiser: Makes the first value.
        dtype: float32 or float64.
        fans: (fan_in, fan_out), where they do not follow from the shape: a bias has its layer's.

    Attributes:
        frozen: Whether training leaves it as it is; `Module.freeze` sets it.
    """

    __slots__ = ("_array", "_node", "dtype", "fans", "frozen", "initialiser", "shape")
    kind: ClassVar[str] = "value"

    def __init__(
        self,
        shape: int | tuple[int, ...],
        initialiser: Initialiser,
        dtype: DTypeLike = DEFAULT_FLOAT,
        fans: tuple[int, int] | None = None,
    ) -> None:
        self.shape = checked_shape(shape)
        self.dtype = real_dtype(dtype)
        self.initialiser = initialiser
        self.fans = fans
        self.frozen = False
        self._array: Array | None = None
        self._node: Node | None = None

    @property
    def is_initialised(self) -> bool:
        """Whether it has a value yet."""
        return self._array is not None

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def numpy(self) -> Array:
        """A copy of the present value.

        Raises:
            TraceError: A step is traced, in which the value is not known yet: taken out, it would
                stay what it is now, and no derivative would reach it.
        """
        return self._present().copy()

    def read_into(self, array: Array) -> None:
        """Write the present value into an array of its shape.

        Raises:
            TraceError: As for `numpy`.
        """
        array[...] = self._present()

    def _present(self) -> Array:
        """The present value itself."""
        if self._bound() is not None:
            raise TraceError(
                f"a {self.kind}'s value must be known before Python can use it",
                f"a {self.kind} of shape {self.shape}, asked for in {user_line()} while a step "
                "is traced",
                f"Use pb operations on the {self.kind} itself: pb.norm(w), not np.linalg.norm(w).",
            )
        return self._known()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def assign(self, value: Any) -> None:
        """Set the value.

        Raises:
            ShapeError: It has another shape.
        """
        array = np.array(value, self.dtype)
        if array.shape != self.shape:
            raise ShapeError(
                f"a {self.kind} of shape {self.shape} keeps its shape",
                f"a value of shape {array.shape}",
                "Reshape the value, or make the layer of another size.",
            )
        if self._array is None:
            self._array = array
        else:
            self._array[...] = array
            written()  # the array may be a slot of a state

    def adopt(self, view: Array) -> None:
        """Let the value live in `view`, a writable part of a training's state."""
        self._array = view

    def initialise(self, seed: int, path: str) -> None:
        """Give it its first value, a function of the seed and of its path in the network.

        Raises:
            DataError: It cannot fit into memory.
        """
        size = math.prod(self.shape) * self.dtype.itemsize
        must_fit(size, f"the {self.kind} {path} of shape {self.shape}", "Make the layer smaller.")
        self.assign(self.initialiser(self.shape, self.dtype, seed=seed, path=path, fans=self.fans))

    def _bound(self) -> Node | None:
        """The node that it stands for while a step is traced; None outside."""
        nodes = bound_nodes()
        return None if nodes is None or self not in nodes else nodes[self]

    def __node__(self) -> Node:
        bound = self._bound()
        if bound is not None:
            return bound
        array = self._known()
        if self._node is None or not _same_bits(self._node.value, array):
            self._node = constant(array)
        return self._node

    def _known(self) -> Array:
        if self._array is None:
            raise ConfigError(
                f"a {self.kind} must have a value before it is used",
                f"a {self.kind} of shape {self.shape} that was not initialised",
                "Call network.initialise(seed=0), or fit the network that it is an attribute of.",
            )
        return self._array

    def __repr__(self) -> str:
        state = "" if self.is_initialised else ", not initialised"
        frozen = ", frozen" if self.frozen else ""
        name = type(self).__name__
        return f"{name}(shape={self.shape}, dtype={self.dtype}{frozen}{state})"


class Parameter(Value):
    """A value that training changes by its gradient, such as a weight matrix.

    Args:
        shape: The value's shape.
        initialiser: Makes the first value.
        dtype: float32 or float64.
        trainable: False keeps the value as it is: no gradient, no update.
        fans: (fan_in, fan_out), where they do not follow from the shape: a bias has its layer's.
    """

    __slots__ = ()
    kind: ClassVar[str] = "parameter"

    def __init__(
        self,
        shape: int | tuple[int, ...],
        initialiser: Initialiser,
        *,
        dtype: DTypeLike = DEFAULT_FLOAT,
        trainable: bool = True,
        fans: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(shape, initialiser, dtype, fans)
        self.trainable = trainable

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return not self.frozen

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self.frozen = not trainable


def real_dtype(dtype: DTypeLike) -> Dtype:
    """The dtype of a value, float32 or float64.

    Raises:
        DtypeError: It is another.
    """
    found = as_dtype(dtype)
    if not is_float(found):
        raise DtypeError(
            "a parameter is made of real numbers, float32 or float64", str(found), "Use float32."
        )
    return found


def _same_bits(a: Array | None, b: Array) -> bool:
    """Whether two arrays hold the same bits; NaN equals itself, which == would deny."""
    return a is not None and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@contextlib.contextmanager
def bound(nodes: Mapping[Value, Node]) -> Iterator[None]:
    """Inside the block, values stand for `nodes`: this is how a step is traced."""
    token = _BOUND.set(nodes)
    try:
        yield
    finally:
        _BOUND.reset(token)


def bound_nodes() -> Mapping[Value, Node] | None:
    """What values stand for while a step is traced; None outside."""
    return _BOUND.get()
