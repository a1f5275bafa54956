"""Optimizers, schedules of the learning rate, clipping and penalties.

Example:
    >>> import pullback as pb
    >>> pb.optim.get("sgd").learning_rate
    0.01
    >>> pb.optim.Adam(3e-3, schedule="cosine").schedule
    Cosine(final=0.0, steps=None)
"""

from pullback.named import register
from pullback.optim import constraints, schedules
from pullback.optim.adafactor import Adafactor
from pullback.optim.adam import Adam, AdamW
from pullback.optim.adam_variants import Adamax, NAdam, RAdam
from pullback.optim.adaptive import Adadelta, Adagrad
from pullback.optim.base import Optimizer, get, registry
from pullback.optim.clipping import (
    Clipping,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    penalty,
)
from pullback.optim.constraints import Constraint, MaxNorm, NonNegative, UnitNorm
from pullback.optim.cycles import CosineRestarts, Cyclic, OneCycle
from pullback.optim.decays import (
    Exponential,
    InverseSqrt,
    InverseTime,
    Linear,
    MultiStep,
    Polynomial,
)
from pullback.optim.driver import Driver
from pullback.optim.joined import Joined
from pullback.optim.large_batch import LAMB, LARS
from pullback.optim.lbfgs import LBFGS
from pullback.optim.muon import Muon
from pullback.optim.plateau import ReduceOnPlateau
from pullback.optim.rmsprop import RMSprop
from pullback.optim.sam import SAM
from pullback.optim.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from pullback.optim.schedules import Constant, Cosine, Schedule, Step, WarmUp
from pullback.optim.sgd import SGD
from pullback.optim.signs import Lion, Rprop
from pullback.optim.surprise import AdaBelief, Yogi

__all__ = [
    "LAMB",
    "LARS",
    "LBFGS",
    "SAM",
    "SGD",
    "AdaBelief",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Clipping",
    "Constant",
    "Constraint",
    "Cosine",
    "CosineRestarts",
    "Cyclic",
    "Driver",
    "Exponential",
    "InverseSqrt",
    "InverseTime",
    "Joined",
    "Linear",
    "Lion",
    "MaxNorm",
    "MultiStep",
    "Muon",
    "NAdam",
    "NonNegative",
    "OneCycle",
    "Optimizer",
    "Polynomial",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Step",
    "UnitNorm",
    "WarmUp",
    "Yogi",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "constraints",
    "get",
    "penalty",
    "register",
    "registry",
    "schedules",
]
