"""Sequences of whole numbers: they stay whole, and every place has a label, a score, a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.errors import LabelError
from pullback.graph.node import Node
from pullback.nn.inference import input_dtype
from tests.train.trainings import Stop, left


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


def test_a_label_for_every_place() -> None:
    x = words()
    y = x % 3
    run = pb.fit(Tagger(9, 3), (x, y), validation=0.2, class_weight="balanced", **SETTINGS)
    assert run.scores["validation.accuracy"] == 1.0
    assert np.array_equal(run.predict(x), y)
    assert run.predict(x, probabilities=True).shape == (60, 5, 3)
    assert run.evaluate((x, y))["accuracy"] == 1.0
    assert sum(row.support for row in run.classes["validation"].rows) == 12 * 5


def test_labels_of_places_may_be_text_and_be_ignored() -> None:
    x = words()
    named = np.array(["low", "mid", "top"])[x // 3]
    run = pb.fit(Tagger(9, 3), (x, named), **SETTINGS)
    assert np.array_equal(run.predict(x), named)
    assert run.evaluate((x, named))["accuracy"] == 1.0

    y = np.where(x == 8, -1, x // 3)
    run = pb.fit(Tagger(9, 3), (x, y), **SETTINGS)
    assert sum(row.support for row in run.classes["train"].rows) == (y >= 0).sum()
    assert run.evaluate((x, y))["accuracy"] == 1.0


def test_weights_are_of_sequences() -> None:
    """A weight of 2 is the sequence twice, in loss and metrics alike."""
    x, y = words(12), words(12) % 3
    weights = np.arange(1, 13) % 3
    twice = np.repeat(np.arange(12), weights)
    network = Tagger(9, 3).initialise(seed=1)
    quick = {**SETTINGS, "epochs": 1, "batch_size": 9, "optimizer": pb.optim.SGD(1e-30)}
    weighted = pb.fit(network, (x, y, weights), **quick).scores
    repeated = pb.fit(network, (x[twice], y[twice]), **quick).scores
    assert weighted == pytest.approx(repeated, rel=1e-6)


def test_a_label_beyond_the_outputs_at_any_place_is_told_before_training() -> None:
    x = words()
    with pytest.raises(LabelError, match="from 0 to 1"):
        pb.fit(Tagger(9, 2), (x, x % 3), **SETTINGS)


def test_sequences_resume_to_the_same_bits(tmp_path: Path) -> None:
    x, y = words(40), words(40) % 3
    settings = {**SETTINGS, "epochs": 3, "save": tmp_path, "validation": 0.2, "name": "whole"}
    whole = pb.fit(Tagger(9, 3), (x, y), **settings)
    stopped = pb.fit(Tagger(9, 3), (x, y), callbacks=Stop(3), **settings)
    again = pb.resume(stopped.path, custom=[Tagger], progress="none")
    assert left(whole.path) == left(again.path)
