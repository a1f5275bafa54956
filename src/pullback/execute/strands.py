"""Small tasks made strands: sequences that threads run beside each other.

Between two tasks threads wait for each other, and what one has computed comes to the other from its
cache: of a small task, that is most of the time. So where tasks go row by row, as the layers of a
network do, each strand takes some of the rows through one task after the other. Small tasks that
need nothing of each other are strands as they are.

How rows are cut depends on shapes alone, never on the number of threads.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pullback.execute.cutting import Cut
from pullback.execute.tasks import Strands, Task, Tasks
from pullback.plan.layout import Layout
from pullback.plan.program import Instruction

# Costs are in multiplications of a product; an elementwise operation takes as long as several.
_ELEMENT = 16
_SMALL = 1 << 22  # a larger task is worth cutting up by itself
_WORTH = 1 << 20  # less work is done sooner by one thread
_ROWS = 32  # a strand has at least so many
_CUTS = (8, 4, 2)
_SMALL_IN_LOOP = 1 << 25
_LOOP_ROWS = 16
_PATIENCE = 24  # so many tasks that don't go row by row end the strands


def find_strands(all_tasks: Tasks) -> None:
    """Make small tasks strands where several threads gain by it; the order of tasks may change."""
    layouts = all_tasks.layouts
    updates = [task for task in all_tasks.tasks if task.kind == "update"]
    tasks = [_Known.of(task, layouts) for task in all_tasks.tasks if task.kind != "update"]
    all_tasks.tasks = [*_apart(_by_rows(tasks, layouts)), *updates]


@dataclass(frozen=True)
class _Known:
    """A task with what it reads and makes, by block, and what it costs."""

    task: Task
    reads: frozenset[int]
    makes: frozenset[int]
    cost: int

    @classmethod
    def of(cls, task: Task, layouts: Mapping[int, Layout]) -> _Known:
        makes = {layouts[i.output].base for i in task.group}
        makes |= set() if task.copies is None else {layouts[task.copies[1]].base}
        makes |= set() if task.loop is None else {layouts[n].base for _, n in task.loop.ends}
        cost = sum(_cost(i, layouts) for i in task.group)
        return cls(task, frozenset(task.reads(layouts)), frozenset(makes), cost)

    @property
    def small(self) -> bool:
        return self.task.kind in ("chain", "kernel") and self.cost <= _SMALL

    def beside(self, strands: Strands, number: int = 0) -> _Known:
        return replace(self, task=replace(self.task, strands=strands, strand=number))


def _cost(one: Instruction, layouts: Mapping[int, Layout]) -> int:
    if one.op.name == "matmul":
        return math.prod(one.shape) * layouts[one.inputs[0]].shape[-1]
    sizes = [math.prod(one.shape), *(layouts[x].size for x in one.inputs)]
    return _ELEMENT * max(sizes)


def _by_rows(tasks: Iterable[_Known], layouts: Mapping[int, Layout]) -> list[_Known]:
    """The tasks, those that follow each other row by row made strands."""
    pending, found = deque(tasks), list[_Known]()
    while pending:
        cuts, loop = _cuts(pending[0]), pending[0].task.loop
        if not cuts:
            known = pending.popleft()
            found.append(known if loop is None else known.beside(Strands(loop.cuts)))
            continue
        rows = _Rows(cuts, layouts)
        rows.take(pending)
        found += rows.before
        found += rows.strands() if rows.follow and rows.cost >= _WORTH else rows.inside
        pending.extendleft(reversed(rows.after))
    return found


def _cuts(known: _Known) -> int:
    """Into how many parts the rows of a small product can be cut; 0 for other tasks."""
    one = known.task.group[0] if known.small else None
    if one is None or one.op.name != "matmul" or len(one.shape) != 2:
        return 0
    rows = one.shape[0]
    return next((n for n in _CUTS if rows % n == 0 and rows // n >= _ROWS), 0)


class _Rows:
    """Tasks that strands can take their rows through.

    Attributes:
        before: Tasks that need nothing of them.
        inside: The tasks.
        after: Tasks that need all rows, and those that need these.
        follow: Whether one of the tasks needs another.
        cost: That of the tasks.
    """

    def __init__(self, cuts: int, layouts: Mapping[int, Layout]) -> None:
        self.before: list[_Known] = []
        self.inside: list[_Known] = []
        self.after: list[_Known] = []
        self.follow = False
        self.cost = 0
        self._cut = Cut(cuts, layouts)
        self._late: set[int] = set()  # what those after them make

    def take(self, pending: deque[_Known]) -> None:
        """Take tasks from the front of `pending`, as long as there are some that fit."""
        missed = 0
        while pending and missed < _PATIENCE:
            known = pending.popleft()
            if not known.reads.isdisjoint(self._late):
                known = self._without_late(known, pending)
            needs, missed = not known.reads.isdisjoint(self._cut.made), missed + 1
            if not known.reads.isdisjoint(self._late):
                self._leave(known)
            elif (
                (needs or _cuts(known) == self._cut.cuts)
                and known.small
                and self._cut.takes(known.task)
            ):
                self.inside.append(known)
                self.cost += known.cost
                self.follow = self.follow or needs
                missed = 0
            elif needs or not known.small:
                self._leave(known)
            else:
                self.before.append(known)

    def _without_late(self, known: _Known, pending: deque[_Known]) -> _Known:
        """The part of a chain that needs nothing of what comes late; the rest stays pending."""
        late, early = list[Instruction](), list[Instruction]()
        waits = set[int]()
        for i in known.task.group if known.task.kind == "chain" else ():
            needs = any(x in waits or self._cut.layouts[x].base in self._late for x in i.inputs)
            waits |= {i.output} if needs else set()
            (late if needs else early).append(i)
        if not late or not early:
            return known
        pending.appendleft(self._of(late, known))
        return self._of(early, known)

    def _of(self, group: Sequence[Instruction], known: _Known) -> _Known:
        return _Known.of(replace(known.task, group=tuple(group)), self._cut.layouts)

    def _leave(self, known: _Known) -> None:
        self.after.append(known)
        self._late |= known.makes

    def strands(self) -> list[_Known]:
        """The tasks, each cut."""
        strands = Strands(self._cut.cuts)
        return [known.beside(strands) for known in self.inside]


def loop_cuts(body: Sequence[Task], carried: Sequence[int], layouts: Mapping[int, Layout]) -> int:
    """Into how many parts the rows of all that a loop computes can be cut; 1 if not at all.

    Args:
        body: What a step computes.
        carried: The values that the next step is given.
        layouts: Where values lie within their blocks.
    """
    costs = [_Known.of(task, layouts).cost for task in body if task.loop is None]
    if not carried or len(costs) < len(body) or max(costs, default=0) > _SMALL_IN_LOOP:
        return 1
    for cuts in _CUTS:
        cut = Cut(cuts, layouts)
        if not all(map(cut.has_rows, carried)) or layouts[carried[0]].shape[0] < cuts * _LOOP_ROWS:
            continue
        for n in carried:
            cut.add(n)
        if all(map(cut.takes, body)):
            return cuts
    return 1


def _apart(tasks: Iterable[_Known]) -> list[Task]:
    """The tasks, small neighbours that need nothing of each other made strands."""
    found: list[Task] = []
    near: list[_Known] = []
    for known in tasks:
        if known.small and known.task.strands is None:
            near.append(known)
            continue
        found += _parted(near)
        found.append(known.task)
        near = []
    return found + _parted(near)


def _parted(near: Sequence[_Known]) -> list[Task]:
    """Small tasks in order, as strands of those that need each other, if it is worth it."""
    maker: dict[int, int] = {}
    strand: list[int] = []  # by the number of a task, another of its strand; the least is its own

    def root(t: int) -> int:
        while strand[t] != t:
            strand[t] = t = strand[strand[t]]
        return t

    for t, known in enumerate(near):
        strand.append(t)
        for other in {root(maker[n]) for n in known.reads if n in maker}:
            low, high = sorted((root(t), other))
            strand[high] = low
        maker |= dict.fromkeys(known.makes, t)
    numbers = [root(t) for t in range(len(near))]
    costs: Counter[int] = Counter()
    for number, known in zip(numbers, near, strict=True):
        costs[number] += known.cost
    total = sum(costs.values())
    if total < _WORTH or 2 * max(costs.values()) > total:  # the others would wait for one
        return [known.task for known in near]
    strands = Strands()
    return [known.beside(strands, n).task for known, n in zip(near, numbers, strict=True)]
