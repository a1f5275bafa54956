"""What is predicted: the task found, targets encoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pullback.data.column_encoder import center_and_scale, text_among_numbers
from pullback.data.fields import Fields, damaged
from pullback.data.table import Column, Table, number_text
from pullback.errors import ConfigError, DataError

Task = Literal["classification", "multilabel", "regression"]
Label = str | int | float | bool
MOST_NUMBER_CLASSES = 10
MOST_COUNTED_CLASSES = 50
MOST_CLASSES = 10_000


@dataclasses.dataclass(frozen=True)
class Target:
    """The target columns, and how they are encoded.

    Args:
        names: The target columns; one of classes, several of labels, one or more of numbers.
        task: "classification", "multilabel" (each column says yes or no) or "regression".
        reason: Why this task.
        classes: The labels of a classification, sorted; else empty.
        center: The mean of each output over the training rows.
        scale: The standard deviation of each output over the training rows.
        pairs: What stands for no and for yes in each column of a multilabel target.
    """

    names: tuple[str, ...]
    task: Task
    reason: str = ""
    classes: tuple[Label, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    pairs: tuple[tuple[Label, Label], ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs a network for this target has: one a class, or one a column."""
        return len(self.classes) or len(self.names)

    def fit(self, table: Table) -> Target:
        """The target with center and scale of training rows."""
        if self.task != "regression":
            return self
        pairs = [center_and_scale(numeric_target(table[name], table)) for name in self.names]
        return dataclasses.replace(
            self, center=tuple(c for c, _ in pairs), scale=tuple(s for _, s in pairs)
        )

    def encode(self, table: Table) -> NDArray[Any]:
        """Class indices, 0 and 1 for the labels, or standardised values.

        Shape:
            Returns: (rows,) int64, or (rows, outputs) float32

        Raises:
            DataError: A value is missing, not finite or no known class.
        """
        if self.task == "classification":
            return _indices(table[self.names[0]], self.classes, table)
        if self.task == "multilabel":
            columns = zip(self.names, self.pairs, strict=True)
            answers = [_indices(table[name], pair, table) for name, pair in columns]
            return np.column_stack(answers).astype(np.float32)
        values = [numeric_target(table[name], table) for name in self.names]
        z = (np.column_stack(values) - self.center) / self.scale
        return z.astype(np.float32)

    def content(self) -> dict[str, Any]:
        """Plain data from which `read` makes the target again."""
        content = dataclasses.asdict(self)
        if not self.pairs:
            del content["pairs"]
        return content

    @classmethod
    def read(cls, fields: Fields) -> Target:
        """The target stored as `fields`."""
        names, classes = fields.texts("names"), fields.list("classes")
        center, scale = fields.numbers("center"), fields.numbers("scale")
        task = fields.text("task", get_args(Task))
        kinds = {type(label) for label in classes}
        if not names or len(kinds) > 1 or not kinds <= {str, int, float, bool}:
            raise damaged("a stored target must have names, and labels of one type", classes)
        if task == "classification":
            if len(names) > 1 or len(classes) < 2 or len(set(classes)) < len(classes):
                raise damaged("a stored target must have two classes or more", classes)
            return cls(names, "classification", fields.text("reason"), tuple(classes))
        if task == "multilabel":
            pairs = tuple(tuple(pair) for pair in fields.list("pairs"))
            if len(pairs) != len(names) or any(len(set(pair)) != 2 for pair in pairs):
                raise damaged("a stored multilabel target must have two values a label", pairs)
            return cls(names, "multilabel", fields.text("reason"), pairs=pairs)
        if classes or not len(names) == len(center) == len(scale) or min(scale) <= 0:
            raise damaged("a stored target must have a center and a scale an output", scale)
        return cls(names, "regression", fields.text("reason"), (), center, scale)


def _indices(column: Column, classes: Sequence[Label], table: Table) -> NDArray[np.int64]:
    """The place of each value among the classes."""
    _no_missing(column, table)
    text = column.as_text()
    place = {label_text(label): index for index, label in enumerate(classes)}
    found: NDArray[np.int64]
    found = np.array([place.get(level, -1) for level in text.levels], np.int64)[text.values]
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        known = ", ".join(label_text(label) for label in classes[:10])
        raise DataError(
            f"every value of the target {column.name!r} must be a class known from training",
            f"{text.cell(int(unknown[0]))!r} on {table.places(unknown)}; known are {known}",
            "Mend those labels, or train again with them.",
        )
    return found


def find_target(table: Table, names: Sequence[str], task: str | None = None) -> Target:
    """Find the task from the target columns.

    Text and truth values are classes; so are whole numbers with few values that repeat.
    Other numbers are quantities. Several columns of two classes each are labels.

    Raises:
        ConfigError: The task is not one of the three.
        DataError: The target cannot serve that task.
    """
    if task not in (None, *get_args(Task)):
        raise ConfigError(
            "task must be 'classification', 'multilabel' or 'regression'",
            repr(task),
            "Leave it out to have it found.",
        )
    columns = [table[name] for name in names]
    for column in columns:
        _no_missing(column, table)
    if len(columns) > 1 or task == "multilabel":
        return _of_several(columns, table, task)
    found, reason = (task, "as asked for") if task else _find_task(columns[0])
    if found == "regression":
        _varies(numeric_target(columns[0], table), names[0])
        return Target(tuple(names), "regression", reason)
    return Target(tuple(names), "classification", reason, _classes(columns[0], reason))


