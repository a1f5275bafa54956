"""The native executor: a program made into tasks of the native module, over one arena.

Elementwise operations run in chains, other operations by kernels, and what the module does not
know yet by its NumPy meaning on views of the arena. Where everything lies is planned once; a run
copies the feeds in, computes, and copies the outputs out.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pullback.execute import lowering
from pullback.execute.assembly import Assembly
from pullback.execute.blocks import Blocks
from pullback.execute.epilogues import finish_kernels
from pullback.execute.evaluate import said
from pullback.execute.executors import out_of_memory, plan_too_large
from pullback.execute.loops import LoopingTasks
from pullback.execute.probing import find_taps
from pullback.execute.seen import Seen
from pullback.execute.state import State, writes, written
from pullback.execute.strands import find_strands
from pullback.execute.updates import in_place
from pullback.graph.collecting import collector_paused
from pullback.graph.dtypes import Array, is_float
from pullback.memory import must_be_held, there_is
from pullback.plan.layout import Layout
from pullback.plan.memory import placed
from pullback.plan.program import Program

Outputs = dict[str, Array]


class NativeExecutor:
    """Runs a program by the native module.

    Args:
        program: What to run.
        state: The block that its slots are views of.

    Raises:
        ConfigError: There is no native module, or PULLBACK_ISA names no instruction set of it.
        ShapeError: The values do not fit into memory.
    """

    @collector_paused()
    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state
        self._slots = {n: label for label, (n, _, _) in program.slots.items()}
        leaves, made = self._leaves(), [i.output for i in program.instructions]
        numbers = itertools.count(1 + max([*leaves, *made], default=-1))
        self._tasks = LoopingTasks(leaves, numbers, dict(program.constants))
        for one in program.instructions:
            must_be_held(one.shape, one.dtype.itemsize, functools.partial(said, one))
        self._tasks.extend(program.instructions)
        self._in_place = self._updated()
        self._roots = self._rooted()
        self._tasks.write_in_place(self._in_place)
        finish_kernels(self._tasks)
        find_strands(self._tasks)
        self._blocks = self._placed()
        self._native = lowering.new_program(self._blocks.arena, state.block)
        taps = find_taps(self._tasks, [*program.sites.values()], program.instructions)
        checked = program.finite is not None
        self._assembly = Assembly(self._native, self._blocks, self._tasks, taps, checked)
        self._build()
        self._writes = -1

    def _leaves(self) -> dict[int, Layout]:
        """Where constants, feeds and slots lie: each whole, in a block of its own."""
        program = self.program
        leaves = [(n, array.shape, array.dtype) for n, array in program.constants.items()]
        leaves += [*program.feeds.values(), *program.slots.values()]
        return {n: Layout.whole(n, shape, dtype) for n, shape, dtype in leaves}

    def _updated(self) -> dict[int, Layout]:
        """The new values of slots that are written over the old ones."""
        program = self.program
        others = {*program.outputs.values(), -1 if program.guard is None else program.guard}
        tasks, layouts = self._tasks.tasks, self._tasks.layouts
        return in_place(tasks, layouts, program.assigns, program.slots, others)

    def _rooted(self) -> dict[int, int]:
        """The values asked for, each with the number of an array that can be handed out.

        Views, and slots, which are written before outputs are read, are copied first.
        """
        program, layouts = self.program, self._tasks.layouts
        found = {}
        watched = program.finite or ()
        wanted = (*program.outputs.values(), *program.assigns.values(), *watched)
        guard = () if program.guard is None else (program.guard,)
        for n in dict.fromkeys((*wanted, *guard)):
            if n in self._in_place:
                continue
            whole = layouts[n].base == n and n not in self._slots
            found[n] = n if whole else self._tasks.copy(n)
        return found

    def _placed(self) -> Blocks:
        """The memory, with a place for each value."""
        program, constants = self.program, self._tasks.constants
        there = [*constants, *(n for n, _, _ in program.feeds.values())]
        lives = self._tasks.keep([*self._roots.values(), *constants], there)
        offsets, size = placed(lives)
        if not there_is(size):  # to ask for it would end the process, sooner or later
            raise plan_too_large(program, size)
        try:
            return Blocks(self._tasks.layouts, offsets, size, self._slots, self.state)
        except MemoryError:
            raise plan_too_large(program, size) from None

    def _build(self) -> None:
        """Make the native program: its tasks, and what is read and written around them."""
        program, blocks, roots = self.program, self._blocks, self._roots
        for n, array in self._tasks.constants.items():
            blocks.array(n)[...] = array
        for site in program.sites.values():
            self._native.probe(*site.bounds, site.histogram)
        self._assembly.add_all()
        self._feeds = [(label, blocks.array(n)) for label, (n, _, _) in program.feeds.items()]
        self._outputs = {name: blocks.array(roots[n]) for name, n in program.outputs.items()}
        if program.finite is not None:
            real = [n for n in program.finite if is_float(blocks.layouts[n].dtype)]
            self._native.watch([blocks.at(roots[n]) for n in real if n in roots])
        if program.guard is not None:
            self._native.guard(blocks.at(roots[program.guard]))
        for label, n in program.assigns.items():
            if n in roots:
                self._native.write(blocks.at(roots[n]), blocks.slot(label))

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if guard and `finite` allow it.

        Raises:
            ConfigError: The feeds are not what the program was planned for.
        """
        self.program.check_feeds(feeds)
        return self.run_again(feeds)

    def run_again(
        self, feeds: Mapping[str, Array], *, look: bool = False, copied: bool = True
    ) -> Outputs:
        """`run`, with feeds of shapes and dtypes that are known to be right.

        With `look`, its sites are seen: `seen` tells what was. Outputs that are not `copied` hold
        until the next run, or until slots are written.
        """
        for label, array in self._feeds:
            array[...] = feeds[label]
        with np.errstate(all="ignore"), self._writing():
            try:
                _, faulty = self._native.run(look)
            except MemoryError:
                raise out_of_memory(self.program) from None
            if faulty >= 0:
                for refused in self._assembly.added[faulty]:
                    if refused.kind != "chain":
                        self._assembly.host(refused)()  # says in words what the kernel refused
        outputs = self._outputs
        return {name: array.copy() for name, array in outputs.items()} if copied else {**outputs}

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its sites, in the order in which they are seen."""
        return tuple(self.program.sites)

    def seen(self) -> Seen:
        """What was seen at the sites in the last run, which was looked at; once only."""
        found = Seen.empty(self.program.sites)
        self._native.take_seen(found.statistics, found.bins)
        return found

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Around runs: the module forgets what it knows of slots if others have written since."""
        if self._writes != writes():
            self._native.forget()
        yield
        written()
        self._writes = writes()

    def takes_rows(self, arrays: Mapping[str, Any]) -> bool:
        """Whether `run_steps` can feed the program with rows of these arrays."""
        for label, (n, shape, dtype) in self.program.feeds.items():
            array = arrays.get(label)
            if not lowering.holds(self._blocks.layouts[n]):
                return False
            if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
                return False
            if array.dtype != dtype or not shape or array.shape[1:] != shape[1:]:
                return False
        return bool(self.program.feeds)

    def run_steps(
        self,
        arrays: Mapping[str, Any],
        rows: Array,
        outputs: Sequence[str],
        seconds: float,
        looks: Array | None = None,
    ) -> tuple[Array, list[Seen]]:
        """Runs one after the other, until one writes no slot, or the time is up.

        Args:
            arrays: What the feeds are rows of, by label; `takes_rows` of them is true.
            rows: The numbers of the rows, (steps, batch).
            outputs: Names of outputs of one number each.
            seconds: No run begins after so long.
            looks: Whether each run is looked at, (steps,); none is when None.

        Returns:
            Those outputs of every run that wrote the slots, (steps, outputs), and what was seen in
            each of those that were looked at.
        """
        looks = np.zeros(0, bool) if looks is None else looks
        seen = Seen.empty(self.program.sites, int(looks.sum()))
        log = np.empty((len(rows), len(outputs)))
        fed = [
            (self._blocks.at(n), arrays[label]) for label, (n, _, _) in self.program.feeds.items()
        ]
        read = [self._blocks.at(self._roots[self.program.outputs[name]]) for name in outputs]
        with np.errstate(all="ignore"), self._writing():
            done, _ = self._native.run_steps(
                fed, rows, read, log, seconds, looks, seen.statistics, seen.bins
            )
        return log[:done], seen.parts(int(looks[:done].sum()), len(self.program.sites))

    def profile(self, feeds: Mapping[str, Array], runs: int = 10) -> list[tuple[str, float]]:
        """The parts of a run, each with the least number of microseconds that it took.

        It runs the program, so slots move on as in any other run.

        Args:
            feeds: As those of `run`.
            runs: How many runs there are.

        Raises:
            ConfigError: The feeds are not what the program was planned for.
        """
        self.program.check_feeds(feeds)
        seconds = []
        for _ in range(runs):
            for label, array in self._feeds:
                array[...] = feeds[label]
            with np.errstate(all="ignore"), self._writing():
                seconds.append(self._native.profile())
        parts = ["\n".join(map(str, tasks)) for tasks in self._assembly.added]
        parts += ["  look at what would be written", "  write"]
        best = 1e6 * np.min(seconds, axis=0)
        return list(zip(parts, best.tolist(), strict=True))

    def __str__(self) -> str:
        tasks = self._tasks.tasks
        first = f"{len(tasks)} tasks, {len(self._blocks.arena)} bytes of arena"
        return "\n".join([first, *map(str, tasks)])
