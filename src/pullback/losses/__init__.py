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
from pullback.losses.distributions import GaussianNLL, PoissonNLL
from pullback.losses.focal import BinaryFocal, Focal
from pullback.losses.margins import Hinge, MultiMargin, SquaredHinge
from pullback.losses.overlap import BinaryDice, BinaryTversky, Dice, Tversky
from pullback.losses.pairs import Cosine, CosineEmbedding, MarginRanking, Triplet
from pullback.losses.probabilities import NLL, BinaryCrossEntropy, KLDivergence
from pullback.losses.regression import MAE, MSE, Huber, SmoothL1
from pullback.losses.relative import MAPE, MSLE, LogCosh, Quantile
from pullback.named import register

mse = MSE()
mae = MAE()
huber = Huber()
smooth_l1 = SmoothL1()
log_cosh = LogCosh()
quantile = Quantile()
mape = MAPE()
msle = MSLE()
poisson_nll = PoissonNLL()
gaussian_nll = GaussianNLL()
cross_entropy = CrossEntropy()
nll = NLL()
kl_divergence = KLDivergence()
focal = Focal()
multi_margin = MultiMargin()
binary_cross_entropy_with_logits = BinaryCrossEntropyWithLogits()
binary_cross_entropy = BinaryCrossEntropy()
binary_focal = BinaryFocal()
hinge = Hinge()
squared_hinge = SquaredHinge()
dice = Dice()
tversky = Tversky()
binary_dice = BinaryDice()
binary_tversky = BinaryTversky()
cosine = Cosine()
cosine_embedding = CosineEmbedding()
margin_ranking = MarginRanking()
triplet = Triplet()

__all__ = [
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "NLL",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
    "BinaryDice",
    "BinaryFocal",
    "BinaryTversky",
    "ClassLoss",
    "Cosine",
    "CosineEmbedding",
    "CrossEntropy",
    "Dice",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MarginRanking",
    "MultiMargin",
    "PoissonNLL",
    "Quantile",
    "SmoothL1",
    "SquaredHinge",
    "Task",
    "Triplet",
    "Tversky",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_dice",
    "binary_focal",
    "binary_tversky",
    "cosine",
    "cosine_embedding",
    "cross_entropy",
    "dice",
    "divided",
    "focal",
    "gaussian_nll",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mape",
    "margin_ranking",
    "mse",
    "msle",
    "multi_margin",
    "nll",
    "poisson_nll",
    "quantile",
    "register",
    "registry",
    "smooth_l1",
    "squared_hinge",
    "triplet",
    "tversky",
]
