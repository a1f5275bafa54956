"""What a metric is, the table of all metrics, and how a user's own function becomes one."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from pullback.errors import ConfigError, unknown
from pullback.metrics.checks import Array, Needs, Task, check_rows

Better: TypeAlias = Literal["higher", "lower"]

# These words mean something else in `until=` expressions.
RESERVED = frozenset({"loss", "epoch", "step", "time", "and", "or"})


class Metric:
    """A number that says how good predictions are, independent of the loss.

    A metric of your own is a subclass with `name`, `better` and `compute`. The input is
    checked, and any NaN among the predictions answered with NaN, before `compute` runs.

    Attributes:
        name: How `fit`, `until=`, run tables and the command line call it.
        task: The task it belongs to; None for any.
        better: Whether "higher" or "lower" is better.
        bounds: The smallest and the largest value it can take.
        aliases: Other names that `get` understands.
        needs: What it reads from the predictions: "probabilities", "labels" (only which
            class is largest, so logits serve too) or "values".
        scalar: False when the answer is an array (the confusion matrix).

    Example:
        >>> class Within(Metric):
        ...     name, task, better, bounds = "within", "regression", "higher", (0.0, 1.0)
        ...     def compute(self, predictions, targets, weights):
        ...         near = (abs(predictions - targets) <= 0.5).all(axis=1)
        ...         return (weights * near).sum() / weights.sum()
        >>> Within()([[1.0], [2.0]], [[1.2], [9.0]])
        0.5
    """

    name: str
    better: Better
    task: Task | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    aliases: tuple[str, ...] = ()
    needs: Needs = "values"
    scalar: bool = True

    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
    ) -> float:
        """The metric of `predictions` against `targets`.

        Args:
            predictions: Probabilities, or values in original units.
            targets: Class indices, or values in original units.
            weights: One weight for each row; None counts every row once. A weight of 2
                is the same as the row twice, a weight of 0 as no row.

        Shape:
            Classification: predictions `(rows, classes)`, targets `(rows,)`; of sequences
            `(rows, ..., classes)` and `(rows, ...)`, where a target of -1 is left out.
            Regression: both `(rows, outputs)`. Weights `(rows,)`.

        Returns:
            The value; NaN when a prediction is NaN or the metric is undefined here.

        Raises:
            PullbackError: As `check_rows` says: empty input, shapes, labels out of range.
        """
        rows = check_rows(predictions, targets, weights, task=self.task, needs=self.needs)
        if rows.undefined:
            return math.nan
        return float(self.compute(rows.predictions, rows.targets, rows.weights))

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        """The value for input that has been checked; every weight is above 0."""
        raise NotImplementedError(f"{type(self).__name__} must define compute")

    def named(self, name: str) -> Metric:
        """The same metric under another name, so that two variants stand side by side.

        Example:
            >>> from pullback.metrics import get
            >>> get("f1", average="micro").named("f1_overall").name
            'f1_overall'
        """
        clone = copy.copy(self)
        clone.name = _usable(name)
        return clone

    @classmethod
    def from_name(cls, text: str, **settings: Any) -> Metric | None:
        """The metric that `text` means, or None when it means another one.

        Variants override this, as `top_3` for `top_k` with k = 3.
        """
        known = (cls.name, *cls.aliases)
        return cls(**settings) if text.casefold() in map(str.casefold, known) else None

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


MetricLike: TypeAlias = str | Metric | Callable[..., Any]
M = TypeVar("M", bound=type[Metric])
_TABLE: dict[str, type[Metric]] = {}


def register(metric: M) -> M:
    """Put a metric's class into the table under its name (a class decorator).

    Raises:
        ConfigError: The name or an alias is taken, reserved or not an identifier.
    """
    for name in (metric.name, *metric.aliases):
        _usable(name)
        for other in _TABLE.values():
            if name.casefold() in map(str.casefold, (other.name, *other.aliases)):
                raise ConfigError(
                    f"each metric needs a name of its own; {name!r} is taken",
                    f"{metric.__qualname__}, where {other.__qualname__} has that name",
                    "Choose another name or alias.",
                )
    _TABLE[metric.name] = metric
    return metric


def registry() -> Mapping[str, type[Metric]]:
    """Every registered metric by its name, read-only.

    Example:
        >>> "accuracy" in registry()
        True
    """
    return MappingProxyType(_TABLE)


def get(name: str, **settings: Any) -> Metric:
    """The metric of a name, an alias or a variant's name (`top_3`, `f1_macro`).

    Args:
        name: Any of those; capitals do not matter.
        **settings: Passed to the metric's class, for instance `average="micro"`.

    Raises:
        UnknownNameError: No metric has that name; the nearest is suggested.
        ConfigError: A setting that the metric does not have.

    Example:
        >>> get("auc").name
        'roc_auc'
        >>> get("f1_macro")
        F1(average='macro', positive=None, name='f1_macro')
    """
    for metric in _TABLE.values():
        try:
            found = metric.from_name(name, **settings)
        except TypeError as error:
            raise ConfigError(
                f"{metric.name} takes other settings",
                ", ".join(f"{key}={value!r}" for key, value in settings.items()),
                f"Its settings are {inspect.signature(metric)}.",
            ) from error
        if found is not None:
            return found
    raise unknown("metric", name, known_names())


def known_names() -> list[str]:
    """Every name and alias that `get` takes, names first.

    Example:
        >>> known_names()[0]
        'accuracy'
    """
    return [*_TABLE, *(alias for metric in _TABLE.values() for alias in metric.aliases)]


class FunctionMetric(Metric):
    """A user's function as a metric; made by `as_metric`."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        better: Better,
        task: Task | None,
        bounds: tuple[float, float],
    ) -> None:
        self.function = function
        self.name = name
        self.better = better
        self.task = task
        self.bounds = bounds
        if task == "classification":
            self.needs = "labels"
        self.weighted = _takes_weights(function)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> float:
        """What the function returns, which must be one number."""
        if self.weighted:
            value = self.function(predictions, targets, weights=weights)
        elif (weights == weights[0]).all():
            value = self.function(predictions, targets)
        else:
            raise ConfigError(
                f"the metric {self.name!r} must take weights when rows have different ones",
                f"weights from {weights.min():.4g} to {weights.max():.4g}",
                "Give the function a parameter named weights.",
            )
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "fiub":
            raise ConfigError(
                f"the metric {self.name!r} must return one number",
                f"{type(value).__name__} of shape {array.shape}",
                "Reduce it, for instance by float(values.mean()).",
            )
        return float(array.reshape(()))


