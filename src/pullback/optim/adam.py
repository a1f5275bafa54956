"""Adam and its variant with decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer


@register
class Adam(Optimizer):
    r"""Adam: steps of the gradient's mean, relative to its root mean square.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it) at step s:

    $m \leftarrow \beta_1 m + (1 - \beta_1) g$, $v \leftarrow \beta_2 v + (1 - \beta_2) g^2$,
    $w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$, where
    $\hat m = m / (1 - \beta_1^s)$ and $\hat v = v / (1 - \beta_2^s)$ make up for the start at 0.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        amsgrad: Whether $\hat v$ is that of the largest v so far, so that steps never grow again.
        weight_decay: $\lambda$, at least 0; for decay apart from the gradient see `AdamW`.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        D. P. Kingma and J. Ba, 2015, "Adam: a method for stochastic optimization".
        S. J. Reddi, S. Kale and S. Kumar, 2018, "On the convergence of Adam and beyond" (amsgrad).

    Example:
        >>> import pullback as pb
        >>> adam, zero = pb.optim.Adam(0.1), pb.tensor([0.0])
        >>> slots = {"mean": zero, "square": zero}
        >>> w, g = pb.tensor([1.0]), pb.tensor([0.5])
        >>> new, slots = adam.update(w, g, slots, pb.tensor(0.1), pb.tensor(1))
        >>> new
        tensor([0.9])
    """

    name: ClassVar[str] = "adam"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    amsgrad: bool = False

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)
        self.check_flag("amsgrad")

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running means of the gradient and of its square."""
        return {"mean": 0.0, "square": 0.0} | ({"largest": 0.0} if self.amsgrad else {})

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The corrected mean over the corrected root mean square."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * slots["square"] + (1 - self.beta2) * ops.square(gradient)
        remembered = {"mean": mean, "square": square}
        if self.amsgrad:
            remembered["largest"] = square = ops.maximum(slots["largest"], square)
        mean_hat = corrected(mean, self.beta1, step)
        square_hat = corrected(square, self.beta2, step)
        return mean_hat / (ops.sqrt(square_hat) + self.epsilon), remembered


@register
class AdamW(Adam):
    r"""Adam with weight decay apart from the gradient: it shrinks every weight alike.

    $w \leftarrow (1 - \eta \lambda)\, w$, then a step of `Adam` with the bare gradient. The
    schedule acts on the decay too.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        amsgrad: Whether $\hat v$ is that of the largest v so far, so that steps never grow again.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        I. Loshchilov and F. Hutter, 2019, "Decoupled weight decay regularization".

    Example:
        >>> import pullback as pb
        >>> pb.optim.AdamW(1e-3, weight_decay=0.1).slots((2,), "float32")
        {'mean': 0.0, 'square': 0.0}
    """

    name: ClassVar[str] = "adamw"
    decoupled: ClassVar[bool] = True
    weight_decay: float = 1e-2


@lru_cache(maxsize=16)
def collected(beta: float, step: Node) -> Node:
    r"""$1 - \beta^s$, the share of gradients in a running mean that started at 0.

    As $-\operatorname{expm1}(s \ln \beta)$ it keeps its digits in float32, where 1 - 0.999 has
    lost four of seven.
    """
    return -ops.expm1(step * math.log(beta)) if beta else ops.full_like(step, 1.0)


def corrected(mean: Node, beta: float, step: Node) -> Node:
    r"""$m / (1 - \beta^s)$: a running mean that started at 0, as if it had not.

    As a product: one division then serves all elements, and all parameters of a dtype.
    """
    return mean * _correction(beta, step)


@lru_cache(maxsize=16)
def _correction(beta: float, step: Node) -> Node:
    return ops.reciprocal(collected(beta, step))
