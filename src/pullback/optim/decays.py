"""Schedules that only fall: by a power, a line, a root, or at given steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import FLOAT64
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.schedules import Schedule


@register
class Exponential(Schedule):
    r"""Down smoothly, by a factor in each interval: $\gamma^{(s - 1) / n}$ at step s.

    Args:
        gamma: What the rate is multiplied by in each interval; above 0 and at most 1.
        every: n, the interval: a whole number of steps, or a fraction of the run.

    Raises:
        ConfigError: A setting out of range.

    References:
        C. Darken and J. Moody, 1990, "Note on learning rate schedules for stochastic
        optimization".

    Example:
        >>> schedule = Exponential(gamma=0.25, every=2)
        >>> [schedule(step).item() for step in (1, 2, 3)]
        [1.0, 0.5, 0.25]
    """

    name: ClassVar[str] = "exponential"
    aliases: ClassVar[tuple[str, ...]] = ("exponential_decay",)
    gamma: float = 0.1
    every: float = 1 / 3

    def check(self) -> None:
        """Check the interval and the factor."""
        self.check_part("every")
        self.check_number("gamma", above=0, most=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The factor's power."""
        if self.every < 1:  # a fraction belongs to the planned run: beyond it, the last value
            step = ops.minimum(step, self.known(total))
        return self.gamma ** ((step - 1) / self.length(self.every, total))


@register
class MultiStep(Schedule):
    r"""Down by a factor at each of some steps: $\gamma^k$ after k of them.

    Args:
        at: After which steps: whole numbers, or fractions of the run.
        gamma: What the rate is multiplied by; above 0 and at most 1.

    Raises:
        ConfigError: A setting out of range, or no step.

    References:
        K. He, X. Zhang, S. Ren and J. Sun, 2016, "Deep residual learning for image recognition".

    Example:
        >>> schedule = MultiStep(at=(2, 3), gamma=0.5)
        >>> [schedule(step).item() for step in (1, 2, 3, 4)]
        [1.0, 1.0, 0.5, 0.25]
    """

    name: ClassVar[str] = "multistep"
    aliases: ClassVar[tuple[str, ...]] = ("multi_step",)
    at: Sequence[float] = (0.5, 0.75)
    gamma: float = 0.1

    def check(self) -> None:
        """Check the steps and the factor."""
        self.check_parts("at")
        self.check_number("gamma", above=0, most=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The product of the reductions so far."""
        factor = ops.full((), 1.0, FLOAT64)
        for part in self.at:
            factor = ops.where(step > self.length(part, total), self.gamma * factor, factor)
        return factor


@register
class Polynomial(Schedule):
    r"""From 1 down to `final` along a power: $f + (1 - f)(1 - u)^p$.

    At step s of n, $u = \min((s - 1) / n, 1)$.

    Args:
        power: p, above 0; 1 is a line.
        final: f, the factor at the end; at least 0 and at most 1.
        steps: n, a whole number of steps or a fraction of the run; None for the whole run.

    Raises:
        ConfigError: A setting out of range.

    References:
        L. Chen, G. Papandreou, I. Kokkinos, K. Murphy and A. Yuille, 2018, "DeepLab: semantic
        image segmentation with deep convolutional nets".

    Example:
        >>> [Polynomial(power=2)(step, 4).item() for step in (1, 3, 5)]
        [1.0, 0.25, 0.0]
    """

    name: ClassVar[str] = "polynomial"
    power: float = 2.0
    final: float = 0.0
    steps: float | None = None

    def check(self) -> None:
        """Check the power, the final factor and the length."""
        self.check_number("power", above=0)
        self.check_number("final", least=0, most=1)
        if self.steps is not None:
            self.check_part("steps")

    def factor(self, step: Node, total: Node | None) -> Node:
        """The power of what is left."""
        n = self.known(total) if self.steps is None else self.length(self.steps, total)
        left = 1 - ops.minimum((step - 1) / n, 1)
        return self.final + (1 - self.final) * left**self.power


@register
class Linear(Schedule):
    r"""From 1 down to `final` in a straight line: $1 - (1 - f)\, u$.

    At step s of n, $u = \min((s - 1) / n, 1)$. After a warm-up: `WarmUp(0.05, then="linear")`.

    Args:
        final: f, the factor at the end; at least 0 and at most 1.
        steps: n, a whole number of steps or a fraction of the run; None for the whole run.

    Raises:
        ConfigError: A setting out of range.

    References:
        J. Devlin, M. Chang, K. Lee and K. Toutanova, 2019, "BERT: pre-training of deep
        bidirectional transformers for language understanding".

    Example:
        >>> [Linear()(step, 4).item() for step in (1, 2, 5)]
        [1.0, 0.75, 0.0]
    """

    name: ClassVar[str] = "linear"
    aliases: ClassVar[tuple[str, ...]] = ("linear_decay",)
    final: float = 0.0
    steps: float | None = None

    def check(self) -> None:
        """Check the final factor and the length."""
        self.check_number("final", least=0, most=1)
        if self.steps is not None:
            self.check_part("steps")

    def factor(self, step: Node, total: Node | None) -> Node:
        """The height of the line."""
        n = self.known(total) if self.steps is None else self.length(self.steps, total)
        return 1 - (1 - self.final) * ops.minimum((step - 1) / n, 1)


@register
class InverseTime(Schedule):
    r"""Down with one over the time: $1 / (1 + \gamma (s - 1) / n)$ at step s.

    Args:
        gamma: $\gamma$, how fast; above 0.
        every: n, the unit of time: a whole number of steps, or a fraction of the run.

    Raises:
        ConfigError: A setting out of range.

    References:
        H. Robbins and S. Monro, 1951, "A stochastic approximation method".

    Example:
        >>> [InverseTime(every=1)(step).item() for step in (1, 2, 4)]
        [1.0, 0.5, 0.25]
    """

    name: ClassVar[str] = "inverse_time"
    gamma: float = 1.0
    every: float = 0.1

    def check(self) -> None:
        """Check the speed and the unit."""
        self.check_number("gamma", above=0)
        self.check_part("every")

    def factor(self, step: Node, total: Node | None) -> Node:
        """One over one more than the time."""
        if self.every < 1:
            step = ops.minimum(step, self.known(total))
        return 1 / (1 + self.gamma * ((step - 1) / self.length(self.every, total)))


@register
class InverseSqrt(Schedule):
    r"""Straight up to 1 in the first n steps, then down with the root of the step number.

    $\min(s / n, \sqrt{n / s})$ at step s: the schedule of the first transformers.

    Args:
        steps: n, a whole number of steps or a fraction of the run.

    Raises:
        ConfigError: `steps` is neither.

    References:
        A. Vaswani et al., 2017, "Attention is all you need".

    Example:
        >>> [InverseSqrt(steps=4)(step).item() for step in (1, 4, 16)]
        [0.25, 1.0, 0.5]
    """

    name: ClassVar[str] = "inverse_sqrt"
    aliases: ClassVar[tuple[str, ...]] = ("noam",)
    steps: float = 0.05

    def check(self) -> None:
        """Check the length."""
        self.check_part("steps")

    def factor(self, step: Node, total: Node | None) -> Node:
        """The ramp, or one over the root."""
        n = self.length(self.steps, total)
        if self.steps < 1:
            step = ops.minimum(step, self.known(total))
        return ops.minimum(step / n, ops.sqrt(n / step))
