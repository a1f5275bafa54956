"""The rows to train on, to validate with and to test on, as the loop takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from pullback.errors import DataError, ShapeError
from pullback.graph.dtypes import Array
from pullback.large import Lazy, chunks
from pullback.nn.several import ONE, labelled, unlabelled

PARTS = ("train", "validation", "test")
Arrays: TypeAlias = Array | Lazy | Mapping[str, Array | Lazy]


@dataclass(frozen=True)
class Rows:
    """One part of the data.

    Attributes:
        arrays: By label, one row a row: the features `x` (or `x.NAME`, where there are several),
            the targets `y` (or `y.NAME`) as the loss takes them, and `weights`, if there are any.

    Example:
        >>> rows = Rows.of(np.ones((3, 2)), {"age": np.zeros(3), "size": np.zeros(3)})
        >>> len(rows), [*rows.arrays]
        (3, ['x', 'y.age', 'y.size'])
    """

    arrays: Mapping[str, Array | Lazy]

    @classmethod
    def of(cls, x: Arrays, y: Arrays, weights: Array | None = None) -> Rows:
        """From features and targets, each one array or several by name."""
        given: dict[str, Array | Lazy] = {**_labelled("x", x), **_labelled("y", y)}
        return cls(given if weights is None else {**given, "weights": weights})

    def __post_init__(self) -> None:
        weights, rows = self.weights, len(self)
        if any(len(array) != rows for label, array in self.arrays.items() if label != "weights"):
            raise ShapeError(
                "features and targets must have the same number of rows",
                ", ".join(f"{label} {array.shape}" for label, array in self.arrays.items()),
                "Check how they were cut.",
            )
        if weights is not None and weights.shape != (rows,):
            raise ShapeError(
                "there must be one weight a row",
                f"weights {weights.shape} for {rows} rows",
                "Pass a vector of weights.",
            )
        if weights is not None and not (
            np.isfinite(weights).all() and (weights >= 0).all() and weights.any()
        ):
            raise DataError(
                f"weights must be finite, 0 or more, and not all 0, in {weights.dtype}",
                f"weights from {weights.min()} to {weights.max()}",
                "Check them.",
            )

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def weights(self) -> Array | None:
        """One weight a row, or None."""
        weights = self.arrays.get("weights")
        assert not isinstance(weights, Lazy)
        return weights

    @property
    def targets(self) -> dict[str, Array | Lazy]:
        """The targets by output; that of a network with one output has the name ""."""
        return unlabelled("y", self.arrays)

    def feeds(self, rows: Array) -> dict[str, Array]:
        """What a step is fed with for these rows."""
        return {label: array.take(rows, 0) for label, array in self.arrays.items()}

    def batches(self, size: int) -> Iterator[dict[str, Array]]:
        """The feeds for all rows in order, so many at a time."""
        for start in range(0, len(self), size):
            yield self.feeds(np.arange(start, min(start + size, len(self))))

    def some(self, count: int) -> Rows:
        """A few of the rows, evenly spread."""
        chosen = np.linspace(0, len(self) - 1, min(len(self), count)).astype(np.int64)
        return self.take(chosen)

    def label_ranges(self) -> dict[str, tuple[int, int]]:
        """The smallest and the largest label of each output whose targets are labels."""
        return {
            name: (int(y.min()), int(y.max()))
            for name, y in self.targets.items()
            if not isinstance(y, Lazy) and y.dtype.kind in "iu"
        }

    def take(self, rows: Array) -> Rows:
        """Only these rows; those of an array on the disk stay there."""
        return Rows(
            {
                label: array.chosen(rows) if isinstance(array, Lazy) else array.take(rows, 0)
                for label, array in self.arrays.items()
            }
        )


def _labelled(kind: str, given: Arrays) -> dict[str, Array | Lazy]:
    return labelled(kind, given if isinstance(given, Mapping) else {ONE: given})


class Part(Protocol):
    """What is asked of the rows of a part, wherever they come from."""

    def __len__(self) -> int: ...

    def some(self, count: int) -> Rows:
        """A few of the rows."""

    def label_ranges(self) -> dict[str, tuple[int, int]]:
        """The smallest and the largest label of each output whose targets are labels."""

    def batches(self, size: int) -> Iterator[dict[str, Array]]:
        """The feeds for all rows in order, so many at a time."""


@dataclass(frozen=True)
class Parts:
    """The parts of the data; validation and test may be missing."""

    train: Part
    validation: Rows | None = None
    test: Rows | None = None

    def arrays(self) -> dict[str, Array | Lazy]:
        """All arrays by name (`train.x`, ...), for the run."""
        return {
            f"{name}.{label}": array
            for name in PARTS
            for label, array in getattr(getattr(self, name), "arrays", {}).items()
        }

    def fingerprint(self) -> str:
        """A hash of all arrays, their names, shapes and dtypes."""
        digest = hashlib.sha256(getattr(self.train, "digest", "").encode())
        for name, array in self.arrays().items():
            digest.update(f"{name} {array.dtype} {array.shape};".encode())
            for _, piece in chunks(array):
                digest.update(np.ascontiguousarray(piece).data)
        return digest.hexdigest()

    @classmethod
    def of_arrays(cls, arrays: dict[str, Array]) -> Parts:
        """From `arrays()`."""
        found = {name: unlabelled(name, arrays) for name in PARTS}
        return cls(**{name: Rows(part) for name, part in found.items() if part})
