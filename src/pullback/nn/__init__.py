"""Networks: layers, activations, initial values, written in operations."""

from pullback.nn import activations, initialisers
from pullback.nn.activations import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    gelu,
    silu,
)
from pullback.nn.attention import MultiHeadAttention
from pullback.nn.buffer import Buffer
from pullback.nn.dropout import Dropout
from pullback.nn.embedding import Embedding
from pullback.nn.head import Head
from pullback.nn.linear import Flatten, Linear
from pullback.nn.mode import mode
from pullback.nn.module import Module, layers
from pullback.nn.parameter import Parameter
from pullback.nn.positions import LearnedPositions, SinusoidalPositions, rotated
from pullback.nn.sequential import Sequential, dense
from pullback.nn.storage import load, save

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Buffer",
    "Dropout",
    "Embedding",
    "Flatten",
    "Head",
    "Identity",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "Module",
    "MultiHeadAttention",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Tanh",
    "activations",
    "dense",
    "gelu",
    "initialisers",
    "layers",
    "load",
    "mode",
    "rotated",
    "save",
    "silu",
]