def as_metric(
    item: MetricLike,
    *,
    name: str | None = None,
    better: Better = "higher",
    task: Task | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Metric:
    """A metric from what a user wrote: a name, a metric, or a function of one's own.

    Args:
        item: A name for `get`, a `Metric`, a `Metric` subclass, or a function
            `f(predictions, targets) -> float`. A function with a parameter `weights` is
            given them; one without is refused when rows have different weights.
        name: A name to use instead of the function's own.
        better: For a function: whether "higher" or "lower" values are better.
        task: For a function: its task, so that the input is checked for it.
        bounds: For a function: the smallest and largest value, so that `until=` can
            notice a target out of reach.

    Returns:
        The metric. NaN among the predictions is NaN without a call of the function.

    Raises:
        UnknownNameError: No metric has that name.
        ConfigError: Not a metric, or a name that `until=` could not read.

    Example:
        >>> def worst(predictions, targets):
        ...     return abs(predictions - targets).max()
        >>> metric = as_metric(worst, better="lower")
        >>> metric.name, metric([[1.0], [2.0]], [[1.5], [2.0]])
        ('worst', 0.5)
    """
    if isinstance(item, type) and issubclass(item, Metric):
        item = item()
    if isinstance(item, str):
        item = get(item)
    if isinstance(item, Metric):
        return item if name is None else item.named(name)
    if not callable(item):
        raise ConfigError(
            "a metric must be a name, a Metric or a function of predictions and targets",
            repr(item),
            "Write for instance 'accuracy', or pass a function.",
        )
    if better not in ("higher", "lower"):
        raise ConfigError(
            "better must be 'higher' or 'lower'", repr(better), "Choose one of the two."
        )
    chosen = name or str(getattr(item, "__name__", type(item).__name__))
    return FunctionMetric(item, _usable(chosen), better, task, bounds)


def _usable(name: str) -> str:
    if not name.isidentifier() or name in RESERVED:
        raise ConfigError(
            "a metric's name must be a word that until= can read",
            repr(name),
            "Give name='...' of letters, digits and underscores, other than "
            + ", ".join(sorted(RESERVED))
            + ".",
        )
    return name


def _takes_weights(function: Callable[..., Any]) -> bool:
    try:
        return "weights" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
