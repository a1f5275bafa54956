"""A layer that has no weights of its own but those of another, transposed."""

from __future__ import annotations

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter


@register_layer
class Tied(Module):
    r"""Weighted sums by the transposed weight of another layer: $Y = X W^\top + b$.

    With an `Embedding` as source, features become one logit a word; with a `Linear`, the layer
    decodes what that encodes. There is one matrix, which learns from both places:
    $\bar W$ is the sum of $\bar Y^\top X$ and of what comes from the source.

    Args:
        source: A layer with a matrix called `weight`, whose sizes are known: (count, features).
        bias: Whether a bias is added, at first 0.

    Shape:
        x: (..., features), the columns of the source's weight
        output: (..., count), its rows
        bias: (count,)

    Raises:
        ConfigError: The source has no matrix called `weight`, or not yet.
        ShapeError: The input's last axis is not `features`.

    Example:
        >>> import pullback as pb
        >>> words = pb.nn.Embedding(50, 8)
        >>> network = pb.nn.Sequential(words, pb.nn.Linear(8, 8), "tanh", pb.nn.Tied(words))
        >>> network.initialise()([[3, 1, 0]]).shape, list(network.parameters())
        ((1, 3, 50), ['0.weight', '1.weight', '1.bias', '3.bias'])

    References:
        O. Press and L. Wolf, 2017, "Using the output embedding to improve language models".
    """

    def __init__(self, source: Module, bias: bool = True) -> None:
        weight = getattr(source, "weight", None)
        if not isinstance(source, Module) or not isinstance(weight, Parameter) or weight.ndim != 2:
            raise ConfigError(
                "Tied takes a layer with a matrix called weight, of known sizes",
                repr(source),
                "Pass a Linear(in_features, out_features) or an Embedding of the same network.",
            )
        self.source = source
        self.has_bias = bool(bias)
        if self.has_bias:
            self.bias = Parameter(weight.shape[0], initialisers.Zeros())

    def forward(self, x: Node) -> Node:
        weight: Parameter = self.source["weight"]
        if not x.shape or x.shape[-1] != weight.shape[1]:
            raise ShapeError(
                f"Tied({self.source!r}), made in {self._source}, takes the {weight.shape[1]} "
                "features that its source gives",
                f"an input of shape {x.shape} from {x.origin}",
                "Change the layer before it, or tie it to another one.",
            )
        y = ops.matmul(x, weight.T)
        return y + self.bias if self.has_bias else y
