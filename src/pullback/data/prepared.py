"""What `prepare` returns: encoded parts, the encoder, and what was decided."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.encoder import Encoder
from pullback.data.roles import ColumnRole
from pullback.data.targets import label_text


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Encoded rows, ready for a network.

    Args:
        x: The features, float32; tokens of a text, int32.
        y: Class indices (int64), standardised values (float32), or the tokens that follow (int32).
        weight: The weight of each row, if there are weights.
        rows: Which rows of the source these are.

    Shape:
        x: (rows, features), or (rows, *shape) for arrays kept whole, windows of rows or tokens
        y: (rows,), (rows, outputs) or (rows, length)
        weight, rows: (rows,)
    """

    x: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[np.float32] | None
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """Data ready for training, with everything that was decided on the way.

    Args:
        encoder: Encodes further rows in the same way.
        train: The training part.
        validation: The part that decides when to stop; it may be empty.
        test: The part that nothing looks at until the end; it may be empty.
        split: How rows were divided.
        source: What was read.
        hash: SHA-256 of the file, or of the arrays.
        rows: The number of rows in the source.
        warnings: Sentences for the user.
    """

    encoder: Encoder
    train: Part
    validation: Part
    test: Part
    split: str
    source: str
    hash: str
    rows: int
    warnings: tuple[str, ...]

    @property
    def task(self) -> str:
        """Classification, multilabel or regression."""
        return self.encoder.target.task

    @property
    def roles(self) -> tuple[ColumnRole, ...]:
        """The role of each column."""
        return self.encoder.roles

    def summary(self) -> dict[str, Any]:
        """What was read and decided, as plain data."""
        target = self.encoder.target
        summary: dict[str, Any] = {
            "source": self.source,
            "hash": self.hash,
            "rows": self.rows,
            "target": list(target.names),
            "task": target.task,
            "task_reason": target.reason,
            "roles": [dataclasses.asdict(role) for role in self.roles],
            "features": int(np.prod(self.encoder.input_shape)),
            "split": self.split,
            "parts": {name: len(getattr(self, name)) for name in ("train", "validation", "test")},
            "warnings": list(self.warnings),
        }
        if target.classes and self.train.y.ndim == 1:
            counts = np.bincount(self.train.y, minlength=len(target.classes))
            names = [label_text(label) for label in target.classes]
            summary["classes"] = dict(zip(names, counts.tolist(), strict=True))
        if target.task == "multilabel":
            counts = self.train.y.sum(axis=0).astype(int)
            summary["labels"] = dict(zip(target.names, counts.tolist(), strict=True))
        return summary
