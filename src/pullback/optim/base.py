"""What an optimizer is: how a parameter changes, given its gradient.

An optimizer is a pure pair. `slots` says what it remembers about a parameter and how that starts;
`update` says, in graph operations, what the parameter and the memory become. It holds no state:
the training step keeps the slots, in one block with the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from pullback import named
from pullback.errors import ConfigError, ShapeError
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.optim import schedules
from pullback.optim.schedules import Schedule


@dataclass(frozen=True)
class Optimizer(named.Named):
    """How a parameter changes, given its gradient.

    An optimizer of your own defines `slots` and `direction`, or all of `update`.

    Args:
        learning_rate: How far a step goes; above 0. It is the peak of the schedule.
        weight_decay: How strongly parameters are pulled towards 0; at least 0.
        schedule: How the learning rate changes in the course of the run: a schedule, or its name.

    Raises:
        ConfigError: A setting out of range.
        UnknownNameError: No such schedule.
    """

    kind: ClassVar[str] = "optimizer"
    learning_rate: float = 1e-3
    _: KW_ONLY
    weight_decay: float = 0.0
    schedule: Schedule | str = "constant"

    def check(self) -> None:
        """Check the settings that all optimizers have."""
        if isinstance(self.learning_rate, Schedule):
            raise ConfigError(
                "a schedule is a factor of the learning rate, not a rate",
                f"learning_rate={self.learning_rate.describe()}",
                f"Write learning_rate=1e-3, schedule={self.learning_rate.describe()} instead.",
            )
        self.check_number("learning_rate", above=0)
        self.check_number("weight_decay", least=0)
        object.__setattr__(self, "schedule", schedules.get(self.schedule))

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """What is remembered about a parameter: each slot's name and the number that fills it.

        Each slot has the parameter's shape and dtype.
        """
        return {}

    def rate(self, learning_rate: Node, step: Node, total: Node | int | None = None) -> Node:
        """The learning rate at `step`: the peak rate, times the schedule's factor.

        Args:
            learning_rate: The peak rate; a slot of the training step, so that it can be changed.
            step: Which update it is, 1 for the first.
            total: How many updates the run is planned to have, if that is known.

        Raises:
            ConfigError: The schedule must know the length of the run, and it is not known.
        """
        chosen = schedules.get(self.schedule)
        if isinstance(chosen, schedules.Constant):
            return learning_rate
        return learning_rate * chosen(step, total).astype(learning_rate.dtype)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        learning_rate: Node,
        step: Node,
        *,
        decay: bool = True,
    ) -> tuple[Node, dict[str, Node]]:
        """The parameter and its slots after one update.

        Args:
            parameter: Its value before.
            gradient: The gradient of the loss with respect to it.
            slots: What is remembered about it, by the names that `slots` gave.
            learning_rate: The rate of this step, a scalar; see `rate`.
            step: Which update it is, 1 for the first; an int64 scalar.
            decay: Whether weight decay acts on this parameter; often not wanted for biases.

        Returns:
            The parameter's new value, and those of all slots.

        Raises:
            ShapeError: The gradient has another shape than the parameter.
        """
        if gradient.shape != parameter.shape:
            raise ShapeError(
                "a gradient must have the shape of its parameter",
                f"gradient {gradient.shape}, parameter {parameter.shape} ({parameter.origin})",
                "Differentiate with respect to this parameter.",
            )
        rate = learning_rate.astype(parameter.dtype)
        count = step.astype(parameter.dtype)
        strength = self.weight_decay if decay else 0.0
        return self.moved(parameter, gradient.astype(parameter.dtype), slots, rate, count, strength)

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """The step against `direction`, with decay added to the gradient (an L2 penalty)."""
        if strength:
            gradient = gradient + strength * parameter
        towards, remembered = self.direction(gradient, slots, step)
        return parameter - rate * towards, remembered

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """What is subtracted from the parameter at a rate of 1, and the new slots.

        All nodes have the parameter's dtype, `step` too.
        """
        raise TypeError(f"{type(self).__name__} must define direction(gradient, slots, step)")


def registry() -> dict[str, type[Optimizer]]:
    """All optimizers by name, sorted.

    Example:
        >>> "adam" in registry()
        True
    """
    return named.registry(Optimizer)


def get(value: Optimizer | type[Optimizer] | str | dict[str, Any]) -> Optimizer:
    """The optimizer of a name, an alias or a configuration; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.
        ConfigError: A setting that the optimizer does not take.

    Example:
        >>> get({"name": "sgd", "learning_rate": 0.1}).learning_rate
        0.1
    """
    return named.get(Optimizer, value)
