"""Training, validation and test rows: at random, by class, by group, by time, or as given.

All randomness is the raw output of the counter-based generator Philox4x64, keyed by the seed,
and rows are drawn in the order of those numbers: the same seed gives the same rows everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.table import Column
from pullback.errors import ConfigError, DataError, unknown

Rows = NDArray[np.int64]
STRATEGIES = ("random", "stratified", "group", "time")
PART_NAMES = {
    **dict.fromkeys(("train", "training", "fit", "0"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "1"), "validation"),
    **dict.fromkeys(("test", "testing", "holdout", "2"), "test"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The rows of each part, as indices in rising order.

    Args:
        train: Training rows.
        validation: Rows that decide when to stop.
        test: Rows that nothing looks at until the end.
        how: How they were chosen, for printing.
        warnings: Sentences for the user.
    """

    train: Rows
    validation: Rows
    test: Rows
    how: str
    warnings: tuple[str, ...] = ()


def split(
    rows: int,
    how: str = "random",
    *,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    labels: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    times: NDArray[Any] | None = None,
) -> Split:
    """Divide rows into three parts.

    Args:
        rows: How many rows there are.
        how: "random"; "stratified" (each class in the same proportion, and never without a
            training row); "group" (a group's rows all in one part); "time" (training before
            validation before test; rows of one time stay together).
        validation: The share of all rows for validation; 0 for none.
        test: The share of all rows for the test; 0 for none.
        seed: Which random choice.
        labels: The class of each row, for "stratified".
        groups: The group of each row, for "group".
        times: The time of each row, for "time".

    Raises:
        ConfigError: The shares are no shares or leave no training rows.
        DataError: A part that was asked for would be empty.

    Example:
        >>> parts = split(10, validation=0.2, test=0.2)
        >>> len(parts.train), len(parts.validation), len(parts.test)
        (6, 2, 2)
    """
    if how not in STRATEGIES:
        raise unknown("split", how, STRATEGIES)
    check_shares(validation, test)
    sizes = (_size(rows, validation), _size(rows, test))
    order = random_order(rows, seed)
    warnings: list[str] = []
    if how == "stratified":
        part = _stratified(_given(labels, "labels", how), order, sizes, warnings)
    elif how == "group":
        part = _grouped(_given(groups, "groups", how), order, sizes)
    elif how == "time":
        part = _timed(_given(times, "times", how), sizes)
    else:
        part = np.zeros(rows, np.int8)
        part[order[: sizes[1]]] = 2
        part[order[sizes[1] : sum(sizes)]] = 1
    return parts(part, how, (validation > 0, test > 0), tuple(warnings))


def parts(
    part: NDArray[np.int8], how: str, wanted: tuple[bool, bool], warnings: tuple[str, ...] = ()
) -> Split:
    """A split from the part (0 training, 1 validation, 2 test, -1 none) of each row.

    Raises:
        DataError: A part that was wanted is empty.
    """
    train, validation, test = (np.flatnonzero(part == i) for i in range(3))
    named = {"training": len(train), "validation": len(validation), "test": len(test)}
    needed = [True, *wanted]
    empty = [
        name for (name, size), need in zip(named.items(), needed, strict=True) if need and not size
    ]
    if empty:
        sizes = ", ".join(f"{size} {name}" for name, size in named.items())
        raise DataError(
            f"the {empty[0]} part must hold rows",
            f"{len(part)} rows split ({how}) into {sizes}",
            "Ask for another share (0 for no such part), or give more rows"
            + (" or smaller groups." if how == "group" else "."),
        )
    return Split(train, validation, test, how, warnings)


def split_by_column(column: Column) -> Split:
    """A split as a column of the table says: train, validation or test in each row.

    Raises:
        DataError: A cell names no part.
    """
    text = column.as_text()
    names = ["train", "validation", "test"]
    known = [PART_NAMES.get(level.casefold()) for level in text.levels]
    codes = np.array([*(names.index(n) if n else -1 for n in known), -1], np.int8)
    part = codes[text.values]
    bad = np.flatnonzero(part < 0)
    if len(bad):
        raise DataError(
            f"the column {column.name!r} must say 'train', 'validation' or 'test' in each row",
            f"{text.cell(int(bad[0]))!r} in row {bad[0]}",
            "Mend those cells, or choose another split.",
        )
    return parts(part, f"as the column {column.name!r} says", (False, False))


def split_by_rows(chosen: Mapping[str, Any], rows: int) -> Split:
    """A split from the indices or the mask of each part; training rows are the rest if not given.

    Raises:
        DataError: An index is out of range, or two parts share a row.
    """
    part = np.full(rows, -1, np.int8)
    for name, given in chosen.items():
        if name not in PART_NAMES:
            raise unknown("part", name, ("train", "validation", "test"))
        which = ["train", "validation", "test"].index(PART_NAMES[name])
        index = _indices(given, name, rows)
        if len(index) and (part[index] >= 0).any():
            raise DataError(
                "each row must be in one part only",
                f"row {index[part[index] >= 0][0]} in {name!r} and in another",
                "Take it out of one of them.",
            )
        part[index] = which
    if not any(PART_NAMES[name] == "train" for name in chosen):
        part[part < 0] = 0
    return parts(part, "as given", (False, False))


