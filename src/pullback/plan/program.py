"""A program: the flat list of instructions into which a step's graph is planned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pullback.errors import ConfigError
from pullback.graph.body import listing
from pullback.graph.dtypes import Array, Dtype, Shape
from pullback.graph.node import Node
from pullback.graph.op import Op
from pullback.graph.order import topological
from pullback.graph.origin import Origin
from pullback.graph.printing import call
from pullback.ops.loops import Scan


@dataclass(frozen=True)
class Site:
    """A value of a step that can be looked at; looking changes nothing of the step.

    Attributes:
        node: The value.
        before: What is taken off it: of a new value of a slot, the old one.
        bounds: Of the numbers at or beyond them, a probe tells how many there are.
        histogram: Whether a probe counts how often each binary exponent occurs.
    """

    node: Node
    before: Node | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    histogram: bool = False


@dataclass(frozen=True)
class Step:
    """What is to be computed: a pure function of feeds and slots, and what it assigns.

    Attributes:
        outputs: Values handed back, by name.
        assigns: New values of slots of the state, by the slot's label.
        guard: One boolean; when it is false, no slot is written.
        finite: Values on which the assignments depend: when one of them, or a new value of a
            slot, holds NaN or inf, no slot is written. None asks for nothing, not even that the
            new values are finite.
        name: What the step is called when it is printed.
        sites: What of it can be looked at, by name. Nothing is computed for them: a site whose
            value the step does not need is none.
    """

    outputs: Mapping[str, Node]
    assigns: Mapping[str, Node] = field(default_factory=dict)
    guard: Node | None = None
    finite: Sequence[Node] | None = None
    name: str = "step"
    sites: Mapping[str, Site] = field(default_factory=dict)

    def roots(self) -> list[Node]:
        """Every node that the step must compute."""
        guard = [] if self.guard is None else [self.guard]
        return [*self.outputs.values(), *guard, *(self.finite or ()), *self.assigns.values()]

    @cached_property
    def order(self) -> list[Node]:
        """All of its nodes, each after those it needs."""
        return topological(self.roots())

    def mapped(self, new: Mapping[Node, Node]) -> Step:
        """The step with each of its nodes replaced; sites at others are left out."""
        sites = {
            name: replace(
                site, node=new[site.node], before=None if site.before is None else new[site.before]
            )
            for name, site in self.sites.items()
            if site.node in new and (site.before is None or site.before in new)
        }
        return Step(
            {name: new[node] for name, node in self.outputs.items()},
            {label: new[node] for label, node in self.assigns.items()},
            None if self.guard is None else new[self.guard],
            None if self.finite is None else [new[node] for node in self.finite],
            self.name,
            sites,
        )


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation on numbered values.

    Attributes:
        op: The operation.
        inputs: The numbers of the values it reads.
        output: The number of the value it makes.
        shape: That value's shape.
        dtype: That value's dtype.
        origin: The layer, line and role that it belongs to.
        frees: Values that nobody needs after it.
    """

    op: Op
    inputs: tuple[int, ...]
    output: int
    shape: Shape
    dtype: Dtype
    origin: Origin
    frees: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedSite:
    """A site by the numbers of its values; see `Site`."""

    number: int
    before: int | None
    bounds: tuple[float, float]
    histogram: bool


