"""Muon: the momentum of a weight matrix, made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar

from pullback import ops
from pullback.graph.dtypes import Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.adam import AdamW
from pullback.optim.base import Optimizer

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration that bring singular values near 1 in five rounds."""


@register
class Muon(Optimizer):
    r"""Momentum of weight matrices, orthogonalised: all directions of a layer move alike.

    With the gradient G of a weight of shape (in, out), $B \leftarrow \mu B + (1 - \mu) G$,
    $M = \mu B + (1 - \mu) G$ (with `nesterov=False` $M = B$), and $O \approx U V^\top$ of the
    singular value decomposition $M = U \Sigma V^\top$, found by n rounds of
    $X \leftarrow a X + (b A + c A^2) X$ with $A = X X^\top$, from $X = M / \lVert M \rVert$:

    $W \leftarrow (1 - \eta \lambda) W - \eta \sqrt{\max(1, \text{out} / \text{in})}\, O$.

    A convolution's kernel is taken as a matrix of (all that feeds one output, out). Vectors, tables
    that are looked up by number (`Embedding`) and what `others` names are moved by `AdamW` with
    the same rate and decay; give them another rate with `layers`.

    Args:
        learning_rate: $\eta$, above 0.
        momentum: $\mu$, from 0 to below 1.
        nesterov: Whether to look ahead.
        rounds: n, a whole number of at least 1.
        epsilon: The smallest norm that M is divided by; above 0.
        others: Patterns of paths that are moved by `AdamW` too, such as the last layer's.
        beta1: Of that `AdamW`.
        beta2: Of that `AdamW`.
        weight_decay: $\lambda$, at least 0, apart from the gradient.
        schedule: How the rate changes in the course of the run.
        layers: Settings that some parameters have for themselves; see `Optimizer`.

    Raises:
        ConfigError: A setting out of range.

    References:
        K. Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks".

    Example:
        >>> import pullback as pb
        >>> pb.optim.Muon().slots((2, 3), "float32"), pb.optim.Muon().slots((3,), "float32")
        ({'momentum': 0.0}, {'mean': 0.0, 'square': 0.0})
    """

    name: ClassVar[str] = "muon"
    decoupled: ClassVar[bool] = True
    learning_rate: float = 1e-3
    momentum: float = 0.95
    nesterov: bool = True
    rounds: int = 5
    epsilon: float = 1e-7
    others: tuple[str, ...] = ()
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.1

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self.check_number("momentum", least=0, below=1)
        self.check_flag("nesterov")
        self.check_number("epsilon", above=0)
        self.check_whole("rounds", least=1)
        others = (self.others,) if isinstance(self.others, str) else tuple(self.others)
        object.__setattr__(self, "others", others)
        self._adamw()

    def patterns(self) -> dict[str, Iterable[str]]:
        """Those of `layers`, and `others`."""
        return {**super().patterns(), "the optimizer's others": self.others}

    def for_layer(self, path: str, *, indexed: bool = False) -> Optimizer:
        """AdamW for tables and for what `others` names; else Muon, as for any layer."""
        rule = super().for_layer(path, indexed=indexed)
        if isinstance(rule, Muon) and (indexed or any(fnmatchcase(path, p) for p in self.others)):
            return rule._adamw()
        return rule

    def _adamw(self) -> AdamW:
        """What moves all that is no matrix; the rate is given at the update."""
        return AdamW(beta1=self.beta1, beta2=self.beta2, weight_decay=self.weight_decay)

    def slots(self, shape: Shape, dtype: Dtype) -> dict[str, float]:
        """The momentum of a matrix; of a vector what AdamW remembers."""
        return {"momentum": 0.0} if len(shape) > 1 else self._adamw().slots(shape, dtype)

    def direction(
        self, gradient: Node, slots: Mapping[str, Node], step: Node
    ) -> tuple[Node, dict[str, Node]]:
        """The momentum with all its singular values near 1."""
        if gradient.ndim < 2:
            return self._adamw().direction(gradient, slots, step)
        momentum = self.momentum * slots["momentum"] + (1 - self.momentum) * gradient
        ahead = momentum
        if self.nesterov:
            ahead = self.momentum * momentum + (1 - self.momentum) * gradient
        out = gradient.shape[-1]
        rows = math.prod(gradient.shape[:-1])
        towards = orthogonal(ahead.reshape((rows, out)), self.rounds, self.epsilon)
        factor = math.sqrt(max(1.0, out / max(rows, 1)))
        return factor * towards.reshape(gradient.shape), {"momentum": momentum}


def orthogonal(matrix: Node, rounds: int = 5, epsilon: float = 1e-7) -> Node:
    r"""$U V^\top$ of the singular value decomposition $U \Sigma V^\top$, nearly, by Newton-Schulz.

    Singular values end up between about 0.7 and 1.2.

    Args:
        matrix: Of any shape (n, m).
        rounds: How many times the polynomial is applied.
        epsilon: The smallest norm that the matrix is divided by.

    Example:
        >>> import pullback as pb
        >>> from pullback.optim.muon import orthogonal
        >>> values = pb.tensor([[3.0, 0.0], [0.0, 0.5]])
        >>> orthogonal(values).astype("float64").numpy().round(2).tolist()
        [[0.71, 0.0], [0.0, 1.04]]
    """
    a, b, c = QUINTIC
    x = matrix / ops.maximum(ops.norm(matrix), epsilon)
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(x) if tall else x
    for _ in range(rounds):
        gram = x @ ops.transpose(x)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return ops.transpose(x) if tall else x
