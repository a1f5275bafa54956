"""Normalisation of each row by itself: layer, group, instance, and by the root mean square."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.node import Node
from pullback.nn import initialisers
from pullback.nn.module import Module, register_layer
from pullback.nn.parameter import Parameter
from pullback.nn.sizes import positive
from pullback.ops.normalisation import positive_epsilon


class Normalisation(Module):
    """What normalisation layers share: features on the last axis, a scale and a shift of each."""

    size_names: ClassVar[tuple[str, ...]] = ("features",)
    affine: bool = True
    has_bias: bool = True

    def make(self, size: int) -> None:
        self.features = size
        if self.affine:
            self.weight = Parameter(size, initialisers.Ones())
            if self.has_bias:
                self.bias = Parameter(size, initialisers.Zeros())

    def scaled(self, y: Node) -> Node:
        """Each feature times its weight, plus its bias."""
        if not self.affine:
            return y
        return y * self.weight + self.bias if self.has_bias else y * self.weight

    def check_features(self, x: Node, axes: int = 1) -> None:
        """Refuse an input without its features on the last of at least so many axes."""
        if x.ndim < axes or x.shape[-1] != self.features:
            rows = ", ".join(["batch", *["..."] * (axes > 1)][: max(axes, 1)])
            raise ShapeError(
                f"{self!r}, made in {self._source}, takes ({rows}, {self.features})",
                f"an input of shape {x.shape} from {x.origin}",
                "Give it as many features as the input has on its last axis, or leave them out.",
            )


@register_layer
class LayerNorm(Normalisation):
    r"""Each row brought to mean 0 and variance 1 over its features.

    $y = \gamma \odot (x - \operatorname{mean} x) / \sqrt{\operatorname{var} x + \epsilon} + \beta$,
    with mean and variance over the last axis, in training and in use. A row of equal numbers
    gives $\beta$.

    Args:
        features: How many there are; found at the first call where it is None or left out.
        epsilon: Added to the variance.
        affine: Whether there is $\gamma$ (`weight`).
        bias: Whether there is $\beta$ (`bias`) too.

    Shape:
        x and output: (..., features)
        weight, bias: (features,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The last axis is not `features`.

    Example:
        >>> import pullback as pb
        >>> pb.nn.LayerNorm(2).initialise()(pb.tensor([[1.0, 3.0], [5.0, 5.0]]))
        tensor([[-0.999995,  0.999995],
                [ 0.      ,  0.      ]])

    References:
        J. L. Ba, J. R. Kiros and G. E. Hinton, 2016, "Layer normalization".
    """

    def __init__(
        self,
        features: int | None = None,
        epsilon: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.epsilon = positive_epsilon("LayerNorm", epsilon)
        self.affine, self.has_bias = bool(affine), bool(bias)
        self.set_size(features)

    def forward(self, x: Node) -> Node:
        self.check_features(x)
        return self.scaled(ops.standardise(x, -1, self.epsilon))


@register_layer
class RMSNorm(Normalisation):
    r"""Each row brought to mean square 1: $y = \gamma \odot x / \sqrt{q + \epsilon}$.

    With $q = \frac1n \sum_i x_i^2$ over the last axis, in training and in use.

    Args:
        features: How many there are; found at the first call where it is None or left out.
        epsilon: Added to the mean square; None takes the distance from 1 to the next number of
            the input's dtype, as PyTorch does.
        affine: Whether there is $\gamma$ (`weight`).

    Shape:
        x and output: (..., features)
        weight: (features,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The last axis is not `features`.

    Example:
        >>> import pullback as pb
        >>> pb.nn.RMSNorm(2).initialise()(pb.tensor([[2.0, -2.0]]))
        tensor([[ 1., -1.]])

    References:
        B. Zhang and R. Sennrich, 2019, "Root mean square layer normalization".
    """

    has_bias = False

    def __init__(
        self, features: int | None = None, epsilon: float | None = None, affine: bool = True
    ) -> None:
        self.epsilon = None if epsilon is None else positive_epsilon("RMSNorm", epsilon)
        self.affine = bool(affine)
        self.set_size(features)

    def forward(self, x: Node) -> Node:
        self.check_features(x)
        epsilon = float(np.finfo(x.dtype).eps) if self.epsilon is None else self.epsilon
        return self.scaled(ops.rms_normalise(x, -1, epsilon))


@register_layer
class GroupNorm(Normalisation):
    r"""Groups of features of one row brought to mean 0 and variance 1, over all its places.

    Neighbouring features form a group; mean and variance are over a group's features and over
    all axes between batch and features, in training and in use. $y = \gamma \odot (\cdot) + \beta$
    with one $\gamma$ and $\beta$ a feature. One group normalises a whole row.

    Args:
        features: How many there are; found at the first call where it is None or left out.
        groups: How many groups, a divisor of `features`.
        epsilon: Added to the variance.
        affine: Whether there are $\gamma$ (`weight`) and $\beta$ (`bias`).

    Shape:
        x and output: (batch, ..., features)
        weight, bias: (features,)

    Raises:
        ConfigError: A setting out of range, or groups that do not divide the features.
        ShapeError: The last axis is not `features`.

    Example:
        >>> import pullback as pb
        >>> pb.nn.GroupNorm(4, 2).initialise()(pb.tensor([[0.0, 2.0, 5.0, 5.0]]))
        tensor([[-0.999995,  0.999995,  0.      ,  0.      ]])

    References:
        Y. Wu and K. He, 2018, "Group normalization".
    """

    size_names = ("features", "groups")

    def __init__(
        self,
        features: int | None = None,
        groups: int | None = None,
        epsilon: float = 1e-5,
        affine: bool = True,
    ) -> None:
        self.groups = positive("GroupNorm", "groups", groups)
        self.epsilon, self.affine = positive_epsilon("GroupNorm", epsilon), bool(affine)
        self.set_size(features)

    def make(self, size: int) -> None:
        if size % self.groups:
            raise ConfigError(
                "the groups of GroupNorm have the same number of features",
                f"{size} features in {self.groups} groups",
                "Use a number of groups that divides the features.",
            )
        super().make(size)

    def forward(self, x: Node) -> Node:
        self.check_features(x, 2)
        apart = x.reshape((*x.shape[:-1], self.groups, self.features // self.groups))
        axes = (*range(1, x.ndim - 1), x.ndim)
        return self.scaled(ops.standardise(apart, axes, self.epsilon).reshape(x.shape))


@register_layer
class InstanceNorm(Normalisation):
    r"""Each feature of each row brought to mean 0 and variance 1 over its places.

    Mean and variance are over the axes between batch and features, in training and in use.

    Args:
        features: How many there are; found at the first call where it is None or left out.
        epsilon: Added to the variance.
        affine: Whether each feature has a `weight` and a `bias`; not, by default.

    Shape:
        x and output: (batch, places, ..., features)
        weight, bias: (features,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The last axis is not `features`, or there is only one place.

    Example:
        >>> import pullback as pb
        >>> pb.nn.InstanceNorm(1)(pb.tensor([[[1.0], [3.0]]]))
        tensor([[[-0.999995],
                 [ 0.999995]]])

    References:
        D. Ulyanov, A. Vedaldi and V. Lempitsky, 2016, "Instance normalization: the missing
        ingredient for fast stylization".
    """

    def __init__(
        self, features: int | None = None, epsilon: float = 1e-5, affine: bool = False
    ) -> None:
        self.epsilon, self.affine = positive_epsilon("InstanceNorm", epsilon), bool(affine)
        self.set_size(features)

    def forward(self, x: Node) -> Node:
        self.check_features(x, 3)
        if math.prod(x.shape[1:-1]) == 1:
            raise ShapeError(
                f"{self!r} needs two places of each feature to tell their variance",
                f"one, in an input of shape {x.shape} from {x.origin}",
                "Use LayerNorm, or normalise before the places are pooled.",
            )
        return self.scaled(ops.standardise(x, tuple(range(1, x.ndim - 1)), self.epsilon))
