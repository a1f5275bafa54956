"""Losses that compare vectors with one another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pullback import losses
from tests.losses.drawing import Array, Case, Random


def vector_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    shape = ((rows, 3), (rows, 2, 4))[random.integers(2)]
    return random.normal(size=shape), random.normal(size=shape)


def members_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    shape = ((rows, loss.members, 3), (rows, loss.members, 2, 3))[random.integers(2)]
    return random.normal(size=shape), random.choice([-1.0, 1.0], rows)


def score_rows(loss: Any, random: Random, rows: int) -> tuple[Array, Array]:
    shape = ((rows, 2), (rows, 2, 3))[random.integers(2)]
    return random.normal(size=shape), random.choice([-1.0, 1.0], rows)


def cosine_of(a: Array, b: Array) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def by_vectors(f: Any) -> Any:
    """The mean of `f` over the vectors of each row: f(loss, members, target)."""

    def define(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
        found = []
        for row, target in zip(outputs, targets, strict=True):
            members = row.reshape(len(row), -1, row.shape[-1]).swapaxes(0, 1)
            found.append(np.mean([f(loss, vectors, target) for vectors in members]))
        return np.ones(len(outputs)), np.array(found)

    return define


def cosine(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
    rows, k = len(outputs), outputs.shape[-1]
    pairs = zip(outputs.reshape(rows, -1, k), targets.reshape(rows, -1, k), strict=True)
    found = [np.mean([1 - cosine_of(*p) for p in zip(a, b, strict=True)]) for a, b in pairs]
    return np.ones(rows), np.array(found)


def cosine_embedding(loss: Any, vectors: Array, target: float) -> float:
    c = cosine_of(*vectors)
    return 1 - c if target == 1 else max(0.0, c - loss.margin)


def triplet(loss: Any, vectors: Array, target: float) -> float:
    a, p, n = vectors
    far = math.dist(a, n)
    far = min(far, math.dist(p, n)) if loss.swap else far
    return max(0.0, math.dist(a, p) - far + loss.margin)


def margin_ranking(loss: Any, outputs: Array, targets: Array) -> tuple[Array, Array]:
    gaps = (outputs[:, 0] - outputs[:, 1]).reshape(len(outputs), -1)
    found = [
        np.mean([max(0.0, loss.margin - t * g) for g in row])
        for row, t in zip(gaps, targets, strict=True)
    ]
    return np.ones(len(outputs)), np.array(found)


CASES_PAIRS: dict[str, Case] = {
    "cosine": Case((losses.Cosine(),), vector_rows, cosine),
    "cosine_embedding": Case(
        (losses.CosineEmbedding(), losses.CosineEmbedding(margin=-0.3)),
        members_rows,
        by_vectors(cosine_embedding),
    ),
    "triplet": Case(
        (losses.Triplet(), losses.Triplet(margin=0.2, swap=True)),
        members_rows,
        by_vectors(triplet),
    ),
    "margin_ranking": Case(
        (losses.MarginRanking(), losses.MarginRanking(margin=1.0)), score_rows, margin_ranking
    ),
}
