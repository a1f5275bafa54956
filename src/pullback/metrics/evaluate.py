"""Several metrics at once, those shown by default, and the table behind a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from pullback.errors import ConfigError, unknown
from pullback.metrics.base import Metric, MetricLike, as_metric
from pullback.metrics.checks import Task
from pullback.metrics.classes import ConfusionMatrix, ratio


def evaluate(
    metrics: MetricLike | Iterable[MetricLike],
    predictions: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
) -> dict[str, float]:
    """Each metric's value by its name, in the order given.

    Args:
        metrics: Names, metrics or functions, or one of these.
        predictions: As for `Metric`.
        targets: As for `Metric`.
        weights: As for `Metric`.

    Raises:
        ConfigError: Two metrics of one name, one of another task, or one that is no number.
        PullbackError: As `check_rows` says.

    Example:
        >>> evaluate(["rmse", "r2"], [[1.0], [2.0], [4.0]], [[1.0], [2.0], [3.0]])
        {'rmse': 0.5773502691896257, 'r2': 0.5}
    """
    chosen = as_metrics(metrics)
    return {metric.name: metric(predictions, targets, weights) for metric in chosen}


def as_metrics(
    metrics: MetricLike | Iterable[MetricLike], task: Task | None = None
) -> tuple[Metric, ...]:
    """Metrics from what a user wrote, checked to stand side by side.

    Args:
        metrics: Names, metrics or functions, or one of these.
        task: The task at hand, to refuse metrics of the other one.

    Raises:
        ConfigError: As in `evaluate`.
        UnknownNameError: No metric has that name; the nearest is suggested.

    Example:
        >>> [metric.name for metric in as_metrics(["acc", "auc"])]
        ['accuracy', 'roc_auc']
    """
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    chosen = tuple(as_metric(item) for item in metrics)
    seen: set[str] = set()
    for metric in chosen:
        if metric.name in seen:
            raise ConfigError(
                "each metric must have a name of its own",
                f"{metric.name!r} twice",
                "Leave one out, or rename it with .named('...').",
            )
        seen.add(metric.name)
        check_task(metric, task)
        if not metric.scalar:
            raise ConfigError(
                "metrics evaluated together must each be one number",
                f"{metric.name!r}, which is an array",
                f"Call metrics.get({metric.name!r}) by itself, or metrics.report.",
            )
    return chosen


def check_task(metric: Metric, task: Task | None) -> None:
    """Refuse a metric of the other task.

    Raises:
        ConfigError: The metric is for classification and the task regression, or the reverse.
    """
    if task is None or metric.task is None or metric.task == task:
        return
    usual = defaults(task).shown
    raise ConfigError(
        f"a metric must be one for {task}",
        f"{metric.name!r}, which is for {metric.task}",
        f"Use for instance {', '.join(usual)}." if usual else "Use a metric of your own.",
    )


@dataclass(frozen=True, slots=True)
class Defaults:
    """The metrics shown for a task when none are asked for, and which one stops training.

    Attributes:
        shown: Names, the most telling first.
        decides: What early stopping watches: "loss" or a metric's name.
        better: Whether "higher" or "lower" of it is better.
    """

    shown: tuple[str, ...]
    decides: str = "loss"
    better: str = "lower"


def defaults(task: Task, classes: int | None = None) -> Defaults:
    """The metrics for a task about which nothing else is known.

    The validation loss decides when to stop: it moves with every row, where accuracy moves in
    steps of one row and hides that a network grows sure of its mistakes.

    Args:
        task: "classification", "multilabel", "regression" or "embedding", which has none.
        classes: The number of classes, where it is known.

    Raises:
        UnknownNameError: No such task.

    Example:
        >>> defaults("regression").shown
        ('rmse', 'mae', 'r2')
    """
    if task == "regression":
        return Defaults(("rmse", "mae", "r2"))
    if task == "classification":
        last = "roc_auc" if classes == 2 else "f1"
        return Defaults(("accuracy", "balanced_accuracy", last))
    if task == "multilabel":
        return Defaults(("multilabel_f1", "subset_accuracy", "hamming_loss"))
    if task == "embedding":
        return Defaults(())
    raise unknown("task", task, get_args(Task))


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of a report; `support` is the targets' sum of weights."""

    name: str
    precision: float
    recall: float
    f1: float
    support: float


@dataclass(frozen=True, slots=True)
class ClassReport:
    """How each class fares: plain data, for a table, a file or a page.

    Attributes:
        rows: One for each class. Scores are 0 where their definition is 0 / 0.
        matrix: The confusion matrix, a row for each class of the targets.
        accuracy: The fraction of all rows that is predicted right.
    """

    rows: tuple[ClassRow, ...]
    matrix: tuple[tuple[float, ...], ...]
    accuracy: float

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, which has no NaN: undefined numbers are None."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def report(
    predictions: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    names: Sequence[object] | None = None,
) -> ClassReport:
    """Precision, recall, F1 and support of each class, with the confusion matrix.

    Args:
        predictions: As for `Metric`.
        targets: As for `Metric`.
        weights: As for `Metric`.
        names: The classes' names; their indices when None.

    Shape:
        predictions `(rows, classes)`, targets and weights `(rows,)`, names `(classes,)`.

    Raises:
        ConfigError: Not one name for each class.
        PullbackError: As `check_rows` says.

    Example:
        >>> table = report([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1], names=["no", "yes"])
        >>> table.rows[1]
        ClassRow(name='yes', precision=1.0, recall=0.5, f1=0.6666666666666666, support=2.0)
        >>> table.matrix
        ((1.0, 0.0), (1.0, 1.0))
    """
    matrix = ConfusionMatrix()(predictions, targets, weights)
    shown = [str(name) for name in (range(len(matrix)) if names is None else names)]
    if len(shown) != len(matrix):
        raise ConfigError(
            "a report needs one name for each class",
            f"{len(shown)} names for {len(matrix)} classes",
            "Give the names in the order of the class indices.",
        )
    hits, actual, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    undefined = bool(np.isnan(matrix).any())
    blank = np.full(len(matrix), math.nan)
    columns = (
        blank if undefined else ratio(hits, predicted),
        blank if undefined else ratio(hits, actual),
        blank if undefined else ratio(2 * hits, predicted + actual),
        actual,
    )
    rows = zip(shown, *(column.tolist() for column in columns), strict=True)
    return ClassReport(
        rows=tuple(ClassRow(*row) for row in rows),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        accuracy=float(hits.sum() / actual.sum()),
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
