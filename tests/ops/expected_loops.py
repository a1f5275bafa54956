"""What loops must yield, step by step in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np


def scan(op: Any, c: np.ndarray, v: np.ndarray, xs: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The loop of the samples: a recurrent neuron beside a leaky sum of what it gives."""
    rows: list[np.ndarray] = [np.zeros(2)] * op.length
    for t in sorted(range(op.length), reverse=op.reverse):
        h = np.array([xs[t][j] + c[0] * w[0][j] + c[1] * w[1][j] for j in (0, 1)])
        h = h * (1 + 0.1 * c * v)
        rows[t] = h * c
        c, v = h, v * 0.5 + h[0] + h[1]
    return np.array([*c, v, *(number for row in rows for number in row)])


EXPECTED = {"scan": scan}
