"""Metrics of predicted classes: the class with the largest score, the first of a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pullback.metrics.base import Metric, register
from pullback.metrics.checks import Array, check_rows


def class_sums(predictions: Array, targets: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Sums of weights for each class: of hits, of rows predicted so, of rows that are so.

    Shape:
        predictions `(rows, classes)`, targets and weights `(rows,)`; each sum `(classes,)`.
    """
    classes = predictions.shape[1]
    chosen = predictions.argmax(axis=1)
    hits = np.bincount(targets, weights * (chosen == targets), classes)
    predicted = np.bincount(chosen, weights, classes)
    actual = np.bincount(targets, weights, classes)
    return hits, predicted, actual


def ratio(above: Array, below: Array) -> Array:
    """The ratio above / below, and 0 where both are 0."""
    return np.divide(above, below, out=np.zeros_like(above, float), where=np.asarray(below) > 0)


@register
class Accuracy(Metric):
    r"""The fraction of rows whose class is predicted.

    $\sum_i w_i [\arg\max_c p_{ic} = t_i] / \sum_i w_i$. Of equal scores the first class wins.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> Accuracy()([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], [0, 1, 1, 1])
        0.75

    References:
        Sokolova and Lapalme (2009), A systematic analysis of performance measures for
        classification tasks.
    """

    name, aliases = "accuracy", ("acc", "token_accuracy")
    task, needs = "classification", "labels"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits = predictions.argmax(axis=1) == targets
        # Both sums run over all rows in one order, so that the ratio cannot round above 1.
        return (weights * hits).sum() / weights.sum()


@register
class BalancedAccuracy(Metric):
    r"""The mean over classes of the fraction of their rows that is predicted right.

    $\frac{1}{|C|} \sum_{c \in C} \mathrm{recall}_c$, where $C$ are the classes among the
    targets: a class that never occurs neither helps nor harms. Guessing gives $1/|C|$.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> BalancedAccuracy()([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]], [0, 0, 0, 1])
        0.5

    References:
        Brodersen, Ong, Stephan and Buhmann (2010), The balanced accuracy and its
        posterior distribution.
    """

    name, aliases = "balanced_accuracy", ("bacc",)
    task, needs = "classification", "labels"
    better, bounds = "higher", (0.0, 1.0)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Any:
        hits, _, actual = class_sums(predictions, targets, weights)
        present = actual > 0
        return (hits[present] / actual[present]).mean()


@register
class ConfusionMatrix(Metric):
    r"""How often each class is taken for each other one; an array, not a number.

    $M_{ab} = \sum_i w_i [t_i = a] [\arg\max_c p_{ic} = b]$: a row for each class of the
    targets, a column for each predicted one. All NaN when a prediction is NaN.

    Shape:
        predictions `(rows, classes)`, targets `(rows,)`; returns `(classes, classes)`.

    Raises:
        PullbackError: As `check_rows` says.

    Example:
        >>> ConfusionMatrix()([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], [0, 1, 1, 1])
        array([[1., 0.],
               [1., 2.]])

    References:
        Stehman (1997), Selecting and interpreting measures of thematic classification accuracy.
    """

    name, aliases = "confusion_matrix", ("confusion",)
    task, needs = "classification", "labels"
    better, scalar = "higher", False

    def __call__(  # type: ignore[override]  # the one metric that is an array, see `scalar`
        self, predictions: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
    ) -> Array:
        """The sums of weights for each pair of a target and a predicted class."""
        rows = check_rows(predictions, targets, weights, task=self.task, needs=self.needs)
        if rows.undefined:
            classes = rows.predictions.shape[1]
            return np.full((classes, classes), np.nan)
        return self.compute(rows.predictions, rows.targets, rows.weights)

    def compute(self, predictions: Array, targets: Array, weights: Array) -> Array:
        classes = predictions.shape[1]
        cells = targets * classes + predictions.argmax(axis=1)
        return np.bincount(cells, weights, classes**2).reshape(classes, classes)
