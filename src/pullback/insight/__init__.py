"""Looking into a training step: what every number in it is, and why."""

from pullback.insight.check import GradientCheck, check_gradients
from pullback.insight.derivation import Derivation
from pullback.insight.explain import explain
from pullback.insight.formulas import Formulas, formula
from pullback.insight.trace import Trace, trace_step

__all__ = [
    "Derivation",
    "Formulas",
    "GradientCheck",
    "Trace",
    "check_gradients",
    "explain",
    "formula",
    "trace_step",
]
