"""A buffer: a value that training updates and gradients do not, such as a running mean."""

from __future__ import annotations

from typing import ClassVar

from numpy.typing import DTypeLike

from pullback.graph.dtypes import DEFAULT_FLOAT
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.mode import current_mode
from pullback.nn.parameter import Value


class Buffer(Value):
    """A value that a forward pass in training updates, and no gradient.

    A layer gives it a new value by `current_mode().assign(buffer, node)`. It is saved, loaded and
    resumed with the parameters, never trained, and no optimizer remembers anything about it. In an
    expression it stands for its newest value: what this forward pass assigned, if it did.

    Args:
        shape: The value's shape.
        fill: The first value: a number, an initialiser, or the name of one.
        dtype: float32 or float64.

    Example:
        >>> import pullback as pb
        >>> from pullback.nn.mode import current_mode
        >>> class Largest(pb.nn.Module):
        ...     def __init__(self):
        ...         self.seen = pb.nn.Buffer((), 0.0)
        ...
        ...     def forward(self, x):
        ...         if current_mode().training:
        ...             current_mode().assign(self.seen, pb.maximum(self.seen, x.max()))
        ...         return x / self.seen
        >>> layer = Largest().initialise()
        >>> with pb.nn.mode(training=True):
        ...     y = layer(pb.tensor([1.0, 4.0]))
        >>> layer.seen.numpy()
        array(4., dtype=float32)
    """

    __slots__ = ()
    kind: ClassVar[str] = "buffer"

    def __init__(
        self,
        shape: int | tuple[int, ...],
        fill: float | initialisers.Initialiser | str = 0.0,
        *,
        dtype: DTypeLike = DEFAULT_FLOAT,
    ) -> None:
        if isinstance(fill, (str, initialisers.Initialiser)):
            made = initialisers.get(fill)
        else:
            made = initialisers.Constant(float(fill))
        super().__init__(shape, made, dtype)

    def __node__(self) -> Node:
        assigned = current_mode().assigned.get(self)
        return super().__node__() if assigned is None else assigned
