"""The rows to train on, to validate with and to test on, as the loop takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from pullback.errors import DataError, ShapeError
from pullback.graph.dtypes import Array


@dataclass(frozen=True)
class Rows:
    """One part of the data.

    Attributes:
        x: Features (rows, ...), in the network's dtype.
        y: Targets: class indices (rows,), or numbers in the network's dtype.
        weights: One weight a row in the network's dtype, or None.
    """

    x: Array
    y: Array
    weights: Array | None = None

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ShapeError(
                "features and targets must have the same number of rows",
                f"x {self.x.shape}, y {self.y.shape}",
                "Check how they were cut.",
            )
        if self.weights is not None and self.weights.shape != (len(self.x),):
            raise ShapeError(
                "there must be one weight a row",
                f"weights {self.weights.shape} for {len(self.x)} rows",
                "Pass a vector of weights.",
            )
        if self.weights is not None and not (
            np.isfinite(self.weights).all() and (self.weights >= 0).all() and self.weights.any()
        ):
            raise DataError(
                f"weights must be finite, 0 or more, and not all 0, in {self.weights.dtype}",
                f"weights from {self.weights.min()} to {self.weights.max()}",
                "Check them.",
            )

    def __len__(self) -> int:
        return len(self.x)

    def feeds(self, rows: Array) -> dict[str, Array]:
        """What a step is fed with for these rows."""
        feeds = {"x": self.x.take(rows, 0), "y": self.y.take(rows, 0)}
        if self.weights is not None:
            feeds["weights"] = self.weights.take(rows)
        return feeds

    def take(self, rows: Array) -> Rows:
        """Only these rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.x[rows], self.y[rows], weights)


@dataclass(frozen=True)
class Parts:
    """The parts of the data; validation and test may be missing."""

    train: Rows
    validation: Rows | None = None
    test: Rows | None = None

    def arrays(self) -> dict[str, Array]:
        """All arrays by name (`train.x`, ...), for the run."""
        found = {}
        for name in ("train", "validation", "test"):
            part: Rows | None = getattr(self, name)
            for field in ("x", "y", "weights"):
                if part is not None and getattr(part, field) is not None:
                    found[f"{name}.{field}"] = getattr(part, field)
        return found

    def fingerprint(self) -> str:
        """A hash of all arrays, their names, shapes and dtypes."""
        digest = hashlib.sha256()
        for name, array in self.arrays().items():
            digest.update(f"{name} {array.dtype} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @classmethod
    def of_arrays(cls, arrays: dict[str, Array]) -> Parts:
        """From `arrays()`."""
        parts = {
            name: Rows(arrays[f"{name}.x"], arrays[f"{name}.y"], arrays.get(f"{name}.weights"))
            for name in ("train", "validation", "test")
            if f"{name}.x" in arrays
        }
        return cls(parts["train"], parts.get("validation"), parts.get("test"))
