"""Tasks cut by rows: whether some rows of all that they make can be made by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pullback.execute.tasks import Task
from pullback.ops.joining import Concatenate
from pullback.ops.slicing import Embed
from pullback.plan.layout import Layout
from pullback.plan.program import Instruction

_BY_ROWS = frozenset({"cross_entropy_with_logits", "one_hot"})
_SUMS = frozenset({"sum", "mean", "norm", "logsumexp", "max", "min", "variance", "std"})
_ALONG_AXES = _SUMS | {"softmax", "log_softmax", "softmax_pullback"}


class Cut:
    """Tasks of which each strand computes some of the rows.

    Args:
        cuts: Into how many parts the rows are cut.
        layouts: Where values lie within their blocks.

    Attributes:
        made: What the tasks make, by block.
    """

    def __init__(self, cuts: int, layouts: Mapping[int, Layout]) -> None:
        self.cuts = cuts
        self.layouts = layouts
        self.made: dict[int, list[Layout]] = {}

    def add(self, n: int) -> None:
        """Add a value that each strand makes its rows of."""
        self.made.setdefault(self.layouts[n].base, []).append(self.layouts[n])

    def takes(self, task: Task) -> bool:
        """Add a task, if rows of what it makes need but the same rows of what the others make."""
        made = [task.copies[1]] if task.copies is not None else [i.output for i in task.group]
        if not all(map(self.has_rows, made)) or not self._fits(task):
            return False
        for n in made:
            self.add(n)
        return True

    def has_rows(self, n: int) -> bool:
        """Whether a value can be made by rows, each strand as many."""
        return self._divides(n) and self.layouts[n].contiguous

    def _fits(self, task: Task) -> bool:
        if task.copies is not None:
            return self._reads_rows(task.copies[0])
        made, chain = {i.output for i in task.group}, task.group
        if task.kind == "kernel":
            first, *rest = task.group
            cut, chain = cut_inputs(first), tuple(rest)
            if cut is None or not all(map(self._reads, first.inputs, cut)):
                return False
        elif task.kind != "chain":
            return False
        own = {self.layouts[n].base for n in made}
        inputs = [(x, i.shape) for i in chain for x in i.inputs if x not in made]
        return all(self.layouts[x].base in own or self._follows(x, shape) for x, shape in inputs)

    def _divides(self, n: int) -> bool:
        shape = self.layouts[n].shape
        return bool(shape) and shape[0] % self.cuts == 0

    def _reads(self, n: int, is_cut: bool) -> bool:
        """Whether a kernel can read all of a value, or the rows of a strand."""
        return self._reads_rows(n) if is_cut else self.layouts[n].base not in self.made

    def _reads_rows(self, n: int) -> bool:
        return self._divides(n) and (self.layouts[n].base not in self.made or self._is_part(n))

    def _follows(self, n: int, shape: Sequence[int]) -> bool:
        """Whether a chain of that shape can read a value."""
        layout = self.layouts[n]
        if layout.base not in self.made:
            return True
        return len(layout.shape) == len(shape) and layout.shape[0] == shape[0] and self._is_part(n)

    def _is_part(self, n: int) -> bool:
        """Whether the rows of a strand lie where the strand has made them."""
        layout = self.layouts[n]
        if not self._divides(n) or min(layout.strides) < 0:
            return False
        inner = zip(layout.shape[1:], layout.strides[1:], strict=True)
        reach = sum((length - 1) * stride for length, stride in inner)
        step = layout.strides[0]
        return any(
            layout.moves == whole.moves
            and step * layout.shape[0] == whole.size
            and 0 <= layout.offset - whole.offset < step - reach
            for whole in self.made[layout.base]
        )


def cut_inputs(one: Instruction) -> Sequence[bool] | None:
    """Of which inputs a kernel needs but some rows to make the same rows of its value.

    None if it needs all rows of all of them.
    """
    name, axes = one.op.name, getattr(one.op, "axes", ())
    if name == "matmul":
        return True, len(one.shape) > 2
    if name in _BY_ROWS or (name in _ALONG_AXES and axes and 0 not in axes):
        return [True] * len(one.inputs)
    if isinstance(one.op, Concatenate) and one.op.axis > 0:
        return [True] * len(one.inputs)
    if isinstance(one.op, Embed) and one.op.bounds[:1] == ((0, one.shape[0], 1),):
        return (True,)
    return None
