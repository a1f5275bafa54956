"""Losses as a sum, row by row, and with a weight a row, beside PyTorch's `reduction`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback import losses
from pullback.losses import Loss
from tests.peers.case import Array, Case, Table, between, by_pullback, by_torch, drawn, whole

ROWS = 6
CLASSES = (0.5, 2.0, 1.0)
WEIGHTS = between(0.2, 2.0, ROWS, seed=5)
LABELS = np.array([2, 0, -1, 1, 2, 0])
REAL, OTHER, ANSWERS = drawn(ROWS), drawn(ROWS, seed=1), whole(2, ROWS).astype(float)
LOGITS = drawn(ROWS, 3)
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
SIGNS = 2 * ANSWERS - 1
MEMBERS, THREE = drawn(ROWS, 2, 3), drawn(ROWS, 3, 4)
Theirs = Callable[..., Any]


def reduced(loss: Loss, theirs: Theirs, outputs: Array, targets: Array) -> list[Case]:
    """`theirs(torch.nn.functional, outputs, targets, reduction)`, in four ways.

    Weights: the sum of w l over the sum of w, from PyTorch's losses row by row.
    """

    def made(way: str, of_theirs: Theirs) -> Case:
        given = {"outputs": outputs, "targets": targets, "weights": WEIGHTS}
        fixed = ["targets", "weights"]
        return Case(
            given,
            lambda given: by_torch(lambda t, x: of_theirs(t, *x.values()), given, fixed),
            lambda given: by_pullback(
                lambda x: loss(
                    x["outputs"],
                    given["targets"],
                    given["weights"] if way == "weighted" else None,
                    "mean" if way == "weighted" else way,
                ),
                given,
                fixed,
            ),
        )

    def plain(way: str) -> Case:
        return made(way, lambda t, y, r, w: theirs(t.nn.functional, y, r, way))

    def weighted(t: Any, y: Any, r: Any, w: Any) -> Any:
        each = theirs(t.nn.functional, y, r, "none")
        return (w * each).sum() / (w * counted(t, loss, r)).sum()

    return [plain("mean"), plain("sum"), plain("none"), made("weighted", weighted)]


def counted(torch: Any, loss: Any, targets: Any) -> Any:
    """What a label counts: its class's weight, 0 where it is ignored."""
    if targets.is_floating_point():
        return torch.ones(len(targets), dtype=torch.float64)
    by_class = getattr(loss, "class_weights", None) or (1.0,) * 3
    return torch.where(targets < 0, 0.0, torch.tensor(by_class).double()[targets.clamp(min=0)])


def named(name: str, **settings: Any) -> Theirs:
    return lambda f, y, t, way: getattr(f, name)(y, t, reduction=way, **settings)


def cross_entropy(**settings: Any) -> Theirs:
    def run(f: Any, z: Any, t: Any, way: str) -> Any:
        given = dict(settings)
        if "weight" in given:
            given["weight"] = z.new_tensor(given["weight"])
        return f.cross_entropy(z, t, ignore_index=-1, reduction=way, **given)

    return run


def nll(f: Any, z: Any, t: Any, way: str) -> Any:
    return f.nll_loss(z, t, z.new_tensor(CLASSES), ignore_index=-1, reduction=way)


def gaussian(f: Any, y: Any, t: Any, way: str) -> Any:
    return f.gaussian_nll_loss(y[:, :1], t, y[:, 1:].exp(), reduction=way).squeeze(-1)


def triplet(f: Any, y: Any, t: Any, way: str) -> Any:
    return f.triplet_margin_loss(*y.unbind(1), margin=0.2, eps=0.0, reduction=way)


def of_pairs(name: str, margin: float) -> Theirs:
    return lambda f, y, t, way: getattr(f, name)(*y.unbind(1), t, margin=margin, reduction=way)


REDUCTIONS: Table = {
    "mse": reduced(losses.MSE(), named("mse_loss"), REAL, OTHER),
    "mae": reduced(losses.MAE(), named("l1_loss"), REAL, OTHER),
    "huber": reduced(losses.Huber(0.3), named("huber_loss", delta=0.3), REAL, OTHER),
    "smooth_l1": reduced(losses.SmoothL1(0.3), named("smooth_l1_loss", beta=0.3), REAL, OTHER),
    "poisson_nll": reduced(losses.PoissonNLL(), named("poisson_nll_loss"), REAL, ANSWERS + 1),
    "gaussian_nll": reduced(losses.GaussianNLL(), gaussian, drawn(ROWS, 2), OTHER[:, None]),
    "binary_cross_entropy": reduced(
        losses.BinaryCrossEntropy(), named("binary_cross_entropy"), between(0.1, 0.9, ROWS), ANSWERS
    ),
    "binary_cross_entropy_with_logits": reduced(
        losses.BinaryCrossEntropyWithLogits(), named("binary_cross_entropy_with_logits"), REAL,
        ANSWERS,
    ),
    "cross_entropy": [
        *reduced(losses.CrossEntropy(), cross_entropy(), LOGITS, LABELS),
        *reduced(losses.CrossEntropy(class_weights=CLASSES), cross_entropy(weight=CLASSES), LOGITS,
                 LABELS),
        *reduced(losses.CrossEntropy(label_smoothing=0.2, class_weights=CLASSES),
                 cross_entropy(weight=CLASSES, label_smoothing=0.2), LOGITS, LABELS),
    ],
    "nll": reduced(losses.NLL(class_weights=CLASSES), nll, LOG_P, LABELS),
    "multi_margin": reduced(
        losses.MultiMargin(0.5), named("multi_margin_loss", margin=0.5), LOGITS, np.abs(LABELS)
    ),
    "cosine_embedding": reduced(
        losses.CosineEmbedding(0.1), of_pairs("cosine_embedding_loss", 0.1), MEMBERS, SIGNS
    ),
    "margin_ranking": reduced(
        losses.MarginRanking(0.4), of_pairs("margin_ranking_loss", 0.4), drawn(ROWS, 2), SIGNS
    ),
    "triplet": reduced(losses.Triplet(0.2), triplet, THREE, SIGNS),
}  # fmt: skip
"""By loss; beside what stands in the other table."""
