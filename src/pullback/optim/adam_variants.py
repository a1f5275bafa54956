"""Relatives of Adam with another mean, another measure of size, or another start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pullback import ops
from pullback.graph.dtypes import FLOAT64, Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.adam import collected, corrected
from pullback.optim.base import Optimizer


@register
class NAdam(Optimizer):
    r"""Adam with Nesterov's momentum: the step looks ahead along the mean.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it), m and v as in `Adam`, and
    the momentum $\mu_s = \beta_1 (1 - \tfrac12 0.96^{s \psi})$ of step s:

    $w \leftarrow w - \eta \left( \frac{(1 - \mu_s)\, g}{1 - \prod_{i \le s} \mu_i}
    + \frac{\mu_{s+1}\, m}{1 - \prod_{i \le s + 1} \mu_i} \right) / (\sqrt{\hat v} + \epsilon)$.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        momentum_decay: $\psi$, how soon the momentum rises to $\beta_1$; at least 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        T. Dozat, 2016, "Incorporating Nesterov momentum into Adam".

    Example:
        >>> import pullback as pb
        >>> sorted(pb.optim.NAdam().slot_shapes((2, 3), "float32").items())
        [('mean', (2, 3)), ('product', ()), ('square', (2, 3))]
    """

    name: ClassVar[str] = "nadam"
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 4e-3

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)
        self.check_number("momentum_decay", least=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float | Array]:
        """The running means of the gradient and its square, and the product of all momenta."""
        return {"mean": 0.0, "square": 0.0, "product": np.ones(())}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The mean one step on, over the corrected root mean square."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * slots["square"] + (1 - self.beta2) * ops.square(gradient)
        now, then = self._momentum(step), self._momentum(step + 1)
        product = slots["product"] * now
        ahead = (1 - now) / (1 - product) * gradient + then / (1 - product * then) * mean
        size = ops.sqrt(corrected(square, self.beta2, step)) + self.epsilon
        return ahead / size, {"mean": mean, "square": square, "product": product}

    def _momentum(self, step: Node) -> Node:
        return self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))


@register
class RAdam(Optimizer):
    r"""Adam that waits until the mean square is known well enough to divide by it.

    With m, v as in `Adam`, $\rho_\infty = 2 / (1 - \beta_2) - 1$ and
    $\rho_s = \rho_\infty - 2 s \beta_2^s / (1 - \beta_2^s)$, while $\rho_s \le 5$ the step is
    $w \leftarrow w - \eta\, \hat m$; after that it is

    $w \leftarrow w - \eta\, r_s\, \hat m \sqrt{1 - \beta_2^s} / (\sqrt v + \epsilon)$ with
    $r_s^2 = \frac{(\rho_s - 4) (\rho_s - 2) / \rho_s}
    {(\rho_\infty - 4) (\rho_\infty - 2) / \rho_\infty}$.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How much of the mean square is kept, from 0 to below 1.
        epsilon: Keeps the division finite; above 0, outside the root.
        weight_decay: $\lambda$, at least 0; it adds $\lambda w$ to the gradient.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        L. Liu et al., 2020, "On the variance of the adaptive learning rate and beyond".

    Example:
        >>> import pullback as pb
        >>> slots = {"mean": pb.tensor([0.0]), "square": pb.tensor([0.0])}
        >>> w, g = pb.tensor([1.0]), pb.tensor([0.5])
        >>> pb.optim.RAdam(0.1).update(w, g, slots, pb.tensor(0.1), pb.tensor(1))[0]
        tensor([0.95])
    """

    name: ClassVar[str] = "radam"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running means of the gradient and of its square."""
        return {"mean": 0.0, "square": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The corrected mean, divided by the root mean square once that is reliable."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * slots["square"] + (1 - self.beta2) * ops.square(gradient)
        mean_hat = corrected(mean, self.beta1, step)
        remembered = {"mean": mean, "square": square}
        longest = 2 / (1 - self.beta2) - 1
        if longest <= 5:
            return mean_hat, remembered
        reliable, factor = self._rectified(step.astype(FLOAT64), longest)
        scaled = factor.astype(gradient.dtype) * mean_hat / (ops.sqrt(square) + self.epsilon)
        return ops.where(reliable, scaled, mean_hat), remembered

    def _rectified(self, step: Node, longest: float) -> tuple[Node, Node]:
        """Whether the mean square is reliable, and the factor of the step if it is.

        In float64, since the length is a small difference of large numbers.
        """
        share = collected(self.beta2, step)
        length = longest - 2 * step * (1 - share) / share
        reliable = ops.greater(length, 5)
        known = ops.maximum(length, 5)
        ratio = (known - 4) * (known - 2) / known * (longest / ((longest - 4) * (longest - 2)))
        return reliable, ops.sqrt(ratio * share)


@register
class Adamax(Optimizer):
    r"""Adam with the largest recent gradient in the place of the root mean square.

    With the gradient g (weight decay $\lambda$ adds $\lambda w$ to it):
    $m \leftarrow \beta_1 m + (1 - \beta_1) g$, $u \leftarrow \max(\beta_2 u, |g| + \epsilon)$,
    $w \leftarrow w - \eta\, m / ((1 - \beta_1^s)\, u)$.

    Args:
        learning_rate: $\eta$, above 0.
        beta1: How much of the mean is kept, from 0 to below 1.
        beta2: How slowly the largest gradient is forgotten, from 0 to below 1.
        epsilon: Keeps the division finite; above 0.
        weight_decay: $\lambda$, at least 0.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        D. P. Kingma and J. Ba, 2015, "Adam: a method for stochastic optimization", section 7.

    Example:
        >>> import pullback as pb
        >>> pb.optim.Adamax().slots((2,), "float32")
        {'mean': 0.0, 'largest': 0.0}
    """

    name: ClassVar[str] = "adamax"
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("beta1", least=0, below=1)
        self.check_number("beta2", least=0, below=1)
        self.check_number("epsilon", above=0)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The running mean of the gradient, and its largest recent size."""
        return {"mean": 0.0, "largest": 0.0}

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The corrected mean over the largest recent size."""
        mean = self.beta1 * slots["mean"] + (1 - self.beta1) * gradient
        size = ops.abs(gradient) + self.epsilon
        largest = ops.maximum(self.beta2 * slots["largest"], size)
        towards = mean / (collected(self.beta1, step) * largest)
        return towards, {"mean": mean, "largest": largest}
