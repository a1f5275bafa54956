"""Sequences of whole numbers: they stay whole, and every place has a label, a score, a class."""

from __future__ import annotations

from typing import Any

import numpy as np

import pullback as pb
from pullback.graph.node import Node
from pullback.nn.inference import input_dtype


class Tagger(pb.nn.Module):
    """A class for every place of a sequence, from the word there."""

    def __init__(self, words: int, classes: int) -> None:
        self.vectors = pb.nn.Embedding(words, 6)
        self.head = pb.nn.Linear(6, classes)

    def forward(self, x: Node) -> Node:
        return self.head(self.vectors(x))


class Bag(Tagger):
    """A class for the whole sequence."""

    def forward(self, x: Node) -> Node:
        return self.head(pb.tanh(self.vectors(x).mean(axis=1)))


def words(rows: int = 60, time: int = 5, count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (rows, time))


SETTINGS: dict[str, Any] = {
    "epochs": 15,
    "batch_size": 16,
    "optimizer": pb.optim.Adam(0.05),
    "progress": "none",
}


def test_whole_numbers_stay_whole_from_fit_to_predict() -> None:
    x = words()
    seen: list[np.dtype[Any]] = []

    class Watching(Bag):
        def forward(self, x: Node) -> Node:
            seen.append(x.dtype)
            return super().forward(x)

    run = pb.fit(Watching(9, 2), (x.astype(np.uint8), (x > 4).sum(1) > 2), **SETTINGS)
    run.predict(x.astype(np.int32))
    assert set(seen) == {np.dtype(np.int64)}


def test_other_networks_take_whole_numbers_as_real_ones() -> None:
    whole = np.array([[1, 2]])
    assert input_dtype(pb.nn.Linear(2, 1).astype("float64"), whole) == np.float64
    assert input_dtype(Bag(9, 2), whole) == np.int64
    assert input_dtype(Bag(9, 2), whole / 2) == np.float32
