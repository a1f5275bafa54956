r"""Schedules: how the learning rate changes in the course of a run.

A schedule is a factor, 1 at its peak, that multiplies the optimizer's learning rate; so one
schedule serves every rate. It is a graph of the step number, part of the training program.

Steps are counted from 1. A schedule that depends on the length of the run is given `total`, the
number of steps that the run is planned to have. A run may end earlier (`until`, patience): the
schedule then has simply not come to its end. It may go on longer: the last value is kept. Where
no length is planned at all (a run until a time is up), such a schedule is refused, unless it has
a length of its own.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, ClassVar

from pullback import named, ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import FLOAT64
from pullback.graph.node import Node, Operand, as_node
from pullback.named import register


class Schedule(named.Named):
    """The factor of the learning rate at each step.

    A schedule of your own defines `factor`.

    Example:
        >>> import pullback as pb
        >>> [round(pb.optim.Cosine()(step, 4).item(), 3) for step in (1, 2, 3, 4)]
        [1.0, 0.854, 0.5, 0.146]
    """

    kind: ClassVar[str] = "schedule"

    def __call__(self, step: Operand, total: Operand | None = None) -> Node:
        """The factor at `step`.

        Args:
            step: Which update it is, 1 for the first.
            total: How many updates the run is planned to have; None where that is not known.

        Returns:
            A float64 scalar.

        Raises:
            ConfigError: The schedule depends on the length of the run, and it is not known.
        """
        length = None if total is None else ops.maximum(as_node(total, FLOAT64).astype(FLOAT64), 1)
        return self.factor(as_node(step, FLOAT64).astype(FLOAT64), length)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The factor at `step`, in float64."""
        raise TypeError(f"{type(self).__name__} must define factor(step, total)")

    def length(self, part: float, total: Node | None) -> Node:
        """A length in steps: `part` itself, or that fraction of the run, rounded up."""
        if part >= 1:
            return ops.full((), part, FLOAT64)
        # 1e-9 so that a tenth of 30 steps is 3 and not, by rounding, 4.
        return ops.maximum(ops.ceil(part * self.known(total) - 1e-9), 1)

    def known(self, total: Node | None) -> Node:
        """The length of the run.

        Raises:
            ConfigError: It is not known.
        """
        if total is None:
            raise ConfigError(
                f"the schedule {self.name!r} must know how many steps the run has",
                "a run without a number of epochs or steps",
                "Give the run epochs or steps, or the schedule a whole number of steps.",
            )
        return total

    def check_part(self, setting: str) -> None:
        """Check that a setting is a length: whole steps, or a fraction of the run.

        Raises:
            ConfigError: It is neither.
        """
        value = getattr(self, setting)
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        number = float(value) if real else math.nan
        if not (0 < number < 1 or (1 <= number < math.inf and number.is_integer())):
            raise ConfigError(
                f"{setting} of the {self.kind} {self.name!r} must be a whole number of steps, or "
                "a fraction of the run between 0 and 1",
                f"{setting}={value!r}",
                "Give for instance 100, or 0.1.",
            )
        object.__setattr__(self, setting, number if number < 1 else int(number))

    def check_parts(self, setting: str) -> None:
        """Check that a setting is a rising row of lengths, each as in `check_part`.

        Raises:
            ConfigError: It is not.
        """
        given = getattr(self, setting)
        each = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        found = []
        for value in each:
            object.__setattr__(self, setting, value)
            self.check_part(setting)
            found.append(getattr(self, setting))
        object.__setattr__(self, setting, tuple(found))
        rising = sorted(set(found)) == found and len({value < 1 for value in found}) == 1
        if not rising:
            raise ConfigError(
                f"{setting} of the {self.kind} {self.name!r} must rise: whole numbers of steps, or "
                "fractions of the run",
                f"{setting}={given!r}",
                "Give for instance (100, 200), or (0.5, 0.75).",
            )

    def plateau(self) -> Schedule | None:
        """The schedule, within this one, that waits for a plateau, if any does."""
        return None


@register
class Constant(Schedule):
    """The same rate throughout: the factor is 1.

    References:
        H. Robbins and S. Monro, 1951, "A stochastic approximation method", for what a constant
        rate does not do.

    Example:
        >>> Constant()(7).item()
        1.0
    """

    name: ClassVar[str] = "constant"
    aliases: ClassVar[tuple[str, ...]] = ("none",)

    def factor(self, step: Node, total: Node | None) -> Node:
        """1."""
        return ops.full((), 1.0, FLOAT64)


