"""Looking into a training step: what every number in it is, and why."""

from pullback.insight.derivation import Derivation
from pullback.insight.explain import explain
from pullback.insight.trace import Trace, trace_step

__all__ = ["Derivation", "Trace", "explain", "trace_step"]
