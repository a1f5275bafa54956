"""Instructions made into tasks: which run as one, and how long each value is needed."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pullback.execute import lowering
from pullback.execute.kernels import Kernel
from pullback.graph.dtypes import Dtype
from pullback.ops.shaping import Reshape
from pullback.plan.fusion import Group, fused
from pullback.plan.layout import Layout, view
from pullback.plan.memory import Lifetime
from pullback.plan.program import Instruction


@dataclass(frozen=True, eq=False)
class Strands:
    """Neighbours that threads run beside each other.

    Attributes:
        cuts: Into how many parts the rows of all its tasks are cut, each for a strand; 1 where
            every task belongs to one strand.
    """

    cuts: int = 1


@dataclass(frozen=True)
class Tap:
    """What a probe sees of a task.

    Attributes:
        site: The number of the site.
        number: The value that is seen, or one that has the same elements.
        before: What is taken off it, if anything is.
    """

    site: int
    number: int
    before: int | None = None


@dataclass(frozen=True)
class Task:
    """One task before it has addresses.

    Attributes:
        kind: `chain`, `kernel`, `loop`, `copy` or `host`; `update` for a chain that writes slots.
        group: The instructions it stands for: those of a chain, or one; behind that of a kernel,
            those of the chain that finishes what it computes.
        copies: For a copy, what is copied; it has no instruction.
        loop: For a loop, what is repeated.
        stored: The values that it writes to memory: those that other tasks read.
        strands: The strands that it is part of, if it is.
        strand: The number of its strand, where it belongs to one.
        taps: What probes see in the registers of its chain.
        after: What they see in memory, right after it.
    """

    kind: str
    group: Group
    copies: tuple[int, int] | None = None
    loop: Loop | None = None
    stored: tuple[int, ...] = ()
    strands: Strands | None = None
    strand: int = 0
    taps: tuple[Tap, ...] = ()
    after: tuple[Tap, ...] = ()

    @property
    def chain(self) -> Group:
        """The elementwise operations that it runs: all of a chain, what finishes a kernel."""
        if self.kind != "kernel":
            return self.group if self.kind in ("chain", "update") else ()
        own = self.group[0].output
        return self.group[1:] if any(n != own for n in self.stored) else ()

    def registers(self) -> dict[int, int]:
        """The register of each value of its chain: first those that it reads."""
        made = [i.output for i in self.chain]
        numbers = dict.fromkeys(x for i in self.chain for x in i.inputs)
        seen = (n for tap in self.taps for n in (tap.number, tap.before) if n is not None)
        read = [n for n in dict.fromkeys((*numbers, *seen)) if n not in set(made)]
        return {n: register for register, n in enumerate((*read, *made))}

    def reads(self, layouts: Mapping[int, Layout]) -> set[int]:
        """The blocks that it reads and has not made itself."""
        made = {i.output for i in self.group}
        numbers = {x for i in self.group for x in i.inputs}
        numbers |= set() if self.copies is None else {self.copies[0]}
        return {layouts[n].base for n in numbers} - made

    def __str__(self) -> str:
        names = " ".join(i.op.name for i in self.group)
        where = self.group[-1].origin.path if self.group else ""
        shape = self.group[-1].shape if self.group else ()
        line = f"  {where or '-':<12} {self.kind:<7} {names} {shape}"
        if self.strands is not None:
            cuts = self.strands.cuts
            line += f", {cuts} parts" if cuts > 1 else f", strand {self.strand}"
        if self.loop is None:
            return line
        inside = [f"    {one}" for task in self.loop.body for one in str(task).splitlines()]
        return "\n".join([f"{line}, {self.loop.length} steps of", *inside])


@dataclass(frozen=True)
class Loop:
    """What a loop repeats.

    Attributes:
        length: How many steps there are.
        body: The tasks of a step.
        starts: What is copied before the first step, and where: the first carry.
        ends: What is copied after the last, and where: the last carry.
        scratch: The block in which what the body computes lies.
        cuts: Into how many parts the rows of all that it computes can be cut; each then has a
            part of the scratch of its own.
    """

    length: int
    body: tuple[Task, ...]
    starts: tuple[tuple[int, int], ...]
    ends: tuple[tuple[int, int], ...]
    scratch: int
    cuts: int = 1


class Tasks:
    """The tasks of some instructions, in order.

    Args:
        layouts: Where the values that the instructions read lie within their blocks. Those that
            the instructions make are added; one that has a layout already is made there.
        numbers: Numbers that no value has.

    Attributes:
        tasks: The tasks; which values they store is known once `keep` is told what is read.
    """

    def __init__(self, layouts: dict[int, Layout], numbers: Iterator[int]) -> None:
        self.layouts = layouts
        self.numbers = numbers
        self.tasks: list[Task] = []
        self._dtypes: dict[int, Dtype] = {}
        self._rows: dict[int, lowering.Row | None] = {}  # by the value's number
        self._ordered: dict[Layout, int] = {}  # the copy of a view, row by row

    def extend(self, instructions: Sequence[Instruction]) -> None:
        """Add the tasks of instructions."""
        self._dtypes |= {i.output: i.dtype for i in instructions}
        for group in fused(instructions, self._fusible):
            self._add(group)

    def copy(self, source: int, target: int | None = None) -> int:
        """Add a copy of one value, in a block of its own or as `target`; returns its number."""
        if target is None:
            target, layout = next(self.numbers), self.layouts[source]
            self.layouts[target] = Layout.whole(target, layout.shape, layout.dtype)
        self.tasks.append(Task("copy", (), (source, target)))
        return target

    def row(self, instruction: Instruction) -> lowering.Row | None:
        """The elementwise operation that an instruction is, if it is one."""
        if instruction.output not in self._rows:
            laid_out = self.layouts
            dtypes = [
                laid_out[x].dtype if x in laid_out else self._dtypes[x] for x in instruction.inputs
            ]
            self._rows[instruction.output] = lowering.elementwise_row(instruction, dtypes)
        return self._rows[instruction.output]

    def kernel(self, one: Instruction) -> Kernel | None:
        """The kernel that computes an instruction, if there is one."""
        inputs = [self.layouts[x] for x in one.inputs]
        return lowering.kernel(one, inputs, self.layouts[one.output])

    def _fusible(self, instruction: Instruction) -> bool:
        if instruction.op.name in ("stop_gradient", "barrier"):
            return False
        return self.row(instruction) is not None

    def _add(self, group: Group) -> None:
        """Lay out what a group makes, and make it a task, if it is no view."""
        first = group[0]
        if len(group) == 1 and first.inputs:
            found = self._view(first)
            if found is not None:
                self.layouts[first.output] = found
                return
        for i in group:
            self.layouts.setdefault(i.output, Layout.whole(i.output, i.shape, i.dtype))
        if self._fusible(first):
            self.tasks.append(Task("chain", group))
        else:
            self.tasks.append(Task("host" if self.kernel(first) is None else "kernel", group))

    def _view(self, one: Instruction) -> Layout | None:
        """Where an instruction's value lies already, if it does."""
        source = self.layouts[one.inputs[0]]
        found = view(one.op, source, one.shape)
        if found is not None or not isinstance(one.op, Reshape) or one.output in self.layouts:
            return found
        # What has been brought in order once is seen in other shapes from then on.
        first = self._ordered.setdefault(source, one.output)
        return None if first == one.output else view(one.op, self.layouts[first], one.shape)

    def keep(self, roots: Collection[int], there: Collection[int]) -> Mapping[int, Lifetime]:
        """Find out what each task stores, and how long each value is needed.

        Chains whose values nobody reads are left out.

        Args:
            roots: Values that are needed after the last task.
            there: Values that need a place before the first, those of feeds and constants.

        Returns:
            When each value that needs a place of its own is alive.
        """
        self._share(roots)
        last, first = self._last_reads(), dict[int, int]()
        kept = {self.layouts[n].base for n in roots}
        read = {*roots, *kept, *last}
        tasks = []
        for task, (t, _) in zip(self.tasks, self._spans(), strict=True):
            alone = task.group[:1] if task.kind in ("kernel", "loop", "host") else ()
            stored = tuple(
                i.output for i in task.group if i in alone or self._is_read(i.output, read)
            )
            if task.copies is not None:
                stored = (task.copies[1],)
            if task.loop is not None:
                stored = (*stored, task.loop.scratch)
            first |= dict.fromkeys((n for n in stored if self.layouts[n].base == n), t)
            if stored:
                tasks.append(replace(task, stored=stored))
        end, self.tasks = len(self.tasks), tasks
        first |= dict.fromkeys(there, -1)
        until = {n: end if n in kept else max(t, last.get(n, 0)) for n, t in first.items()}
        return {n: Lifetime(self.layouts[n].nbytes, t, until[n]) for n, t in first.items()}

    def _last_reads(self) -> dict[int, int]:
        """The last task that reads each block which it has not made itself."""
        last: dict[int, int] = {}
        for task, (_, end) in zip(self.tasks, self._spans(), strict=True):
            # all updates are looked at before the first of them writes
            when = len(self.tasks) if task.kind == "update" else end
            last |= dict.fromkeys(task.reads(self.layouts), when)
        return last

    def _spans(self) -> list[tuple[int, int]]:
        """For each task, the first and the last that may run at the same time."""
        found: list[tuple[int, int]] = []
        runs = itertools.groupby(enumerate(self.tasks), lambda pair: pair[1].strands or pair[0])
        for _, run in runs:
            numbers = [t for t, _ in run]
            found += [(numbers[0], numbers[-1])] * len(numbers)
        return found

    def _share(self, roots: Collection[int]) -> None:
        """Let what finishes a kernel's value lie in its place, where nobody else reads that."""
        read = {*self._last_reads(), *(self.layouts[n].base for n in roots)}
        shared: dict[int, int] = {}
        for task in self.tasks:
            if task.kind != "kernel" or task.group[0].output in read:
                continue
            made = self.layouts[task.group[0].output]
            for n in (i.output for i in task.group[1:]):
                own = self.layouts[n]
                if n in read and own == Layout.whole(n, own.shape, made.dtype):
                    shared[n] = made.base
                    break
        for n, layout in self.layouts.items():
            if layout.base in shared:
                self.layouts[n] = replace(layout, base=shared[layout.base])

    def write_in_place(self, slots: Mapping[int, Layout]) -> None:
        """Let chains write over the slots whose new values they make; they come last.

        Args:
            slots: The new values, each with the layout of its slot.
        """
        self.layouts |= slots
        updates, others = list[Task](), list[Task]()
        for task in self.tasks:
            (updates if any(i.output in slots for i in task.group) else others).append(task)
        self.tasks = [*others, *(replace(task, kind="update") for task in updates)]

    def _is_read(self, number: int, read: Collection[int]) -> bool:
        """Whether a value of a chain is read by others, or is a slot's new value."""
        return number in read or self.layouts[number].base != number
