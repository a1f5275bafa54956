"""The two NumPy executors: the oracle and the fallback.

The oracle runs the graph as it was written, operation by operation, with float64 inside every
float operation. The fallback runs the planned program in its own dtypes; it is what trains where
there is no native module. Both read and write the same state under the same guard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pullback.execute.state import State
from pullback.graph.dtypes import Array, Dtype, is_float
from pullback.graph.node import Node, Placeholder, Slot
from pullback.graph.order import topological
from pullback.plan import Program, Step, plan

Outputs = dict[str, Array]


class NumpyExecutor:
    """Runs a program on NumPy, in the program's own dtypes.

    Args:
        program: What to run.
        state: The block that its slots are views of.
    """

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.state = state
        self._code: list[
            tuple[Callable[..., Array], tuple[int, ...], int, Dtype, tuple[int, ...]]
        ] = [(i.op.forward, i.inputs, i.output, i.dtype, i.frees) for i in program.instructions]
        self._slots = {n: state[label] for label, (n, _, _) in program.slots.items()}
        highest = max([-1, *program.constants, *self._slots], default=-1)
        feeds = max((n for n, _, _ in program.feeds.values()), default=-1)
        outputs = max((i.output for i in program.instructions), default=-1)
        self._size = 1 + max(highest, feeds, outputs)

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if the guard allows it."""
        program = self.program
        program.check_feeds(feeds)
        values: list[Array | None] = [None] * self._size
        for known in (program.constants, self._slots):
            for number, array in known.items():
                values[number] = array
        for label, (number, _, _) in program.feeds.items():
            values[number] = feeds[label]
        with np.errstate(all="ignore"):
            for forward, inputs, output, dtype, frees in self._code:
                result = forward(*[values[i] for i in inputs])
                values[output] = result if result.dtype == dtype else result.astype(dtype)
                for number in frees:
                    values[number] = None
        outputs = {name: np.array(values[n]) for name, n in program.outputs.items()}
        if program.guard is None or values[program.guard]:
            for label, number in program.assigns.items():
                self.state[label][...] = values[number]
        return outputs


class ReferenceExecutor:
    """Runs a step's graph as it was written: the oracle that every executor must agree with."""

    def __init__(self, step: Step, state: State) -> None:
        self.step = step
        self.state = state
        self._order = topological(step.roots())

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """One run: returns the outputs; writes the slots if the guard allows it."""
        values: dict[Node, Array] = {}
        with np.errstate(all="ignore"):
            for node in self._order:
                values[node] = self._value(node, values, feeds)
        outputs = {name: values[node].copy() for name, node in self.step.outputs.items()}
        if self.step.guard is None or values[self.step.guard]:
            new = {label: values[node].copy() for label, node in self.step.assigns.items()}
            for label, array in new.items():
                self.state[label] = array
        return outputs

    def _value(self, node: Node, values: dict[Node, Array], feeds: Mapping[str, Array]) -> Array:
        if node.value is not None:
            return node.value
        if isinstance(node.op, Placeholder):
            return feeds[node.op.label]
        if isinstance(node.op, Slot):
            return self.state[node.op.label]
        wide = [
            values[x].astype(np.float64) if is_float(x.dtype) else values[x] for x in node.inputs
        ]
        return np.asarray(node.op.forward(*wide), node.dtype)


Executor = NumpyExecutor | ReferenceExecutor


def executor(step: Step, state: State, kind: str = "numpy") -> Executor:
    """An executor of `step`: `numpy` plans it, `reference` runs it as it was written."""
    if kind == "reference":
        return ReferenceExecutor(step, state)
    return NumpyExecutor(plan(step), state)
