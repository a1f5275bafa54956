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
from pullback.nn.augmentation import Cutout, RandomCrop, RandomFlip, RandomShift
from pullback.nn.buffer import Buffer
from pullback.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DepthwiseConv2d,
    SeparableConv2d,
)
from pullback.nn.dropout import Dropout
from pullback.nn.embedding import Embedding
from pullback.nn.head import Head
from pullback.nn.linear import Flatten, Linear
from pullback.nn.mode import mode
from pullback.nn.module import Module, layers
from pullback.nn.parameter import Parameter
from pullback.nn.pooling import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from pullback.nn.positions import LearnedPositions, SinusoidalPositions, rotated
from pullback.nn.sequential import Sequential, dense
from pullback.nn.storage import load, save
from pullback.nn.summary import summary

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Cutout",
    "DepthwiseConv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Head",
    "Identity",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "MultiHeadAttention",
    "Parameter",
    "RandomCrop",
    "RandomFlip",
    "RandomShift",
    "ReLU",
    "SeparableConv2d",
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
    "summary",
]
