"""What an optimizer is: how a parameter changes, given its gradient.

An optimizer is a pure pair. `slots` says what it remembers about a parameter and how that starts;
`update` says, in graph operations, what the parameter and the memory become. It holds no state:
the training step keeps the slots, in one block with the parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from pullback import named
from pullback.errors import ConfigError, ShapeError
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.optim import layers as by_layer
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
        layers: A learning rate or weight decay of their own for some parameters, by patterns of
            their paths: `{"0.*": {"learning_rate": 1e-4}, "*.bias": {"weight_decay": 0}}`.
            Later patterns win; a rate of 0 keeps a parameter as it is.

    Raises:
        ConfigError: A setting out of range.
        UnknownNameError: No such schedule.

    Class attributes:
        decoupled: Whether decay shrinks the parameter itself, apart from the gradient.
        evaluated: The slot that holds the weights to be used after training, where these are not
            the ones that are trained.
    """

    kind: ClassVar[str] = "optimizer"
    decoupled: ClassVar[bool] = False
    evaluated: ClassVar[str] = ""
    learning_rate: float = 1e-3
    _: KW_ONLY
    weight_decay: float = 0.0
    schedule: Schedule | str = "constant"
    layers: Mapping[str, Mapping[str, float]] | None = None

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
        object.__setattr__(self, "layers", by_layer.checked(self.layers))

    def describe(self) -> str:
        """The name and the settings in one line; `layers` only where there are some."""
        said = super().describe()
        return said if self.layers else said.replace(", layers=None", "")

    def for_layer(self, path: str, *, indexed: bool = False) -> Optimizer:
        """The rule for one parameter: this one, with the settings that `layers` gives it.

        Args:
            path: The parameter's path, such as `0.weight`.
            indexed: Whether it is a table that is looked up by number, as in an `Embedding`.
        """
        if not self.layers:
            return self
        made = copy.copy(self)  # without a second check: a layer's rate may be 0
        for name, value in by_layer.settings_of(self.layers, path).items():
            object.__setattr__(made, name, value)
        object.__setattr__(made, "layers", None)
        return made

    def patterns(self) -> dict[str, Iterable[str]]:
        """The patterns of parameter paths that it was given, by the setting they belong to."""
        return {"the optimizer's layers": self.layers or ()}

    def slots(self, shape: Shape, dtype: Dtype) -> Mapping[str, float | Array]:
        """What is remembered about a parameter: each slot's name and how it starts.

        A number fills the parameter's shape; an array has a shape of its own. All have the
        parameter's dtype.
        """
        return {}

    def slot_shapes(self, shape: Shape, dtype: Dtype) -> dict[str, Shape]:
        """The shape of each slot of a parameter."""
        start = self.slots(shape, dtype).items()
        return {name: v.shape if isinstance(v, np.ndarray) else shape for name, v in start}

    def initial(self, value: Array) -> dict[str, Array]:
        """The first values of all slots of a parameter whose first value is `value`."""
        shapes = self.slot_shapes(value.shape, value.dtype)
        start = self.slots(value.shape, value.dtype)
        return {name: np.full(shapes[name], fill, value.dtype) for name, fill in start.items()}

    def ascended(self, parameters: Sequence[Node], gradients: Sequence[Node]) -> list[Node] | None:
        """Where the gradient of the update is taken, if not at the parameters themselves."""
        return None

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
        count = _counted(step, parameter.dtype)
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
        """The step against `direction`; decay shrinks the parameter, or joins the gradient."""
        if strength and not self.decoupled:
            gradient = gradient + strength * parameter
        towards, remembered = self.direction(gradient, slots, step)
        if strength and self.decoupled:
            parameter = parameter - (strength * rate) * parameter
        return parameter - rate * towards, remembered

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """What is subtracted from the parameter at a rate of 1, and the new slots.

        All nodes have the parameter's dtype, `step` too.
        """
        raise TypeError(f"{type(self).__name__} must define direction(gradient, slots, step)")


@lru_cache(maxsize=16)
def _counted(step: Node, dtype: Dtype) -> Node:
    """The number of a step as a real number, once for all parameters of a dtype."""
    return step.astype(dtype)


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
