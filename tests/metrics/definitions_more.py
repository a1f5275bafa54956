"""More metrics once more from their definitions: plain loops over rows, pairs and classes."""

from __future__ import annotations

import math

from tests.metrics.definitions import (
    NAN,
    PP,
    THREE,
    THREE_T,
    TT,
    TWO,
    TWO_T,
    P,
    T,
    accuracy,
    chosen,
    counts,
    each_output,
    log_loss,
    mae_of,
    mean,
    mse_of,
)


def specificity(p, t, w):
    def of(c):
        rows = [(chosen(row) == c, x) for row, k, x in zip(p, t, w, strict=True) if k != c]
        return sum(x for wrong, x in rows if not wrong) / sum(x for _, x in rows) if rows else 0.0

    if len(p[0]) == 2:
        return of(1)
    occurs = [c for c in range(len(p[0])) if any(counts(p, t, w, c)[1:])]
    return sum(map(of, occurs)) / len(occurs)


def mcc(p, t, w):
    """Gorodkin's covariance of indicators, summed over classes."""
    if len(set(t)) == 1:
        return NAN

    def covariance(a, b):
        total = 0.0
        for c in range(len(p[0])):
            x, y = [float(i == c) for i in a], [float(i == c) for i in b]
            total += mean([i * j for i, j in zip(x, y, strict=True)], w) - mean(x, w) * mean(y, w)
        return total

    said = [chosen(row) for row in p]
    if len(set(said)) == 1:
        return 0.0
    return covariance(said, t) / math.sqrt(covariance(said, said) * covariance(t, t))


def cohen_kappa(p, t, w):
    chance = sum(counts(p, t, w, c)[1] * counts(p, t, w, c)[2] for c in range(len(p[0])))
    chance /= sum(w) ** 2
    if len({*t, *map(chosen, p)}) == 1:
        return NAN
    return 1 - (1 - accuracy(p, t, w)) / (1 - chance)


def precision_at_positives(scores, positive, w):
    """The mean over the positives of the precision among rows of no lower a score."""
    total = weight = 0.0
    for s, hit, x in zip(scores, positive, w, strict=True):
        if hit:
            above = [(k, y) for z, k, y in zip(scores, positive, w, strict=True) if z >= s]
            total += x * sum(y for k, y in above if k) / sum(y for _, y in above)
            weight += x
    return total / weight


def average_precision(p, t, w):
    if len(set(t)) < 2:
        return NAN
    classes = [1] if len(p[0]) == 2 else sorted(set(t))
    found = [precision_at_positives([row[c] for row in p], [k == c for k in t], w) for c in classes]
    return sum(found) / len(found)


def multilabel_average_precision(p, t, w):
    found = []
    for j in range(len(p[0])):
        column = [k[j] == 1 for k in t]
        if len(set(column)) == 2:
            found.append(precision_at_positives([row[j] for row in p], column, w))
    return sum(found) / len(found) if found else NAN


def brier(p, t, w):
    def square(row, k):
        return sum((x - (c == k)) ** 2 for c, x in enumerate(row)) / (2 if len(row) == 2 else 1)

    return mean([square(row, k) for row, k in zip(p, t, strict=True)], w)


def calibration_error(p, t, w):
    total = 0.0
    for b in range(15):
        rows = [
            (chosen(row) == k, max(row), x)
            for row, k, x in zip(p, t, w, strict=True)
            if b / 15 < max(row) <= (b + 1) / 15
        ]
        if rows:
            right = mean([hit for hit, _, _ in rows], [x for _, _, x in rows])
            sure = mean([c for _, c, _ in rows], [x for _, _, x in rows])
            total += sum(x for _, _, x in rows) * abs(right - sure)
    return total / sum(w)


def copies(values, w):
    return [v for v, x in zip(values, w, strict=True) for _ in range(int(x))]


