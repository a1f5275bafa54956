"""Training: the loop, its rules, its record, and going on after an interruption."""

from pullback.train.auto import Choice, choose, fit_table
from pullback.train.callbacks import Callback
from pullback.train.fit import fit
from pullback.train.model import Model, load
from pullback.train.own_step import OwnStep
from pullback.train.per_sample import per_sample_gradients, per_sample_norms
from pullback.train.probes import Probes
from pullback.train.readings import Reading, Readings
from pullback.train.resume import resume
from pullback.train.run import Run
from pullback.train.training import Training

__all__ = [
    "Callback",
    "Choice",
    "Model",
    "OwnStep",
    "Probes",
    "Reading",
    "Readings",
    "Run",
    "Training",
    "choose",
    "fit",
    "fit_table",
    "load",
    "per_sample_gradients",
    "per_sample_norms",
    "resume",
]
