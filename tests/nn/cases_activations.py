"""Cases of the activations beyond the common ones."""

from __future__ import annotations

import math

import numpy as np

import pullback as pb
from tests.nn.case import ANY, Case, Formula, erfc, real, sigmoid, softmax


def wide(random: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Numbers on all pieces of a function that changes at 3 or 6."""
    return [5 * x for x in real(random, shape)]


def pieces(*parts: tuple[float, Formula]) -> Formula:
    """Number by number: the first function whose limit the number is below."""

    def formula(x: np.ndarray) -> np.ndarray:
        y = [next(f for limit, f in parts if v <= limit)(v) for v in x.reshape(-1)]
        return np.array(y, float).reshape(x.shape)

    return formula


def sparse(x: np.ndarray) -> np.ndarray:
    """Sparsemax, by trying every number of largest entries as the support."""
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        falling = sorted(row, reverse=True)
        taus = [(sum(falling[:k]) - 1) / k for k in range(1, len(row) + 1)]
        rows.append(np.maximum(row - max(taus), 0))
    return np.array(rows).reshape(x.shape)


def halves(x: np.ndarray) -> np.ndarray:
    half = x.shape[-1] // 2
    return x[..., :half] * sigmoid(x[..., half:])


INF = math.inf
ROWS = ((3,), (2, 3), (1, 1), (2, 1, 4))

CASES: dict[str, list[Case]] = {
    "PReLU": [
        Case(pb.nn.PReLU, ANY, lambda x, s: np.where(x > 0, x, s[0] * x)),
        Case(
            lambda: pb.nn.PReLU(3),
            ((2, 3), (3,), (0, 3), (2, 2, 3)),
            lambda x, s: np.where(x > 0, x, s * x),
        ),
    ],
    "SELU": [
        Case(
            pb.nn.SELU,
            ANY,
            lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        )
    ],
    "CELU": [
        Case(pb.nn.CELU, ANY, lambda x: np.maximum(x, 0) + np.minimum(0, np.exp(x) - 1)),
        Case(
            lambda: pb.nn.CELU(0.5),
            ANY,
            lambda x: np.maximum(x, 0) + np.minimum(0, 0.5 * (np.exp(x / 0.5) - 1)),
        ),
    ],
    "ReLU6": [
        Case(pb.nn.ReLU6, ANY, pieces((0, lambda v: 0), (6, lambda v: v), (INF, lambda v: 6)), wide)
    ],
    "Threshold": [
        Case(pb.nn.Threshold, ANY, lambda x: np.maximum(x, 0)),
        Case(
            lambda: pb.nn.Threshold(0.7, -2.0),
            ANY,
            pieces((0.7, lambda v: -2), (INF, lambda v: v)),
        ),
    ],
    "HardShrink": [
        Case(
            pb.nn.HardShrink,
            ANY,
            pieces((-0.5, lambda v: v), (0.5, lambda v: 0), (INF, lambda v: v)),
        ),
        Case(
            lambda: pb.nn.HardShrink(1.0),
            ANY,
            pieces((-1, lambda v: v), (1, lambda v: 0), (INF, lambda v: v)),
        ),
    ],
    "SoftShrink": [
        Case(
            pb.nn.SoftShrink,
            ANY,
            pieces((-0.5, lambda v: v + 0.5), (0.5, lambda v: 0), (INF, lambda v: v - 0.5)),
        ),
        Case(
            lambda: pb.nn.SoftShrink(1.0),
            ANY,
            pieces((-1, lambda v: v + 1), (1, lambda v: 0), (INF, lambda v: v - 1)),
        ),
    ],
    "Softsign": [Case(pb.nn.Softsign, ANY, lambda x: np.where(x > 0, x / (1 + x), x / (1 - x)))],
    "HardSigmoid": [
        Case(
            pb.nn.HardSigmoid,
            ANY,
            pieces((-3, lambda v: 0), (3, lambda v: v / 6 + 0.5), (INF, lambda v: 1)),
            wide,
        )
    ],
    "HardTanh": [
        Case(pb.nn.HardTanh, ANY, pieces((-1, lambda v: -1), (1, lambda v: v), (INF, lambda v: 1)))
    ],
    "HardSwish": [
        Case(
            pb.nn.HardSwish,
            ANY,
            pieces((-3, lambda v: 0), (3, lambda v: v * (v + 3) / 6), (INF, lambda v: v)),
            wide,
        )
    ],
    "LogSigmoid": [Case(pb.nn.LogSigmoid, ANY, lambda x: -np.log1p(np.exp(-x)))],
    "TanhShrink": [Case(pb.nn.TanhShrink, ANY, lambda x: x - np.tanh(x))],
    "GELUTanh": [
        Case(
            pb.nn.GELUTanh,
            ANY,
            lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        )
    ],
    "GELU": [
        Case(pb.nn.GELU, ANY, lambda x: 0.5 * x * erfc(-x / math.sqrt(2))),
        Case(
            lambda: pb.nn.GELU(approximate="tanh"),
            ANY,
            lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
    ],
    "Mish": [Case(pb.nn.Mish, ANY, lambda x: x * np.tanh(np.log1p(np.exp(x))))],
    "Squareplus": [
        Case(pb.nn.Squareplus, ANY, lambda x: (x + np.sqrt(x * x + 4)) / 2),
        Case(lambda: pb.nn.Squareplus(0.5), ANY, lambda x: (x + np.sqrt(x * x + 0.5)) / 2),
    ],
    "Exponential": [Case(pb.nn.Exponential, ANY, np.exp)],
    "LogSoftmax": [
        Case(pb.nn.LogSoftmax, ROWS, lambda x: np.log(softmax(x))),
        Case(lambda: pb.nn.LogSoftmax(axis=0), ROWS, lambda x: np.log(softmax(x, 0))),
    ],
    "Sparsemax": [
        Case(pb.nn.Sparsemax, ROWS, sparse),
        Case(
            lambda: pb.nn.Sparsemax(axis=0),
            ROWS,
            lambda x: np.moveaxis(sparse(np.moveaxis(x, 0, -1)), -1, 0),
        ),
    ],
    "GLU": [
        Case(pb.nn.GLU, ((2, 4), (2,), (0, 2), (1, 2, 6)), halves),
        Case(lambda: pb.nn.GLU(axis=0), ((2, 4), (4,), (2, 1, 3)), lambda x: halves(x.T).T),
    ],
}
