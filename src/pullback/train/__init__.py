"""Training: the loop, its rules, its record, and going on after an interruption."""

from pullback.train.callbacks import Callback
from pullback.train.fit import fit, resume
from pullback.train.model import Model, load
from pullback.train.run import Run

__all__ = ["Callback", "Model", "Run", "fit", "load", "resume"]
