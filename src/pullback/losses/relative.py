"""More losses of predicted values: smooth, lopsided, or relative to the target's size."""

from __future__ import annotations

import math
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, mean_of_rows, refuse_outside
from pullback.named import register


@register
class LogCosh(Loss):
    r"""Logarithm of the hyperbolic cosine of the error: squared near 0, straight far from it.

    $l = \ln \cosh d$ with $d = y - t$, so the derivative is $\tanh d$: like Huber's loss, but
    smooth. Computed as $\ln(1 + 2 \sinh^2 \tfrac d2)$ for $|d| \le 1$ and as
    $|d| + \ln(1 + e^{-2|d|}) - \ln 2$ beyond, so that neither small nor large errors lose digits.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,), the mean over a row's elements

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        P. J. Green, 1990, "Bayesian reconstructions from emission tomography data using a modified
        EM algorithm".

    Example:
        >>> import pullback as pb
        >>> pb.losses.log_cosh([0.0, 1000.0], [0.0, 0.0], reduction="none")
        tensor([  0.    , 999.3068])
    """

    name: ClassVar[str] = "log_cosh"
    aliases: ClassVar[tuple[str, ...]] = ("logcosh",)
    task: ClassVar[Task] = "regression"

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's elements."""
        d = outputs - targets
        size = ops.abs(d)
        near = ops.less_equal(size, 1)
        small = ops.log1p(2 * ops.square(ops.sinh(0.5 * ops.where(near, d, 0))))
        large = size + ops.softplus(-2 * size) - math.log(2)
        return mean_of_rows(ops.where(near, small, large))


@register
class Quantile(Loss):
    r"""Quantile (pinball) loss: errors above and below the target weigh differently.

    $l = \tau \max(0, t - y) + (1 - \tau) \max(0, y - t)$. Its minimiser is the quantile $\tau$ of
    the targets: 0.5 is half the absolute error, 0.9 gives a value that nine in ten stay below. The
    derivative at the kink is 0.

    Args:
        quantile: $\tau$, above 0 and below 1.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,), the mean over a row's elements

    Raises:
        ConfigError: `quantile` out of range.
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        R. Koenker and G. Bassett, 1978, "Regression quantiles".

    Example:
        >>> import pullback as pb
        >>> pb.losses.Quantile(0.9)([1.0, 3.0], [2.0, 2.0], reduction="none")
        tensor([0.9, 0.1])
    """

    name: ClassVar[str] = "quantile"
    aliases: ClassVar[tuple[str, ...]] = ("pinball",)
    task: ClassVar[Task] = "regression"
    quantile: float = 0.5

    def check(self) -> None:
        """Check `quantile`."""
        self.check_number("quantile", above=0, below=1)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's elements."""
        below, above = ops.relu(targets - outputs), ops.relu(outputs - targets)
        return mean_of_rows(self.quantile * below + (1 - self.quantile) * above)


@register
class MAPE(Loss):
    r"""Mean absolute error relative to the target, as a fraction: 0.1 is ten per cent.

    $l = \frac1k \sum_j |y_j - t_j| / \max(|t_j|, \epsilon)$ over the k elements of a row; the
    derivative is 0 at the kink. Targets keep their own units in tables too. Near a target of 0 it
    explodes: it is for targets well away from 0.

    Args:
        epsilon: $\epsilon$, the least size by which an error is divided; above 0.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ConfigError: `epsilon` is not above 0.
        ShapeError: The shapes differ; nothing is broadcast.

    References:
        A. de Myttenaere et al., 2016, "Mean absolute percentage error for regression models".

    Example:
        >>> import pullback as pb
        >>> pb.losses.mape([1.0, 50.0], [2.0, 40.0])
        tensor(0.375)
    """

    name: ClassVar[str] = "mape"
    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_percentage_error",)
    task: ClassVar[Task] = "regression"
    raw_units: ClassVar[bool] = True
    epsilon: float = 1e-7

    def check(self) -> None:
        """Check `epsilon`."""
        self.check_number("epsilon", above=0)

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean relative error of each row."""
        size = ops.maximum(ops.abs(targets), self.epsilon)
        return mean_of_rows(ops.abs(outputs - targets) / size)


@register
class MSLE(Loss):
    r"""Mean squared error of logarithms, for values that span orders of magnitude.

    $l = \frac1k \sum_j \left(\ln(1 + y_j) - \ln(1 + t_j)\right)^2$ over the k elements of a row.
    Outputs and targets must be above -1 (below, the loss is NaN and training stops): end the
    network in `Softplus`, or another activation that is not negative. Targets keep their own units
    in tables too.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,)

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and not above -1.

    References:
        C. Tofallis, 2015, "A better measure of relative prediction accuracy for model selection and
        model estimation".

    Example:
        >>> import pullback as pb
        >>> pb.losses.msle([0.0, 3.0], [0.0, 1.0], reduction="none")
        tensor([0.      , 0.480453])
    """

    name: ClassVar[str] = "msle"
    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_logarithmic_error",)
    ending: ClassVar[str | None] = "softplus"
    task: ClassVar[Task] = "regression"
    raw_units: ClassVar[bool] = True

    def check_targets(self, targets: Array) -> None:
        """Check that targets have a logarithm."""
        refuse_outside(self.name, targets, ~(targets > -1), "above -1")

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean squared difference of logarithms of each row."""
        return mean_of_rows(ops.square(ops.log1p(outputs) - ops.log1p(targets)))
