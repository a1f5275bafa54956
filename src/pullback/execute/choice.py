"""Which executor runs a step."""

from __future__ import annotations

import os
import warnings

from pullback.errors import NumpyOnlyWarning, unknown
from pullback.execute.compiled import NativeExecutor
from pullback.execute.executors import NumpyExecutor, ReferenceExecutor
from pullback.execute.native import available, notice
from pullback.execute.state import State
from pullback.plan import Step, plan

Executor = NativeExecutor | NumpyExecutor | ReferenceExecutor

EXECUTORS = ("native", "numpy", "reference")


def default_executor() -> str:
    """The executor that is used where none is named.

    That is PULLBACK_EXECUTOR where it is set, `native` where there is a native module, else
    `numpy`, with one warning a process that says why.

    Raises:
        UnknownNameError: PULLBACK_EXECUTOR names no executor.
        FileFormatError: The native module was built from another version of the sources.

    Example:
        >>> default_executor() in EXECUTORS
        True
    """
    kind = os.environ.get("PULLBACK_EXECUTOR")
    if kind:
        if kind not in EXECUTORS:
            raise unknown("executor", kind, EXECUTORS)
        return kind
    if available():
        return "native"
    said = notice()
    if said is not None:
        warnings.warn(said, NumpyOnlyWarning, stacklevel=2)
    return "numpy"


def executor(step: Step, state: State, kind: str | None = None) -> Executor:
    """An executor of `step`.

    Args:
        step: What to run.
        state: The slots that it reads and writes.
        kind: `native` and `numpy` plan it; `reference` runs it as it was written. None takes
            the default.

    Raises:
        ConfigError: There is no native module for `native`.
        UnknownNameError: There is no executor of that name; the nearest is named.
    """
    kind = kind or default_executor()
    if kind not in EXECUTORS:
        raise unknown("executor", kind, EXECUTORS)
    if kind == "reference":
        return ReferenceExecutor(step, state)
    if kind == "native":
        return NativeExecutor(plan(step), state)
    return NumpyExecutor(plan(step), state)
