"""Losses beside PyTorch's, in all their settings.

Where PyTorch has the loss, its own function is called; else the formula is written in its
operations, so that its automatic differentiation is compared all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.losses.cases import drawn
from tests.peers.case import Arrays, Case, Table, by_pullback, by_torch


def flat(z: Any, t: Any) -> tuple[Any, Any, bool]:
    """Places as rows, and whether targets are probabilities."""
    soft = t.ndim == z.ndim
    return z.reshape(-1, z.shape[-1]), t.reshape(-1, z.shape[-1]) if soft else t.reshape(-1), soft


def weights_of(torch: Any, loss: Any) -> Any:
    given = getattr(loss, "class_weights", None)
    return None if given is None else torch.tensor(given, dtype=torch.float64)


def cross_entropy(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    z, t, _ = flat(z, t)
    return torch.nn.functional.cross_entropy(
        z, t, weights_of(torch, loss), ignore_index=-1, label_smoothing=loss.label_smoothing
    )


def nll(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    z, t, soft = flat(z, t)
    w = weights_of(torch, loss)
    if soft:
        return -(t * z * (1 if w is None else w)).sum() / len(z)
    return torch.nn.functional.nll_loss(z, t, w, ignore_index=-1)


def kl(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    z, t, soft = flat(z, t)
    if not soft:
        z, t = z[t >= 0], torch.nn.functional.one_hot(t[t >= 0], z.shape[-1]).double()
    return torch.nn.functional.kl_div(z, t, reduction="batchmean", log_target=loss.log_target)


def counted_mean(torch: Any, loss: Any, z: Any, t: Any, f: Any) -> Any:
    """The mean over labels that count, weighted by class."""
    z, t, _ = flat(z, t)
    z, t = z[t >= 0], t[t >= 0]
    w = weights_of(torch, loss)
    w = torch.ones(z.shape[-1], dtype=torch.float64) if w is None else w
    return (w[t] * f(z, t)).sum() / w[t].sum()


def focal(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    def each(z: Any, t: Any) -> Any:
        ce = torch.nn.functional.cross_entropy(z, t, reduction="none")
        return (1 - torch.exp(-ce)) ** loss.gamma * ce

    return counted_mean(torch, loss, z, t, each)


def multi_margin(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    def each(z: Any, t: Any) -> Any:
        return torch.nn.functional.multi_margin_loss(
            z, t, p=loss.power, margin=loss.margin, reduction="none"
        )

    return counted_mean(torch, loss, z, t, each)


def bce_with_logits(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    weight = torch.tensor(loss.pos_weight, dtype=torch.float64)
    return torch.nn.functional.binary_cross_entropy_with_logits(z, t, pos_weight=weight)


def binary_focal(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    p = torch.sigmoid(z)
    a, b = (1, 1) if loss.alpha is None else (loss.alpha, 1 - loss.alpha)
    yes = a * t * (1 - p) ** loss.gamma * -torch.log(p)
    return (yes + b * (1 - t) * p**loss.gamma * -torch.log(1 - p)).mean()


def hinge(power: int) -> Any:
    def of(torch: Any, loss: Any, y: Any, t: Any) -> Any:
        relu = torch.relu
        return (t * relu(1 - y) ** power + (1 - t) * relu(1 + y) ** power).mean()

    return of


def overlap(loss: Any, p: Any, t: Any, axes: tuple[int, ...]) -> Any:
    def total(x: Any) -> Any:
        return x.sum(axes) if axes else x

    s = loss.smooth
    if "dice" in loss.name:
        return (2 * total(p * t) + s) / (total(p) + total(t) + s)
    both, false, missed = total(p * t), total(p * (1 - t)), total((1 - p) * t)
    return (both + s) / (both + loss.alpha * false + loss.beta * missed + s)


def class_overlap(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    p, k = torch.softmax(z, -1), z.shape[-1]
    counted = torch.ones(len(z), dtype=torch.float64)
    if t.ndim < z.ndim:
        kept = (t >= 0).double()
        p = p * kept[..., None]
        counted = kept.reshape(len(z), -1).amax(1)
        t = torch.nn.functional.one_hot(t.clamp(min=0), k).double() * kept[..., None]
    rows = 1 - overlap(loss, p, t, tuple(range(1, z.ndim - 1))).mean(-1)
    return (counted * rows).sum() / counted.sum()


def binary_overlap(torch: Any, loss: Any, z: Any, t: Any) -> Any:
    return (1 - overlap(loss, torch.sigmoid(z), t, tuple(range(1, z.ndim)))).mean()


def quantile(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    return torch.maximum(loss.quantile * (t - y), (loss.quantile - 1) * (t - y)).mean()


def poisson(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    return torch.nn.functional.poisson_nll_loss(
        y, t, log_input=loss.log_input, full=loss.full, eps=loss.epsilon
    )


def gaussian(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    k = t.shape[-1]
    s = y[..., k:].clamp(min=float(np.log(loss.epsilon)))  # PyTorch's clamp lets the slope pass
    return torch.nn.functional.gaussian_nll_loss(
        y[..., :k], t, torch.exp(s), full=loss.full, eps=loss.epsilon
    )


def vectors(y: Any) -> list[Any]:
    """Each member of (rows, members, ..., features) as (vectors, features)."""
    return [y[:, i].reshape(-1, y.shape[-1]) for i in range(y.shape[1])]


def cosine(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    return (1 - torch.nn.functional.cosine_similarity(y, t, dim=-1)).mean()


def cosine_embedding(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    a, b = vectors(y)
    t = t.repeat_interleave(len(a) // len(t))
    return torch.nn.functional.cosine_embedding_loss(a, b, t, margin=loss.margin)


def triplet(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    return torch.nn.functional.triplet_margin_loss(
        *vectors(y), margin=loss.margin, eps=0.0, swap=loss.swap
    )


def margin_ranking(torch: Any, loss: Any, y: Any, t: Any) -> Any:
    a, b = y[:, 0].reshape(len(y), -1), y[:, 1].reshape(len(y), -1)
    t = t[:, None].expand(a.shape)
    return torch.nn.functional.margin_ranking_loss(a, b, t, margin=loss.margin)


def named(name: str, **settings: str) -> Any:
    """PyTorch's own function; its settings by the names of ours."""

    def of(torch: Any, loss: Any, y: Any, t: Any) -> Any:
        chosen = {theirs: getattr(loss, ours) for theirs, ours in settings.items()}
        return getattr(torch.nn.functional, name)(y, t, **chosen)

    return of


