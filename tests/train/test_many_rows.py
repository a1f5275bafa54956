"""Final scores of very many rows, and of rows with very many outputs, are those of some of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import pullback as pb
from pullback.train import conclude, evaluation

X = np.random.default_rng(0).normal(size=(500, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def fitted(**options: object) -> pb.Run:
    network = pb.nn.dense(4, [8], 2)
    return pb.fit(network, (X, Y), epochs=2, validation=0.2, progress=False, **options)  # type: ignore[arg-type]


def test_some_training_rows_speak_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = fitted()
    assert not any("evenly spread" in note for note in everything.notes)
    monkeypatch.setattr(conclude, "MOST_TRAINING", 100)
    run = fitted()
    assert "scores of the train rows are of 100 of 400, evenly spread" in run.notes
    assert run.scores["train.accuracy"] == pytest.approx(
        everything.scores["train.accuracy"], abs=0.1
    )
    assert run.scores["validation.loss"] == everything.scores["validation.loss"]


def test_outputs_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.random.default_rng(0).integers(0, 300, (400, 40))
    network = pb.nn.Sequential(pb.nn.Embedding(300, 4), pb.nn.Linear(4, 300))
    monkeypatch.setattr(evaluation, "TOKENS", 400)  # 10 rows at a time
    monkeypatch.setattr(evaluation, "MOST_OUTPUTS", 20 * 40 * 300)
    tracemalloc.start()
    run = pb.fit(network, (tokens[:, :-1], tokens[:, 1:]), steps=1, batch_size=4, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert any("are of 20 of 400" in note for note in run.notes)
    assert peak < 25e6, "where the outputs of all rows alone are 19 MB, and their scores 37 MB more"
