"""Networks: layers, activations, initial values, written in operations."""

from pullback.nn import activations, initialisers
from pullback.nn.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Activation,
    Exponential,
    GELUTanh,
    HardShrink,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Identity,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SoftShrink,
    Softsign,
    Sparsemax,
    Squareplus,
    Tanh,
    TanhShrink,
    Threshold,
)
from pullback.nn.attention import MultiHeadAttention
from pullback.nn.augmentation import Cutout, RandomCrop, RandomFlip, RandomShift
from pullback.nn.batch_norm import BatchNorm
from pullback.nn.bilinear import Bilinear
from pullback.nn.buffer import Buffer
from pullback.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    DepthwiseConv2d,
    SeparableConv2d,
)
from pullback.nn.dropout import Dropout
from pullback.nn.embedding import Embedding
from pullback.nn.head import Head
from pullback.nn.linear import Flatten, Linear
from pullback.nn.mode import mode
from pullback.nn.module import Module, layers
from pullback.nn.normalisation import (
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
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
from pullback.nn.rnn import GRU, LSTM, RNN, Last
from pullback.nn.sequential import Sequential, dense
from pullback.nn.storage import load, save
from pullback.nn.summary import summary
from pullback.nn.tied import Tied
from pullback.nn.transformer import TransformerBlock
from pullback.nn.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from pullback.nn.wiring import Concatenate, Parallel, Reshape, Residual
from pullback.ops import gelu, silu

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Activation",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Bilinear",
    "Buffer",
    "Concatenate",
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
    "Exponential",
    "Flatten",
    "GELUTanh",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Head",
    "Identity",
    "InstanceNorm",
    "Last",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "MultiHeadAttention",
    "PReLU",
    "Parallel",
    "Parameter",
    "RMSNorm",
    "RandomCrop",
    "RandomFlip",
    "RandomShift",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Residual",
    "SeparableConv2d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sparsemax",
    "Squareplus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "Tied",
    "TransformerBlock",
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
