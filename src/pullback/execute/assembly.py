"""Tasks given their addresses, and handed to the native module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.errors import LabelError
from pullback.execute import lowering
from pullback.execute.blocks import Blocks
from pullback.execute.tasks import Loop, Task, Tasks
from pullback.plan.fusion import Group
from pullback.plan.layout import row_by_row


class Assembly:
    """Adds tasks to a program of the native module.

    Args:
        native: The program.
        blocks: Where values lie.
        tasks: The tasks, with what they store.
        checked: Whether slots are written only if all their new values are finite.

    Attributes:
        added: By the number of a task of the program, the task that it belongs to.
    """

    def __init__(self, native: Any, blocks: Blocks, tasks: Tasks, checked: bool) -> None:
        self._native = native
        self._blocks = blocks
        self._tasks = tasks
        self._checked = checked
        self.added: list[Task] = []

    def add_all(self) -> None:
        """Add every task."""
        for task in self._tasks.tasks:
            self._add(task)
            self.added += [task] * self._count(task)

    @staticmethod
    def _count(task: Task) -> int:
        """How many tasks of the program a task becomes."""
        loop = task.loop
        return 1 if loop is None else len(loop.starts) + bool(loop.length) + len(loop.ends)

    def _add(self, task: Task) -> None:
        if task.kind in ("chain", "update"):
            self._chain(task)
        elif task.copies is not None and lowering.holds(self._blocks.layouts[task.copies[0]]):
            self._copy(*task.copies)
        elif task.loop is not None:
            self._loop(task.loop)
        elif task.kind == "kernel":
            self._kernel(task)
        else:
            self._native.host(self.host(task))

    def _copy(self, source: int, target: int) -> None:
        self._native.call("copy", [self._blocks.at(source)], [self._blocks.at(target)], [], [])

    def _loop(self, loop: Loop) -> None:
        for source, target in loop.starts:
            self._copy(source, target)
        if loop.length:
            self._native.begin_loop(loop.length)
            for task in loop.body:
                self._add(task)
            self._native.end_loop()
        for source, target in loop.ends:
            self._copy(source, target)

    def _chain(self, task: Task) -> None:
        chain = self._elementwise(task.group, task.stored)
        if task.kind == "update":
            self._native.update(*chain, self._checked)
        else:
            self._native.chain(*chain)

    def _elementwise(self, group: Group, stored: Sequence[int]) -> tuple[Any, ...]:
        """A chain: the instruction set, its shape, what it loads, its steps, what it stores."""
        shape, at = group[0].shape, self._blocks.at
        made = {i.output for i in group}
        numbers = dict.fromkeys(x for i in group for x in i.inputs if x not in made)
        registers = {n: r for r, n in enumerate((*numbers, *(i.output for i in group)))}
        steps = []
        for i in group:
            row = self._tasks.row(i)
            assert row is not None
            name, given, result, attributes = row
            inputs = [registers[x] for x in i.inputs]
            steps.append((name, given, result, registers[i.output], inputs, attributes))
        loads = [(registers[n], at(n, shape)) for n in numbers]
        stores = [(registers[n], at(n)) for n in stored]
        return lowering.instruction_set(), list(shape), loads, steps, stores

    def _kernel(self, task: Task) -> None:
        one, *chain = task.group
        found = self._tasks.kernel(one)
        assert found is not None
        inputs = [self._blocks.at(x) for x in one.inputs[: found.inputs]]
        output = self._blocks.at(one.output)
        if found.moves:
            shape = self._blocks.layouts[one.inputs[0]].shape
            output = (*output[:3], list(shape), list(row_by_row(shape)), output[-1])
        stored = [n for n in task.stored if n != one.output]
        epilogue = self._elementwise(tuple(chain), stored) if stored else None
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
