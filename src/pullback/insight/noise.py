"""`pb.noise_scale`: how much the gradients of single rows differ, beside their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.errors import DataError
from pullback.nn.module import Module
from pullback.train.given import arrays_of
from pullback.train.per_sample import per_sample_gradients


@dataclass(frozen=True)
class NoiseScale:
    r"""How many rows a batch must have before its gradient is more signal than noise.

    Attributes:
        scale: $B = \operatorname{tr}\Sigma / |G|^2$, in rows. Batches much smaller than that are
            mostly noise; larger ones gain little. Infinite where no signal is left.
        variance: $\operatorname{tr}\Sigma$, of the gradient of one row.
        squared_norm: $|G|^2$ of the mean over all rows there are, without bias; 0 at least.
        rows: How many rows were looked at.
    """

    scale: float
    variance: float
    squared_norm: float
    rows: int

    def __str__(self) -> str:
        return f"gradient noise scale: {self.scale:.4g} rows (from {self.rows} rows)"

    __repr__ = __str__


def noise_scale(network: Module, data: Any, *, loss: Any) -> NoiseScale:
    r"""The gradient noise scale of a network on some rows: $\operatorname{tr}\Sigma / |G|^2$.

    G is the true gradient and $\Sigma$ the covariance of the gradients of single rows; both are
    estimated without bias from the per-sample gradients, so more rows make it more certain.

    Args:
        network: With values.
        data: `(X, y)` or `(X, y, weights)`, at least 2 rows.
        loss: A loss or its name; a dict of them for several outputs.

    Raises:
        DataError: There are fewer than two rows.

    Example:
        >>> import pullback as pb
        >>> network = pb.nn.Linear(1, 1, bias=False).initialise(seed=0)
        >>> same = pb.noise_scale(network, ([[1.0], [1.0]], [[2.0], [2.0]]), loss="mse")
        >>> same.scale
        0.0

    References:
        S. McCandlish, J. Kaplan, D. Amodei et al., 2018, "An empirical model of large-batch
        training".
    """
    given = arrays_of(data, "the rows", network)
    rows = len(given)
    if rows < 2:
        raise DataError("noise is seen between rows, at least 2", f"{rows} row", "Pass more rows.")
    x, y, *weights = data
    each = per_sample_gradients(network, loss, x, y, *weights)
    flat = np.concatenate([g.reshape(rows, -1).astype(np.float64) for g in each.values()], axis=1)
    mean = flat.mean(axis=0)
    variance = float(np.square(flat - mean).sum() / (rows - 1))
    squared = max(float(mean @ mean) - variance / rows, 0.0)
    scale = variance / squared if squared else (float("inf") if variance else 0.0)
    return NoiseScale(scale, variance, squared, rows)
