"""Warnings about a table before training: leaks, twins across the parts, columns left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import center_and_scale
from pullback.data.roles import ColumnRole
from pullback.data.splits import Split
from pullback.data.table import Column, Table
from pullback.data.targets import Target, label_text

LEAST_ROWS = 20
SAMPLE = 20_000
NEARLY_ALL = 0.999


def leaks(training: Table, roles: Sequence[ColumnRole], target: Target) -> list[str]:
    """Warn of each feature that tells the target (nearly) without error.

    A category, or a number that repeats, leaks when almost every row has the commonest class
    of its value; a number when one stretch of its range for each class separates them all, or,
    in a regression, when its correlation with the target (of values or of ranks) is nearly 1.
    """
    if training.rows < LEAST_ROWS or len(target.names) > 1 or target.pairs:
        return []
    training = sample(training)
    y = target.encode(training).reshape(training.rows, -1)[:, 0]
    warnings = []
    for role in roles:
        if role.used and _tells(training[role.name], y, target):
            warnings.append(
                f"{role.name!r} tells the target {target.names[0]!r} almost without error: if it "
                f'is not known when predicting, leave it out (roles={{"{role.name}": "drop"}})'
            )
    return warnings


def _tells(column: Column, y: NDArray[np.generic], target: Target) -> bool:
    present = ~column.missing
    values, y = column.values[present], y[present]
    if len(values) < max(LEAST_ROWS, 0.5 * len(column)) or not np.isfinite(values).all():
        return False
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) < 2 or len(np.unique(y)) < 2:
        return False
    if target.task == "regression":
        if column.kind == "text":
            return _explained(codes, y.astype(np.float64))
        return _aligned(values.astype(np.float64), y.astype(np.float64))
    if len(distinct) <= 0.2 * len(values):
        table = np.zeros((len(distinct), len(target.classes)), np.int64)
        np.add.at(table, (codes, y.astype(np.int64)), 1)
        return bool(table.max(axis=1).sum() >= NEARLY_ALL * len(values))
    if column.kind == "text":
        return False
    order = np.argsort(values, kind="stable")
    changes = int((np.diff(y[order].astype(np.int64)) != 0).sum())
    return changes == len(np.unique(y)) - 1


def _aligned(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    return any(abs(_correlation(a, b)) > NEARLY_ALL for a, b in ((x, y), (_ranks(x), _ranks(y))))


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    (x_mean, x_scale), (y_mean, y_scale) = center_and_scale(x), center_and_scale(y)
    return float(np.mean((x - x_mean) / x_scale * ((y - y_mean) / y_scale)))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2.0)[codes]


def _explained(codes: NDArray[np.int64], y: NDArray[np.float64]) -> bool:
    """Whether the mean of each level leaves almost no variance."""
    counts = np.bincount(codes)
    if len(counts) > 0.2 * len(y):
        return False
    mean = np.bincount(codes, weights=y) / counts
    return float(np.var(y - mean[codes])) < (1 - NEARLY_ALL) * float(np.var(y))


def twins(table: Table, parts: Split) -> list[str]:
    """Warn of held-out rows that are equal, in every column, to a training row."""
    held_out = np.concatenate([parts.validation, parts.test])
    few = sample(table)
    varied = any(len(np.unique(c.values)) > 0.2 * few.rows for c in few.columns.values())
    if not len(held_out) or not varied:
        return []  # with a few coarse columns equal rows are no sign of copies
    hashes = row_hashes(table)
    count = int(np.isin(hashes[held_out], hashes[parts.train]).sum())
    if count <= 0.01 * len(held_out):
        return []
    return [
        f"{count} of {len(held_out)} validation and test rows are copies of training rows, so that "
        "their scores flatter: remove the copies, or split by a group"
    ]


def untaught(goal: Target, y: NDArray[Any], parts: Split) -> list[str]:
    """Warn of classes that no training row holds: their outputs never learn anything.

    Args:
        goal: The target.
        y: The encoded targets of all rows.
        parts: The rows of each part.
    """
    if not goal.classes:
        return []
    absent = np.setdiff1d(y, y[parts.train])
    if not len(absent):
        return []
    names = ", ".join(repr(label_text(goal.classes[code])) for code in absent[:5])
    return [
        f"no training row is of the class{'es' if len(absent) > 1 else ''} "
        f"{names}{', ...' if len(absent) > 5 else ''}, which can therefore not be learned: "
        "split so that some are, or leave those rows out"
    ]


def sample(table: Table) -> Table:
    """Up to 20,000 rows, evenly spread: enough to warn by."""
    if table.rows <= SAMPLE:
        return table
    return table.take(np.linspace(0, table.rows - 1, SAMPLE).astype(np.int64))


def row_hashes(table: Table) -> NDArray[np.uint64]:
    """A 64-bit hash of each row."""
    hashes = np.zeros(table.rows, np.uint64)
    for column in table.columns.values():
        bits = np.ascontiguousarray(column.values.astype(np.float64)).view(np.uint64)
        hashes = (hashes ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def left_out(roles: Sequence[ColumnRole]) -> list[str]:
    """Warn of columns that are left out though a user might expect them in use."""
    warnings = []
    for kind in ("constant", "empty", "duplicate", "identifier"):
        those = [role for role in roles if role.role == kind]
        if len(those) > 3:
            names = ", ".join(repr(role.name) for role in those[:5])
            more = ", ..." if len(those) > 5 else ""
            warnings.append(f"{len(those)} columns are left out ({kind}): {names}{more}")
        else:
            warnings += [f"{r.name!r} is left out ({kind}): {r.reason}" for r in those]
    return warnings
