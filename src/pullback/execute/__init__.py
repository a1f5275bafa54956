"""Running graphs and programs on NumPy, and the bridge to the native module."""

from pullback.execute.evaluate import evaluate
from pullback.execute.executors import Executor, NumpyExecutor, ReferenceExecutor, executor
from pullback.execute.origin import NonFiniteOrigin, find_origin
from pullback.execute.state import State

__all__ = [
    "Executor",
    "NonFiniteOrigin",
    "NumpyExecutor",
    "ReferenceExecutor",
    "State",
    "evaluate",
    "executor",
    "find_origin",
]
