"""Running graphs and programs on NumPy, and the bridge to the native module."""

from pullback.execute.evaluate import evaluate

__all__ = ["evaluate"]
