"""Metrics: how good predictions are, in numbers that people know.

A metric is independent of the loss. Classification metrics take probabilities
`(rows, classes)` and class indices `(rows,)`; those of labels, each with its own yes or no,
probabilities and answers `(rows, labels)`; regression metrics take both sides as
`(rows, outputs)` in original units. All take weights of rows, and say NaN rather than a
wrong number.

Example:
    >>> from pullback import metrics
    >>> metrics.get("accuracy")([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    1.0
"""

from pullback.metrics.agreement import CohenKappa, MatthewsCorrelation
from pullback.metrics.base import (
    Better,
    Metric,
    MetricLike,
    as_metric,
    get,
    known_names,
    register,
    registry,
)
from pullback.metrics.calibration import Bits, Brier, CalibrationError, Perplexity
from pullback.metrics.checks import Needs, Task
from pullback.metrics.classes import Accuracy, BalancedAccuracy, ConfusionMatrix
from pullback.metrics.correlation import Pearson, Spearman
from pullback.metrics.deviations import ExplainedVariance, Mape, MaxError, MedianAbsoluteError
from pullback.metrics.evaluate import (
    ClassReport,
    ClassRow,
    Defaults,
    as_metrics,
    check_task,
    defaults,
    evaluate,
    report,
)
from pullback.metrics.labels import (
    HammingLoss,
    MultilabelAveragePrecision,
    MultilabelF1,
    MultilabelPrecision,
    MultilabelRecall,
    MultilabelRocAuc,
    SubsetAccuracy,
)
from pullback.metrics.probabilities import AveragePrecision, LogLoss, RocAuc, TopK
from pullback.metrics.scores import F1, Precision, Recall, Specificity
from pullback.metrics.values import R2, Mae, Mse, Rmse

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "Better",
    "Bits",
    "Brier",
    "CalibrationError",
    "ClassReport",
    "ClassRow",
    "CohenKappa",
    "ConfusionMatrix",
    "Defaults",
    "ExplainedVariance",
    "HammingLoss",
    "LogLoss",
    "Mae",
    "Mape",
    "MatthewsCorrelation",
    "MaxError",
    "MedianAbsoluteError",
    "Metric",
    "MetricLike",
    "Mse",
    "MultilabelAveragePrecision",
    "MultilabelF1",
    "MultilabelPrecision",
    "MultilabelRecall",
    "MultilabelRocAuc",
    "Needs",
    "Pearson",
    "Perplexity",
    "Precision",
    "Recall",
    "Rmse",
    "RocAuc",
    "Spearman",
    "Specificity",
    "SubsetAccuracy",
    "Task",
    "TopK",
    "as_metric",
    "as_metrics",
    "check_task",
    "defaults",
    "evaluate",
    "get",
    "known_names",
    "register",
    "registry",
    "report",
]
