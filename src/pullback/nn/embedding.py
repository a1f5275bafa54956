"""The layer that turns whole numbers (words, characters, categories) into vectors."""

from __future__ import annotations

from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError, DtypeError
from pullback.graph.node import Node
from pullback.graph.op import apply
from pullback.nn.initialisers import Normal
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive
from pullback.ops.indexing import Gather


@register_layer
class Embedding(Module):
    r"""A vector for each of `count` things, looked up by number: $y = W_i$.

    Backward, row i of $\bar W$ is the sum of the cotangents of all places where i stood.

    Args:
        count: How many things there are; they are numbered from 0.
        features: The length of each vector.
        padding_index: The number that means 'nothing here': it gives zeros and learns nothing.

    Shape:
        indices: (...), whole numbers
        output: (..., features)
        weight: (count, features), at first normal with mean 0 and deviation 1

    Raises:
        ConfigError: A size is no positive whole number, or there is no such padding index.
        DtypeError: The indices are not whole numbers.
        LabelError: An index is not from 0 to count - 1.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.Embedding(50, 8, padding_index=0).initialise(seed=0)
        >>> layer([[3, 1, 0], [2, 0, 0]]).shape
        (2, 3, 8)

    References:
        Bengio, Ducharme, Vincent and Jauvin, 2003, "A neural probabilistic language model".
    """

    takes_indices: ClassVar[bool] = True

    def __init__(self, count: int, features: int, padding_index: int | None = None) -> None:
        self.count = positive("Embedding", "count", count)
        self.features = positive("Embedding", "features", features)
        self.padding_index = padding_index
        inside = hasattr(padding_index, "__index__") and padding_index in range(self.count)
        if padding_index is not None and not inside:
            raise ConfigError(
                f"the padding index of Embedding must be from 0 to {self.count - 1}",
                repr(padding_index),
                "Choose the number that stands for padding, or None.",
            )
        self.weight = Parameter((self.count, self.features), Normal(1.0))

    def forward(self, indices: Node) -> Node:
        if indices.dtype.kind not in "iu":
            raise DtypeError(
                f"{self!r}, made in {self._source}, looks up whole numbers",
                f"an input of {indices.dtype} numbers from {indices.origin}",
                "Pass whole numbers: x.astype('int64').",
            )
        y = apply(Gather(0, lowest=0), self.weight.__node__(), indices)
        if self.padding_index is None:
            return y
        padding = ops.equal(indices, self.padding_index).reshape((*indices.shape, 1))
        return ops.where(padding, 0, y)
