"""Chains that finish what a kernel computes, part by part, while it is still in cache.

A bias, an activation, the product with an activation's derivative: what follows a matrix product
or a convolution element for element becomes part of its task, and costs no pass over memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pullback.execute import lowering
from pullback.execute.tasks import Task, Tasks
from pullback.plan.layout import Layout


def finish_kernels(all_tasks: Tasks) -> None:
    """Make each chain that can finish a kernel part of the kernel's task.

    The kernel moves to the place of the chain, so nobody in between may read its value.
    """
    tasks, layouts = all_tasks.tasks, all_tasks.layouts
    found: list[Task | None] = list(tasks)
    maker: dict[int, int] = {}  # the kernel that made a block and that no task has read since
    for t, task in enumerate(tasks):
        read = task.reads(layouts)
        if task.kind == "chain":
            kernel = _kernel(task, [maker[n] for n in read if n in maker], found, layouts)
            if kernel is not None:
                one = found[kernel]
                assert one is not None
                found[kernel], found[t] = None, replace(one, group=(*one.group, *task.group))
        for n in read:
            maker.pop(n, None)
        if task.kind == "kernel" and _finishes(all_tasks, task):
            made = task.group[0].output
            maker |= {made: t} if layouts[made].base == made else {}
    all_tasks.tasks = [task for task in found if task is not None]


def _finishes(tasks: Tasks, task: Task) -> bool:
    kernel = tasks.kernel(task.group[0])
    return kernel is not None and lowering.finishes(kernel)


def _kernel(
    chain: Task, makers: Sequence[int], tasks: Sequence[Task | None], layouts: Mapping[int, Layout]
) -> int | None:
    """The last of these kernels that the chain can finish."""
    for t in sorted(makers, reverse=True):
        kernel = tasks[t]
        if kernel is not None and _goes_along(chain, kernel.group[0].output, layouts):
            return t
    return None


def _goes_along(chain: Task, made: int, layouts: Mapping[int, Layout]) -> bool:
    """Whether a chain reads a kernel's value element for element, in the order of memory."""
    whole, size = layouts[made], layouts[chain.group[0].output].size
    if not whole.shape or whole.size != size:
        return False
    read = {x for i in chain.group for x in i.inputs if layouts[x].base == whole.base}
    return all(
        layouts[x].contiguous
        and layouts[x].size == size
        and (layouts[x].base, layouts[x].offset) == (whole.base, whole.offset)
        for x in read
    )
