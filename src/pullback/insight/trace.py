"""What was seen in one step, by place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from pullback.errors import unknown
from pullback.execute import evaluate
from pullback.graph.dtypes import Array
from pullback.graph.node import Node, Slot
from pullback.insight.derivation import Derivation
from pullback.insight.explain import explained
from pullback.insight.recording import Part, Recording
from pullback.insight.subject import LOSS, Subject, split_place

WIDTH = 100


class Seen:
    r"""What was seen at one place.

    Each array is a copy, made when it is asked for.

    Args:
        name: The place: `0.weight`, `1.output`, `x`, `loss`.
        part: Its nodes.
        value_of: Gives the value of a node.
    """

    def __init__(self, name: str, part: Part, value_of: Callable[[Node], Array]) -> None:
        self.name = name
        self._part = part
        self._value_of = value_of

    @property
    def value(self) -> Array:
        """Its value."""
        return self._value_of(self._part.value)

    @property
    def cotangent(self) -> Array | None:
        """The derivative of the loss with respect to it: of a parameter, its gradient.

        None where no derivative arrives, as at labels.
        """
        return self._if_any(self._part.cotangent)

    @property
    def gradient(self) -> Array | None:
        """The cotangent, as it is called at a parameter."""
        return self.cotangent

    @property
    def after(self) -> Array | None:
        """The value that the step gives it, to the bit what training writes.

        So it is of parameters, and of what else a step writes, as running statistics. None where
        it gives none.
        """
        return self._if_any(self._part.after)

    @property
    def update(self) -> Array | None:
        """By how much the step changes it, `after - value`; None where it gives it no value."""
        after = self.after
        return None if after is None else after - self.value

    @property
    def per_sample(self) -> Array | None:
        r"""The gradient of each row's own loss, of parameters, where it was asked for.

        $g_i = \partial (w_i l_i) / \partial \theta$, (rows, *shape). With the mean of a loss, the
        gradient is $\sum_i g_i / \sum_i w_i$.
        """
        return self._if_any(self._part.per_sample)

    @property
    def per_sample_norms(self) -> Array | None:
        """The norm of each row's gradient, (rows,), where these were asked for."""
        each = self.per_sample
        return None if each is None else np.linalg.norm(each.reshape(len(each), -1), axis=1)

    def _if_any(self, node: Node | None) -> Array | None:
        return None if node is None else self._value_of(node)

    def __repr__(self) -> str:
        named = ("cotangent", "after", "per_sample")
        there = [name for name in named if getattr(self._part, name) is not None]
        value = self._part.value
        return f"Seen({self.name}: {value.dtype} {value.shape}; {', '.join(['value', *there])})"


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
        self._recorded = recording.subject, recording.leaves
        self._record = recording.run(feeds, slots)

    @cached_property
    def subject(self) -> Subject:
        """What was computed, from which values."""
        subject, leaves = self._recorded
        return replace(subject, values={node: self._value(node) for node in leaves})

    def __getitem__(self, place: str) -> Seen:
        part = self._parts.get(place)
        if part is None:
            raise unknown("place", place, self._parts)
        return Seen(place, part, self._value)

    def _value(self, node: Node) -> Array:
        """A copy of what the program handed out; the cotangent of an input follows from that."""
        known = self._record.values
        return np.array(known[node] if node in known else evaluate([node], known)[0])

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
        wide[0] = min(wide[0], WIDTH - sum(wide[1:]) - 2 * (len(wide) - 1))
        lines = [self._recorded[0].title]
        for name, shape, *numbers in rows:
            rest = "  ".join(f"{n:>{w}}" for n, w in zip(numbers, wide[2:], strict=True))
            lines.append(f"{_end(name, wide[0])}  {shape:<{wide[1]}}  {rest}".rstrip())
        return "\n".join(line[:WIDTH] for line in lines)


def _end(name: str, most: int) -> str:
    """A name in so many columns; of one that is too long, the end."""
    most = max(most, 8)
    return f"{name if len(name) <= most else f'...{name[3 - most :]}':<{most}}"


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
