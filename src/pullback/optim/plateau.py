"""A rate that falls when training does not get on."""

from __future__ import annotations

from typing import ClassVar

from pullback.errors import ConfigError
from pullback.graph.dtypes import FLOAT64
from pullback.graph.node import Node
from pullback.named import register
from pullback.ops import full
from pullback.optim.schedules import Schedule


@register
class ReduceOnPlateau(Schedule):
    r"""Down by a factor whenever a value has not improved for some epochs.

    As part of the step the factor is 1. After each epoch the training loop looks at the value, and
    after `patience` epochs without improvement it multiplies every learning rate of the state by
    `gamma`, which a resume carries on. A value improves when it is better than the best so far by
    more than the fraction `threshold` of it.

    Args:
        gamma: What the rate is multiplied by; above 0 and below 1.
        patience: How many epochs without improvement are let pass; the next one brings the rate
            down. A whole number of at least 0.
        monitor: What has to improve: "loss" or a metric that is measured; a bare name means
            validation, or training where there is none.
        threshold: Which relative change counts as improvement; at least 0.
        cooldown: How many epochs after a reduction are not counted; at least 0.
        least: The rate falls no lower than this part of its peak; at least 0 and at most 1.

    Raises:
        ConfigError: A setting out of range.

    References:
        A. Krizhevsky, I. Sutskever and G. Hinton, 2012, "ImageNet classification with deep
        convolutional neural networks", where it was done by hand.

    Example:
        >>> ReduceOnPlateau(gamma=0.5, patience=3)(7).item()
        1.0
    """

    name: ClassVar[str] = "plateau"
    aliases: ClassVar[tuple[str, ...]] = ("reduce_on_plateau",)
    gamma: float = 0.1
    patience: int = 10
    monitor: str = "loss"
    threshold: float = 1e-4
    cooldown: int = 0
    least: float = 0.0

    def check(self) -> None:
        """Check the settings."""
        self.check_number("gamma", above=0, below=1)
        self.check_whole("patience", least=0)
        self.check_number("threshold", least=0)
        self.check_whole("cooldown", least=0)
        self.check_number("least", least=0, most=1)
        if not isinstance(self.monitor, str) or not self.monitor:
            raise ConfigError(
                "monitor of the schedule 'plateau' must be text",
                f"monitor={self.monitor!r}",
                "Name the loss or a metric.",
            )

    def plateau(self) -> Schedule | None:
        """This one."""
        return self

    def factor(self, step: Node, total: Node | None) -> Node:
        """1."""
        return full((), 1.0, FLOAT64)
