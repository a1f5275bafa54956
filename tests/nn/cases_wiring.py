"""Cases of what puts layers together: shortcuts, branches, joints, shapes, pairs, tied weights."""

from __future__ import annotations

import numpy as np

import pullback as pb
from tests.nn.case import ROWS, Case, real


def pair(widths: tuple[int, int]) -> object:
    """Two inputs of these widths with the same leading axes."""
    return lambda random, shape: [real(random, (*shape, n))[0] for n in widths]


def pairs(x: np.ndarray, y: np.ndarray, b: np.ndarray, w: np.ndarray) -> np.ndarray:
    z = np.zeros((*x.shape[:-1], len(b)))
    for place in np.ndindex(*z.shape):
        row, k = place[:-1], place[-1]
        terms = [x[row][i] * w[i, j, k] * y[row][j] for i, j in np.ndindex(*w.shape[:2])]
        z[place] = b[k] + sum(terms)
    return z


LEADING = ((4,), (1,), (0,), (), (2, 2))
CASES = {
    "Residual": [
        Case(lambda: pb.nn.Residual("tanh"), ROWS, lambda x: x + np.tanh(x)),
        Case(
            lambda: pb.nn.Residual(pb.nn.Linear(3, 2), shortcut=pb.nn.Linear(3, 2, bias=False)),
            ROWS,
            lambda x, b, w, v: x @ w + b + x @ v,
        ),
    ],
    "Parallel": [
        Case(
            lambda: pb.nn.Parallel(pb.nn.Linear(3, 2), "tanh"),
            ROWS,
            lambda x, b, w: np.concatenate([x @ w + b, np.tanh(x)], axis=-1),
        ),
        Case(
            lambda: pb.nn.Parallel(pb.nn.Linear(3, 3, bias=False), "tanh", join="sum"),
            ROWS,
            lambda x, w: x @ w + np.tanh(x),
        ),
        Case(
            lambda: pb.nn.Parallel("tanh", "identity", join="stack", axis=0),
            ROWS,
            lambda x: np.stack([np.tanh(x), x]),
        ),
    ],
    "Concatenate": [
        Case(
            pb.nn.Concatenate,
            LEADING,
            lambda x, y: np.concatenate([x, y], axis=-1),
            pair((3, 2)),
        ),
        Case(
            lambda: pb.nn.Concatenate(axis=0),
            ((4,), (0,), (2, 2)),
            lambda x, y: np.concatenate([x, y]),
            pair((3, 3)),
        ),
    ],
    "Reshape": [
        Case(
            lambda: pb.nn.Reshape((3, 2)),
            ((4, 6), (0, 6), (2, 1, 6)),
            reshaped := (lambda x: x.reshape(len(x), 3, 2)),
        ),
        Case(lambda: pb.nn.Reshape((3, -1)), ((4, 6), (2, 2, 3)), reshaped),
        Case(lambda: pb.nn.Reshape(6), ((4, 6), (2, 2, 3)), lambda x: x.reshape(len(x), 6)),
    ],
    "Bilinear": [
        Case(lambda: pb.nn.Bilinear(3, 2, 4), LEADING, pairs, pair((3, 2))),
        Case(
            lambda: pb.nn.Bilinear(1, 2, 1, bias=False),
            LEADING,
            lambda x, y, w: pairs(x, y, np.zeros(1), w),
            pair((1, 2)),
        ),
    ],
    "Tied": [
        Case(
            lambda: pb.nn.Tied(pb.nn.Linear(2, 3, bias=False)),
            ROWS,
            lambda x, b, w: x @ w.T + b,
        ),
        Case(
            lambda: pb.nn.Tied(pb.nn.Embedding(4, 3), bias=False),
            ROWS,
            lambda x, w: x @ w.T,
        ),
    ],
}
