"""Which slots are written in place: by the chain that computes their new values.

Such a chain runs behind all other tasks, and once all is known to be finite. It may read the old
value of its slot element for element, and nobody else may read the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pullback.execute.tasks import Task
from pullback.graph.dtypes import Dtype, Shape
from pullback.plan.layout import Layout

Slot = tuple[int, Shape, Dtype]


def in_place(
    tasks: Sequence[Task],
    layouts: Mapping[int, Layout],
    assigns: Mapping[str, int],
    slots: Mapping[str, Slot],
    wanted: Collection[int],
) -> dict[int, Layout]:
    """The new values that can be written over the old ones, each with the layout of its slot.

    Args:
        tasks: All tasks, in order.
        layouts: Where values lie within their blocks.
        assigns: The new value of each slot, by its label.
        slots: The number, shape and dtype of each slot that is read, by its label.
        wanted: Values that are needed for other things than to be assigned.
    """
    times = Counter(assigns.values())
    label_of = {n: label for label, n in assigns.items() if times[n] == 1 and label in slots}
    readers: Counter[int] = Counter()
    for task in tasks:
        readers.update(task.reads(layouts))
    found: dict[int, Layout] = {}
    needed = {*assigns.values(), *wanted}
    for task in tasks:
        read = task.reads(layouts)
        made = [i.output for i in task.group]
        stored = [n for n in made if readers[n] or n in needed]
        labels = [label_of.get(n) for n in stored]
        alone = all(not readers[n] and n not in wanted for n in stored)
        if task.kind != "chain" or not stored or None in labels or not alone:
            continue
        new = {n: _slot(slots[label]) for n, label in zip(stored, labels, strict=True) if label}
        fits = all(
            layouts[n].shape == slot.shape and layouts[n].dtype == slot.dtype
            for n, slot in new.items()
        )
        if fits and _reads_whole(task, layouts, {slot.base for slot in new.values()}, read):
            found |= new
    return _unread_by_others(tasks, layouts, found)


def _slot(slot: Slot) -> Layout:
    return Layout.whole(*slot)


def _reads_whole(
    task: Task, layouts: Mapping[int, Layout], slots: set[int], read: set[int]
) -> bool:
    """Whether a chain reads none of these slots but element for element."""
    numbers = {x for i in task.group for x in i.inputs}
    for n in numbers:
        layout = layouts[n]
        if layout.base in slots & read and layout != layouts[layout.base]:
            return False
        if layout.base in slots and layout.shape != task.group[0].shape:
            return False
    return True


def _unread_by_others(
    tasks: Sequence[Task], layouts: Mapping[int, Layout], found: dict[int, Layout]
) -> dict[int, Layout]:
    """Leave out slots whose old value another chain of those that write in place reads."""
    while True:
        updates = [t for t in tasks if any(i.output in found for i in t.group)]
        readers: Counter[int] = Counter()
        for task in updates:
            readers.update(task.reads(layouts))
        refused = set()
        for task in updates:
            own = task.reads(layouts)
            new = {i.output for i in task.group} & found.keys()
            if any(readers[found[n].base] > (found[n].base in own) for n in new):
                refused |= new
        if not refused:
            return found
        found = {n: slot for n, slot in found.items() if n not in refused}
