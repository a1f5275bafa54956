"""Derivatives of graphs, as graphs."""

from pullback.autodiff.checkpoint import checkpoint
from pullback.autodiff.custom import custom_derivative
from pullback.autodiff.gradcheck import InputVerdict, Verdict, gradcheck
from pullback.autodiff.jacobian import hessian, jacobian
from pullback.autodiff.loops import loop_pullback as loop_pullback
from pullback.autodiff.reverse import backward, pullback
from pullback.autodiff.transforms import gradient, hvp, jvp, value_and_grad, vjp
from pullback.autodiff.vmap import vmap

__all__ = [
    "InputVerdict",
    "Verdict",
    "backward",
    "checkpoint",
    "custom_derivative",
    "gradcheck",
    "gradient",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "pullback",
    "value_and_grad",
    "vjp",
    "vmap",
]
