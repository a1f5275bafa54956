"""Each metric once more, from its definition: plain loops over rows, pairs and classes.

`EXPECTED` holds samples worked out by hand. Both tables must have every registered metric.
"""

from __future__ import annotations

import math

NAN = math.nan


def chosen(row):
    return max(range(len(row)), key=lambda c: (row[c], -c))


def mean(values, w):
    return sum(v * x for v, x in zip(values, w, strict=True)) / sum(w)


def counts(p, t, w, c):
    hit = sum(x for row, k, x in zip(p, t, w, strict=True) if chosen(row) == c == k)
    said = sum(x for row, x in zip(p, w, strict=True) if chosen(row) == c)
    true = sum(x for k, x in zip(t, w, strict=True) if k == c)
    return hit, said, true


def precision_of(hit, said, true):
    return hit / said if said else 0.0


def recall_of(hit, said, true):
    return hit / true if true else 0.0


def f1_of(hit, said, true):
    p, r = precision_of(hit, said, true), recall_of(hit, said, true)
    return 2 * p * r / (p + r) if p + r else 0.0


def class_score(score):
    def definition(p, t, w):
        classes = range(len(p[0]))
        if len(classes) == 2:
            return score(*counts(p, t, w, 1))
        found = [counts(p, t, w, c) for c in classes]
        scores = [score(*three) for three in found if three[1] or three[2]]
        return sum(scores) / len(scores)

    return definition


def accuracy(p, t, w):
    return mean([chosen(row) == k for row, k in zip(p, t, strict=True)], w)


def balanced_accuracy(p, t, w):
    recalls = [recall_of(*counts(p, t, w, c)) for c in sorted(set(t))]
    return sum(recalls) / len(recalls)


def area(scores, positive, w):
    """The pair-counting definition: every positive against every negative."""
    won = all_pairs = 0.0
    for s, is_positive, x in zip(scores, positive, w, strict=True):
        for z, is_other, y in zip(scores, positive, w, strict=True):
            if is_positive and not is_other:
                won += x * y * (1.0 if s > z else 0.5 if s == z else 0.0)
                all_pairs += x * y
    return won / all_pairs


def roc_auc(p, t, w):
    if len(set(t)) < 2:
        return NAN
    classes = [1] if len(p[0]) == 2 else sorted(set(t))
    areas = [area([row[c] for row in p], [k == c for k in t], w) for c in classes]
    return sum(areas) / len(areas)


def log_loss(p, t, w):
    given = [max(row[k], 2.0**-52) for row, k in zip(p, t, strict=True)]
    return mean([-math.log(min(x, 1.0)) for x in given], w)


def top_k(p, t, w, k=5):
    def best(row):
        return sorted(range(len(row)), key=lambda c: (-row[c], c))[:k]

    return mean([c in best(row) for row, c in zip(p, t, strict=True)], w)


def confusion_matrix(p, t, w):
    classes = len(p[0])
    table = [[0.0] * classes for _ in range(classes)]
    for row, k, x in zip(p, t, w, strict=True):
        table[k][chosen(row)] += x
    return table


def each_output(metric):
    def definition(p, t, w):
        outputs = range(len(p[0]))
        values = [metric([r[o] for r in p], [r[o] for r in t], w) for o in outputs]
        return sum(values) / len(values)

    return definition


def mse_of(p, t, w):
    return mean([(a - b) ** 2 for a, b in zip(p, t, strict=True)], w)


def mae_of(p, t, w):
    return mean([abs(a - b) for a, b in zip(p, t, strict=True)], w)


def r2_of(p, t, w):
    if len(set(t)) == 1:
        return NAN
    return 1 - mse_of(p, t, w) / mse_of([mean(t, w)] * len(t), t, w)


DEFINITIONS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": class_score(precision_of),
    "recall": class_score(recall_of),
    "f1": class_score(f1_of),
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "top_k": top_k,
    "confusion_matrix": confusion_matrix,
    "mse": each_output(mse_of),
    "rmse": each_output(lambda p, t, w: math.sqrt(mse_of(p, t, w))),
    "mae": each_output(mae_of),
    "r2": each_output(r2_of),
}

# Two classes: predicted 0 1 1 0 1; right are rows 0, 1 and 4.
TWO = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3], [0.1, 0.9]]
TWO_T = [0, 1, 0, 1, 1]
# Three classes: predicted 0 1 2 0; class 2 is never right.
THREE = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.5, 0.5, 0.0]]
THREE_T = [0, 1, 1, 2]
SIX = [[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]] * 3
P = [[1.0], [2.0], [4.0]]
T = [[1.0], [4.0], [4.0]]
PP = [[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]]
TT = [[1.0, 1.0], [4.0, 2.0], [4.0, 3.0]]

