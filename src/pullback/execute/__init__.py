"""Running graphs and programs on NumPy, and the bridge to the native module."""

from pullback.execute.choice import EXECUTORS, Executor, default_executor, executor
from pullback.execute.compiled import NativeExecutor
from pullback.execute.evaluate import evaluate
from pullback.execute.executors import NumpyExecutor, ReferenceExecutor
from pullback.execute.origin import NonFiniteOrigin, find_origin
from pullback.execute.state import State

__all__ = [
    "EXECUTORS",
    "Executor",
    "NativeExecutor",
    "NonFiniteOrigin",
    "NumpyExecutor",
    "ReferenceExecutor",
    "State",
    "default_executor",
    "evaluate",
    "executor",
    "find_origin",
]
