"""Batch normalisation, with running statistics for use."""

from __future__ import annotations

import math
import numbers
from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError, ShapeError
from pullback.graph.node import Node
from pullback.nn.buffer import Buffer
from pullback.nn.mode import current_mode
from pullback.nn.module import register_layer
from pullback.nn.normalisation import Normalisation
from pullback.ops.normalisation import positive_epsilon


@register_layer
class BatchNorm(Normalisation):
    r"""Batch normalisation: $y = \gamma \odot (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$.

    In training $\mu$ and $\sigma^2$ are mean and variance of each feature over all other axes of
    the batch, and running statistics move towards them:
    $r \leftarrow (1 - m)\,r + m\,s$, the variance with the correction $n / (n - 1)$. In use, and
    where the layer is frozen, the running statistics take their place. One layer serves rows,
    series and images, since features come last.

    The outputs of a row depend on the other rows: with `accumulate`, each part of a batch has
    statistics of its own, so the parts are not equal to the whole; the running statistics take
    in one part after the other. A single left-over row joins the batch before it.

    Args:
        features: How many there are; found at the first call where it is None or left out.
        epsilon: Added to the variance.
        momentum: m, by how much a batch moves the running statistics, from 0 to 1.
        affine: Whether there are $\gamma$ (`weight`) and $\beta$ (`bias`).

    Shape:
        x and output: (batch, ..., features)
        weight, bias, running_mean, running_variance: (features,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The last axis is not `features`, or training has one value a feature.

    Example:
        >>> import pullback as pb
        >>> layer = pb.nn.BatchNorm(1).initialise()
        >>> with pb.nn.mode(training=True):
        ...     y = layer(pb.tensor([[1.0], [3.0]]))
        >>> layer.running_mean.numpy()
        array([0.2], dtype=float32)

    References:
        S. Ioffe and C. Szegedy, 2015, "Batch normalization: accelerating deep network training
        by reducing internal covariate shift".
    """

    batch_statistics: ClassVar[bool] = True

    def __init__(
        self,
        features: int | None = None,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        self.epsilon = positive_epsilon("BatchNorm", epsilon)
        number = isinstance(momentum, numbers.Real) and not isinstance(momentum, bool)
        if not number or not 0 <= float(momentum) <= 1:
            raise ConfigError(
                "the momentum of BatchNorm is a number from 0 to 1", repr(momentum), "Use 0.1."
            )
        self.momentum, self.affine = float(momentum), bool(affine)
        self.set_size(features)

    def make(self, size: int) -> None:
        super().make(size)
        self.running_mean = Buffer(size, 0.0)
        self.running_variance = Buffer(size, 1.0)

    def forward(self, x: Node) -> Node:
        self.check_features(x, 2)
        if current_mode().training and not self.running_mean.frozen:
            axes = tuple(range(x.ndim - 1))
            self._learn(x, axes)
            return self.scaled(ops.standardise(x, axes, self.epsilon))
        factor = 1 / ops.sqrt(self.running_variance + self.epsilon)
        if self.affine:
            factor = factor * self.weight
        y = (x - self.running_mean) * factor
        return y + self.bias if self.affine else y

    def _learn(self, x: Node, axes: tuple[int, ...]) -> None:
        """Move the running statistics towards those of the batch."""
        n = math.prod(x.shape[:-1])
        if n < 2:
            raise ShapeError(
                f"{self!r} in training needs two values of each feature to tell their variance",
                f"{n} in an input of shape {x.shape} from {x.origin}",
                "Use larger batches (with accumulate, fewer parts), or LayerNorm.",
            )
        found = ops.moments(x, axes).reshape(self.features, 2)
        mode, m = current_mode(), self.momentum
        mode.assign(self.running_mean, (1 - m) * self.running_mean + m * found[:, 0])
        unbiased = found[:, 1] * (n / (n - 1))
        mode.assign(self.running_variance, (1 - m) * self.running_variance + m * unbiased)