# name: (predictions, targets, weights, expected)
EXPECTED = {
    "accuracy": [
        (TWO, TWO_T, None, 3 / 5),
        (TWO, TWO_T, [1, 1, 5, 0, 1], 3 / 8),
        (THREE, THREE_T, None, 2 / 4),
        ([[0.5, 0.5]], [0], None, 1.0),  # of a tie the first
    ],
    "balanced_accuracy": [
        (TWO, TWO_T, None, (1 / 2 + 2 / 3) / 2),
        (THREE, THREE_T, None, (1 + 1 / 2 + 0) / 3),
        (THREE[:3], THREE_T[:3], None, (1 + 1 / 2) / 2),  # class 2 is absent
    ],
    "precision": [
        (TWO, TWO_T, None, 2 / 3),
        (TWO, TWO_T, [1, 1, 3, 1, 1], 2 / 5),
        (THREE, THREE_T, None, (1 / 2 + 1 + 0) / 3),
        ([[0.9, 0.1]], [1], None, 0.0),  # nothing is predicted positive
    ],
    "recall": [
        (TWO, TWO_T, None, 2 / 3),
        (THREE, THREE_T, None, (1 + 1 / 2 + 0) / 3),
        ([[0.9, 0.1]], [0], None, 0.0),  # nothing is positive
    ],
    "f1": [
        (TWO, TWO_T, None, 2 / 3),
        (THREE, THREE_T, None, (2 / 3 + 2 / 3 + 0) / 3),
        ([[0.9, 0.1]], [0], None, 0.0),
        ([[0.8, 0.1, 0.1]], [0], None, 1.0),  # classes on neither side do not count
    ],
    "roc_auc": [
        (TWO, TWO_T, None, (2 + 1 + 2) / 6),  # 0.8 0.3 0.9 against 0.1 0.6
        ([[0.5, 0.5], [0.5, 0.5]], [0, 1], None, 0.5),
        ([[0.9, 0.1], [0.2, 0.8]], [0, 1], None, 1.0),
        ([[0.9, 0.1], [0.2, 0.8]], [1, 1], None, NAN),
        # Class 0: 0.5 > .25 .25, = .5; class 1: (.5 .25) against (.25 .5); class 2: 0 below all.
        (THREE, THREE_T, None, (2.5 / 3 + 2 / 4 + 0 / 3) / 3),
        (THREE[:2], THREE_T[:2], None, 1.0),  # class 2 is absent
    ],
    "log_loss": [
        ([[0.5, 0.5], [0.75, 0.25]], [1, 1], None, 1.5 * math.log(2)),
        ([[0.5, 0.5], [0.75, 0.25]], [1, 1], [3, 1], 1.25 * math.log(2)),
        ([[1.0, 0.0]], [0], None, 0.0),
        ([[1.0, 0.0]], [1], None, 52 * math.log(2)),
    ],
    "top_k": [
        (SIX, [0, 4, 5], None, 2 / 3),  # of three ties at the end the first two
        (SIX, [0, 4, 5], [1, 1, 2], 2 / 4),
    ],
    "confusion_matrix": [
        (TWO, TWO_T, None, [[1, 1], [1, 2]]),
        (TWO, TWO_T, [1, 2, 4, 8, 16], [[1, 4], [8, 18]]),
        (THREE, THREE_T, None, [[1, 0, 0], [0, 1, 1], [1, 0, 0]]),
    ],
    "mse": [
        (P, T, None, 4 / 3),
        (P, T, [1, 2, 1], 2.0),
        (PP, TT, None, (4 / 3 + 14 / 3) / 2),
        ([1.0, 2.0], [1.0, 4.0], None, 2.0),  # one output may be left out of the shape
    ],
    "rmse": [
        (P, T, None, math.sqrt(4 / 3)),
        (PP, TT, None, (math.sqrt(4 / 3) + math.sqrt(14 / 3)) / 2),
        ([[3e200]], [[0.0]], None, 3e200),
    ],
    "mae": [
        (P, T, None, 2 / 3),
        (P, T, [1, 2, 1], 1.0),
        (PP, TT, None, (2 / 3 + 2) / 2),
    ],
    "r2": [
        (P, T, None, 1 - 4 / 6),
        (P, T, [1, 2, 1], 1 - 8 / 6.75),
        (PP, TT, None, (1 - 4 / 6 + 1 - 14 / 2) / 2),
        (P, [[0.1], [0.1], [0.1]], None, NAN),
        ([[1.0]], [[1.0]], None, NAN),
        ([[2e-200], [0.0]], [[2e-200], [1e-200]], None, -1.0),
    ],
}
