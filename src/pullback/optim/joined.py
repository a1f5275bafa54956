"""Schedules that follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pullback import ops
from pullback.errors import ConfigError
from pullback.graph.dtypes import FLOAT64
from pullback.graph.node import Node
from pullback.named import register
from pullback.optim.schedules import Schedule, get


@register
class Joined(Schedule):
    r"""One schedule after another: each begins anew where the one before it ends.

    Between the boundaries $n_i$ and $n_{i+1}$ the factor is that of schedule i at step
    $s - n_i$ of $n_{i+1} - n_i$.

    Args:
        parts: The schedules, or their names.
        at: After which steps the next one begins: whole numbers or fractions of the run, one
            fewer than there are parts, and rising.

    Raises:
        ConfigError: Another number of boundaries, or one that does not come after the last.
        UnknownNameError: No such schedule.

    References:
        A. Paszke et al., 2019, "PyTorch: an imperative style, high-performance deep learning
        library" (its `SequentialLR`).

    Example:
        >>> schedule = Joined(("constant", "linear"), at=(2,))
        >>> [schedule(step, 6).item() for step in (1, 2, 3, 4, 5)]
        [1.0, 1.0, 1.0, 0.75, 0.5]
    """

    name: ClassVar[str] = "joined"
    parts: Sequence[Schedule | str] = ("constant", "cosine")
    at: Sequence[float] = (0.5,)

    def check(self) -> None:
        """Find the parts, and check the boundaries."""
        given = (self.parts,) if isinstance(self.parts, str | Schedule) else self.parts
        object.__setattr__(self, "parts", tuple(get(part) for part in given))
        self.check_parts("at")
        if len(self.at) != len(self.parts) - 1:
            raise ConfigError(
                "joined schedules need one boundary fewer than there are parts",
                f"{len(self.parts)} parts, at={self.at!r}",
                "Give for instance Joined(('linear', 'constant'), at=(0.5,)).",
            )

    def plateau(self) -> Schedule | None:
        """The first part that waits for a plateau."""
        found = (get(part).plateau() for part in self.parts)
        return next((rule for rule in found if rule is not None), None)

    def factor(self, step: Node, total: Node | None) -> Node:
        """The factor of the part whose turn it is."""
        starts = [ops.full((), 0.0, FLOAT64), *(self.length(p, total) for p in self.at)]
        ends = [*starts[1:], total]
        value: Node | None = None
        for part, start, end in zip(self.parts, starts, ends, strict=True):
            length = None if end is None else ops.maximum(end - start, 1)
            own = get(part).factor(ops.maximum(step - start, 1), length)
            value = own if value is None else ops.where(step > start, own, value)
        assert value is not None  # there is a part for every boundary and one more
        return value
