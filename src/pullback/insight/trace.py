"""`pb.trace_step`: one step with everything in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pullback import ops
from pullback.autodiff.reverse import backward
from pullback.errors import unknown
from pullback.execute import default_executor
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Slot
from pullback.graph.order import depends_on, topological
from pullback.insight.derivation import Derivation
from pullback.insight.explain import explained
from pullback.insight.subject import LOSS, Subject, of_network, split_place
from pullback.insight.values import computed
from pullback.nn.module import Module

WIDTH = 100


@dataclass(frozen=True)
class Seen:
    """What was seen at one place.

    Attributes:
        name: The place: `0.weight`, `1.output`, `x`, `loss`.
        value: Its value.
        cotangent: The derivative of the loss with respect to it: of a parameter, its gradient.
            None where no derivative arrives, as at labels.
    """

    name: str
    value: Array
    cotangent: Array | None

    @property
    def gradient(self) -> Array | None:
        """The cotangent, as it is called at a parameter."""
        return self.cotangent


class Trace(Mapping[str, Seen]):
    """The values and cotangents of all places of one step, by name.

    Printed, it is a table: of each place its shape, the mean and the deviation of its values, and
    the norm of its cotangent.
    """

    def __init__(self, subject: Subject, kind: str | None = None) -> None:
        self.subject = subject
        self.executor = kind or default_executor()
        self._seen = self._run()

    def _run(self) -> dict[str, Seen]:
        """One run of the engine that hands out everything."""
        subject, places = self.subject, self.subject.places
        order = topological([subject.loss])
        active = set(order) & depends_on(order, [n for n in places.values() if is_float(n.dtype)])
        real = {name: n for name, n in places.items() if n in active and is_float(n.dtype)}
        found = backward([subject.loss], [ops.full_like(subject.loss, 1.0)], [*real.values()])
        bars = {name: bar for name, bar in zip(real, found, strict=True) if bar is not None}
        made = computed([*places.values(), *bars.values()], subject.values, self.executor)
        return {
            name: Seen(name, made[node], made[bars[name]] if name in bars else None)
            for name, node in places.items()
        }

    def __getitem__(self, place: str) -> Seen:
        if place not in self._seen:
            raise unknown("place", place, self._seen)
        return self._seen[place]

    def __contains__(self, place: object) -> bool:
        return place in self._seen

    def get(self, place: str, default: Any = None) -> Any:
        """What was seen at a place, or `default` where there is no such place."""
        return self._seen.get(place, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def loss(self) -> float:
        """The loss."""
        return float(self[LOSS].value)

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The gradient of every parameter, by path."""
        slots = [name for name, n in self.subject.places.items() if isinstance(n.op, Slot)]
        found = {name: self[name].cotangent for name in slots}
        return {name: bar for name, bar in found.items() if bar is not None}

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
        return [_plain(seen) for seen in self._seen.values()]

    def __repr__(self) -> str:
        head = ("place", "shape", "mean", "deviation", "cotangent's norm")
        rows = [head, *(self._row(seen) for seen in self._seen.values())]
        wide = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [self.subject.title]
        for name, shape, *numbers in rows:
            rest = "  ".join(f"{n:>{w}}" for n, w in zip(numbers, wide[2:], strict=True))
            lines.append(f"{name:<{wide[0]}}  {shape:<{wide[1]}}  {rest}".rstrip())
        return "\n".join(line[:WIDTH] for line in lines)

    @staticmethod
    def _row(seen: Seen) -> tuple[str, ...]:
        value, bar = seen.value, seen.cotangent
        shape = " x ".join(map(str, value.shape)) or "-"
        if not value.size or value.dtype.kind not in "fiu":
            return seen.name, shape, "", "", ""
        norm = "" if bar is None else f"{np.linalg.norm(bar.ravel()):.4g}"
        return seen.name, shape, f"{value.mean():.4g}", f"{value.std():.4g}", norm


def _plain(seen: Seen) -> dict[str, Any]:
    """One place as plain data; None for what is no number, or infinite."""

    def finite(x: Any) -> float | None:
        return float(x) if np.isfinite(x) else None

    value, bar = seen.value, seen.cotangent
    numbers = value.size > 0 and value.dtype.kind in "fiu"
    with np.errstate(all="ignore"):
        return {
            "name": seen.name,
            "shape": list(value.shape),
            "mean": finite(value.mean()) if numbers else None,
            "deviation": finite(value.std()) if numbers else None,
            "cotangent_norm": None if bar is None else finite(np.linalg.norm(bar.ravel())),
        }


def trace_step(
    network: Module,
    data: Any,
    *,
    loss: Any,
    training: bool = False,
    seed: int = 0,
    step: int = 0,
    executor: str | None = None,
) -> Trace:
    """One step of a network with everything in it: values and cotangents, by place.

    Nothing about the network is changed, and no hooks are needed: the step is traced, and a
    program that also hands out what lies between is run once.

    Args:
        network: With values.
        data: The batch, `(X, y)` or `(X, y, weights)`.
        loss: A loss or its name; a dict of them for several outputs.
        training: Whether the network is called as in training: dropout drops.
        seed: Keys the random numbers of that.
        step: The number of the training step, which keys them too.
        executor: By which engine; None takes the default.

    Returns:
        A `Trace`: `trace["0.output"].cotangent`, `trace["0.weight"].gradient`.

    Raises:
        ConfigError: The network has no values.
        DataError: The data is no batch of numbers.
        UnknownNameError: A place is asked for that is not there; the nearest is named.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Sequential(pb.nn.Linear(1, 1), "tanh").initialise(seed=0)
        >>> seen = pb.trace_step(network, ([[1.0], [2.0]], [[0.0], [0.0]]), loss="mse")
        >>> seen["1.output"].value.shape, seen["0.weight"].gradient.shape
        ((2, 1), (1, 1))
    """
    subject = of_network(network, data, loss, training=training, seed=seed, step=step)
    return Trace(subject, executor)
