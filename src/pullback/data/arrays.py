"""Plain arrays: a pair (X, y), the arrays of an `.npz` file, images."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.frames import column_from_array, table_from_arrays, without_mask
from pullback.data.table import Table, table_of
from pullback.errors import DataError

FEATURES = ("x", "X", "features", "data", "inputs")
TARGETS = ("y", "Y", "target", "targets", "labels", "label")
WIDE = 64
"""From so many bytes a row on, an array of bytes is taken for an image."""


@dataclasses.dataclass(frozen=True, eq=False)
class Arrays:
    """Features and targets as arrays.

    Args:
        x: The features.
        y: The targets, if there are any.
        source: What was read, for messages.
        test: Which rows their maker set apart for the test, if so.
        file_hash: SHA-256 of the file that was read.
        validation: Which rows their maker set apart for validation, if so.
        names: What each row is called, such as a picture's file.
        left_out: How many rows could not be read and were left out.

    Shape:
        x: (rows, ...)
        y: (rows,) or (rows, outputs)
        test, validation: (rows,)
    """

    x: NDArray[Any]
    y: NDArray[Any] | None
    source: str
    test: NDArray[np.bool_] | None = None
    file_hash: str | None = None
    validation: NDArray[np.bool_] | None = None
    names: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.x)

    @property
    def hash(self) -> str:
        """SHA-256 of the file, or of the arrays' types, shapes and contents."""
        if self.file_hash:
            return self.file_hash
        digest = hashlib.sha256()
        for array in (self.x, self.y):
            if array is None:
                continue
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            if array.dtype.kind == "O":
                digest.update(repr(array.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    @property
    def whole(self) -> bool:
        """Whether the features are kept as one array (images), not as columns of a table."""
        wide_bytes = self.x.dtype == np.uint8 and self.x.ndim == 2 and self.x.shape[1] >= WIDE
        return self.x.ndim > 2 or wide_bytes

    def target_table(self, extra: Mapping[str, Any] | None = None) -> Table | None:
        """The targets as columns `target`, or `target_0`, `target_1`, ..."""
        if self.y is None:
            return None
        y = self.y[:, 0] if self.y.ndim == 2 and self.y.shape[1] == 1 else self.y
        if y.ndim > 2:
            raise DataError(
                "y must have one row for each row of X, and one column for each output",
                f"y of shape {y.shape}",
                "Reshape y to (rows,) or (rows, outputs).",
            )
        named = {"target": y} if y.ndim == 1 else {f"target_{i}": c for i, c in enumerate(y.T)}
        columns = [column_from_array(name, values) for name, values in named.items()]
        return table_of(columns, self.source, self.hash)

    def as_table(self) -> Table:
        """The features as columns `x0`, `x1`, ..., followed by the targets.

        Example:
            >>> Arrays(np.zeros((2, 2)), np.array([0, 1]), "here").as_table().names
            ['x0', 'x1', 'target']
        """
        flat = self.x.reshape(self.rows, -1)
        columns = [column_from_array(f"x{i}", flat[:, i]) for i in range(flat.shape[1])]
        targets = self.target_table()
        if targets is not None:
            columns += list(targets.columns.values())
        return table_of(columns, self.source, self.hash)


def pair(x: Any, y: Any, source: str = "(X, y)", test: NDArray[np.bool_] | None = None) -> Arrays:
    """Check a pair of arrays.

    Raises:
        DataError: The rows differ in number, there are none, or X has no axis of rows.

    Example:
        >>> pair([[1.0], [2.0]], [0, 1]).rows
        2
    """
    features, targets = _array(x, "X"), None if y is None else _array(y, "y")
    if features.ndim == 1:
        features = features.reshape(-1, 1)
    if features.ndim == 0 or (targets is not None and targets.ndim == 0):
        raise DataError(
            "X and y must be arrays with an axis of rows", "a single value", "Pass arrays."
        )
    if targets is not None and len(features) != len(targets):
        raise DataError(
            "X and y must have the same number of rows",
            f"X of shape {features.shape} and y of shape {targets.shape}",
            "Give one target for each row of X.",
        )
    if not features.size:
        raise DataError(
            f"{source} must hold rows",
            f"X of shape {features.shape}",
            "Check where the data come from.",
        )
    return Arrays(features, targets, source, test)


def _array(values: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(
            f"{name} must be one array",
            "lists of different lengths",
            "Give every row the same number of values.",
        ) from None
    if array.dtype.kind == "c":
        raise DataError(
            f"{name} must hold real numbers",
            f"dtype {array.dtype}",
            "Give the real and the imaginary part as two features.",
        )
    return without_mask(values) if isinstance(values, np.ma.MaskedArray) else array


def from_named(arrays: Mapping[str, NDArray[Any]], source: str) -> Arrays | Table:
    """Find features and targets among named arrays.

    `x_train, y_train, x_test, y_test` give a pair with its own test part; `x` and `y` (or
    `features` and `target`) a pair; arrays of one axis each the columns of a table.

    Raises:
        DataError: None of these fits.
    """
    lower = {name.lower(): array for name, array in arrays.items()}
    if {"x_train", "y_train"} <= set(lower):
        return _train_and_test(lower, source)
    x = next((arrays[name] for name in FEATURES if name in arrays), None)
    y = next((arrays[name] for name in TARGETS if name in arrays), None)
    if x is not None and (x.ndim > 1 or (y is not None and len(arrays) == 2)):
        return pair(x, y, source)
    if arrays and all(array.ndim == 1 for array in arrays.values()):
        return table_from_arrays(arrays, source)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:8])
    raise DataError(
        f"{source} must hold arrays x and y, x_train, y_train, x_test and y_test, or columns",
        shapes or "no arrays",
        "Name the arrays so.",
    )


def _train_and_test(arrays: Mapping[str, NDArray[Any]], source: str) -> Arrays:
    train = pair(arrays["x_train"], arrays["y_train"], source)
    if not {"x_test", "y_test"} <= set(arrays):
        return train
    test = pair(arrays["x_test"], arrays["y_test"], source)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise DataError(
            "x_train and x_test must have rows of one shape",
            f"{train.x.shape} and {test.x.shape}",
            "Give both the same features.",
        )
    apart = np.arange(train.rows + test.rows) >= train.rows
    y = np.concatenate([np.asarray(train.y), np.asarray(test.y)])
    return pair(np.concatenate([train.x, test.x]), y, source, apart)
