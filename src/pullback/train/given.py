"""Arrays as a user passes them, checked and converted."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.errors import DataError
from pullback.graph.dtypes import Array, Dtype
from pullback.nn.inference import dtype_of, input_dtype
from pullback.nn.module import Module
from pullback.train.parts import Rows


def arrays_of(data: Any, what: str) -> tuple[Array, Array, Array | None]:
    """The arrays of `(X, y)` or `(X, y, weights)`, checked.

    Raises:
        DataError: They cannot be trained on; the place of the first mistake is named.
    """
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise DataError(
            f"{what} must be (X, y), (X, y, weights), or what pb.data.prepare gives",
            repr(data) if isinstance(data, (str, bool)) else type(data).__name__,
            "For a table: pb.fit(network, pb.data.prepare('file.csv', target='column')).",
        )
    x, y = _array("features", data[0]), _array("targets", data[1])
    weights = None if len(data) == 2 or data[2] is None else _array("weights", data[2])
    if x.dtype.kind not in "biuf":
        raise DataError(
            "features must be numbers",
            f"an array of dtype {x.dtype}",
            "Encode text and dates first; pb.data.prepare does.",
        )
    if x.ndim < 2 or not x[:1].size:
        raise DataError(
            "features come in rows of columns, (rows, features)",
            f"shape {x.shape}",
            "For one feature pass X[:, None]."
            if x.ndim == 1
            else "There must be rows, and columns to learn from.",
        )
    if y.ndim == 0 or len(x) != len(y):
        raise DataError(
            "features and targets must have the same number of rows",
            f"X {x.shape}, y {y.shape}",
            "Check how they were cut.",
        )
    check_finite("feature", x)
    _check_weights(weights, len(x))
    return x, y, weights


def _array(what: str, value: Any) -> Array:
    if np.ma.is_masked(value):
        raise DataError(
            f"{what} must hold every value",
            f"a masked array that lacks {int(np.ma.getmaskarray(value).sum())}",
            "Leave out those rows, or let pb.data.prepare impute them.",
        )
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise DataError(
            f"{what} must be one array", str(error), "Give every row as many numbers."
        ) from None


def _check_weights(weights: Array | None, rows: int) -> None:
    """Check the weights' kind and shape; `Rows` checks their values."""
    if weights is None:
        return
    if weights.dtype.kind not in "biuf" or weights.shape != (rows,):
        raise DataError(
            "there must be one number a row for its weight",
            f"weights of dtype {weights.dtype} and shape {weights.shape} for {rows} rows",
            f"Pass an array of shape ({rows},).",
        )
    check_finite("weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(
            "every weight must be 0 or more", f"{weights[row]} in row {row}", "Use 0 to leave out."
        )


def check_finite(what: str, array: Array, within: str = "") -> None:
    """Refuse NaN and inf, naming the first place."""
    if array.dtype.kind != "f":
        return
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = [int(i) for i in np.argwhere(wrong)[0]]
        raise DataError(
            f"every {what} must be finite" + (f" {within}" if within else ""),
            f"{array[tuple(place)]} in row {place[0]}"
            + (f", column {place[1]}" if len(place) > 1 else "")
            + (f", and {int(wrong.sum()) - 1} more" if wrong.sum() > 1 else ""),
            "Impute or leave out such rows; pb.data.prepare imputes missing values.",
        )


def cast(array: Array, dtype: Dtype) -> Array:
    """Converted; what is too large becomes inf, which `_rows` refuses."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def rows_of(x: Array, y: Array, weights: Array | None, network: Module) -> Rows:
    """Rows in the network's dtype; whole numbers stay whole where a layer takes them."""
    dtype = dtype_of(network)
    features = np.ascontiguousarray(cast(x, input_dtype(network, x)))
    w = None if weights is None else cast(weights, dtype)
    for what, array in (("feature", features), ("target", y)):
        check_finite(what, array, f"in {dtype}, in which the network computes")
    return Rows(features, np.ascontiguousarray(y), w)