def _indices(given: Any, name: str, rows: int) -> Rows:
    array = np.asarray(given)
    if array.dtype == bool and array.shape == (rows,):
        return np.flatnonzero(array)
    whole = array.dtype.kind in "iu" or not array.size
    if array.ndim != 1 or not whole or (array.size and not 0 <= array.min() <= array.max() < rows):
        raise DataError(
            f"the part {name!r} must be a mask of {rows} rows, or indices from 0 to {rows - 1}",
            f"an array of shape {array.shape} and dtype {array.dtype}",
            "Pass row indices.",
        )
    return np.unique(array.astype(np.int64))


def random_order(rows: int, seed: int) -> Rows:
    """Rows in random order, the same for the same seed on every machine and NumPy version.

    Example:
        >>> random_order(5, seed=0).tolist() == random_order(5, seed=0).tolist()
        True
    """
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ConfigError("a seed must be a whole number from 0 on", repr(seed), "Pass seed=0.")
    numbers = np.random.Philox(key=int(seed)).random_raw(rows)
    return np.argsort(numbers, kind="stable")


def check_shares(validation: float, test: float) -> None:
    """Check the shares of validation and test: each from 0 to below 1, and so their sum.

    Raises:
        ConfigError: They are not.
    """
    for name, share in (("validation", validation), ("test", test)):
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if not number or not 0 <= share < 1:
            raise ConfigError(
                f"the share {name} must be between 0 and 1",
                repr(share),
                f"Pass {name}=0.2, or 0 for none.",
            )
    if validation + test >= 1:
        raise ConfigError(
            "the shares must leave rows for training",
            f"validation={validation} and test={test}",
            "Pass shares that add up to less than 1.",
        )


def _size(rows: int, share: float) -> int:
    return max(1, round(rows * share)) if share > 0 and rows >= 3 else round(rows * share)


def _given(values: NDArray[Any] | None, name: str, how: str) -> NDArray[Any]:
    if values is None:
        raise ConfigError(f"the split {how!r} must have {name}", "none", f"Pass {name}=...")
    return np.asarray(values)


def _stratified(
    labels: NDArray[Any], order: Rows, sizes: tuple[int, int], warnings: list[str]
) -> NDArray[np.int8]:
    """Spread every class evenly over the parts; a class of one row stays in training."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    test = _allot(counts, sizes[1], counts - 1)
    validation = _allot(counts, sizes[0], np.maximum(counts - test - 1, 0))
    drawn = order[np.argsort(codes[order], kind="stable")]  # by class, at random within
    start = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.arange(len(labels)) - start
    of_class = codes[drawn]
    part = np.zeros(len(labels), np.int8)
    part[drawn[rank < test[of_class] + validation[of_class]]] = 1
    part[drawn[rank < test[of_class]]] = 2
    thin = int((counts < 1 + bool(sizes[0]) + bool(sizes[1])).sum())
    if thin:
        classes = "class has" if thin == 1 else "classes have"
        warnings.append(f"{thin} {classes} too few rows to be in every part; training comes first")
    return part


def _allot(counts: Rows, total: int, room: Rows) -> Rows:
    """Divide `total` over the classes in proportion, by largest remainders, within `room`."""
    exact = counts * (total / counts.sum())
    given = np.minimum(np.floor(exact).astype(np.int64), room)
    while given.sum() < min(total, int(room.sum())):
        open_ = np.flatnonzero(given < room)
        best = open_[np.argsort(-(exact - given)[open_], kind="stable")]
        given[best[: total - int(given.sum())]] += 1
    allotted: Rows = given
    return allotted


def _grouped(groups: NDArray[Any], order: Rows, sizes: tuple[int, int]) -> NDArray[np.int8]:
    """Whole groups, in random order, until each part is full."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    place = np.full(len(counts), len(order))
    np.minimum.at(place, codes[order], np.arange(len(order)))
    part_of_group = np.zeros(len(counts), np.int8)
    taken = {1: 0, 2: 0}
    for group in np.argsort(place, kind="stable")[
        :-1
    ].tolist():  # one group at least stays for training
        for part, size in ((2, sizes[1]), (1, sizes[0])):
            if taken[part] < size and taken[part] + counts[group] <= max(1.25 * size, size + 1):
                part_of_group[group] = part
                taken[part] += int(counts[group])
                break
    return part_of_group[codes]


def _timed(times: NDArray[Any], sizes: tuple[int, int]) -> NDArray[np.int8]:
    """The last rows in time are the test, those before them the validation."""
    _, codes = np.unique(times, return_inverse=True)
    codes = codes.reshape(-1)
    before = np.cumsum(np.bincount(codes))
    before = np.concatenate([[0], before[:-1]])[codes]  # rows strictly earlier
    part = np.zeros(len(times), np.int8)
    part[before >= len(times) - sum(sizes)] = 1
    part[before >= len(times) - sizes[1]] = 2 if sizes[1] else 1
    if not sizes[0]:
        part[part == 1] = 0
    return part
