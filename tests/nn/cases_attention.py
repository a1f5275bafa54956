"""Cases of attention and of positions in a sequence."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

import pullback as pb
from tests.nn.case import Case, real, sigmoid

SEQUENCES = ((2, 3, 4), (1, 1, 4), (0, 2, 4), (2, 5, 4))


def turned(x: np.ndarray) -> np.ndarray:
    """Rotary positions by complex numbers: each pair of features is one, times exp(i angle)."""
    time, features = x.shape[-2:]
    half = features // 2
    waves = np.exp(1j * np.arange(time)[:, None] / 10_000.0 ** (2 * np.arange(half) / features))
    z = (x[..., :half] + 1j * x[..., half:]) * waves
    return np.concatenate([z.real, z.imag], axis=-1)


def attention(
    heads: int,
    causal: bool,
    rotary: bool,
    *arrays: np.ndarray,
) -> np.ndarray:
    """Multi-head attention, head by head and query by query."""
    *inputs, kb, kw, ob, ow, qb, qw, vb, vw = arrays
    masks = [x for x in inputs if x.dtype == bool]
    query, *others = [x for x in inputs if x.dtype != bool]
    key = others[0] if others else query
    value = others[1] if others[1:] else key
    q, k, v = query @ qw + qb, key @ kw + kb, value @ vw + vb
    width = q.shape[-1] // heads
    y = np.zeros(q.shape)
    for row, head in np.ndindex(len(q), heads):
        part = slice(head * width, (head + 1) * width)
        a, b = q[row, :, part], k[row, :, part]
        if rotary:
            a, b = turned(a), turned(b)
        for t in range(len(a)):
            allowed = [j for j in range(len(b)) if not (causal and j > t)]
            allowed = [j for j in allowed if not masks or masks[0][row, j]]
            e = np.array([math.exp(a[t] @ b[j] / math.sqrt(width)) for j in allowed])
            if allowed:
                y[row, t, part] = e / e.sum() @ v[row, allowed, part]
    return y @ ow + ob


def small(random: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Numbers that make scores of a few units, which float32 can take the softmax of."""
    return [x / 4 for x in real(random, shape)]


def crossed(random: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """A query, keys and values of another length, and a mask of what is padding."""
    batch, time, features = shape
    others = [small(random, (batch, time + 1, features))[0] for _ in range(2)]
    return [*small(random, shape), *others, random.random((batch, time + 1)) < 0.7]


def waves(time: int, features: int) -> np.ndarray:
    rows = [
        [
            (math.cos if i % 2 else math.sin)(t / 10_000 ** ((i - i % 2) / features))
            for i in range(features)
        ]
        for t in range(time)
    ]
    return np.array(rows).reshape(time, features)


def normed(x: np.ndarray, bias: np.ndarray, weight: np.ndarray) -> np.ndarray:
    d = x - x.mean(axis=-1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + 1e-5) * weight + bias


def block(
    heads: int, causal: bool, first: bool, act: Callable[..., np.ndarray], *arrays: np.ndarray
) -> np.ndarray:
    """A transformer block, with the norm before or after."""
    hb, hw, b1, w1, b2, w2, ob, ow = arrays[-8:]
    x, *mask = arrays[:-16]

    def attend(x: np.ndarray) -> np.ndarray:
        return attention(heads, causal, False, x, *mask, *arrays[-16:-8])

    def neurons(x: np.ndarray) -> np.ndarray:
        return act(x @ hw + hb) @ ow + ob

    if first:
        x = x + attend(normed(x, b1, w1))
        return x + neurons(normed(x, b2, w2))
    x = normed(x + attend(x), b1, w1)
    return normed(x + neurons(x), b2, w2)


CASES: dict[str, list[Case]] = {
    "MultiHeadAttention": [
        Case(
            lambda: pb.nn.MultiHeadAttention(4, 2),
            SEQUENCES,
            partial(attention, 2, False, False),
            small,
        ),
        Case(
            lambda: pb.nn.MultiHeadAttention(4, 1, causal=True, dropout=0.5),
            SEQUENCES,
            partial(attention, 1, True, False),
            small,
        ),
        Case(
            lambda: pb.nn.MultiHeadAttention(4, 2, rotary=True),
            SEQUENCES,
            partial(attention, 2, False, True),
            small,
        ),
        Case(
            lambda: pb.nn.MultiHeadAttention(4, 2),
            SEQUENCES,
            partial(attention, 2, False, False),
            crossed,
        ),
    ],
    "TransformerBlock": [
        Case(
            lambda: pb.nn.TransformerBlock(4, 2, hidden=3, activation="tanh"),
            SEQUENCES,
            partial(block, 2, False, True, np.tanh),
            small,
        ),
        Case(
            lambda: pb.nn.TransformerBlock(
                4, 1, causal=True, dropout=0.3, activation="sigmoid", norm_first=False
            ),
            SEQUENCES,
            partial(block, 1, True, False, sigmoid),
            small,
        ),
    ],
    "SinusoidalPositions": [
        Case(
            pb.nn.SinusoidalPositions,
            ((2, 3, 4), (5, 3), (0, 2, 2), (1, 1, 1), (2, 0, 3)),
            lambda x: x + waves(*x.shape[-2:]),
        )
    ],
    "LearnedPositions": [
        Case(
            lambda: pb.nn.LearnedPositions(5, 3),
            ((2, 5, 3), (1, 3), (0, 2, 3), (2, 2, 4, 3), (2, 0, 3)),
            lambda x, w: x + w[: x.shape[-2]],
        )
    ],
}
