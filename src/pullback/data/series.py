"""A table as a series: windows of rows in their order, and what comes after each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays
from pullback.data.fields import Fields, damaged
from pullback.data.sequences import windows
from pullback.data.table import Table
from pullback.data.table_inputs import TableInputs
from pullback.data.targets import Target

MOST_WINDOW = 100_000


@dataclasses.dataclass(frozen=True, eq=False)
class SeriesInputs:
    """Windows of encoded rows: the past from which the next rows' target is predicted.

    Args:
        row: How one row is encoded; the target's own past is among the features.
        target: What of a row is predicted, before it is spread over the rows ahead.
        window: Rows of the past.
        horizon: Rows ahead that are predicted.
    """

    row: TableInputs
    target: Target
    window: int
    horizon: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one window: (window, features)."""
        return (self.window, *self.row.shape)

    @property
    def feature_names(self) -> list[str]:
        """The features of a row, with how many rows back they stand."""
        names = self.row.feature_names
        return [f"{name}[-{back}]" for back in range(self.window, 0, -1) for name in names]

    @property
    def feature_columns(self) -> list[str]:
        """For each feature, the column that it comes from."""
        return self.row.feature_columns * self.window

    @property
    def reading(self) -> dict[str, Any]:
        """A table is read in one way."""
        return {}

    def encode(self, source: Table | Arrays) -> NDArray[np.float32]:
        """Every window of a table; after the last one comes what the table does not hold yet.

        Shape:
            Returns: (rows - window + 1, window, features)

        Raises:
            DataError: The table has fewer rows than a window.
        """
        return windows(self.row.encode(source), self.window)

    def examples(self, x: NDArray[np.float32], y: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """The windows that something follows, and the targets of what follows.

        Shape:
            x: (rows - window + 1, window, features)
            y: (rows,) classes, or (rows, outputs) values
            Returns: as many of both; y (windows,), or (windows, horizon * outputs)
        """
        after = windows(y[self.window :], self.horizon)
        known = x[: len(after)]
        if y.ndim == 1:
            return known, after[:, 0]
        return known, after.reshape(len(after), -1)

    def count(self, source: Table | Arrays) -> tuple[dict[str, int], dict[str, int]]:
        """How many rows of each column hold an unseen value, and how many none."""
        return self.row.count(source)

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the inputs again."""
        sizes = {"window": self.window, "horizon": self.horizon}
        parts = {"row": self.row.content(), "target": self.target.content()}
        return {"kind": "series", **sizes, **parts}

    @classmethod
    def read(cls, fields: Fields) -> SeriesInputs:
        """The inputs stored as `fields`."""
        sizes = [fields.get(name) for name in ("window", "horizon")]
        for size in sizes:
            whole = isinstance(size, int) and not isinstance(size, bool)
            if not whole or not 1 <= size <= MOST_WINDOW:
                raise damaged("a stored window must have a length", size)
        row = TableInputs.read(Fields(fields.get("row"), "the stored rows"))
        return cls(row, Target.read(Fields(fields.get("target"), "a stored target")), *sizes)
