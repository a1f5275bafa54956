"""Layers one after the other, and the dense network made of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from pullback.errors import ConfigError
from pullback.graph.node import Node
from pullback.nn import activations
from pullback.nn.dropout import Dropout
from pullback.nn.linear import Linear
from pullback.nn.module import Module, register_layer


def layer_of(value: Module | str, what: str) -> Module:
    """A module, or the activation of a name.

    Raises:
        ConfigError: It is neither.
    """
    made = activations.get(value) if isinstance(value, str) else value
    if not isinstance(made, Module):
        raise ConfigError(
            f"{what} must be a module or the name of an activation",
            repr(value),
            "Pass pb.nn.Linear(...), 'relu', or a pb.nn.Module of your own.",
        )
    return made


@register_layer
class Sequential(Module):
    """Layers applied one after the other; the paths of the layers are 0, 1, 2, ...

    Args:
        layers: Modules, or names of activations.

    Raises:
        ConfigError: A layer is neither.

    References:
        D. Rumelhart, G. Hinton and R. Williams, 1986, "Learning representations by
        back-propagating errors".

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(2, 8), "tanh", pb.nn.Linear(8, 1))
        >>> len(network)
        3
    """

    def __init__(self, *layers: Module | str) -> None:
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer_of(layer, f"the layer in place {i} of Sequential"))

    def forward(self, x: Node) -> Node:
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children.values())

    def __len__(self) -> int:
        return len(self._children)


def dense(
    in_features: int,
    hidden: Sequence[int],
    out_features: int,
    *,
    activation: str | activations.Activation = "relu",
    dropout: float = 0.0,
) -> Sequential:
    """A dense network: hidden layers with an activation (and dropout), then a linear output.

    Args:
        in_features: Numbers in a row.
        hidden: The width of each hidden layer; none for a linear model.
        out_features: Numbers out: classes, or target columns.
        activation: Of the hidden layers.
        dropout: Probability of dropping a hidden number while training.

    Example:
        >>> import pullback as pb
        >>> pb.nn.dense(4, [16], 3).parameters()["0.weight"].shape
        (4, 16)
    """
    layers: list[Any] = []
    width = in_features
    for size in hidden:
        each = copy.deepcopy(activations.get(activation))  # learns what it learns by itself
        layers += [Linear(width, size), each]
        layers += [Dropout(dropout)] if dropout else []
        width = size
    return Sequential(*layers, Linear(width, out_features))
