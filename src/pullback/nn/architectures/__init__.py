"""Networks by name: what is built where only the form of the inputs is known.

An architecture is a record of sizes; `build` makes the network for inputs of one form. The last
layer is linear: one output a class, or one a number.
"""

from pullback.nn.architectures.base import Architecture, Inputs, get, registry
from pullback.nn.architectures.images import ConvNet, LeNet
from pullback.nn.architectures.sequences import GRUNetwork, LSTMNetwork, RNNNetwork, Transformer
from pullback.nn.architectures.tables import Dense

__all__ = [
    "Architecture",
    "ConvNet",
    "Dense",
    "GRUNetwork",
    "Inputs",
    "LSTMNetwork",
    "LeNet",
    "RNNNetwork",
    "Transformer",
    "get",
    "registry",
]
