"""Schedule-free learning: averaging of the weights takes the place of a falling rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.adam import corrected
from pullback.optim.base import Optimizer


@register
class ScheduleFreeSGD(Optimizer):
    r"""Gradient descent on weights between a fast sequence z and its running average x.

    The gradient g (weight decay $\lambda$ adds $\lambda y$ to it) is taken at
    $y = (1 - \beta) z + \beta x$, which is what the training sees:
    $z \leftarrow z - \eta\, g$, $x \leftarrow (1 - c)\, x + c\, z$ with
    $c = \eta_{\max}^2 / \sum \eta_{\max}^2$, where $\eta_{\max}$ is the largest rate so far.

    Evaluation, and the network when training ends, use the average x. Give no falling schedule; a
    warm-up does good: `schedule=WarmUp(0.05, then="constant")`.

    Args:
        learning_rate: $\eta$, above 0; often larger than that of SGD.
        beta: $\beta$, from 0 to below 1.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        A. Defazio et al., 2024, "The road less scheduled".

    Example:
        >>> import numpy as np, pullback as pb
        >>> sorted(pb.optim.ScheduleFreeSGD().initial(np.ones(2)))
        ['average', 'fast', 'largest_rate', 'weight']
    """

    name: ClassVar[str] = "schedule_free_sgd"
    evaluated: ClassVar[str] = "average"
    learning_rate: float = 1.0
    beta: float = 0.9

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta", least=0, below=1)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float | Array]:
        """Both sequences, the largest rate so far, and the sum of the weights of the average."""
        none = np.zeros(())
        return {"fast": 0.0, "average": 0.0, "largest_rate": none, "weight": none}

    def initial(self, value: Array) -> dict[str, Array]:
        """Both sequences start where the parameter does."""
        return {**super().initial(value), "fast": value.copy(), "average": value.copy()}

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """One step of the fast sequence, and the weights between it and its new average."""
        towards, remembered = self.direction(gradient, slots, step)
        if strength:
            towards = towards + strength * parameter
        largest = ops.maximum(slots["largest_rate"], rate)
        new = ops.square(largest)
        weight = slots["weight"] + new
        share = new / ops.where(ops.equal(weight, 0), 1.0, weight)  # all rates may be 0 so far
        fast = slots["fast"] - rate * towards
        average = slots["average"] + share * (fast - slots["average"])
        remembered |= {
            "fast": fast,
            "average": average,
            "largest_rate": largest,
            "weight": weight,
        }
        return fast + self.beta * (average - fast), remembered

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient."""
        return gradient, {}


@register
class ScheduleFreeAdamW(ScheduleFreeSGD):
    r"""Schedule-free learning with steps relative to the gradient's root mean square.

    As `ScheduleFreeSGD`, with $v \leftarrow \beta_2 v + (1 - \beta_2) g^2$ and
    $z \leftarrow z - \eta\, (g / (\sqrt{\hat v} + \epsilon) + \lambda y)$, where
    $\hat v = v / (1 - \beta_2^s)$.

    Args:
        learning_rate: $\eta$, above 0.
        beta: How far the weights of the training are towards the average, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        weight_decay: $\lambda$, at least 0, apart from the gradient.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        A. Defazio et al., 2024, "The road less scheduled".

    Example:
        >>> import numpy as np, pullback as pb
        >>> sorted(pb.optim.ScheduleFreeAdamW().initial(np.ones(2)))
        ['average', 'fast', 'largest_rate', 'square', 'weight']
    """

    name: ClassVar[str] = "schedule_free_adamw"
    aliases: ClassVar[tuple[str, ...]] = ("schedule_free",)
    learning_rate: float = 2.5e-3
    beta2: float = 0.999
    epsilon: float = 1e-8

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float | Array]:
        """As for SGD, and the running mean of the squared gradient."""
        return {**super().slots(shape, dtype), "square": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The gradient over the corrected root mean square."""
        square = self.beta2 * slots["square"] + (1 - self.beta2) * ops.square(gradient)
        size = ops.sqrt(corrected(square, self.beta2, step)) + self.epsilon
        return gradient / size, {"square": square}
