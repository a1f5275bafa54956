"""Which executor runs a step."""

from __future__ import annotations

import os

from pullback.errors import unknown
from pullback.execute.compiled import NativeExecutor
from pullback.execute.executors import NumpyExecutor, ReferenceExecutor
from pullback.execute.state import State
from pullback.plan import Step, plan

Executor = NativeExecutor | NumpyExecutor | ReferenceExecutor

EXECUTORS = ("numpy", "native", "reference")


def default_executor() -> str:
    """The executor that is used where none is named: `numpy`, or PULLBACK_EXECUTOR.

    Raises:
        UnknownNameError: PULLBACK_EXECUTOR names no executor.

    Example:
        >>> default_executor() in EXECUTORS
        True
    """
    kind = os.environ.get("PULLBACK_EXECUTOR") or "numpy"
    if kind not in EXECUTORS:
        raise unknown("executor", kind, EXECUTORS)
    return kind


def executor(step: Step, state: State, kind: str | None = None) -> Executor:
    """An executor of `step`.

    Args:
        step: What to run.
        state: The slots that it reads and writes.
        kind: `numpy` and `native` plan it; `reference` runs it as it was written. None takes
            the default.

    Raises:
        ConfigError: There is no native module for `native`.
    """
    kind = kind or default_executor()
    if kind == "reference":
        return ReferenceExecutor(step, state)
    if kind == "native":
        return NativeExecutor(plan(step), state)
    return NumpyExecutor(plan(step), state)
