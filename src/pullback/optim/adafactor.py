"""Adafactor: a mean square that is kept as a row and a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer


@register
class Adafactor(Optimizer):
    r"""Steps relative to the root mean square, of which only rows and columns are remembered.

    With the gradient g at step s, $\gamma = s^{-\kappa}$, R the mean of $g^2$ over the last axis
    and C that over the one before it:

    $r \leftarrow (1 - \gamma) r + \gamma R$, $c \leftarrow (1 - \gamma) c + \gamma C$,
    $\hat v = r\, c / \operatorname{mean}(r)$, $u = g / \sqrt{\max(\hat v, \epsilon^2)}$ and
    $w \leftarrow (1 - \eta \lambda)\, w - \alpha\, u / \max(1, \operatorname{rms}(u) / d)$ with
    $\alpha = \max(\epsilon_w, \operatorname{rms}(w)) \min(\eta, 1 / \sqrt s)$.

    Vectors keep their whole mean square. A matrix of n by m numbers needs n + m to be remembered.

    Args:
        learning_rate: $\eta$, above 0: the step relative to the weights.
        decay: $\kappa$, how fast the mean square becomes one over all steps; above 0, at most 1.
        clip: d, the largest root mean square of u; above 0.
        least: $\epsilon_w$, the size that even small weights are taken to have; above 0.
        epsilon: Keeps the division finite; above 0. None takes the dtype's own precision.
        weight_decay: $\lambda$, at least 0, apart from the gradient.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        N. Shazeer and M. Stern, 2018, "Adafactor: adaptive learning rates with sublinear memory
        cost".

    Example:
        >>> import pullback as pb
        >>> pb.optim.Adafactor().slot_shapes((200, 300), "float32")
        {'row': (200, 1), 'column': (1, 300)}
    """

    name: ClassVar[str] = "adafactor"
    learning_rate: float = 1e-2
    decay: float = 0.8
    clip: float = 1.0
    least: float = 1e-3
    epsilon: float | None = None

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("decay", above=0, most=1)
        self.check_number("clip", above=0)
        self.check_number("least", above=0)
        if self.epsilon is not None:
            self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float | Array]:
        """The mean squares of rows and columns; of every element of a vector."""
        if len(shape) < 2:
            return {"square": 0.0}
        return {"row": np.zeros((*shape[:-1], 1)), "column": np.zeros((*shape[:-2], 1, shape[-1]))}

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """The step against the gradient over its root mean square, relative to the weights."""
        epsilon = self.epsilon or float(np.finfo(parameter.dtype).eps)
        square, remembered = self._square(gradient, slots, step, epsilon)
        towards = gradient / ops.sqrt(ops.maximum(square, epsilon * epsilon))
        towards = towards / ops.maximum(_rms(towards) / self.clip, 1.0)
        size = ops.maximum(_rms(parameter), self.least)
        if strength:
            parameter = parameter - (strength * rate) * parameter
        far = size * ops.minimum(rate, 1 / ops.sqrt(step))
        return parameter - far * towards, remembered

    def _square(
        self, gradient: Node, slots: Mapping[str, Node], step: Node, epsilon: float
    ) -> tuple[Node, dict[str, Node]]:
        """The mean square, and what of it is remembered."""
        share, new = step**-self.decay, ops.square(gradient)
        if "square" in slots:
            square = slots["square"] + share * (new - slots["square"])
            return square, {"square": square}
        row = slots["row"] + share * (ops.mean(new, axis=-1, keepdims=True) - slots["row"])
        means = ops.mean(new, axis=-2, keepdims=True)
        column = slots["column"] + share * (means - slots["column"])
        whole = ops.maximum(ops.mean(row, axis=-2, keepdims=True), epsilon)
        return row * column / whole, {"row": row, "column": column}


def _rms(x: Node) -> Node:
    """The root mean square of all elements."""
    return ops.norm(x) / max(int(np.prod(x.shape)), 1) ** 0.5