@dataclass(frozen=True)
class Program:
    """Instructions in the order in which they run, and where values come from and go to.

    Attributes:
        name: What the step is called.
        instructions: In order.
        constants: Known values, by number.
        feeds: Values given at each run: label, number, shape and dtype.
        slots: Values read from the state, likewise.
        outputs: The numbers of the values handed back, by name.
        assigns: The numbers of the slots' new values, by label.
        guard: The number of the boolean that allows the assignments.
        finite: The numbers of the values that must be finite for the assignments, those of the
            slots' new values among them; None where nothing need be finite.
        rewrites: The names of the rewrites that made it.
        sites: What can be looked at, by name.
    """

    name: str
    instructions: tuple[Instruction, ...]
    constants: Mapping[int, Array]
    feeds: Mapping[str, tuple[int, Shape, Dtype]]
    slots: Mapping[str, tuple[int, Shape, Dtype]]
    outputs: Mapping[str, int]
    assigns: Mapping[str, int]
    guard: int | None
    finite: tuple[int, ...] | None
    rewrites: tuple[str, ...]
    sites: Mapping[str, PlacedSite] = field(default_factory=dict)

    def peak_bytes(self) -> int:
        """The most bytes of intermediate values that live at one time; views count too."""
        sizes, live, peak = {}, 0, 0
        for instruction in self.instructions:
            count = 1
            for n in instruction.shape:
                count *= n
            sizes[instruction.output] = count * instruction.dtype.itemsize
            live += sizes[instruction.output]
            peak = max(peak, live)
            live -= sum(sizes.pop(number, 0) for number in instruction.frees)
        return peak

    def check_feeds(self, feeds: Mapping[str, Array]) -> None:
        """Raise ConfigError unless `feeds` has what the program was planned for."""
        check_feeds(self.name, {x: rest for x, (_, *rest) in self.feeds.items()}, feeds)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = {number: label for label, (number, _, _) in {**self.feeds, **self.slots}.items()}
        for number, array in self.constants.items():
            names[number] = f"{array.item():.6g}" if array.size == 1 else f"constant{array.shape}"
        yield (
            f"program {self.name!r}: {len(self.instructions)} instructions, "
            f"{self.peak_bytes() / 1024:.1f} KiB of values at most"
        )
        yield f"  rewrites: {', '.join(self.rewrites) or 'none'}"
        for label, (_, shape, dtype) in self.feeds.items():
            yield f"  feed {label}: {dtype} {shape}"
        role = None
        for i in self.instructions:
            if i.origin.role != role:
                role = i.origin.role
                yield f"{role}:"
            arguments = [names.get(n, f"%{n}") for n in i.inputs]
            text = f"%{i.output} = {call(i.op, arguments)}"
            yield f"  {i.origin.path or '-':<12} {text:<52} {i.dtype} {i.shape}"
            if isinstance(i.op, Scan):
                yield from _body_lines(i.op, arguments)
        for name, number in self.outputs.items():
            yield f"  output {name} = {names.get(number, f'%{number}')}"
        condition = "" if self.guard is None else f" if %{self.guard}"
        if self.finite is not None:
            shown = ", ".join(names.get(n, f"%{n}") for n in self.finite)
            yield f"  assign only if all are finite: {shown}"
        for label, number in self.assigns.items():
            yield f"  assign {label} = {names.get(number, f'%{number}')}{condition}"
        if self.sites:
            yield f"  probes can look at {len(self.sites)} of these values"


def _body_lines(op: Scan, arguments: Sequence[str]) -> Iterator[str]:
    """The body of a loop, one line an operation; `c0'` is the new carry, `y0` is handed out."""
    rows = op.carries + op.rows
    names = [f"c{i}" for i in range(op.carries)]
    names += [f"{x}[t]" for x in arguments[op.carries : rows]] + list(arguments[rows:])
    called = dict(enumerate(names))
    known = {node: names[i] for i, node in enumerate(op.body.inputs)}
    for node, name, inputs in listing(op.body, called):
        known[node] = name
        text = f"  {name} = {call(node.op, inputs)}"
        yield f"    {node.origin.path or '-':<10} {text:<52} {node.dtype} {node.shape}"
    new = [f"c{i}' = {known[y]}" for i, y in enumerate(op.body.outputs[: op.carries])]
    new += [f"y{i} = {known[y]}" for i, y in enumerate(op.body.outputs[op.carries :])]
    yield f"               {', '.join(new)}"


def check_feeds(name: str, wanted: Mapping[str, Sequence[Any]], feeds: Mapping[str, Array]) -> None:
    """Refuse feeds that the program `name` does not run on; every executor asks here.

    Args:
        name: What the step is called.
        wanted: Shape and dtype of each feed, by label.
        feeds: What was passed; further arrays are not looked at.

    Raises:
        ConfigError: A feed is missing, is no array, or has another shape or dtype.
    """
    for label, (shape, dtype) in wanted.items():
        if label not in feeds:
            raise ConfigError(
                f"program {name!r} needs the feed {label!r}",
                ", ".join(feeds) or "no feeds",
                "Pass an array for it.",
            )
        array = feeds[label]
        if not isinstance(array, np.ndarray | np.generic):
            raise ConfigError(
                f"feed {label!r} must be an array of {dtype} of shape {shape}",
                type(array).__name__,
                f"Pass np.asarray(..., {str(dtype)!r}).",
            )
        if array.shape != shape or array.dtype != dtype:
            raise ConfigError(
                f"feed {label!r} must be {dtype} of shape {shape}",
                f"{array.dtype} of shape {array.shape}",
                "Plan the step again for this shape.",
            )
