"""A batch of a file for a trained network, as the commands that look into it take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pullback.cli.options import OFF, Named, option
from pullback.errors import ConfigError, DataError

F = TypeVar("F", bound=Callable[..., Any])
ROWS = "0:32"


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        network: The network that they are for.
        data: Features, targets and, where rows have weights, these, as a training step takes
            them.
        loss: That of the network.
        rows: The first row, and the one behind the last, from 0.
    """

    network: Any
    data: tuple[Any, ...]
    loss: Any
    rows: tuple[int, int]


def options(command: F) -> F:
    """The options that say which rows are the batch, and what its loss is."""
    added: list[Callable[[F], F]] = [
        option("--rows", default=ROWS, metavar="FROM:TO", help=f"Which rows.  [{ROWS}]"),
        option(
            "--loss",
            type=Named(),
            metavar="NAME",
            help="Of the network, such as mse or 'focal, gamma=3'.  [that of the run]",
        ),
        option("--training", is_flag=True, help="As in a training step: dropout drops."),
        option(
            "--separator", metavar="CHARACTER", help="Between fields of FILE, or 'tab'.  [found]"
        ),
        option("--encoding", metavar="NAME", help="Of FILE.  [utf-8]"),
    ]
    for one in reversed(added):
        command = one(command)
    return command


def weight(command: F) -> F:
    """The option that says which column holds the weights of rows."""
    made: Callable[[F], F] = option(
        "--weight", metavar="COLUMN", help="The weight of each row, or none.  [as the run had it]"
    )
    return made(command)


def batch_of(
    model: str,
    file: str,
    rows: str,
    loss: Mapping[str, Any] | str | None,
    separator: str | None,
    encoding: str | None,
    weight: str | None = None,
) -> Batch:
    """Read the model and the file.

    Args:
        model: A run's folder or a file.
        file: The rows.
        rows: Which of them, as text.
        loss: A loss, its name or its settings by name; None takes that of the run.
        separator: Between fields of the file.
        encoding: Of the file.
        weight: The column with the weights of rows, or `none`; None takes that of the run, if it
            had one and the file has it.

    Raises:
        ConfigError: The rows are no range, or the loss is not known.
        DataError: The file lacks the targets.
        FileFormatError: There is no such run or model.
    """
    from pullback.cli import places

    loaded = places.load(model)
    source = places.read(loaded, file, separator, encoding)
    x, y = _arrays(loaded, source, file)
    first, last = _bounds(rows, len(x))
    weights = _weights(loaded, source, weight, len(x))
    parts = (x, y) if weights is None else (x, y, weights)
    data = tuple(part[first:last] for part in parts)
    return Batch(loaded.network, data, _loss(model, loss), (first, last))


def _arrays(loaded: Any, source: Any, file: str) -> tuple[Any, Any]:
    """Features and targets as a training step takes them."""
    from pullback.cli import places

    if loaded.encoder is not None:
        x, y = loaded.encoder.examples(source)
        return x, y
    x, y = places.plain_arrays(loaded, source)
    if y is None:
        raise DataError(
            "the file must hold the features and the targets, as x and y", file, "Use an .npz file."
        )
    return x, y


def _weights(loaded: Any, source: Any, asked: str | None, count: int) -> Any:
    """The weight of each row; None where every row counts the same."""
    import numpy as np

    from pullback.data import Table
    from pullback.data.partition import row_weights

    if asked is not None and asked.casefold() in OFF:
        return None
    roles = () if loaded.encoder is None else loaded.encoder.roles
    own = next((role.name for role in roles if role.role == "weight"), None)
    fits = isinstance(source, Table) and source.rows == count
    if asked is None and (not fits or own not in source.columns):
        return None
    if not fits:
        raise ConfigError(
            "weights of rows are a column of a table that has a row for each example",
            f"--weight {asked} for another kind of data",
            "Leave --weight out.",
        )
    return row_weights(source, asked or own, np.arange(count))


def _bounds(text: str, count: int) -> tuple[int, int]:
    """From which row to which."""
    first, colon, last = text.partition(":")
    try:
        bounds = (int(first or 0), int(last or count)) if colon else (int(first), int(first) + 1)
    except ValueError:
        bounds = (-1, -1)
    if not 0 <= bounds[0] < min(bounds[1], count):
        raise ConfigError(
            f"rows are given as FROM:TO, from 0 to {count}, TO not among them",
            repr(text),
            f"Write --rows 0:{min(32, count)}.",
        )
    return bounds[0], min(bounds[1], count)


def _loss(model: str, name: Mapping[str, Any] | str | None) -> Any:
    """The loss that is named, or that of the run."""
    from pullback.losses import get
    from pullback.train.objective import Objective

    if name is not None:
        return get(dict(name) if isinstance(name, Mapping) else name)
    known = _training(model).get("loss")
    if known is None:
        raise ConfigError(
            "the loss of a network is known from its run",
            f"{model}, which is no run's folder",
            "Name it: --loss cross_entropy.",
        )
    return Objective.from_config(known)


def optimizer_of(model: str) -> tuple[Any, int | None]:
    """The optimizer of the run, and how many steps its schedule spans.

    Raises:
        ConfigError: It is no run's folder.
    """
    from pullback.optim import get

    training = _training(model)
    if "optimizer" not in training:
        raise ConfigError(
            "the optimizer of a network is known from its run",
            f"{model}, which is no run's folder",
            "Leave out --updates, or trace the step in Python: pb.trace_step(..., optimizer=...).",
        )
    return get(training["optimizer"]), training.get("total_steps")


def _training(model: str) -> dict[str, Any]:
    """How a run was trained; nothing for what is no run's folder."""
    from pullback.document import read_document
    from pullback.runs.store import RUN

    record = Path(model) / RUN
    found = read_document(record, kind="run").get("training", {}) if record.is_file() else {}
    return dict(found)
