"""Sharpness-aware minimisation: the gradient is taken where the loss is highest nearby."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.base import Optimizer, get
from pullback.optim.clipping import global_norm
from pullback.optim.driver import Driver


@register
class SAM(Optimizer):
    r"""Another optimizer, whose gradients are taken a step uphill: it seeks flat minima.

    With the gradient g of all parameters w together, the update is that of `base` at w with the
    gradient at $w + \rho\, g / \lVert g \rVert$; with `adaptive` at
    $w + \rho\, w^2 g / \lVert w g \rVert$, which does not depend on the scale of the weights. Both
    gradients are part of one step, with the same batch and the same dropout, so that a step takes
    twice as long.

    Args:
        learning_rate: That of `base` when None.
        base: The optimizer, or its name; what is set here is set there.
        rho: $\rho$, how far uphill; above 0.
        adaptive: Whether distances are relative to each weight's size; $\rho$ is then larger.
        weight_decay: That of `base` when None.
        schedule: That of `base` when None.
        layers: That of `base` when None.

    Raises:
        ConfigError: A setting out of range, or a base without gradients of its own.

    References:
        P. Foret, A. Kleiner, H. Mobahi and B. Neyshabur, 2021, "Sharpness-aware minimization for
        efficiently improving generalization".
        J. Kwon, J. Kim, H. Park and I. K. Choi, 2021, "ASAM: adaptive sharpness-aware minimization
        for scale-invariant learning of deep neural networks".

    Example:
        >>> import pullback as pb
        >>> pb.optim.SAM(0.1).base.learning_rate
        0.1
        >>> pb.optim.SAM(base=pb.optim.Adam(3e-3)).learning_rate
        0.003
    """

    name: ClassVar[str] = "sam"
    learning_rate: float = None  # type: ignore[assignment]  # filled in from base
    base: Optimizer | str = "sgd"
    rho: float = 0.05
    adaptive: bool = False
    weight_decay: float = None  # type: ignore[assignment]  # filled in from base
    schedule: Any = None
    layers: Any = None

    def check(self) -> None:
        """Check the settings; this optimizer and its base get the same ones."""
        base = get(self.base)
        if isinstance(base, (Driver, SAM)):
            raise ConfigError(
                "the base of sam must be an optimizer that takes one gradient a step",
                f"base={base.name}",
                "Use for instance base='sgd' or base='adamw'.",
            )
        shared = ("learning_rate", "weight_decay", "schedule", "layers")
        given = {name: getattr(self, name) for name in shared if getattr(self, name) is not None}
        base = dataclasses.replace(base, **given)
        for name in shared:
            object.__setattr__(self, name, getattr(base, name))
        object.__setattr__(self, "base", base)
        super().check()
        self.check_number("rho", above=0)
        self.check_flag("adaptive")

    @property
    def _base(self) -> Optimizer:
        return get(self.base)

    def ascended(self, parameters: Sequence[Node], gradients: Sequence[Node]) -> list[Node]:
        """The parameters a step uphill."""
        ways = list(gradients)
        if self.adaptive:
            ways = [ops.abs(w) * g for w, g in zip(parameters, gradients, strict=True)]
        far = self.rho / (global_norm(ways) + 1e-12)
        if self.adaptive:
            ways = [ops.abs(w) * way for w, way in zip(parameters, ways, strict=True)]
        return [w + far.astype(w.dtype) * way for w, way in zip(parameters, ways, strict=True)]

    def for_layer(self, path: str, *, indexed: bool = False) -> Optimizer:
        """The rule of the base."""
        return self._base.for_layer(path, indexed=indexed)

    def slots(self, shape: Shape, dtype: Dtype) -> Mapping[str, float | Array]:
        """What the base remembers."""
        return self._base.slots(shape, dtype)

    def initial(self, value: Array) -> dict[str, Array]:
        """How the base's slots start."""
        return self._base.initial(value)

    def moved(
        self,
        parameter: Node,
        gradient: Node,
        slots: Mapping[str, Node],
        rate: Node,
        step: Node,
        strength: float,
    ) -> tuple[Node, dict[str, Node]]:
        """The update of the base, with the gradient from uphill."""
        return self._base.moved(parameter, gradient, slots, rate, step, strength)
