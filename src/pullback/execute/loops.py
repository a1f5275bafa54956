"""Loops as tasks: the body's instructions become tasks that run once a step.

A row that the body reads, and one that it hands out, lies where it lies in the whole array, and
moves on from step to step. The carry has a place of its own, into which its new value is copied at
the end of each step. What else the body computes lies in memory that is the loop's while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pullback.execute import lowering
from pullback.execute.epilogues import finish_kernels
from pullback.execute.strands import loop_cuts
from pullback.execute.tasks import Loop, Task, Tasks
from pullback.graph.dtypes import Array
from pullback.graph.node import Node
from pullback.ops.loops import Scan
from pullback.plan.fusion import Group
from pullback.plan.layout import Layout, part, row
from pullback.plan.memory import placed
from pullback.plan.program import Instruction

_BYTES = np.dtype(np.uint8)


class LoopingTasks(Tasks):
    """Tasks among which there may be loops.

    Args:
        layouts: Where the values that the instructions read lie within their blocks.
        numbers: Numbers that no value has.
        constants: Known values, by number. Those in the bodies of loops are added.
        depth: How many loops there are around the instructions.
    """

    def __init__(
        self,
        layouts: dict[int, Layout],
        numbers: Iterator[int],
        constants: dict[int, Array],
        depth: int = 0,
    ) -> None:
        super().__init__(layouts, numbers)
        self.constants = constants
        self.depth = depth

    def _add(self, group: Group) -> None:
        one, op = group[0], group[0].op
        if isinstance(op, Scan) and self.depth < lowering.MOST_LOOPS:
            out = Layout.whole(one.output, one.shape, one.dtype)
            self.layouts.setdefault(one.output, out)
            loop = _Looping(self, one, op).loop()
            if loop is not None:
                self.tasks.append(Task("loop", group, loop=loop))
                return
        super()._add(group)


class _Looping:
    """The work of making one loop a task.

    Attributes:
        inner: The tasks of the body.
        number: The number of each value of the body.
        parts: Where each part of the loop's value lies.
    """

    def __init__(self, outer: LoopingTasks, one: Instruction, op: Scan) -> None:
        self.outer, self.one, self.op = outer, one, op
        self.layouts, self.numbers = outer.layouts, outer.numbers
        self.inner = LoopingTasks(self.layouts, self.numbers, {}, outer.depth + 1)
        self.number: dict[Node, int] = {}
        out = self.layouts[one.output]
        bounds = zip(op.bounds, op.shapes, strict=True)
        self.parts = [part(out, start, shape) for (start, _), shape in bounds]

    def loop(self) -> Loop | None:
        """The loop; None if there is something in it that the module does not know."""
        first = next(self.numbers)
        self._lay_out_inputs()
        instructions = self._instructions()
        rows = self._hand_out(instructions)
        carried = [self.number[x] for x in self.op.body.inputs[: self.op.carries]]
        self._carry_on(carried)
        copied = [n for task in self.inner.tasks for n in task.copies or ()]
        if any(task.kind == "host" for task in self.inner.tasks):
            return None
        if not all(lowering.holds(self.layouts[n]) for n in (*carried, *copied)):
            return None
        cuts = 1 if self.outer.depth else loop_cuts(self.inner.tasks, carried, self.layouts)
        if not all(self.layouts[n].shape for n in self.one.inputs[: self.op.carries]):
            cuts = 1
        scratch = self._place(first, [*carried, *rows], carried, cuts)
        self.outer.constants.update(self.inner.constants)
        ends = [self._number(layout) for layout in self.parts[: self.op.carries]]
        return Loop(
            self.op.length,
            tuple(self.inner.tasks),
            tuple(zip(self.one.inputs, carried, strict=False)),
            tuple(zip(carried, ends, strict=True)),
            scratch,
            cuts,
        )

    def _number(self, layout: Layout | None = None) -> int:
        n = next(self.numbers)
        if layout is not None:
            self.layouts[n] = layout
        return n

    def _lay_out_inputs(self) -> None:
        op, depth = self.op, self.outer.depth
        for i, (outside, x) in enumerate(zip(self.one.inputs, op.body.inputs, strict=True)):
            layout = self.layouts[outside]
            n = self.number[x] = self._number(layout)
            if i < op.carries:
                self.layouts[n] = Layout.whole(n, x.shape, x.dtype)
            elif i < op.carries + op.rows:
                self.layouts[n] = row(layout, depth, reverse=op.reverse)

    def _instructions(self) -> list[Instruction]:
        """The body's operations; what is known of its values becomes constants."""
        found = []
        for node in self.op.body.order[len(self.op.body.inputs) :]:
            n = self.number[node] = self._number()
            if node.value is None and node.inputs:
                inputs = tuple(self.number[x] for x in node.inputs)
                found.append(Instruction(node.op, inputs, n, node.shape, node.dtype, node.origin))
                continue
            value = node.op.forward() if node.value is None else node.value
            self.inner.constants[n] = np.asarray(value, node.dtype)
            self.layouts[n] = Layout.whole(n, node.shape, node.dtype)
        return found

    def _hand_out(self, instructions: Sequence[Instruction]) -> list[int]:
        """Make the tasks, with what is handed out in its row; returns the rows' numbers."""
        op = self.op
        made = {i.output for i in instructions}
        handed_out = zip(op.body.outputs[op.carries :], self.parts[op.carries :], strict=True)
        wanted = [
            (self.number[y], row(rows, self.outer.depth, reverse=op.reverse))
            for y, rows in handed_out
        ]
        for n, target in wanted:
            if n in made:
                self.layouts.setdefault(n, target)
        self.inner.extend(instructions)
        finish_kernels(self.inner)
        found = []
        for n, target in wanted:  # a view, or a value that is handed out twice, is copied
            there = self.layouts[n] is target
            found.append(n if there else self.inner.copy(n, self._number(target)))
        return found

    def _carry_on(self, carried: Sequence[int]) -> None:
        """Copy the new carry into the place of the old, of which nothing is read any more."""
        new = [self.number[y] for y in self.op.body.outputs[: self.op.carries]]
        bases = {self.layouts[n].base for n in carried}
        copies = []
        for source, target in zip(new, carried, strict=True):
            if source == target:
                continue
            if self.layouts[source].base in bases:  # the old carry, elsewhere in the new one
                source = self.inner.copy(source)
            copies.append((source, target))
        for source, target in copies:
            self.inner.copy(source, target)

    def _place(self, first: int, roots: Sequence[int], carried: Sequence[int], cuts: int) -> int:
        """Give the body's values places in one block; returns the block's number."""
        offsets, size = placed(self.inner.keep(roots, carried))
        scratch = next(self.numbers)
        self.layouts[scratch] = Layout.whole(scratch, (cuts, size), _BYTES)
        for n in range(first, scratch):
            layout = self.layouts.get(n)
            if layout is not None and layout.base in offsets:
                start = offsets[layout.base] // layout.dtype.itemsize + layout.offset
                self.layouts[n] = replace(layout, base=scratch, offset=start)
        return scratch
