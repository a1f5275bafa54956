"""Losses of predicted values.

The loss of a row is the mean over its elements, so the mean over equally weighted rows is the
mean over all elements.
"""

from __future__ import annotations

from typing import ClassVar

from pullback import ops
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, mean_of_rows
from pullback.named import register


@register
class MSE(Loss):
    r"""Mean squared error: $l = \frac1k \sum_j (y_j - t_j)^2$ over the k elements of a row.

    Its minimiser is the mean of the targets. Far outliers weigh heavily.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        C. F. Gauss, 1809, "Theoria motus corporum coelestium".

    Example:
        >>> import pullback as pb
        >>> pb.losses.mse([1.0, 4.0], [1.0, 2.0])
        tensor(2.)
    """

    name: ClassVar[str] = "mse"
    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_error", "squared_error", "l2")
    task: ClassVar[Task] = "regression"

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean square of each row."""
        return mean_of_rows(ops.square(outputs - targets))


@register
class MAE(Loss):
    r"""Mean absolute error: $l = \frac1k \sum_j |y_j - t_j|$; the derivative is 0 at the kink.

    Its minimiser is the median of the targets, which outliers do not move.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        P. S. Laplace, 1774, "Mémoire sur la probabilité des causes par les événements".

    Example:
        >>> import pullback as pb
        >>> pb.losses.mae([1.0, 4.0], [1.0, 2.0])
        tensor(1.)
    """

    name: ClassVar[str] = "mae"
    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_error", "absolute_error", "l1")
    task: ClassVar[Task] = "regression"

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean magnitude of each row."""
        return mean_of_rows(ops.abs(outputs - targets))


@register
class Huber(Loss):
    r"""Huber's loss: squared near 0, straight far from it.

    With $d = y - t$, an element counts $\tfrac12 d^2$ where $|d| \le \delta$, else
    $\delta\,(|d| - \tfrac12 \delta)$; so its derivative is d, cut to $[-\delta, \delta]$.

    Args:
        delta: Where the straight part begins; above 0, in units of the target.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `delta` is not above 0.
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        P. J. Huber, 1964, "Robust estimation of a location parameter".

    Example:
        >>> import pullback as pb
        >>> pb.losses.Huber(delta=1.0)([0.5, 4.0], [0.0, 1.0], reduction="none")
        tensor([0.125, 2.5  ])
    """

    name: ClassVar[str] = "huber"
    aliases: ClassVar[tuple[str, ...]] = ("huber_loss",)
    task: ClassVar[Task] = "regression"
    delta: float = 1.0

    def check(self) -> None:
        """Check `delta`."""
        self.check_number("delta", above=0)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's elements."""
        return mean_of_rows(_huber(outputs - targets, self.delta))


@register
class SmoothL1(Loss):
    r"""Smooth absolute error: squared near 0, the absolute error less a constant far from it.

    With $d = y - t$, an element counts $\tfrac{1}{2\beta} d^2$ where $|d| \le \beta$, else
    $|d| - \tfrac12 \beta$: Huber's loss with $\delta = \beta$, divided by $\beta$.

    Args:
        beta: Where the straight part begins; above 0, in units of the target.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `beta` is not above 0.
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        R. Girshick, 2015, "Fast R-CNN".

    Example:
        >>> import pullback as pb
        >>> pb.losses.SmoothL1(beta=0.5)([0.25, 4.0], [0.0, 1.0], reduction="none")
        tensor([0.0625, 2.75  ])
    """

    name: ClassVar[str] = "smooth_l1"
    aliases: ClassVar[tuple[str, ...]] = ("smooth_l1_loss",)
    task: ClassVar[Task] = "regression"
    beta: float = 1.0

    def check(self) -> None:
        """Check `beta`."""
        self.check_number("beta", above=0)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's elements."""
        return mean_of_rows(_huber(outputs - targets, self.beta) / self.beta)


def _huber(d: Node, delta: float) -> Node:
    """Half the square of `d` up to `delta`, straight beyond."""
    size = ops.abs(d)
    straight = delta * (size - 0.5 * delta)
    return ops.where(ops.less_equal(size, delta), 0.5 * ops.square(d), straight)