def median_absolute_error(p, t, w):
    errors = sorted(copies([abs(a - b) for a, b in zip(p, t, strict=True)], w))
    n = len(errors)
    return (errors[(n - 1) // 2] + errors[n // 2]) / 2


def mape(p, t, w):
    def share(a, b):
        return 0.0 if a == b else abs(a - b) / abs(b) if b else math.inf

    return mean([share(a, b) for a, b in zip(p, t, strict=True)], w)


def explained_variance(p, t, w):
    if len(set(t)) == 1:
        return NAN
    errors = [b - a for a, b in zip(p, t, strict=True)]
    middle = [mean(errors, w)] * len(errors), [mean(t, w)] * len(t)
    return 1 - mse_of(errors, middle[0], w) / mse_of(t, middle[1], w)


def pearson(p, t, w):
    if len(set(p)) == 1 or len(set(t)) == 1:
        return NAN
    a, b = mean(p, w), mean(t, w)
    shared = mean([(x - a) * (y - b) for x, y in zip(p, t, strict=True)], w)
    return shared / math.sqrt(mse_of(p, [a] * len(p), w) * mse_of(t, [b] * len(t), w))


def spearman(p, t, w):
    p, t = copies(p, w), copies(t, w)

    def ranks(values):
        return [sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values]

    return pearson(ranks(p), ranks(t), [1.0] * len(p))


DEFINITIONS = {
    "specificity": specificity,
    "mcc": mcc,
    "cohen_kappa": cohen_kappa,
    "average_precision": average_precision,
    "multilabel_average_precision": multilabel_average_precision,
    "brier": brier,
    "calibration_error": calibration_error,
    "perplexity": lambda p, t, w: math.exp(log_loss(p, t, w)),
    "bits": lambda p, t, w: log_loss(p, t, w) / math.log(2),
    "median_absolute_error": each_output(median_absolute_error),
    "mape": each_output(mape),
    "max_error": each_output(
        lambda p, t, w: max(mae_of([a], [b], [1.0]) for a, b in zip(p, t, strict=True))
    ),
    "explained_variance": each_output(explained_variance),
    "pearson": each_output(pearson),
    "spearman": each_output(spearman),
}

WORDS = [[[0.5, 0.5], [0.25, 0.75]]]

EXPECTED = {
    "specificity": [
        (TWO, TWO_T, None, 1 / 2),
        (THREE, THREE_T, None, (2 / 3 + 1 + 2 / 3) / 3),
        ([[0.9, 0.1]], [1], None, 0.0),
    ],
    "mcc": [
        (TWO, TWO_T, None, (2 * 1 - 1 * 1) / 6),  # phi: 3 of 5 are positive, and 3 are said so
        (TWO[:1], TWO_T[:1], None, NAN),
        ([[0.9, 0.1], [0.9, 0.1]], [0, 1], None, 0.0),
    ],
    "cohen_kappa": [
        (TWO, TWO_T, None, (3 / 5 - 13 / 25) / (12 / 25)),
        ([[0.9, 0.1]], [0], None, NAN),
        ([[0.9, 0.1]], [1], None, 0.0),
    ],
    "average_precision": [
        (TWO, TWO_T, None, (1 + 1 + 3 / 4) / 3),  # 0.9 0.8 0.6- 0.3 0.1-
        ([[0.5, 0.5], [0.5, 0.5]], [0, 1], None, 0.5),
        ([[0.9, 0.1], [0.2, 0.8]], [1, 1], None, NAN),
    ],
    "multilabel_average_precision": [
        ([[0.9, 0.5], [0.75, 0.6], [0.25, 0.0]], [[1, 0], [0, 1], [1, 1]], None, 5 / 6),
        ([[0.9]], [[1]], None, NAN),
    ],
    "brier": [
        ([[0.5, 0.5], [0.75, 0.25]], [1, 1], None, (0.25 + 0.5625) / 2),
        ([[0.5, 0.25, 0.25]], [0], None, 0.25 + 2 * 0.0625),
    ],
    "calibration_error": [
        ([[0.25, 0.75], [0.25, 0.75]], [1, 0], None, 0.25),
        ([[0.0, 1.0], [0.4, 0.6]], [1, 1], [1, 3], 0.4 * 3 / 4),
    ],
    "perplexity": [
        ([[0.5, 0.5], [0.75, 0.25]], [1, 1], None, 2**1.5),
        (WORDS, [[0, 1]], None, math.sqrt(2 / 0.75)),
        (WORDS, [[0, -1]], None, 2.0),
    ],
    "bits": [
        ([[0.5, 0.5], [0.75, 0.25]], [1, 1], [3, 1], 1.25),
        (WORDS, [[-1, 0]], None, 2.0),
    ],
    "median_absolute_error": [
        (P, T, None, 0.0),
        (P, T, [1, 3, 1], 2.0),
        ([1.0, 2.0], [1.0, 4.0], None, 1.0),
    ],
    "mape": [
        (P, T, None, (2 / 4) / 3),
        ([[0.0], [1.0]], [[0.0], [2.0]], None, 0.25),
        ([[1.0]], [[0.0]], None, math.inf),
    ],
    "max_error": [(P, T, None, 2.0), (PP, TT, None, (2 + 3) / 2), (P, T, [1, 0, 1], 0.0)],
    "explained_variance": [
        (P, T, None, 1 - (8 / 9) / 2),
        ([[2.0], [3.0]], [[1.0], [2.0]], None, 1.0),
        (P, [[0.1], [0.1], [0.1]], None, NAN),
    ],
    "pearson": [
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], None, -1.0),
        ([[0.0], [0.0], [1.0]], [[0.0], [1.0], [1.0]], None, 0.5),
        (P, [[0.1], [0.1], [0.1]], None, NAN),
    ],
    "spearman": [
        ([1.0, 10.0, 100.0], [3.0, 2.0, 1.0], None, -1.0),
        ([[0.0], [0.0], [9.0]], [[0.0], [1.0], [1.0]], None, 0.5),
        ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], None, 0.5),
    ],
}