def _of_several(columns: Sequence[Column], table: Table, task: str | None) -> Target:
    """Labels, where every column has two classes; else a regression with several outputs."""
    names = tuple(column.name for column in columns)
    if task == "classification":
        raise DataError(
            "a classification must have one target column",
            ", ".join(names),
            "Name one of them, or pass task='multilabel' where each says yes or no.",
        )
    yes_or_no = [column for column in columns if _is_yes_or_no(column)]
    if task == "multilabel" or (task is None and len(yes_or_no) == len(columns)):
        for column in columns:
            if column not in yes_or_no:
                raise DataError(
                    "every column of a multilabel target must hold two values, no and yes",
                    f"{len(np.unique(column.values))} in {column.name!r}",
                    "Leave it out of the target.",
                )
        reason = "as asked for" if task else "several target columns of two values each"
        pairs = tuple(_pair(column) for column in columns)
        return Target(names, "multilabel", reason, pairs=pairs)
    for column in columns:
        numeric_target(column, table)
    return Target(names, "regression", "several target columns")


def _is_yes_or_no(column: Column) -> bool:
    classed = column.kind != "date" and _find_task(column)[0] == "classification"
    return classed and len(np.unique(column.values)) == 2


def _pair(column: Column) -> tuple[Label, Label]:
    no, yes = _classes(column, "")
    return no, yes


def _find_task(column: Column) -> tuple[str, str]:
    if column.kind == "boolean":
        return "classification", "true or false"
    if column.kind == "text":
        return "classification", f"text with {len(np.unique(column.values))} distinct values"
    distinct = np.unique(column.values)
    if (distinct == np.floor(distinct)).all() and np.isfinite(distinct).all():
        if _are_labels(distinct, len(column)):
            return "classification", f"whole numbers with {len(distinct)} distinct values"
        return "regression", f"whole numbers with {len(distinct)} distinct values"
    return "regression", "numbers with fractions"


def _are_labels(distinct: NDArray[np.float64], rows: int) -> bool:
    """Whether whole numbers are few enough, near enough and frequent enough to be labels."""
    count = len(distinct)
    if 2 * count > rows:
        return False
    with np.errstate(over="ignore"):
        extent = distinct[-1] - distinct[0]
    if count <= MOST_NUMBER_CLASSES:
        return bool(count <= 2 or extent < 3 * count)
    counted = distinct[0] in (0, 1) and extent == count - 1  # 0, 1, 2, ... without a gap
    return bool(counted and count <= MOST_COUNTED_CLASSES and rows >= 50 * count)


def _classes(column: Column, reason: str) -> tuple[Label, ...]:
    """The labels, sorted, in the type they have in the table."""
    if column.kind == "date":
        raise DataError(
            "a target must hold classes or numbers", f"dates in {column.name!r}", "Name another."
        )
    distinct = np.unique(column.values)
    if len(distinct) < 2:
        raise DataError(
            f"the target {column.name!r} must have two classes or more",
            f"only {column.cell(0)!r}",
            "Check the column, or name another target.",
        )
    if len(distinct) > MOST_CLASSES or (len(distinct) == len(column) > 20):
        raise DataError(
            f"the classes of the target {column.name!r} must repeat",
            f"{len(distinct)} distinct values in {len(column)} rows, first {column.cell(0)!r}",
            'Name another target, or pass task="regression" if these are quantities.',
        )
    if column.kind == "text":
        return tuple(column.levels[code] for code in distinct)
    if column.kind == "boolean":
        return tuple(bool(value) for value in distinct)
    if not np.isfinite(distinct).all():
        numeric_target(column, Table({column.name: column}, "the table", ""))
    whole = (distinct == np.floor(distinct)).all() and np.abs(distinct).max() < 2**53
    return tuple(int(value) if whole else float(value) for value in distinct)


def _no_missing(column: Column, table: Table) -> None:
    rows = np.flatnonzero(column.missing)
    if len(rows):
        raise DataError(
            f"every row must have a value in the target {column.name!r}",
            f"{len(rows)} of {len(column)} without one: {table.places(rows)}",
            "Fill them in, or have those rows left out: drop_missing_target=True.",
        )


def numeric_target(column: Column, table: Table) -> NDArray[np.float64]:
    """A target column as finite numbers, or a `DataError` that names the first bad cells."""
    _no_missing(column, table)
    if column.kind == "date":
        raise DataError(
            "a target must hold classes or numbers", f"dates in {column.name!r}", "Name another."
        )
    if column.kind == "text":
        bad = np.flatnonzero(~np.isfinite(column.level_numbers())[column.values])
        if len(bad):
            raise text_among_numbers(column, table, bad)
        values: NDArray[np.float64] = column.level_numbers()[column.values]
        return values
    infinite = np.flatnonzero(~np.isfinite(column.values))
    if len(infinite):
        raise DataError(
            f"every value of the target {column.name!r} must be finite",
            f"{column.cell(int(infinite[0]))} on {table.places(infinite)}",
            "Mend those cells, or leave those rows out.",
        )
    return column.values


def _varies(values: NDArray[np.float64], name: str) -> None:
    if len(values) and (values == values[0]).all():
        raise DataError(
            f"the target {name!r} must vary",
            f"{number_text(float(values[0]))} in every row",
            "Check the column, or name another target.",
        )


def label_text(label: Label) -> str:
    """A label as it stands in a table."""
    return str(label) if isinstance(label, (str, bool)) else number_text(float(label))
