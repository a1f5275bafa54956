"""The native executor: a program made into tasks of the native module, over one arena.

Elementwise operations run in chains, other operations by kernels, and what the module does not
know yet by its NumPy meaning on views of the arena. Where everything lies is planned once; a run
copies the feeds in, computes, and copies the outputs out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from pullback.errors import LabelError
from pullback.execute import lowering
from pullback.execute.evaluate import said
from pullback.execute.executors import out_of_memory
from pullback.execute.kernels import Kernel
from pullback.execute.state import State
from pullback.graph.dtypes import Array, is_float
from pullback.memory import must_be_held, too_large
from pullback.plan.fusion import Group, fused
from pullback.plan.layout import Layout, row_by_row, view
from pullback.plan.memory import Lifetime, placed
from pullback.plan.program import Instruction, Program

Outputs = dict[str, Array]
Place = tuple[int, int, int, list[int], list[int]]

_ARENA, _STATE = 0, 1


@dataclass(frozen=True)
class Task:
    """One task before it has addresses.

    Attributes:
        kind: `chain`, `kernel`, `copy` or `host`.
        group: The instructions it stands for; one, unless it is a chain.
        copies: For a copy, what is copied; it has no instruction.
    """

    kind: str
    group: Group
    copies: tuple[int, int] | None = None


class NativeExecutor:
    """Runs a program by the native module.

    Args:
        program: What to run.
        state: The block that its slots are views of.

    Raises:
        ConfigError: There is no native module, or PULLBACK_ISA names no instruction set of it.
        ShapeError: The values do not fit into memory.
    """

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state
        self._layouts: dict[int, Layout] = {}
        self._tasks: list[Task] = []
        self._spare = 1 + max(
            [-1, *program.constants, *(i.output for i in program.instructions)]
            + [n for n, _, _ in (*program.feeds.values(), *program.slots.values())]
        )
        self._slots = {n: label for label, (n, _, _) in program.slots.items()}
        self._lay_out_leaves()
        for one in program.instructions:
            must_be_held(one.shape, one.dtype.itemsize, functools.partial(said, one))
        for group in fused(program, self._fusible):
            self._add(group)
        self._roots = self._rooted()
        self._place()
        self._build()

    def _lay_out_leaves(self) -> None:
        program = self.program
        for n, array in program.constants.items():
            self._layouts[n] = Layout.whole(n, array.shape, array.dtype)
        for n, shape, dtype in (*program.feeds.values(), *program.slots.values()):
            self._layouts[n] = Layout.whole(n, shape, dtype)
        self._dtypes = {n: layout.dtype for n, layout in self._layouts.items()}
        self._dtypes |= {i.output: i.dtype for i in program.instructions}

    def _row(self, instruction: Instruction) -> tuple[str, int, int, list[float]] | None:
        return lowering.elementwise_row(instruction, [self._dtypes[x] for x in instruction.inputs])

    def _fusible(self, instruction: Instruction) -> bool:
        if instruction.op.name in ("stop_gradient", "barrier"):
            return False
        return self._row(instruction) is not None

    def _add(self, group: Group) -> None:
        """Lay out what a group makes, and make it a task, if it is no view."""
        first = group[0]
        if len(group) == 1 and first.inputs:
            found = view(first.op, self._layouts[first.inputs[0]], first.shape)
            if found is not None:
                self._layouts[first.output] = found
                return
        for i in group:
            self._layouts[i.output] = Layout.whole(i.output, i.shape, i.dtype)
        if self._fusible(first):
            self._tasks.append(Task("chain", group))
        else:
            self._tasks.append(Task("host" if self._kernel(first) is None else "kernel", group))

    def _kernel(self, one: Instruction) -> Kernel | None:
        inputs = [self._layouts[x] for x in one.inputs]
        return lowering.kernel(one, inputs, self._layouts[one.output])

    def _rooted(self) -> dict[int, int]:
        """The values asked for, each with the number of an array that can be handed out.

        Views, and slots, which are written before outputs are read, are copied first.
        """
        program = self.program
        found = {}
        watched = program.finite or ()
        wanted = (*program.outputs.values(), *program.assigns.values(), *watched)
        guard = () if program.guard is None else (program.guard,)
        for n in dict.fromkeys((*wanted, *guard)):
            layout = self._layouts[n]
            if layout.base == n and n not in self._slots:
                found[n] = n
                continue
            found[n] = self._spare
            self._dtypes[self._spare] = layout.dtype
            self._layouts[self._spare] = Layout.whole(self._spare, layout.shape, layout.dtype)
            self._tasks.append(Task("copy", (), (n, self._spare)))
            self._spare += 1
        return found

    def _place(self) -> None:
        """Find out how long each value is needed, and where it lies."""
        end = len(self._tasks)
        last: dict[int, int] = {}
        first: dict[int, int] = {}
        for t, task in enumerate(self._tasks):
            made = {i.output for i in task.group}
            for i in task.group:
                for x in i.inputs:
                    base = self._layouts[x].base
                    if base not in made:
                        last[base] = t
            if task.copies is not None:
                last[self._layouts[task.copies[0]].base] = t
                first[task.copies[1]] = t
        self._stored: list[list[int]] = []
        read = {self._layouts[x].base for x in self._roots.values()} | set(last)
        for t, task in enumerate(self._tasks):
            alone = task.kind != "chain"
            stored = [i.output for i in task.group if alone or i.output in read]
            self._stored.append(stored)
            first |= dict.fromkeys(stored, t)
        kept = {self._layouts[n].base for n in self._roots.values()} | set(self.program.constants)
        lives = {}
        for n in (*first, *self.program.constants, *(n for n, _, _ in self.program.feeds.values())):
            until = end if n in kept else last.get(n, 0)
            lives[n] = Lifetime(self._layouts[n].nbytes, first.get(n, -1), until)
        self._offsets, size = placed(lives)
        try:
            self._arena = _aligned(size)
        except MemoryError:
            raise too_large(size, f"the values of {self.program.name!r}") from None

    def _array(self, number: int) -> Array:
        """A value as a NumPy view of its block."""
        layout = self._layouts[number]
        block, offset = self._block(layout.base)
        item = layout.dtype.itemsize
        if not layout.size:
            return np.empty(layout.shape, layout.dtype)
        return np.ndarray(
            layout.shape,
            layout.dtype,
            block,
            offset + layout.offset * item,
            tuple(s * item for s in layout.strides),
        )

    def _block(self, base: int) -> tuple[Array, int]:
        if base in self._slots:
            return self.state.block, self.state.offset(self._slots[base])
        return self._arena, self._offsets[base]

    def _at(self, number: int, shape: tuple[int, ...] | None = None) -> Place:
        """Where a value lies, for the module; broadcast to `shape`."""
        layout = self._layouts[number]
        space = _STATE if layout.base in self._slots else _ARENA
        _, offset = self._block(layout.base)
        offset += layout.offset * layout.dtype.itemsize
        strides = layout.strides
        if shape is not None and shape != layout.shape:
            new = len(shape) - len(layout.shape)
            kept = zip(layout.shape, strides, shape[new:], strict=True)
            strides = (0,) * new + tuple(s if n == wanted else 0 for n, s, wanted in kept)
        shape = layout.shape if shape is None else shape
        return space, offset, lowering.DTYPES[layout.dtype], list(shape), list(strides)

    def _build(self) -> None:
        """Give every task its addresses."""
        needed = [bool(x or not t.group) for t, x in zip(self._tasks, self._stored, strict=True)]
        self._tasks = list(compress(self._tasks, needed))  # without chains that nobody reads
        self._stored = list(compress(self._stored, needed))
        self._native = lowering.new_program(self._arena, self.state.block)
        for n, array in self.program.constants.items():
            self._array(n)[...] = array
        left_out = [
            t for t, stored in enumerate(self._stored) if self._tasks[t].group and not stored
        ]
        for t in reversed(left_out):  # a chain whose values nobody reads
            del self._tasks[t], self._stored[t]
        for task, stored in zip(self._tasks, self._stored, strict=True):
            if task.kind == "chain":
                self._build_chain(task.group, stored)
            elif task.copies is not None and lowering.holds(self._layouts[task.copies[0]]):
                source, target = map(self._at, task.copies)
                self._native.call("copy", [source], [target], [], [])
            elif task.kind == "kernel":
                self._build_kernel(task.group[0])
            else:
                self._native.host(self._host(task))
        self._feeds = [(label, self._array(n)) for label, (n, _, _) in self.program.feeds.items()]
        program = self.program
        self._outputs = {name: self._array(self._roots[n]) for name, n in program.outputs.items()}
        if program.finite is not None:
            real = [n for n in program.finite if is_float(self._dtypes[n])]
            self._native.watch([self._at(self._roots[n]) for n in real])
        if program.guard is not None:
            self._native.guard(self._at(self._roots[program.guard]))
        for label, n in program.assigns.items():
            shape, dtype = self.state[label].shape, self.state[label].dtype
            place = self.state.offset(label), lowering.DTYPES[dtype], list(shape)
            self._native.write(self._at(self._roots[n]), (_STATE, *place, list(row_by_row(shape))))

    def _build_chain(self, group: Group, stored: list[int]) -> None:
        shape = group[0].shape
        made = {i.output for i in group}
        numbers = dict.fromkeys(x for i in group for x in i.inputs if x not in made)
        registers = {n: r for r, n in enumerate((*numbers, *(i.output for i in group)))}
        steps = []
        for i in group:
            row = self._row(i)
            assert row is not None
            name, given, result, attributes = row
            inputs = [registers[x] for x in i.inputs]
            steps.append((name, given, result, registers[i.output], inputs, attributes))
        loads = [(registers[n], self._at(n, shape)) for n in numbers]
        stores = [(registers[n], self._at(n)) for n in stored]
        self._native.chain(lowering.instruction_set(), list(shape), loads, steps, stores)

    def _build_kernel(self, one: Instruction) -> None:
        found = self._kernel(one)
        assert found is not None
        inputs = [self._at(x) for x in one.inputs[: found.inputs]]
        output = self._at(one.output)
        if found.moves:
            shape = self._layouts[one.inputs[0]].shape
            output = (*output[:3], list(shape), list(row_by_row(shape)))
        integers, reals = list(found.integers), list(found.reals)
        self._native.call(found.name, inputs, [output], integers, reals)

    def _host(self, task: Task) -> Callable[[], None]:
        """What computes a task on NumPy."""
        if task.copies is not None:
            source, target = map(self._array, task.copies)
            return lambda: np.copyto(target, source)
        (one,) = task.group
        inputs = [self._array(x) for x in one.inputs]
        output = self._array(one.output)

        def run() -> None:
            try:
                output[...] = one.op.forward(*inputs)
            except LabelError as error:
                error.found_at(str(one.origin))
                raise

        return run

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if guard and `finite` allow it.

        Raises:
            ConfigError: The feeds are not what the program was planned for.
        """
        self.program.check_feeds(feeds)
        return self.run_again(feeds)

    def run_again(self, feeds: Mapping[str, Array]) -> Outputs:
        """`run`, with feeds of shapes and dtypes that are known to be right."""
        for label, array in self._feeds:
            array[...] = feeds[label]
        with np.errstate(all="ignore"):
            try:
                _, faulty = self._native.run()
            except MemoryError:
                raise out_of_memory(self.program) from None
            if faulty >= 0:
                self._host(self._tasks[faulty])()  # says in words what the kernel refused
        return {name: array.copy() for name, array in self._outputs.items()}

    def takes_rows(self, arrays: Mapping[str, Any]) -> bool:
        """Whether `run_steps` can feed the program with rows of these arrays."""
        for label, (_, shape, dtype) in self.program.feeds.items():
            array = arrays.get(label)
            if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
                return False
            if array.dtype != dtype or not shape or array.shape[1:] != shape[1:]:
                return False
        return bool(self.program.feeds)

    def run_steps(
        self, arrays: Mapping[str, Any], rows: Array, outputs: Sequence[str], seconds: float
    ) -> Array:
        """Runs one after the other, until one writes no slot, or the time is up.

        Args:
            arrays: What the feeds are rows of, by label; `takes_rows` of them is true.
            rows: The numbers of the rows, (steps, batch).
            outputs: Names of outputs of one number each.
            seconds: No run begins after so long.

        Returns:
            Those outputs of every run that wrote the slots, (steps, outputs).
        """
        log = np.empty((len(rows), len(outputs)))
        fed = [(self._at(n), arrays[label]) for label, (n, _, _) in self.program.feeds.items()]
        read = [self._at(self._roots[self.program.outputs[name]]) for name in outputs]
        with np.errstate(all="ignore"):
            done, _ = self._native.run_steps(fed, rows, read, log, seconds)
        return log[:done]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        """The tasks in order, each with what it computes."""
        lines = [f"{len(self._tasks)} tasks, {len(self._arena)} bytes of arena"]
        for task in self._tasks:
            names = [i.op.name for i in task.group]
            where = task.group[-1].origin.path if task.group else ""
            shape = task.group[-1].shape if task.group else ()
            lines.append(f"  {where or '-':<12} {task.kind:<7} {' '.join(names)} {shape}")
        return lines


def _aligned(size: int) -> Array:
    """Bytes that begin at a multiple of 64."""
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
