"""Pullback: neural networks you can see through.

Everything public is an attribute of this module and loaded when it is first used, NumPy included,
so that `import pullback` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pullback._version import __version__

if TYPE_CHECKING:
    from pullback import data, datasets, errors, losses, metrics, nn, optim
    from pullback.autodiff.checkpoint import checkpoint
    from pullback.autodiff.custom import custom_derivative
    from pullback.autodiff.gradcheck import gradcheck
    from pullback.autodiff.jacobian import hessian, jacobian
    from pullback.autodiff.transforms import gradient, hvp, jvp, value_and_grad, vjp
    from pullback.autodiff.vmap import vmap
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
    from pullback.ops import *
    from pullback.tensors import Tensor, tensor
    from pullback.train.auto import fit_table
    from pullback.train.callbacks import Callback
    from pullback.train.fit import fit
    from pullback.train.model import Model, load
    from pullback.train.per_sample import per_sample_gradients, per_sample_norms
    from pullback.train.probes import Probes
    from pullback.train.readings import Reading, Readings
    from pullback.train.resume import resume
    from pullback.train.run import Run
    from pullback.train.training import Training

_ROOMS = ("data", "datasets", "errors", "losses", "metrics", "nn", "optim")
_HOMES = {
    "Tensor": "pullback.tensors",
    "tensor": "pullback.tensors",
    **dict.fromkeys(
        (
            "Callback",
            "Model",
            "Probes",
            "Reading",
            "Readings",
            "Run",
            "Training",
            "fit",
            "fit_table",
            "load",
            "per_sample_gradients",
            "per_sample_norms",
            "resume",
        ),
        "pullback.train",
    ),
    **dict.fromkeys(
        (
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
        ),
        "pullback.insight",
    ),
    **dict.fromkeys(
        (
            "checkpoint",
            "custom_derivative",
            "gradcheck",
            "gradient",
            "hessian",
            "hvp",
            "jacobian",
            "jvp",
            "value_and_grad",
            "vjp",
            "vmap",
        ),
        "pullback.autodiff",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"pullback.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'pullback' has no attribute {name!r}")
    importlib.import_module("pullback.tensors")  # which says how the value of a node is found
    ops = importlib.import_module("pullback.ops")
    home = importlib.import_module(_HOMES[name]) if name in _HOMES else ops
    if not hasattr(home, name):
        from pullback.errors import nearest

        guess = nearest(name, __dir__())
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise AttributeError(f"module 'pullback' has no attribute {name!r}{hint}")
    globals()[name] = getattr(home, name)
    return globals()[name]


def __dir__() -> list[str]:
    ops = importlib.import_module("pullback.ops")
    names = {*_ROOMS, *_HOMES, "__version__"}
    return sorted(names | {n for n in vars(ops) if callable(getattr(ops, n)) and n[0] != "_"})
