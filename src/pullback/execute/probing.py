"""Where the values that probes look at are to be had while a native program runs.

Most are seen in the registers of the chain that makes or reads them, so nothing is stored, fused or
ordered in another way for a probe, and no bit changes. Others are read where they lie, right after
the task that made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pullback.execute import lowering
from pullback.execute.tasks import Strands, Tap, Task, Tasks
from pullback.graph.dtypes import is_float
from pullback.plan.fusion import MOST_REGISTERS
from pullback.plan.layout import Layout
from pullback.plan.program import Instruction, PlacedSite

MOST_TAPS = 32  # of a chain


@dataclass(frozen=True)
class Taps:
    """What is seen where.

    Attributes:
        tasks: The tasks, each with what is seen in it and right after it.
        first: What is seen before all tasks: what is given to them.
        behind: What is seen after strands that run beside each other.
    """

    tasks: list[Task]
    first: tuple[Tap, ...]
    behind: Mapping[Strands, tuple[Tap, ...]]


def find_taps(
    tasks: Tasks, sites: Sequence[PlacedSite], instructions: Sequence[Instruction]
) -> Taps:
    """Find a place at which each site is seen; what is not real has none.

    Args:
        tasks: All tasks, as they will run.
        sites: What is to be seen.
        instructions: Those that the tasks stand for, and those of views.
    """
    finding = _Finding(tasks, instructions)
    for number, site in enumerate(sites):
        finding.find(number, site)
    return Taps(finding.tasks, tuple(finding.first), finding.behind)


class _Finding:
    def __init__(self, tasks: Tasks, instructions: Sequence[Instruction]) -> None:
        self.tasks = list(tasks.tasks)
        self.first: list[Tap] = []
        self.behind: dict[Strands, tuple[Tap, ...]] = {}
        self._all = tasks
        self._layouts = tasks.layouts
        self._values = {i.output for task in self.tasks for i in task.group}
        self._viewed = {
            i.output: i.inputs[0] for i in instructions if i.output not in self._values and i.inputs
        }
        numbered = list(enumerate(self.tasks))
        self._maker = {n: t for t, task in numbered for n in _made(task, self._layouts)}
        self._readers: dict[int, list[int]] = {}  # by block, the updates
        for t, task in numbered:
            if task.kind == "update":
                for n in task.reads(self._layouts):
                    self._readers.setdefault(n, []).append(t)

    def find(self, number: int, site: PlacedSite) -> None:
        """Find a place for one site."""
        layout = self._layouts[site.number]
        if not is_float(layout.dtype) or not lowering.holds(layout):
            return
        source = self._source(site.number)
        tap = Tap(number, source, site.before)
        t = self._maker.get(source)
        if t is not None and self.tasks[t].kind == "update":
            self._in_chain(tap)  # elsewhere the old value is still, or the new one not yet
            return
        seen = self._in_chain(tap) or self._in_update(tap) or self._in_epilogue(tap)
        if not seen and not self._is_replaced(source):
            self._apart(tap)

    def _source(self, n: int) -> int:
        """The value of which another is but a view of all elements, in whatever order."""
        root = n
        while root in self._viewed:
            root = self._viewed[root]
        layout, whole = self._layouts[n], self._layouts[root]
        repeats = any(s == 0 < m - 1 for s, m in zip(layout.strides, layout.shape, strict=True))
        same = (whole.size, whole.dtype) == (layout.size, layout.dtype)
        return root if same and not repeats else n

    def _is_replaced(self, n: int) -> bool:
        """Whether what finishes a kernel's value has taken its place."""
        while n in self._viewed:
            n = self._viewed[n]
        t = self._maker.get(n)
        kernel = t is not None and self.tasks[t].kind == "kernel"
        return kernel and t is not None and n == self.tasks[t].group[0].output != self._base(n)

    def _base(self, n: int) -> int:
        return self._layouts[n].base

    def _in_chain(self, tap: Tap) -> bool:
        """See it in the registers of the chain that makes it."""
        t = self._maker.get(tap.number)
        made = () if t is None else (i.output for i in self.tasks[t].chain)
        return t is not None and tap.number in made and self._put(t, tap)

    def _in_update(self, tap: Tap) -> bool:
        """See it where an update reads it, which waits for memory anyhow."""
        layout = self._layouts[tap.number]
        for t in self._readers.get(layout.base, ()) if tap.before is None else ():
            read = self._read(self.tasks[t].chain, layout)
            if read is not None and self._put(t, replace(tap, number=read)):
                return True
        return False

    def _in_epilogue(self, tap: Tap) -> bool:
        """See what a kernel makes part by part, while it is in cache."""
        t = self._maker.get(tap.number)
        task = None if t is None else self.tasks[t]
        if t is None or task is None or task.kind != "kernel" or tap.before is not None:
            return False
        one, layout = task.group[0], self._layouts[task.group[0].output]
        if tap.number != one.output:
            return False
        if task.chain:
            read = self._read(task.chain, layout)
            return read is not None and self._put(t, replace(tap, number=read))
        kernel = self._all.kernel(one)
        plain = kernel is not None and lowering.finishes(kernel) and layout.contiguous
        return plain and bool(layout.shape) and layout.base == one.output and self._put(t, tap)

    def _read(self, chain: Sequence[Instruction], layout: Layout) -> int | None:
        """The number by which a chain reads all of an array, element for element."""
        made = {i.output for i in chain}
        numbers = {x for i in chain for x in i.inputs} - made
        size = self._layouts[chain[0].output].size
        for n in sorted(numbers):
            own = self._layouts[n]
            same = (own.base, own.offset, own.size) == (layout.base, layout.offset, layout.size)
            if same and own.size == size and own.contiguous and layout.contiguous:
                return n
        return None

    def _put(self, t: int, tap: Tap) -> bool:
        """See it in the registers of a task, if they suffice."""
        task = self.tasks[t]
        more = replace(task, taps=(*task.taps, tap))
        if len(more.registers()) > MOST_REGISTERS or len(more.taps) > MOST_TAPS:
            return False
        self.tasks[t] = more
        return True

    def _apart(self, tap: Tap) -> None:
        """Read it from memory, once it is there."""
        base = self._layouts[tap.number].base
        t = self._maker.get(base)
        if t is None:
            self.first.append(tap)
            return
        task = self.tasks[t]
        if base not in task.stored:  # it never leaves the registers of a chain that is full
            return
        whole = tap.number == base and task.kind in ("chain", "kernel", "copy")
        if task.strands is None or (whole and base in task.stored and tap.before is None):
            self.tasks[t] = replace(task, after=(*task.after, tap))
        else:
            others = self.behind.get(task.strands, ())
            self.behind[task.strands] = (*others, tap)


def _made(task: Task, layouts: Mapping[int, Layout]) -> set[int]:
    """The values and the blocks that a task writes."""
    numbers = {i.output for i in task.group}
    numbers |= set() if task.copies is None else {task.copies[1]}
    return numbers | {layouts[n].base for n in numbers if task.kind != "update"}