TORCH: dict[str, Any] = {
    "binary_cross_entropy": named("binary_cross_entropy"),
    "binary_cross_entropy_with_logits": bce_with_logits,
    "binary_dice": binary_overlap,
    "binary_focal": binary_focal,
    "binary_tversky": binary_overlap,
    "cosine": cosine,
    "cosine_embedding": cosine_embedding,
    "cross_entropy": cross_entropy,
    "dice": class_overlap,
    "focal": focal,
    "gaussian_nll": gaussian,
    "hinge": hinge(1),
    "huber": named("huber_loss", delta="delta"),
    "kl_divergence": kl,
    "log_cosh": lambda torch, loss, y, t: torch.log(torch.cosh(y - t)).mean(),
    "mae": named("l1_loss"),
    "mape": lambda torch, loss, y, t: ((y - t).abs() / t.abs().clamp(min=loss.epsilon)).mean(),
    "margin_ranking": margin_ranking,
    "mse": named("mse_loss"),
    "msle": lambda torch, loss, y, t: ((torch.log1p(y) - torch.log1p(t)) ** 2).mean(),
    "multi_margin": multi_margin,
    "nll": nll,
    "poisson_nll": poisson,
    "quantile": quantile,
    "smooth_l1": named("smooth_l1_loss", beta="beta"),
    "squared_hinge": hinge(2),
    "triplet": triplet,
    "tversky": class_overlap,
}


COUNT = 12
"""How many drawings of each loss, over its settings in turn."""


def compared(name: str, number: int) -> Case:
    loss, outputs, targets, _ = drawn(name, number)
    if getattr(loss, "epsilon", 1) == 0.7:
        outputs = np.maximum(outputs, np.log(0.71))  # up to 0.7, ours has no slope
    inputs: Arrays = {"outputs": outputs, "targets": targets}
    return Case(
        inputs,
        lambda given: by_torch(
            lambda torch, x: TORCH[name](torch, loss, x["outputs"], x["targets"]),
            given,
            ["targets"],
        ),
        lambda given: by_pullback(
            lambda x: loss(x["outputs"], given["targets"]), given, ["targets"]
        ),
    )


LOSSES: Table = {name: [compared(name, number) for number in range(COUNT)] for name in TORCH}
