"""Steps for the planner's tests, and one way to run them by every road."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pullback.execute import NumpyExecutor, ReferenceExecutor, State
from pullback.graph.node import Node
from pullback.plan import Program, Step, plan, rewrites
from pullback.plan.planner import REMOVE_DEAD

REWRITES = (*(rewrite.name for rewrite in rewrites.REWRITES), REMOVE_DEAD)
Feeds = Mapping[str, np.ndarray]


def step_of(*outputs: Node) -> Step:
    return Step({str(i): node for i, node in enumerate(outputs)})


def count(program: Program, name: str = "") -> int:
    """How many instructions a program has, or how many of one operation."""
    return sum(not name or i.op.name == name for i in program.instructions)


def planned(*outputs: Node, without: Collection[str] = ()) -> Program:
    return plan(step_of(*outputs), without)


def run(
    step: Step, feeds: Feeds, slots: Feeds | None = None, without: Collection[str] = ()
) -> list[np.ndarray]:
    """What a planned step gives: its outputs, then its slots."""
    state = State(slots or {})
    found = NumpyExecutor(plan(step, without), state).run(feeds)
    return [*found.values(), *state.snapshot().values()]


def reference(step: Step, feeds: Feeds, slots: Feeds | None = None) -> list[np.ndarray]:
    state = State(slots or {})
    found = ReferenceExecutor(step, state).run(feeds)
    return [*found.values(), *state.snapshot().values()]


def same_bits(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> bool:
    """The same dtypes, shapes and bits; every NaN is like every other."""
    return len(a) == len(b) and all(
        x.dtype == y.dtype and x.shape == y.shape and plain(x) == plain(y)
        for x, y in zip(a, b, strict=True)
    )


def plain(x: np.ndarray) -> bytes:
    return (
        np.where(np.isnan(x), np.nan, x).astype(x.dtype) if x.dtype.kind == "f" else x
    ).tobytes()
