"""Arrays as a user passes them, checked and converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pullback.errors import DataError
from pullback.graph.dtypes import INT64, Array, Dtype, as_array
from pullback.large import Lazy, chunks, stays
from pullback.nn.inference import dtype_of, input_dtype
from pullback.nn.module import Module
from pullback.nn.several import inputs_by_name, targets_by_name
from pullback.train.parts import Rows


@dataclass(frozen=True)
class Given:
    """What a user passed as data, as arrays by name.

    Attributes:
        x: The features by input; those of a network with one input have the name "".
        y: The targets by output, likewise.
        weights: One weight a row, or None.
    """

    x: Mapping[str, Array]
    y: Mapping[str, Array]
    weights: Array | None

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))


def arrays_of(data: Any, what: str, network: Module) -> Given:
    """The arrays of `(X, y)` or `(X, y, weights)`, checked.

    Raises:
        DataError: They cannot be trained on; the place of the first mistake is named.
        UnknownNameError: X names an input that the network does not have.
    """
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise DataError(
            f"{what} must be (X, y), (X, y, weights), or what pb.data.prepare gives",
            repr(data) if isinstance(data, (str, bool)) else type(data).__name__,
            "For a table: pb.fit(network, pb.data.prepare('file.csv', target='column')).",
        )
    inputs, targets = inputs_by_name(network, data[0]), targets_by_name(data[1])
    x = {name: _array(_titled("features", name), part) for name, part in inputs.items()}
    y = {name: _array(_titled("targets", name), part) for name, part in targets.items()}
    weights = None if len(data) == 2 or data[2] is None else _array("weights", data[2])
    for name, array in x.items():
        _check_features(array, _titled("features", name), input_dtype(network, array) == INT64)
    if any(array.ndim == 0 for array in y.values()) or not _one_length([*x.values(), *y.values()]):
        named = {**_shown("X", x), **_shown("y", y)}
        raise DataError(
            "features and targets must have the same number of rows",
            ", ".join(f"{label} {shape}" for label, shape in named.items()),
            "Check how they were cut.",
        )
    for name, array in x.items():
        check_finite(_titled("feature", name), array)
    given = Given(x, y, weights)
    _check_weights(weights, len(given))
    return given


def _titled(what: str, name: str) -> str:
    return f"{what} of {name!r}" if name else what


def _shown(kind: str, named: Mapping[str, Array]) -> dict[str, Any]:
    return {f"{kind}[{name!r}]" if name else kind: array.shape for name, array in named.items()}


def _one_length(arrays: Sequence[Array]) -> bool:
    return len({len(array) for array in arrays}) == 1


def _check_features(x: Array, what: str, whole: bool) -> None:
    """Check the kind and the shape of features; whole numbers that a layer takes may be alone."""
    if x.dtype.kind not in "biuf":
        raise DataError(
            f"{what} must be numbers",
            f"an array of dtype {x.dtype}",
            "Encode text and dates first; pb.data.prepare does.",
        )
    if x.ndim < 2 - whole or not x[:1].size:
        raise DataError(
            f"{what} come in rows of columns, (rows, features)",
            f"shape {x.shape}",
            "For one feature pass X[:, None]."
            if x.ndim == 1
            else "There must be rows, and columns to learn from.",
        )


def _array(what: str, value: Any) -> Array:
    if np.ma.is_masked(value):
        raise DataError(
            f"{what} must hold every value",
            f"a masked array that lacks {int(np.ma.getmaskarray(value).sum())}",
            "Leave out those rows, or let pb.data.prepare impute them.",
        )
    try:
        return as_array(value)
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


def check_finite(what: str, array: Array | Lazy, within: str = "") -> None:
    """Refuse NaN and inf, naming the first place; what lies on the disk is read by chunks."""
    if array.dtype.kind != "f":
        return
    for start, piece in chunks(array):
        if not np.isfinite(piece).all():
            wrong = ~np.isfinite(piece)
            place = [int(i) for i in np.argwhere(wrong)[0]]
            raise DataError(
                f"every {what} must be finite" + (f" {within}" if within else ""),
                f"{piece[tuple(place)]} in row {start + place[0]}"
                + (f", column {place[1]}" if len(place) > 1 else "")
                + (f", and {int(wrong.sum()) - 1} more" if wrong.sum() > 1 else ""),
                "Impute or leave out such rows; pb.data.prepare imputes missing values.",
            )


def cast(array: Array, dtype: Dtype) -> Array:
    """Converted; what is too large becomes inf, which `_rows` refuses."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def feeds_of(network: Module, data: Any) -> dict[str, Array]:
    """One batch, `(X, y)` or `(X, y, weights)`, by label, in the dtypes of the computation.

    Raises:
        DataError: It is no batch of numbers.
        UnknownNameError: X names an input that the network does not have.
    """
    given, dtype = arrays_of(data, "the samples", network), dtype_of(network)
    targets = {name: cast(a, dtype) if a.dtype.kind == "f" else a for name, a in given.y.items()}
    return rows_of(given, targets, network).feeds(np.arange(len(given)))


def rows_of(given: Given, y: Mapping[str, Array | Lazy], network: Module) -> Rows:
    """Rows in the network's dtype; whole numbers stay whole where a layer takes them.

    Args:
        given: Features and weights as they were passed.
        y: The targets as the losses take them.
        network: What takes them.
    """
    dtype = dtype_of(network)
    x = {name: _entering(a, input_dtype(network, a)) for name, a in given.x.items()}
    weights = None if given.weights is None else cast(given.weights, dtype)
    for what, named in (("feature", x), ("target", y)):
        for name, array in named.items():
            if isinstance(array, Lazy) and array.source.dtype.itemsize <= array.dtype.itemsize:
                continue  # nothing becomes inf where no digits are lost, and a pass takes long
            if what == "feature" and given.x[name].dtype == array.dtype:
                continue  # as it was given, and looked at
            within = f"in {array.dtype}, in which the network computes"
            check_finite(_titled(what, name), array, within)
    return Rows.of(x, {name: _contiguous(array) for name, array in y.items()}, weights)


def _entering(array: Array, dtype: Dtype) -> Array | Lazy:
    """An array in the dtype in which it enters the network; cast later if it stays on the disk."""
    return Lazy(array, dtype) if stays(array) else _contiguous(cast(array, dtype))


def _contiguous(array: Array | Lazy) -> Array | Lazy:
    return array if isinstance(array, Lazy) else np.ascontiguousarray(array)
