r"""Activation functions: what a neuron does with its weighted sum.

Each is a layer (`pb.nn.GELU()`), found by name with `get`; the functions themselves are operations
(`pb.relu`).
"""

from pullback.nn.activations.base import Activation, get, register, registry
from pullback.nn.activations.rectifiers import (
    CELU,
    ELU,
    SELU,
    HardShrink,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    SoftShrink,
    Threshold,
)
from pullback.nn.activations.rows import GLU, LogSoftmax, Softmax, Sparsemax
from pullback.nn.activations.saturating import (
    HardSigmoid,
    HardTanh,
    LogSigmoid,
    Sigmoid,
    Softsign,
    Tanh,
    TanhShrink,
)
from pullback.nn.activations.smooth import (
    GELU,
    Exponential,
    GELUTanh,
    HardSwish,
    Identity,
    Mish,
    SiLU,
    Softplus,
    Squareplus,
)

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Activation",
    "Exponential",
    "GELUTanh",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sparsemax",
    "Squareplus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "get",
    "register",
    "registry",
]
