"""Looking into a training step: what every number in it is, and why."""

from pullback.insight.check import GradientCheck, check_gradients
from pullback.insight.curvature import Curvature, curvature
from pullback.insight.derivation import Derivation
from pullback.insight.explain import explain
from pullback.insight.figures import figure
from pullback.insight.formulas import Formulas, formula
from pullback.insight.landscape import Landscape, landscape
from pullback.insight.noise import NoiseScale, noise_scale
from pullback.insight.replay import Replay, replay
from pullback.insight.report import report
from pullback.insight.trace import Trace
from pullback.insight.tracer import Tracer, trace_step
from pullback.insight.weights import weights_at

__all__ = [
    "Curvature",
    "Derivation",
    "Formulas",
    "GradientCheck",
    "Landscape",
    "NoiseScale",
    "Replay",
    "Trace",
    "Tracer",
    "check_gradients",
    "curvature",
    "explain",
    "figure",
    "formula",
    "landscape",
    "noise_scale",
    "replay",
    "report",
    "trace_step",
    "weights_at",
]
