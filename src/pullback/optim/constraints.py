"""What weights must fulfil: they are put back inside after every update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pullback import named, ops
from pullback.errors import ConfigError
from pullback.graph.node import Node
from pullback.named import register


class Constraint(named.Named):
    """What a parameter must fulfil after every update.

    One of your own defines `project`, in operations of the library.

    Example:
        >>> import pullback as pb
        >>> pb.optim.constraints.get("non_negative").project(pb.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    kind: ClassVar[str] = "constraint"

    def project(self, parameter: Node) -> Node:
        """The nearest value that fulfils it."""
        raise TypeError(f"{type(self).__name__} must define project(parameter)")


@register
class NonNegative(Constraint):
    r"""No weight below 0: $\max(w, 0)$.

    Example:
        >>> import pullback as pb
        >>> pb.optim.NonNegative().project(pb.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    name: ClassVar[str] = "non_negative"

    def project(self, parameter: Node) -> Node:
        """Zeros in the place of what is negative."""
        return ops.maximum(parameter, 0)


@register
class MaxNorm(Constraint):
    r"""Incoming weights of each unit no longer than `limit`: $w\, c / \max(\lVert w \rVert, c)$.

    The length is over all axes but the last, so that a kernel has one for each of its outputs; a
    vector is taken as a whole.

    Args:
        limit: c, above 0.

    Raises:
        ConfigError: It is not.

    References:
        N. Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from
        overfitting", section 5.1.

    Example:
        >>> import pullback as pb
        >>> pb.optim.MaxNorm(5.0).project(pb.tensor([[3.0, 6.0], [4.0, 8.0]]))
        tensor([[3., 3.],
                [4., 4.]])
    """

    name: ClassVar[str] = "max_norm"
    limit: float = 3.0

    def check(self) -> None:
        """Check the limit."""
        self.check_number("limit", above=0)

    def project(self, parameter: Node) -> Node:
        """The weights, shortened where they are too long."""
        return parameter * (self.limit / ops.maximum(_lengths(parameter), self.limit))


@register
class UnitNorm(Constraint):
    r"""Incoming weights of each unit of length 1: $w / \lVert w \rVert$; zeros stay.

    The length is over all axes but the last; a vector is taken as a whole.

    Example:
        >>> import pullback as pb
        >>> pb.optim.UnitNorm().project(pb.tensor([[3.0, 0.0], [4.0, 0.0]]))
        tensor([[0.6, 0. ],
                [0.8, 0. ]])
    """

    name: ClassVar[str] = "unit_norm"

    def project(self, parameter: Node) -> Node:
        """The weights over their length."""
        lengths = _lengths(parameter)
        return parameter / ops.where(ops.equal(lengths, 0), ops.ones_like(lengths), lengths)


def _lengths(parameter: Node) -> Node:
    """The length of each unit's incoming weights, of a shape that broadcasts."""
    axes = tuple(range(parameter.ndim - 1)) if parameter.ndim > 1 else None
    return ops.norm(parameter, axis=axes, keepdims=True)


def registry() -> dict[str, type[Constraint]]:
    """All constraints by name, sorted.

    Example:
        >>> sorted(registry())
        ['max_norm', 'non_negative', 'unit_norm']
    """
    return named.registry(Constraint)


def get(value: Constraint | type[Constraint] | str | dict[str, Any]) -> Constraint:
    """The constraint of a name or a configuration; an instance is handed back.

    Raises:
        UnknownNameError: There is none; the nearest is named.
        ConfigError: A setting that it does not take.

    Example:
        >>> get({"name": "max_norm", "limit": 2})
        MaxNorm(limit=2.0)
    """
    return named.get(Constraint, value)


def checked(value: Any) -> dict[str, dict[str, Any]] | None:
    """Constraints by patterns of parameter paths, as plain configurations; None for none.

    Raises:
        ConfigError: It is no mapping from patterns.
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(p, str) for p in value):
        raise ConfigError(
            "constraints must map patterns of parameter paths to constraints",
            f"constraints={value!r}",
            'Write for instance constraints={"0.weight": "max_norm"}.',
        )
    return {pattern: get(each).to_config() for pattern, each in value.items()}
