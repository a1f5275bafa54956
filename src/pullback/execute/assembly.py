"""Tasks given their addresses, and handed to the native module."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback.errors import LabelError
from pullback.execute import lowering
from pullback.execute.blocks import Blocks, Place
from pullback.execute.cutting import cut_inputs
from pullback.execute.probing import Taps
from pullback.execute.tasks import Loop, Strands, Tap, Task, Tasks
from pullback.graph.dtypes import Shape
from pullback.plan.layout import Layout, row_by_row


@dataclass(frozen=True)
class Part:
    """Some of the rows of what a task computes: all are cut into equal parts.

    Attributes:
        number: Which part.
        parts: How many there are.
        scratch: A block of which each part has its own copy.
    """

    number: int = 0
    parts: int = 1
    scratch: Layout | None = None

    def shape(self, shape: Sequence[int]) -> list[int]:
        """The shape of the part of an array."""
        return [shape[0] // self.parts, *shape[1:]] if self.parts > 1 else list(shape)

    def place(self, place: Place, layout: Layout) -> Place:
        """Where the part of an array lies."""
        if self.parts == 1:
            return place
        block, offset, code, shape, strides, moves = place
        rows = self.shape(shape)
        if self.scratch is not None and layout.base == self.scratch.base:
            offset += self.number * self.scratch.strides[0]
        else:
            offset += self.number * rows[0] * strides[0] * layout.dtype.itemsize
        return block, offset, code, rows, strides, moves


WHOLE = Part()


class Assembly:
    """Adds tasks to a program of the native module.

    Args:
        native: The program.
        blocks: Where values lie.
        tasks: The tasks, with what they store.
        taps: The same tasks, with what probes see of them.
        checked: Whether slots are written only if all their new values are finite.

    Attributes:
        added: By the number of a task of the program, the tasks that it stands for.
    """

    def __init__(
        self, native: Any, blocks: Blocks, tasks: Tasks, taps: Taps, checked: bool
    ) -> None:
        self._native = native
        self._blocks = blocks
        self._tasks = tasks
        self._taps = taps
        self._checked = checked
        self.added: list[list[Task]] = []

    def add_all(self) -> None:
        """Add every task."""
        self._look(self._taps.first)
        self.added += [[]] * len(self._taps.first)
        for strands, run in itertools.groupby(self._taps.tasks, lambda task: task.strands):
            tasks = list(run)
            if strands is None:
                for task in tasks:
                    self._add(task)
                    self.added += [[task]] * self._count(task)
            else:
                self._strands(strands, tasks)
                self.added.append(tasks)
                behind = self._taps.behind.get(strands, ())
                self._look(behind)
                self.added += [[]] * len(behind)

    def _strands(self, strands: Strands, tasks: Sequence[Task]) -> None:
        """Add the strands: parts of all these tasks, or each task to its own."""
        if strands.cuts > 1:
            for number in range(strands.cuts):
                self._native.begin_strand()
                for task in tasks:
                    self._add(task, Part(number, strands.cuts))
        else:
            for number in sorted({task.strand for task in tasks}):
                self._native.begin_strand()
                for task in tasks:
                    if task.strand == number:
                        self._add(task)
        self._native.end_strands()

    @staticmethod
    def _count(task: Task) -> int:
        """How many tasks of the program a task becomes."""
        if task.kind == "update":
            return 0
        loop, seen = task.loop, len(task.after)
        if loop is None:
            return 1 + seen
        return len(loop.starts) + bool(loop.length) + len(loop.ends) + seen

    def _add(self, task: Task, part: Part = WHOLE) -> None:
        if task.kind in ("chain", "update"):
            self._chain(task, part)
        elif task.copies is not None and lowering.holds(self._blocks.layouts[task.copies[0]]):
            self._copy(*task.copies, part)
        elif task.loop is not None:
            self._loop(task.loop, part)
        elif task.kind == "kernel":
            self._kernel(task, part)
        else:
            self._native.host(self.host(task))
        self._look(task.after, part)

    def _copy(self, source: int, target: int, part: Part) -> None:
        self._native.call("copy", [self._at(source, part)], [self._at(target, part)], [], [])

    def _loop(self, loop: Loop, part: Part) -> None:
        part = replace(part, scratch=self._blocks.layouts[loop.scratch])
        for source, target in loop.starts:
            self._copy(source, target, part)
        if loop.length:
            self._native.begin_loop(loop.length)
            for task in loop.body:
                self._add(task, part)
            self._native.end_loop()
        for source, target in loop.ends:
            self._copy(source, target, part)

    def _at(self, n: int, part: Part, shape: Shape | None = None) -> Place:
        return part.place(self._blocks.at(n, shape), self._blocks.layouts[n])

    def _chain(self, task: Task, part: Part) -> None:
        chain = self._elementwise(task, task.group[0].shape, task.stored, part)
        if task.kind == "update":
            self._native.update(*chain[:-1], self._checked, chain[-1])
        else:
            self._native.chain(*chain)

    def _elementwise(
        self, task: Task, shape: Shape, stored: Sequence[int], part: Part
    ) -> tuple[Any, ...]:
        """A task's chain: instruction set, shape, what it loads, steps, what it stores, taps."""
        made = {i.output for i in task.chain}
        registers = task.registers()
        steps = []
        for i in task.chain:
            row = self._tasks.row(i)
            assert row is not None
            name, given, result, attributes = row
            inputs = [registers[x] for x in i.inputs]
            steps.append((name, given, result, registers[i.output], inputs, attributes))
        loads = [(r, self._at(n, part, shape)) for n, r in registers.items() if n not in made]
        stores = [(registers[n], self._at(n, part)) for n in stored]
        rows = part.shape(shape)
        start = part.number * math.prod(rows)
        taps = [
            (registers[tap.number], -1 if b is None else registers[b], tap.site, start)
            for tap, b in ((tap, tap.before) for tap in task.taps)
        ]
        return lowering.instruction_set(), rows, loads, steps, stores, taps

    def _look(self, taps: Sequence[Tap], part: Part = WHOLE) -> None:
        """Let probes see what lies in memory."""
        for tap in taps:
            shape = self._blocks.layouts[tap.number].shape
            task = Task("chain", (), taps=(tap,))
            self._native.chain(*self._elementwise(task, shape, (), part))

    def _kernel(self, task: Task, part: Part) -> None:
        one = task.group[0]
        found = self._tasks.kernel(one)
        assert found is not None
        inputs = [self._blocks.at(x) for x in one.inputs[: found.inputs]]
        output = self._blocks.at(one.output)
        if part.parts > 1:
            cut = [part if is_cut else WHOLE for is_cut in cut_inputs(one) or ()]
            inputs = [self._at(x, of) for x, of in zip(one.inputs, cut, strict=True)]
            output = self._at(one.output, part)
        if found.moves:
            shape = self._blocks.layouts[one.inputs[0]].shape
            output = (*output[:3], list(shape), list(row_by_row(shape)), output[-1])
        stored = [n for n in task.stored if n != one.output]
        epilogue = None
        if stored or task.taps:
            shape = task.chain[0].shape if task.chain else one.shape
            epilogue = self._elementwise(task, shape, stored, part)
        integers, reals = list(found.integers), list(found.reals)
        self._native.call(found.name, inputs, [output], integers, reals, epilogue)

    def host(self, task: Task) -> Callable[[], None]:
        """What computes a task on NumPy."""
        if task.copies is not None:
            source, target = map(self._blocks.array, task.copies)
            return lambda: np.copyto(target, source)
        one = task.group[0]
        inputs = [self._blocks.array(x) for x in one.inputs]
        output = self._blocks.array(one.output)

        def run() -> None:
            try:
                output[...] = one.op.forward(*inputs)
            except LabelError as error:
                error.found_at(str(one.origin))
                raise

        return run
