"""Metrics of several labels a row once more, from their definitions; samples done by hand."""

from __future__ import annotations

from tests.metrics.definitions import NAN, area, f1_of, mean, precision_of, recall_of


def yes(row):
    return [1 if p > 0.5 else 0 for p in row]


def subset_accuracy(p, t, w):
    return mean([yes(row) == list(k) for row, k in zip(p, t, strict=True)], w)


def hamming_loss(p, t, w):
    rows = zip(map(yes, p), t, strict=True)
    return mean([sum(a != b for a, b in zip(s, k, strict=True)) / len(k) for s, k in rows], w)


def label_score(score):
    def definition(p, t, w):
        scores = []
        for j in range(len(p[0])):
            rows = [(yes(row)[j], k[j], x) for row, k, x in zip(p, t, w, strict=True)]
            hit = sum(x for s, k, x in rows if s and k)
            said = sum(x for s, k, x in rows if s)
            true = sum(x for s, k, x in rows if k)
            if said or true:
                scores.append(score(hit, said, true))
        return sum(scores) / len(scores) if scores else NAN

    return definition


def multilabel_roc_auc(p, t, w):
    areas = []
    for j in range(len(p[0])):
        column = [k[j] == 1 for k in t]
        if len(set(column)) == 2:
            areas.append(area([row[j] for row in p], column, w))
    return sum(areas) / len(areas) if areas else NAN


DEFINITIONS = {
    "subset_accuracy": subset_accuracy,
    "hamming_loss": hamming_loss,
    "multilabel_precision": label_score(precision_of),
    "multilabel_recall": label_score(recall_of),
    "multilabel_f1": label_score(f1_of),
    "multilabel_roc_auc": multilabel_roc_auc,
}

# Said: 1 0, 1 1, 0 0; right are row 0, label 0 of row 1, label 1 of row 2.
P = [[0.9, 0.5], [0.75, 0.6], [0.25, 0.0]]
T = [[1, 0], [1, 0], [1, 0]]
NONE = [[0.1, 0.1]]

EXPECTED = {
    "subset_accuracy": [(P, T, None, 1 / 3), (P, T, [2, 1, 1], 1 / 2)],
    "hamming_loss": [(P, T, None, 2 / 6), (P, T, [2, 1, 1], 2 / 8)],
    "multilabel_precision": [
        (P, T, None, (1 + 0) / 2),
        (NONE, [[1, 0]], None, 0.0),  # label 1 is on neither side
        (NONE, [[0, 0]], None, NAN),
    ],
    "multilabel_recall": [(P, T, None, (2 / 3 + 0) / 2), (P, T, [1, 1, 2], (2 / 4 + 0) / 2)],
    "multilabel_f1": [(P, T, None, (4 / 5 + 0) / 2), (NONE, [[0, 0]], None, NAN)],
    "multilabel_roc_auc": [
        (P, T, None, NAN),
        (P, [[1, 1], [0, 1], [0, 0]], None, (1 + 1) / 2),
        (P, [[1, 0], [0, 1], [1, 0]], None, (1 / 2 + 1) / 2),
    ],
}
