"""Schedules that rise again: one cycle, many, or cosines that start anew."""

from __future__ import annotations

import math
from typing import ClassVar

from pullback import ops
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.schedules import Schedule


@register
class OneCycle(Schedule):
    r"""Up to 1 along half a cosine, then down along another to almost nothing.

    With n the steps of the rise and N those of the run: from `first` at step 1 to 1 at step n, and
    to `final` at step N. Of the paper's method this is the rate; momentum keeps its value.

    Args:
        rise: n, a whole number of steps or a fraction of the run.
        first: The factor at the first step; at least 0 and below 1.
        final: The factor at the last step; at least 0 and below 1.

    Raises:
        ConfigError: A setting out of range.

    References:
        L. N. Smith and N. Topin, 2019, "Super-convergence: very fast training of neural networks
        using large learning rates".

    Example:
        >>> [round(OneCycle()(step, 10).item(), 3) for step in (1, 3, 10)]
        [0.04, 1.0, 0.0]
    """

    name: ClassVar[str] = "one_cycle"
    aliases: ClassVar[tuple[str, ...]] = ("onecycle",)
    rise: float = 0.3
    first: float = 0.04
    final: float = 4e-6

    def check(self) -> None:
        """Check the rise and both ends."""
        self.check_part("rise")
        self.check_number("first", least=0, below=1)
        self.check_number("final", least=0, below=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The height on the way up or down."""
        whole = self.known(total)
        top = self.length(self.rise, total)
        up = ops.minimum((step - 1) / ops.maximum(top - 1, 1), 1)
        down = ops.minimum((step - top) / ops.maximum(whole - top, 1), 1)
        rising = 1 + (self.first - 1) * _half_cosine(up)
        falling = self.final + (1 - self.final) * _half_cosine(down)
        return ops.where(step < top, rising, falling)


@register
class CosineRestarts(Schedule):
    r"""Half a cosine from 1 to `final`, again and again, in cycles of one length or growing ones.

    At step t of a cycle of n steps the factor is
    $f + (1 - f)\, \tfrac12 (1 + \cos(\pi (t - 1) / n))$; the next cycle has $g\, n$ steps.

    Args:
        first: The length of the first cycle: a whole number of steps, or a fraction of the run.
        grow: g, how much longer each cycle is than the one before it; a whole number of at least 1.
        final: f, the factor at the end of a cycle; at least 0 and at most 1.

    Raises:
        ConfigError: A setting out of range.

    References:
        I. Loshchilov and F. Hutter, 2017, "SGDR: stochastic gradient descent with warm restarts".

    Example:
        >>> schedule = CosineRestarts(first=2)
        >>> [round(schedule(step).item(), 3) for step in (1, 2, 3, 4)]
        [1.0, 0.5, 1.0, 0.5]
    """

    name: ClassVar[str] = "cosine_restarts"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_annealing_warm_restarts", "sgdr")
    first: float = 0.1
    grow: int = 1
    final: float = 0.0

    def check(self) -> None:
        """Check the length, the growth and the final factor."""
        self.check_part("first")
        self.check_whole("grow", least=1)
        self.check_number("final", least=0, most=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The height of the present cosine."""
        n, done = self.length(self.first, total), step - 1
        if self.grow == 1:
            part = (done - n * ops.floor(done / n)) / n
        else:
            # Cycle k begins at n (g^k - 1) / (g - 1); 1e-9 so that its first step belongs to it.
            whole = 1 + done / n * (self.grow - 1)
            power = float(self.grow) ** ops.floor(ops.log(whole) / math.log(self.grow) + 1e-9)
            part = (done - n * (power - 1) / (self.grow - 1)) / (n * power)
        return self.final + (1 - self.final) * _half_cosine(part)


@register
class Cyclic(Schedule):
    r"""Up and down in straight lines, from `least` to 1 and back, again and again.

    Args:
        up: The steps of a rise: a whole number, or a fraction of the run.
        down: Those of a fall, likewise; None for as many.
        least: The factor at the bottom; at least 0 and at most 1.
        shrink: What each cycle's height is multiplied by; above 0 and at most 1.

    Raises:
        ConfigError: A setting out of range.

    References:
        L. N. Smith, 2017, "Cyclical learning rates for training neural networks".

    Example:
        >>> schedule = Cyclic(up=2, least=0.5)
        >>> [schedule(step).item() for step in (1, 2, 3, 4, 5)]
        [0.5, 0.75, 1.0, 0.75, 0.5]
    """

    name: ClassVar[str] = "cyclic"
    up: float = 0.05
    down: float | None = None
    least: float = 0.1
    shrink: float = 1.0

    def check(self) -> None:
        """Check the lengths and heights."""
        self.check_part("up")
        if self.down is not None:
            self.check_part("down")
        self.check_number("least", least=0, most=1)
        self.check_number("shrink", above=0, most=1)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The height of the present line."""
        up = self.length(self.up, total)
        down = up if self.down is None else self.length(self.down, total)
        cycle = ops.floor((step - 1) / (up + down))
        done = step - 1 - cycle * (up + down)
        height = ops.where(done < up, done / up, (up + down - done) / down)
        return self.least + (1 - self.least) * height * self.shrink**cycle


def _half_cosine(part: Node) -> Node:
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1 + ops.cos(math.pi * part))
