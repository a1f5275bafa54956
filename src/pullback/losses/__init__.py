"""Losses: how wrong outputs are, as one number to make small.

Lower case is a ready-made loss, to call like a function; the class of the same name in capitals
takes settings.

Example:
    >>> import pullback as pb
    >>> pb.losses.mse([1.0, 3.0], 1.0)
    tensor(2.)
    >>> pb.losses.get("huber").describe()
    'huber(delta=1.0)'
"""

from pullback.losses.base import Loss, Task, divided, get, registry
from pullback.losses.classes import ClassLoss
from pullback.losses.classification import BinaryCrossEntropyWithLogits, CrossEntropy
from pullback.losses.regression import MAE, MSE, Huber
from pullback.named import register

mse = MSE()
mae = MAE()
huber = Huber()
cross_entropy = CrossEntropy()
binary_cross_entropy_with_logits = BinaryCrossEntropyWithLogits()

__all__ = [
    "MAE",
    "MSE",
    "BinaryCrossEntropyWithLogits",
    "ClassLoss",
    "CrossEntropy",
    "Huber",
    "Loss",
    "Task",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "divided",
    "get",
    "huber",
    "mae",
    "mse",
    "register",
    "registry",
]
