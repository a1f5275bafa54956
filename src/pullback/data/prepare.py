"""From raw data to encoded parts, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.arrays import Arrays
from pullback.data.checks import leaks, left_out, twins, untaught
from pullback.data.column_encoder import refuse_infinite
from pullback.data.encoder import Encoder, with_details
from pullback.data.images import ImageInputs
from pullback.data.partition import partition, row_values, row_weights
from pullback.data.prepared import Part, Prepared
from pullback.data.reading import read
from pullback.data.roles import ColumnRole, find_roles
from pullback.data.splits import Split
from pullback.data.table import Table, no_such_column
from pullback.data.table_inputs import TableInputs
from pullback.data.targets import Target, find_target
from pullback.errors import ConfigError, DataError


def prepare(
    source: Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str | None = None,
    roles: Mapping[str, str] | None = None,
    split: str | Mapping[str, Any] | Split = "auto",
    validation: float = 0.2,
    test: float = 0.2,
    group: Any = None,
    time_column: Any = None,
    weight: Any = None,
    seed: int = 0,
    drop_missing_target: bool = False,
    encoding: str = "utf-8",
    separator: str | None = None,
    missing: Sequence[str] = (),
    image_size: tuple[int, int] | None = None,
    skip_unreadable: bool = False,
) -> Prepared:
    """Read data, find what each column is for, split the rows, and encode them.

    Every statistic (medians, means, levels, words, roles) is of training rows alone.

    Args:
        source: What `read_table` takes; arrays of several axes are kept whole.
        target: The target column; several columns of numbers for a regression with as many
            outputs, or of two values each for labels. A pair (X, y) needs none.
        task: "classification", "multilabel" or "regression"; found from the target if `None`.
        roles: Roles that replace the ones found: column to "numeric", "categorical",
            "boolean", "date", "text" or "drop".
        split: "auto" (by group or time if given, stratified for classes, else random), a
            strategy of `split`, a column that names the part of each row, or the rows of
            each part.
        validation: The share of all rows for validation; 0 for none.
        test: The share of all rows for the test; 0 for none.
        group: The column (or array) whose groups stay in one part.
        time_column: The column (or array) by whose order the rows are split.
        weight: The column (or array) of weights of rows.
        seed: Which random split.
        drop_missing_target: Whether rows without a target are left out, not refused.
        encoding: How the bytes of a text stand for characters.
        separator: The character between fields of a text; found by itself if `None`.
        missing: Words that mean 'no value', beside the usual ones.
        image_size: (height, width) to which pictures are resized; needed where sizes differ.
        skip_unreadable: Whether pictures that cannot be read are left out, not refused.

    Raises:
        DataError: The data cannot be read, checked, encoded or split.
        ConfigError: A setting cannot be used.

    Example:
        >>> from pullback import datasets
        >>> prepared = prepare(datasets.path("penguins"), "species")
        >>> prepared.task, len(prepared.train), len(prepared.test)
        ('classification', 206, 69)
    """
    if roles is not None and not isinstance(roles, Mapping):
        do = "Pass for instance roles={'zip': 'categorical'}."
        raise ConfigError("roles must be a dict of column to role", repr(roles)[:100], do)
    found = read(
        source,
        encoding=encoding,
        separator=separator,
        missing=missing,
        image_size=image_size,
        skip_unreadable=skip_unreadable,
    )
    table, names = _table_and_target(found, target)
    taken = _parts_of_columns(
        table, names, roles or {}, split=split, group=group, time=time_column, weight=weight
    )
    kept = _rows_with_target(table, names, drop_missing_target)
    apart, held = (
        None if rows_apart is None else rows_apart[kept] for rows_apart in _set_apart(found)
    )
    steering = {
        name: row_values(table, given, name, kept)
        for name, given in (("group", group), ("time", time_column))
    }
    weights = row_weights(table, weight, kept)
    rows = table if len(kept) == table.rows else table.take(kept)
    goal = find_target(rows, names, task)
    parts = partition(rows, goal, split, validation, test, seed, apart, held, **steering)
    goal = goal.fit(rows.take(parts.train))
    left = table.rows - len(kept)
    is_are = ("row", "is") if left == 1 else ("rows", "are")
    warnings = [f"{left} {is_are[0]} without a target {is_are[1]} left out"] if left else []
    if isinstance(found, Arrays) and found.left_out:
        some = "1 picture" if found.left_out == 1 else f"{found.left_out} pictures"
        warnings.append(f"left out: {some} that could not be read")
    if isinstance(found, Arrays) and found.whole:
        encoder, x = _whole(found, goal, parts, kept)
    else:
        encoder, x = _columns(rows, goal, parts, taken, roles or {}, missing)
        warnings += left_out(encoder.roles) + twins(rows, parts)
        warnings += leaks(rows.take(parts.train), encoder.roles, goal)
    y = goal.encode(rows)
    warnings += untaught(goal, y, parts)
    train, held_out, last = (
        Part(x[part], y[part], None if weights is None else weights[part], kept[part])
        for part in (parts.train, parts.validation, parts.test)
    )
    return Prepared(
        *(encoder, train, held_out, last, parts.how, table.source, found.hash, table.rows),
        (*parts.warnings, *warnings),
    )


def _set_apart(found: Table | Arrays) -> tuple[NDArray[np.bool_] | None, ...]:
    """The rows that their maker set apart for test and validation."""
    return (found.test, found.validation) if isinstance(found, Arrays) else (None, None)


def _table_and_target(
    found: Table | Arrays, target: str | Sequence[str] | None
) -> tuple[Table, list[str]]:
    """The table (of arrays kept whole, the targets alone) and the names of the target columns."""
    if isinstance(found, Arrays):
        targets = found.target_table()
        if targets is None and (target is None or found.whole):
            raise DataError("the data must hold targets", "features only", "Pass a pair (X, y).")
        table = targets if found.whole and targets is not None else found.as_table()
        if target is None and targets is not None:
            return table, targets.names
    else:
        table = found
    if target is None:
        shown = ", ".join(table.names[:20]) + (", ..." if len(table.names) > 20 else "")
        raise DataError("a target column must be named", f"the columns {shown}", "Name one.")
    if not isinstance(target, (str, Sequence)):
        raise ConfigError(
            "a target must be named by text", repr(target)[:100], f"Name one of {table.names[:5]}."
        )
    names = [target] if isinstance(target, str) else list(target)
    for name in names:
        if name not in table.columns:
            raise no_such_column(name, table, f"the target must be a column of {table.source}")
    if not names or len(set(names)) < len(names):
        raise ConfigError("each target column must be named once", repr(names), "Name it once.")
    return table, names


def _parts_of_columns(
    table: Table, names: Sequence[str], roles: Mapping[str, str], **given: Any
) -> dict[str, str]:
    """Column to its part in training; each exists and has one part only."""
    taken = dict.fromkeys(names, "target")
    for part, name in given.items():
        if not isinstance(name, str) or (part == "split" and name not in table.columns):
            continue
        if name not in table.columns:
            raise no_such_column(name, table, f"the {part} must be a column of {table.source}")
        if name in taken:
            raise ConfigError(
                f"the column {name!r} must have one part",
                f"{taken[name]} and {part}",
                f"Name another column as the {part}.",
            )
        taken[name] = part
    for name in names:
        if name in roles:
            raise ConfigError(
                "the target must not have another role",
                f"{name!r} as {roles[name]}",
                'Take it out of roles; task="classification" or "regression" says what it is.',
            )
    return taken


def _rows_with_target(table: Table, names: Sequence[str], drop: bool) -> NDArray[np.int64]:
    if not drop:
        return np.arange(table.rows)
    kept = np.flatnonzero(~np.any([table[name].missing for name in names], axis=0))
    if not len(kept):
        raise DataError(
            "some row must have a target", f"none of {table.rows}", "Name another target."
        )
    return kept


def _whole(
    arrays: Arrays, goal: Target, parts: Split, kept: NDArray[np.int64]
) -> tuple[Encoder, NDArray[np.float32]]:
    inputs = ImageInputs.fit(arrays.x[kept[parts.train]])
    roles = (
        ColumnRole(
            "x",
            "numeric",
            f"arrays of shape {inputs.shape} of {arrays.x.dtype}",
            "standardised by one mean and one standard deviation",
        ),
        *(ColumnRole(name, "target", "as given") for name in goal.names),
    )
    x = inputs.encode(dataclasses.replace(arrays, x=arrays.x[kept]))
    return Encoder(inputs, goal, roles), x


def _columns(
    table: Table,
    goal: Target,
    parts: Split,
    taken: Mapping[str, str],
    roles: Mapping[str, str],
    missing: Sequence[str],
) -> tuple[Encoder, NDArray[np.float32]]:
    for name, column in table.columns.items():
        if name not in taken and roles.get(name) != "drop":
            refuse_infinite(column, table)
    found = find_roles(table, parts.train, taken=taken, roles=roles)
    training = table.take(parts.train)
    y = goal.encode(training)
    indicator = np.eye(goal.outputs)[y] if goal.classes and goal.outputs <= 100 else None
    inputs = TableInputs.fit(training, found, indicator if goal.classes else y)
    used = {column.name for column in inputs.columns}
    found = [
        dataclasses.replace(role, role="text (left out)", detail="no word tells of the target")
        if role.used and role.name not in used
        else role
        for role in with_details(found, inputs)
    ]
    if not used:
        reasons = "; ".join(f"{r.name!r} is {r.role} ({r.reason})" for r in found[:8])
        raise DataError(
            "some column must serve as a feature",
            reasons,
            'Give a column a role, for instance roles={"name": "categorical"}.',
        )
    encoder = Encoder(inputs, goal, tuple(found), tuple(missing))
    return encoder, inputs.encode(table)
