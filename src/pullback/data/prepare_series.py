"""From a table in the order of time to windows of its rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pullback.data.encoder import Encoder, with_details
from pullback.data.prepared import Part, Prepared
from pullback.data.reading import read_table
from pullback.data.roles import find_roles
from pullback.data.series import MOST_WINDOW, SeriesInputs
from pullback.data.splits import check_shares
from pullback.data.table import Table, no_such_column
from pullback.data.table_inputs import TableInputs
from pullback.data.targets import Target, find_target
from pullback.errors import ConfigError, DataError


def prepare_series(
    source: Any,
    target: str | Sequence[str],
    window: int = 32,
    *,
    horizon: int = 1,
    task: str | None = None,
    roles: Mapping[str, str] | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    encoding: str = "utf-8",
    separator: str | None = None,
    missing: Sequence[str] = (),
) -> Prepared:
    """Read a table whose rows stand in the order of time; predict its target from the past.

    The features are the columns of the last `window` rows, the target's own past among them. The
    parts follow each other in time, and every statistic is of training rows alone. A window of a
    later part may begin in an earlier one: its past was known by then.

    Args:
        source: What `read_table` takes.
        target: The column to predict, or several numeric ones.
        window: Rows of the past.
        horizon: How many rows ahead are predicted; 1 for a target of classes.
        task: "classification" or "regression"; found from the target if `None`.
        roles: Roles that replace the ones found; see `prepare`.
        validation: The share of the windows for validation; 0 for none.
        test: The share of the windows for the test; 0 for none.
        encoding: How the bytes of a text stand for characters.
        separator: The character between fields of a text; found by itself if `None`.
        missing: Words that mean 'no value', beside the usual ones.

    Shape:
        x of each part: (windows, window, features)
        y of each part: (windows, horizon * targets), or (windows,) classes

    Raises:
        DataError: The data cannot be read or encoded, or are shorter than their windows.
        ConfigError: A setting out of range.

    Example:
        >>> import numpy as np
        >>> prepared = prepare_series({"y": np.sin(np.arange(100) / 5)}, "y", window=10)
        >>> prepared.train.x.shape, prepared.train.y.shape
        ((54, 10, 1), (54, 1))
    """
    for name, size in (("window", window), ("horizon", horizon)):
        whole = isinstance(size, int) and not isinstance(size, bool)
        if not whole or not 1 <= size <= MOST_WINDOW:
            raise ConfigError(f"the {name} is 1 row or more", repr(size), "Use window=32.")
    check_shares(validation, test)
    table = read_table(source, encoding=encoding, separator=separator, missing=missing)
    names = [target] if isinstance(target, str) else list(target)
    for name in names:
        if name not in table.columns:
            raise no_such_column(name, table, f"the target must be a column of {table.source}")
    goal = find_target(table, names, task)
    if goal.classes and horizon > 1:
        raise ConfigError(
            "classes are predicted one row ahead", f"horizon={horizon}", "Leave horizon out."
        )
    sizes = _sizes(table.rows - window - horizon + 1, window, horizon, validation, test)
    training = table.take(np.arange(sizes[0] + window + horizon - 1))
    goal = goal.fit(training)
    inputs, found = _row_inputs(table, training, goal, roles or {}, window, horizon)
    x, y = inputs.examples(inputs.encode(table), goal.encode(table))
    train, held_out, last = (
        Part(x[rows[0] : rows[0] + len(rows)] if len(rows) else x[:0], y[rows], None, rows)
        for rows in np.split(np.arange(len(x)), np.cumsum(sizes)[:-1])
    )
    return Prepared(
        encoder=Encoder(inputs, _ahead(goal, horizon), tuple(found), tuple(missing)),
        train=train,
        validation=held_out,
        test=last,
        split="one after the other in time",
        source=table.source,
        hash=table.hash,
        rows=len(x),
        warnings=(),
    )


def _sizes(count: int, window: int, horizon: int, validation: float, test: float) -> list[int]:
    """How many windows each part has."""
    held = [round(count * share) for share in (validation, test)]
    sizes = [count - sum(held), *held]
    wanted = [True, validation > 0, test > 0]
    if count < 1 or any(size < 1 for size, want in zip(sizes, wanted, strict=True) if want):
        raise DataError(
            "a series must be long enough for its windows, in every part",
            f"{max(count + window + horizon - 1, 0)} rows, windows of {window} + {horizon}",
            "Use a shorter window, or more rows.",
        )
    return sizes


def _row_inputs(
    table: Table,
    training: Table,
    goal: Target,
    roles: Mapping[str, str],
    window: int,
    horizon: int,
) -> tuple[SeriesInputs, Any]:
    """How a row is encoded, and the role of each column."""
    found = find_roles(table, np.arange(training.rows), roles=roles)
    y: NDArray[Any] = goal.encode(training)
    row = TableInputs.fit(training, found, None if goal.classes else y)
    if not row.columns:
        raise DataError("some column must serve as a feature", "none", "Give a column a role.")
    reasons = dict.fromkeys(goal.names, "target, from its own past")
    told = [
        dataclasses.replace(role, reason=f"{reasons[role.name]}; {role.reason}")
        if role.name in reasons
        else role
        for role in with_details(found, row)
    ]
    return SeriesInputs(row, goal, window, horizon), told


def _ahead(goal: Target, horizon: int) -> Target:
    """The target with one output for every row ahead."""
    if goal.classes or horizon == 1:
        return goal
    names = tuple(f"{name}+{ahead}" for ahead in range(1, horizon + 1) for name in goal.names)
    return dataclasses.replace(
        goal, names=names, center=goal.center * horizon, scale=goal.scale * horizon
    )
