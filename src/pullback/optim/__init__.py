"""Optimizers, schedules of the learning rate, clipping and penalties.

Example:
    >>> import pullback as pb
    >>> pb.optim.get("sgd").learning_rate
    0.01
    >>> pb.optim.Adam(3e-3, schedule="cosine").schedule
    Cosine(final=0.0, steps=None)
"""

from pullback.named import register
from pullback.optim import schedules
from pullback.optim.adam import Adam, AdamW
from pullback.optim.base import Optimizer, get, registry
from pullback.optim.clipping import clip_by_global_norm, penalty
from pullback.optim.rmsprop import RMSprop
from pullback.optim.schedules import Constant, Cosine, Schedule, Step, WarmUp
from pullback.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "Step",
    "WarmUp",
    "clip_by_global_norm",
    "get",
    "penalty",
    "register",
    "registry",
    "schedules",
]
