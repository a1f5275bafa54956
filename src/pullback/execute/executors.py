"""The two NumPy executors: the oracle and the fallback.

The oracle runs the graph as it was written, operation by operation, with float64 inside every
float operation. The fallback runs the planned program in its own dtypes; it is what trains where
there is no native module. Both read and write the same state under the same conditions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pullback.errors import LabelError, OutOfMemoryError, ShapeError
from pullback.execute.evaluate import said
from pullback.execute.seen import Seen, seen_of
from pullback.execute.state import State, written
from pullback.graph.code import coded, run
from pullback.graph.dtypes import Array, is_float
from pullback.graph.node import Node, Placeholder, Slot
from pullback.memory import must_be_held, too_large, too_large_together
from pullback.plan import Program, Step
from pullback.plan.program import check_feeds

Outputs = dict[str, Array]


class NumpyExecutor:
    """Runs a program on NumPy, in the program's own dtypes.

    Args:
        program: What to run.
        state: The block that its slots are views of.
    """

    def __init__(self, program: Program, state: State) -> None:
        for one in program.instructions:
            must_be_held(one.shape, one.dtype.itemsize, functools.partial(said, one))
        self.program = program
        self.state = state
        self._code = [
            coded(i.op, i.inputs, i.output, i.dtype, i.frees) for i in program.instructions
        ]
        self._feeds = [(label, n) for label, (n, _, _) in program.feeds.items()]
        self._outputs = list(program.outputs.items())
        self._assigns = [(state.writable(label), n) for label, n in program.assigns.items()]
        known = {**program.constants, **{n: state[x] for x, (n, _, _) in program.slots.items()}}
        made = [i.output for i in program.instructions]
        size = 1 + max([-1, *known, *made, *(n for _, n in self._feeds)])
        self._known: list[Any] = [known.get(number) for number in range(size)]
        self._shared: set[int] | None = None
        self._kept: list[Any] | None = None  # the code that frees no value
        self._seen: Seen | None = None

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if guard and `finite` allow it.

        Raises:
            ConfigError: The feeds are not what the program was planned for.
        """
        self.program.check_feeds(feeds)
        return self.run_again(feeds)

    def run_again(
        self, feeds: Mapping[str, Array], *, look: bool = False, copied: bool = True
    ) -> Outputs:
        """`run`, with feeds of shapes and dtypes that are known to be right.

        With `look`, its sites are seen: `seen` tells what was. Outputs that are not `copied` hold
        until the next run, or until slots are written.
        """
        values = self._known.copy()
        for label, number in self._feeds:
            values[number] = feeds[label]
        with np.errstate(all="ignore"):
            try:
                run(self._keeping() if look else self._code, values)
                self._seen = self._look(values) if look else None
            except LabelError as error:
                self._name_place(error, feeds)
                raise
            except MemoryError:
                raise out_of_memory(self.program) from None
            outputs = {name: np.array(values[n], copy=copied or None) for name, n in self._outputs}
            if self._allows(values):
                self._write(values)
        return outputs

    def _keeping(self) -> list[Any]:
        """The code, none of whose values is freed before the end."""
        if self._kept is None:
            made = self.program.instructions
            self._kept = [coded(i.op, i.inputs, i.output, i.dtype, ()) for i in made]
        return self._kept

    def _look(self, values: Sequence[Any]) -> Seen:
        sites = self.program.sites.values()
        return seen_of((s, _less(values[s.number], s.before, values)) for s in sites)

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its sites, in the order in which they are seen."""
        return tuple(self.program.sites)

    def seen(self) -> Seen:
        """What was seen at the sites in the last run, which was looked at."""
        assert self._seen is not None
        return self._seen

    def _name_place(self, error: LabelError, feeds: Mapping[str, Array]) -> None:
        """Say which layer and line an index out of range belongs to, by running all again."""
        values = self._known.copy()
        for label, number in self._feeds:
            values[number] = feeds[label]
        for instruction, code in zip(self.program.instructions, self._code, strict=True):
            try:
                run([code], values)
            except LabelError:
                error.found_at(str(instruction.origin))
                return

    def _allows(self, values: list[Any]) -> bool:
        program = self.program
        if program.guard is not None and not values[program.guard]:
            return False
        return program.finite is None or all_finite(values[n] for n in program.finite)

    def _write(self, values: list[Any]) -> None:
        """Write the slots; a new value that is a view of the state is copied before any is."""
        if self._shared is None:  # the same in every run, since views are made by shape alone
            block = self.state.block
            shared = {n for _, n in self._assigns if np.may_share_memory(values[n], block)}
            self._shared = shared
        for number in self._shared:
            values[number] = values[number].copy()
        for view, number in self._assigns:
            view[...] = values[number]
        written()


def _less(value: Array, before: Any, values: Any) -> Array:
    """A value less the one before it, if there is one."""
    found = value if before is None else value - values[before]
    return np.asarray(found)


def out_of_memory(program: Program) -> ShapeError:
    """The error where memory came to an end during a run: it names the largest value."""
    size, largest = _largest(program)
    return too_large(size, f"a value of {program.name!r}, whose largest is {largest}")


def plan_too_large(program: Program, size: int) -> OutOfMemoryError:
    """The error where a program's values do not fit into memory together: `size` bytes."""
    most, largest = _largest(program)
    return too_large_together(size, f"the values of {program.name!r}", most, largest)


