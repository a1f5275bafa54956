"""Optimizers that ask for gradients at points of their own choosing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from pullback.graph.dtypes import Array, Dtype
from pullback.optim.base import Optimizer

Evaluate: TypeAlias = Callable[[Array], tuple[float, Array]]
"""From all parameters as one vector to the objective there and its gradient."""


class NonFinitePointError(ArithmeticError):
    """The objective or its gradient is not finite at a point that the optimizer needs."""

    def __init__(self, point: Array) -> None:
        super().__init__("the objective is not finite at this point")
        self.point = point


class Driver(Optimizer):
    """An optimizer that evaluates loss and gradient several times in one step, where it likes.

    The training loop calls `drive` once for each batch. All that is remembered between steps is in
    `memory`, whose arrays live in the state of the training: so a checkpoint is complete, and a
    step that comes to nothing finite changes nothing.
    """

    def memory(self, size: int, dtype: Dtype) -> dict[str, Array]:
        """What is remembered, as it starts.

        Args:
            size: How many numbers all parameters hold.
            dtype: Theirs.
        """
        raise TypeError(f"{type(self).__name__} must define memory(size, dtype)")

    def drive(
        self, evaluate: Evaluate, point: Array, memory: Mapping[str, Array], rate: float
    ) -> tuple[Array, dict[str, Array]]:
        """One step: the new point, and what is remembered after it.

        Args:
            evaluate: Gives the objective (the loss with penalties) and its gradient at a point.
            point: All parameters as one vector.
            memory: What `memory` or the last step gave; not to be written to.
            rate: The learning rate of this step.

        Raises:
            NonFinitePointError: A value without which the step cannot be made is NaN or infinite.
        """
        raise TypeError(f"{type(self).__name__} must define drive(evaluate, point, memory, rate)")
