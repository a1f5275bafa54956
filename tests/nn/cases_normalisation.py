"""Cases of normalisation layers, as they are in use."""

from __future__ import annotations

import numpy as np

import pullback as pb
from tests.nn.case import Case

ROWS = ((4, 6), (1, 6), (0, 6), (2, 3, 6), (2, 2, 2, 6))
WIDE = 0.1  # an epsilon at which finite differences see little of the bend at equal numbers


def standard(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    if not x.size:
        return x
    spread = np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return np.asarray((x - x.mean(axes, keepdims=True)) / spread)


def grouped(x: np.ndarray, groups: int, epsilon: float) -> np.ndarray:
    y = np.zeros_like(x)
    for row in range(len(x)):
        for part in np.split(np.arange(x.shape[-1]), groups):
            y[row][..., part] = standard(x[row][..., part], tuple(range(x.ndim - 1)), epsilon)
    return y


def rms(x: np.ndarray, epsilon: float) -> np.ndarray:
    return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon))


CASES = {
    "BatchNorm": [  # running statistics are 0 and 1 at first
        Case(lambda: pb.nn.BatchNorm(6), ROWS, lambda x, b, w: w * x / np.sqrt(1 + 1e-5) + b),
        Case(lambda: pb.nn.BatchNorm(6, 3.0, affine=False), ROWS, lambda x: x / 2),
    ],
    "LayerNorm": [
        Case(
            lambda: pb.nn.LayerNorm(6, WIDE),
            (*ROWS, (6,)),
            lambda x, b, w: standard(x, (-1,), WIDE) * w + b,
        ),
        Case(
            lambda: pb.nn.LayerNorm(6, WIDE, bias=False),
            ROWS,
            lambda x, w: standard(x, (-1,), WIDE) * w,
        ),
        Case(lambda: pb.nn.LayerNorm(6, affine=False), ROWS, lambda x: standard(x, (-1,), 1e-5)),
    ],
    "RMSNorm": [
        Case(lambda: pb.nn.RMSNorm(6, WIDE), (*ROWS, (6,)), lambda x, w: w * rms(x, WIDE)),
        Case(lambda: pb.nn.RMSNorm(6, affine=False), ROWS, lambda x: rms(x, 1e-16)),
    ],
    "GroupNorm": [
        Case(
            lambda: pb.nn.GroupNorm(6, 2, WIDE),
            ROWS,
            lambda x, b, w: grouped(x, 2, WIDE) * w + b,
        ),
        Case(
            lambda: pb.nn.GroupNorm(6, 1, WIDE, affine=False),
            ROWS,
            lambda x: grouped(x, 1, WIDE),
        ),
    ],
    "InstanceNorm": [
        Case(
            lambda: pb.nn.InstanceNorm(6, WIDE),
            ROWS[3:],
            lambda x: standard(x, tuple(range(1, x.ndim - 1)), WIDE),
        ),
        Case(
            lambda: pb.nn.InstanceNorm(6, WIDE, affine=True),
            ROWS[3:],
            lambda x, b, w: standard(x, tuple(range(1, x.ndim - 1)), WIDE) * w + b,
        ),
    ],
}
