"""Losses that are likelihoods: of counts, and of values whose spread is predicted too."""

from __future__ import annotations

import math
from typing import ClassVar

from pullback import ops
from pullback.errors import ShapeError
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.losses.base import Loss, Task, matched, mean_of_rows, refuse_outside
from pullback.named import register

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


@register
class PoissonNLL(Loss):
    r"""Negative log-likelihood of counts t, where the outputs are the logarithm of their rate.

    $l = e^y - t\,y$, up to a constant, so that $\bar y = e^y - t$; with `log_input` false the
    output is the rate itself, $l = y - t \ln(y + \epsilon)$. A network trained so predicts rates:
    `predict` gives $e^y$. Targets keep their own units in tables too.

    Args:
        log_input: Whether outputs are logarithms of rates.
        full: Whether to add Stirling's approximation of the constant $\ln t!$ where t is above 1:
            $t \ln t - t + \tfrac12 \ln 2 \pi t$.
        epsilon: $\epsilon$, above 0; only without `log_input`.

    Shape:
        outputs, targets: (rows, ...), the same for both
        per_row: (rows,), the mean over a row's elements

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The shapes differ; nothing is broadcast.
        LabelError: Targets that are known already and below 0.

    References:
        J. A. Nelder and R. W. M. Wedderburn, 1972, "Generalized linear models".

    Example:
        >>> import pullback as pb
        >>> pb.losses.poisson_nll([0.0, 0.0], [1.0, 3.0])
        tensor(1.)
    """

    name: ClassVar[str] = "poisson_nll"
    aliases: ClassVar[tuple[str, ...]] = ("poisson", "poisson_nll_loss")
    task: ClassVar[Task] = "regression"
    raw_units: ClassVar[bool] = True
    log_input: bool = True
    full: bool = False
    epsilon: float = 1e-8

    def check(self) -> None:
        """Check the settings."""
        self.check_flag("log_input")
        self.check_flag("full")
        self.check_number("epsilon", above=0)

    @property
    def form(self) -> str:
        """Rates, from their logarithms or as they are."""
        return "rate" if self.log_input else "values"

    def check_targets(self, targets: Array) -> None:
        """Check that counts are not negative."""
        refuse_outside(self.name, targets, ~(targets >= 0), "counts, at least 0")

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's elements."""
        if self.log_input:
            loss = ops.exp(outputs) - targets * outputs
        else:
            loss = outputs - ops.scale(targets, ops.log(outputs + self.epsilon))
        if self.full:
            many = ops.greater(targets, 1)
            t = ops.where(many, targets, 1)
            stirling = t * ops.log(t) - t + 0.5 * ops.log(2 * math.pi * t)
            loss = loss + ops.where(many, stirling, 0)
        return mean_of_rows(loss)


@register
class GaussianNLL(Loss):
    r"""Negative log-likelihood of values whose mean and variance are both predicted.

    The outputs hold the means $\mu$ and, after them, as many log-variances s:
    $l = \tfrac12 \left(s + (t - \mu)^2 e^{-s}\right)$, the mean over a row's values. Variances are
    at least $\epsilon$: below it s counts as $\ln \epsilon$, with derivative 0. In PyTorch's form,
    `gaussian_nll_loss(mu, t, exp(s))`. `predict` gives the means.

    Args:
        full: Whether to add the constant $\tfrac12 \ln 2 \pi$.
        epsilon: $\epsilon$, the least variance, above 0.

    Shape:
        outputs: (rows, ..., 2 * values)
        targets: (rows, ..., values); (rows,) for one value
        per_row: (rows,)

    Raises:
        ConfigError: A setting out of range.
        ShapeError: The outputs are not twice as many as the targets.

    References:
        D. A. Nix and A. S. Weigend, 1994, "Estimating the mean and variance of the target
        probability distribution".

    Example:
        >>> import pullback as pb
        >>> pb.losses.gaussian_nll([[3.0, 0.0]], [[1.0]])
        tensor(2.)
    """

    name: ClassVar[str] = "gaussian_nll"
    aliases: ClassVar[tuple[str, ...]] = ("gaussian_nll_loss",)
    task: ClassVar[Task] = "regression"
    full: bool = False
    epsilon: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        self.check_flag("full")
        self.check_number("epsilon", above=0)

    @property
    def form(self) -> str:
        """Means, then log-variances."""
        return "gaussian"

    def columns(self, targets: int) -> int:
        """A mean and a log-variance for each column of targets."""
        return 2 * targets

    def spread(self, target: float, outputs: Node) -> Node:
        """One target for all rows."""
        shape = (*outputs.shape[:-1], outputs.shape[-1] // 2) if outputs.shape else ()
        return ops.full(shape, target, outputs.dtype)

    def matching(self, outputs: Node, targets: Node) -> tuple[Node, Node]:
        """Check that there are two outputs for each target."""
        if outputs.ndim < 2 or outputs.shape[-1] % 2:
            raise ShapeError(
                f"{self.name} needs outputs (rows, ..., 2 * values): means, then log-variances",
                f"outputs {outputs.shape} ({outputs.origin}), targets {targets.shape}",
                "Give the last layer two outputs for each target.",
            )
        half = outputs.shape[-1] // 2
        if outputs.shape == (*targets.shape, 2):
            targets = targets.reshape(*targets.shape, 1)
        _, right = matched(self.name, outputs[..., :half], targets)
        return outputs, right

    def per_row(self, outputs: Node, targets: Node) -> Node:
        """The mean of each row's values."""
        half = outputs.shape[-1] // 2
        mean, log_variance = outputs[..., :half], outputs[..., half:]
        s = ops.clip(log_variance, math.log(self.epsilon), math.inf)
        loss = 0.5 * (s + ops.square(targets - mean) * ops.exp(-s))
        return mean_of_rows(loss + HALF_LOG_2_PI if self.full else loss)