def _largest(program: Program) -> tuple[int, str]:
    """The size of the largest value, in bytes, and which it is."""
    sizes = {said(i): math.prod(i.shape) * i.dtype.itemsize for i in program.instructions}
    largest = max(sizes, key=lambda name: sizes[name], default="a feed")
    return sizes.get(largest, 0), largest


def all_finite(arrays: Iterable[Array]) -> bool:
    """Whether no array holds NaN or inf.

    The sum of all squares is finite only if every element is; it takes one pass and no memory.
    Where it overflows, the elements are looked at.
    """
    looked_at = list(arrays)
    with np.errstate(all="ignore"):
        total = sum(np.vdot(array, array) for array in looked_at)
        return math.isfinite(total) or all(np.isfinite(array).all() for array in looked_at)


class ReferenceExecutor:
    """Runs a step's graph as it was written: the oracle that every executor must agree with."""

    def __init__(self, step: Step, state: State) -> None:
        self.step = step
        self.state = state
        self._order = step.order
        self._seen: Seen | None = None
        self._feeds = {
            node.op.label: (node.shape, node.dtype)
            for node in self._order
            if isinstance(node.op, Placeholder)
        }

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if guard and `finite` allow it.

        Raises:
            ConfigError: The feeds are not what the step was made for.
        """
        check_feeds(self.step.name, self._feeds, feeds)
        return self.run_again(feeds)

    def run_again(
        self, feeds: Mapping[str, Array], *, look: bool = False, copied: bool = True
    ) -> Outputs:
        """`run`, with feeds of shapes and dtypes that are known to be right.

        With `look`, its sites are seen: `seen` tells what was. Outputs that are not `copied` hold
        until the next run, or until slots are written.
        """
        step = self.step
        values: dict[Node, Array] = {}
        with np.errstate(all="ignore"):
            for node in self._order:
                values[node] = self._value(node, values, feeds)
            if look:
                there = (step.sites[place] for place in self.places)
                self._seen = seen_of((s, _less(values[s.node], s.before, values)) for s in there)
            outputs = {name: values[node] for name, node in step.outputs.items()}
            if copied:
                outputs = {name: array.copy() for name, array in outputs.items()}
            new = {label: values[node].copy() for label, node in step.assigns.items()}
            allowed = step.guard is None or bool(values[step.guard])
            if allowed and step.finite is not None:
                watched = [*(values[node] for node in step.finite), *new.values()]
                allowed = all_finite(array for array in watched if is_float(array.dtype))
        if allowed:
            for label, array in new.items():
                self.state[label] = array
        return outputs

    def seen(self) -> Seen:
        """What was seen at the sites in the last run, which was looked at."""
        assert self._seen is not None
        return self._seen

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its sites, in the order in which they are seen."""
        order = set(self._order)
        return tuple(n for n, site in self.step.sites.items() if site.node in order)

    def _value(self, node: Node, values: dict[Node, Array], feeds: Mapping[str, Array]) -> Array:
        if node.value is not None:
            return node.value
        if isinstance(node.op, Placeholder):
            return feeds[node.op.label]
        if isinstance(node.op, Slot):
            return self.state[node.op.label]
        must_be_held(node.shape, node.dtype.itemsize, lambda: said(node))
        return widened(node, values)


def widened(node: Node, values: Mapping[Node, Array]) -> Array:
    """The value of one operation, computed in float64 and rounded to its own dtype."""
    # Without copies of what is wide already: a copy lies otherwise in memory than a view (a
    # broadcast or transposed one), and NumPy adds up in the order of memory.
    wide = [
        values[x].astype(np.float64, copy=False) if is_float(x.dtype) else values[x]
        for x in node.inputs
    ]
    try:
        return np.asarray(node.op.forward(*wide), node.dtype)
    except LabelError as error:
        error.found_at(str(node.origin))
        raise