@register
class Step(Schedule):
    r"""Down by a factor at regular intervals: $\gamma^{\lfloor (s - 1) / n \rfloor}$ at step s.

    Args:
        every: n, the interval: a whole number of steps, or a fraction of the run.
        gamma: What the rate is multiplied by; above 0 and at most 1.

    Raises:
        ConfigError: A setting out of range.

    References:
        A. Krizhevsky, I. Sutskever and G. Hinton, 2012, "ImageNet classification with deep
        convolutional neural networks".

    Example:
        >>> schedule = Step(every=2, gamma=0.5)
        >>> [schedule(step).item() for step in (1, 2, 3, 4, 5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    name: ClassVar[str] = "step"
    aliases: ClassVar[tuple[str, ...]] = ("steps", "step_decay")
    every: float = 1 / 3
    gamma: float = 0.1

    def check(self) -> None:
        """Check the interval and the factor."""
        self.check_part("every")
        self.check_number("gamma", above=0, most=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The product of the reductions so far."""
        if self.every < 1:  # a fraction belongs to the planned run: beyond it, the last value
            step = ops.minimum(step, self.known(total))
        return self.gamma ** ops.floor((step - 1) / self.length(self.every, total))


@register
class Cosine(Schedule):
    r"""From 1 down to `final` along half a cosine.

    At step s of n, with $u = \min((s - 1) / n, 1)$, the factor is
    $f + (1 - f)\, \tfrac12 (1 + \cos \pi u)$.

    Args:
        final: f, the factor at the end; at least 0 and at most 1.
        steps: n, a whole number of steps or a fraction of the run; None for the whole run.

    Raises:
        ConfigError: A setting out of range.

    References:
        I. Loshchilov and F. Hutter, 2017, "SGDR: stochastic gradient descent with warm
        restarts" (one period, without a restart).

    Example:
        >>> Cosine(final=0.1)(11, 10).item()
        0.1
    """

    name: ClassVar[str] = "cosine"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_decay", "cosine_annealing")
    final: float = 0.0
    steps: float | None = None

    def check(self) -> None:
        """Check the final factor and the length."""
        self.check_number("final", least=0, most=1)
        if self.steps is not None:
            self.check_part("steps")

    def factor(self, step: Node, total: Node | None) -> Node:
        """The height of the cosine."""
        n = self.known(total) if self.steps is None else self.length(self.steps, total)
        done = ops.minimum((step - 1) / n, 1)
        return self.final + (1 - self.final) * (0.5 * (1 + ops.cos(math.pi * done)))


@register
class WarmUp(Schedule):
    r"""Straight up to 1 in the first n steps, then another schedule over the steps that remain.

    At step $s \le n$ the factor is $s / n$; after that, that of `then` at step $s - n$ of
    $N - n$, where N is the length of the run.

    Args:
        steps: n, a whole number of steps or a fraction of the run.
        then: What follows: a schedule, or its name.

    Raises:
        ConfigError: `steps` is neither.
        UnknownNameError: No such schedule.

    References:
        P. Goyal et al., 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour".

    Example:
        >>> schedule = WarmUp(steps=2, then="constant")
        >>> [schedule(step).item() for step in (1, 2, 3)]
        [0.5, 1.0, 1.0]
    """

    name: ClassVar[str] = "warmup"
    aliases: ClassVar[tuple[str, ...]] = ("warm_up", "warmup_cosine")
    steps: float = 0.05
    then: Schedule | str = "cosine"

    def check(self) -> None:
        """Check the length, and find what follows."""
        self.check_part("steps")
        object.__setattr__(self, "then", get(self.then))

    def plateau(self) -> Schedule | None:
        """The plateau that what follows waits for."""
        return get(self.then).plateau()

    def factor(self, step: Node, total: Node | None) -> Node:
        """The ramp, or what follows it."""
        n = self.length(self.steps, total)
        rest = None if total is None else ops.maximum(total - n, 1)
        after = get(self.then).factor(ops.maximum(step - n, 1), rest)
        return ops.where(ops.less_equal(step, n), step / n, after)


def registry() -> dict[str, type[Schedule]]:
    """All schedules by name, sorted.

    Example:
        >>> "cosine" in registry()
        True
    """
    return named.registry(Schedule)


def get(value: Schedule | type[Schedule] | str | dict[str, Any]) -> Schedule:
    """The schedule of a name, an alias or a configuration; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.
        ConfigError: A setting that the schedule does not take.

    Example:
        >>> get("cosine")
        Cosine(final=0.0, steps=None)
    """
    return named.get(Schedule, value)
