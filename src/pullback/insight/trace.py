"""What was seen in one step, by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pullback.errors import unknown
from pullback.execute import evaluate
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Slot
from pullback.insight.derivation import Derivation
from pullback.insight.explain import explained
from pullback.insight.recording import Recording
from pullback.insight.subject import LOSS, split_place

WIDTH = 100


@dataclass(frozen=True)
class Seen:
    r"""What was seen at one place.

    Attributes:
        name: The place: `0.weight`, `1.output`, `x`, `loss`.
        value: Its value.
        cotangent: The derivative of the loss with respect to it: of a parameter, its gradient.
            None where no derivative arrives, as at labels.
        after: The value that the step gives it, to the bit what training writes: of parameters,
            and of what else a step writes, as running statistics. None where it gives none.
        per_sample: The gradient of each row's own loss, $g_i = \partial (w_i l_i) / \partial
            \theta$, (rows, *shape), of parameters; None where it was not asked for. With the mean
            of a loss, the gradient is $\sum_i g_i / \sum_i w_i$.
    """

    name: str
    value: Array
    cotangent: Array | None
    after: Array | None = None
    per_sample: Array | None = None

    @property
    def gradient(self) -> Array | None:
        """The cotangent, as it is called at a parameter."""
        return self.cotangent

    @property
    def update(self) -> Array | None:
        """By how much the step changes it; None where the step gives it no value."""
        return None if self.after is None else self.after - self.value

    @property
    def per_sample_norms(self) -> Array | None:
        """The norm of each row's gradient, (rows,); None where these were not asked for."""
        each = self.per_sample
        return None if each is None else np.linalg.norm(each.reshape(len(each), -1), axis=1)


class Trace(Mapping[str, Seen]):
    """The values and cotangents of all places of one step, by name.

    They are those of the executor. The cotangents of inputs, which no training computes, are found
    when they are asked for, operation by operation on NumPy.

    Printed, it is a table: of each place its shape, the mean and the deviation of its values, and
    the norms of its cotangent and its update.
    """

    def __init__(
        self, recording: Recording, feeds: Mapping[str, Array], slots: Mapping[str, Array]
    ) -> None:
        self.executor = recording.kind
        self._parts = recording.parts
        self.subject, self._values = recording.run(feeds, slots)

    def __getitem__(self, place: str) -> Seen:
        part = self._parts.get(place)
        if part is None:
            raise unknown("place", place, self._parts)
        others = (part.cotangent, part.after, part.per_sample)
        found = (None if node is None else self._value(node) for node in others)
        return Seen(place, self._value(part.value), *found)

    def _value(self, node: Node) -> Array:
        """What the program handed out; the cotangent of an input is computed from that."""
        if node not in self._values:
            (self._values[node],) = evaluate([node], self._values)
        return self._values[node]

    def __contains__(self, place: object) -> bool:
        return place in self._parts

    def get(self, place: str, default: Any = None) -> Any:
        """What was seen at a place, or `default` where there is no such place."""
        return default if self._parts.get(place) is None else self[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def loss(self) -> float:
        """The loss."""
        return float(self[LOSS].value)

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The gradient of every parameter, by path."""
        return self._of_slots("cotangent")

    @cached_property
    def updates(self) -> dict[str, Array]:
        """By how much the step changes each parameter, and what else it writes, by path."""
        return self._of_slots("update")

    def _of_slots(self, what: str) -> dict[str, Array]:
        slots = [name for name, part in self._parts.items() if isinstance(part.value.op, Slot)]
        found = {name: getattr(self[name], what) for name in slots}
        return {name: array for name, array in found.items() if array is not None}

    def explain(
        self, place: str, *, learning_rate: float | None = None, open_fused: bool = False
    ) -> Derivation:
        """The derivation of the gradient of one element, `0.weight[3,7]`; see `pb.explain`.

        Raises:
            UnknownNameError: There is no such place; the nearest is named.
            ShapeError: The element is none of the place's.
        """
        name, index = split_place(place)
        return explained(
            self.subject,
            name,
            self.subject.node(name),
            index,
            learning_rate=learning_rate,
            open_fused=open_fused,
            kind=self.executor,
        )

    def to_json(self) -> list[dict[str, Any]]:
        """What stands in the table, as plain data."""
        return [_plain(seen) for seen in self.values()]

    def __repr__(self) -> str:
        head = ("place", "shape", "mean", "deviation", "cotangent's norm", "update's norm")
        rows = [head, *(_row(seen) for seen in self.values())]
        if all(part.after is None for part in self._parts.values()):
            rows = [row[:-1] for row in rows]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self.subject.title]
        for name, shape, *numbers in rows:
            rest = "  ".join(f"{n:>{w}}" for n, w in zip(numbers, wide[2:], strict=True))
            lines.append(f"{name:<{wide[0]}}  {shape:<{wide[1]}}  {rest}".rstrip())
        return "\n".join(line[:WIDTH] for line in lines)


def _row(seen: Seen) -> tuple[str, ...]:
    """What stands in the table of one place."""
    value = seen.value
    shape = " x ".join(map(str, value.shape)) or "-"
    if not _is_numbers(value):
        return seen.name, shape, "", "", "", ""
    norms = ("" if x is None else f"{_norm(x):.4g}" for x in (seen.cotangent, seen.update))
    return (seen.name, shape, f"{value.mean():.4g}", f"{value.std():.4g}", *norms)


def _plain(seen: Seen) -> dict[str, Any]:
    """One place as plain data; None for what is no number, or infinite."""

    def finite(x: Any) -> float | None:
        return float(x) if np.isfinite(x) else None

    value, bar, update = seen.value, seen.cotangent, seen.update
    numbers = _is_numbers(value)
    with np.errstate(all="ignore"):
        return {
            "name": seen.name,
            "shape": list(value.shape),
            "mean": finite(value.mean()) if numbers else None,
            "deviation": finite(value.std()) if numbers else None,
            "cotangent_norm": None if bar is None else finite(_norm(bar)),
            "update_norm": None if update is None else finite(_norm(update)),
        }


def _is_numbers(value: Array) -> bool:
    return value.size > 0 and value.dtype.kind in "fiu"


def _norm(array: Array) -> Any:
    return np.linalg.norm(array.ravel())
