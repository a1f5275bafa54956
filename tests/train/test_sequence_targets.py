"""Fitting networks that say something at every place of a sequence."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.errors import DataError, LabelError

RANDOM = np.random.default_rng(5)
TOKENS = RANDOM.integers(0, 3, (40, 6))
NEXT = (TOKENS + 1) % 3
X = np.eye(3, dtype=np.float32)[TOKENS]  # (rows, time, classes)


def network(classes: int = 3) -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(3, classes))


def test_next_tokens_are_learned() -> None:
    run = pb.fit(
        network(), (X, NEXT), loss="cross_entropy", optimizer=pb.optim.Adam(0.1), epochs=40,
        validation=0.25, metrics=["accuracy", "log_loss"], seed=0,
    )  # fmt: skip
    assert run.scores["validation.accuracy"] == 1
    assert run.scores["validation.log_loss"] == pytest.approx(run.scores["validation.loss"], 1e-5)
    assert run.predict(X).tolist() == NEXT.tolist()
    assert run.predict(X, probabilities=True).shape == (40, 6, 3)
    assert run.model.evaluate((X, NEXT))["accuracy"] == 1
    report = run.model.report((X, NEXT))
    assert report is not None
    assert sum(row.support for row in report.rows) == NEXT.size


def test_labels_that_are_ignored_count_nothing() -> None:
    some = np.where(np.arange(6) < 4, NEXT, -1)
    settings = {"loss": "cross_entropy", "epochs": 3, "seed": 0, "metrics": ["accuracy"]}
    run = pb.fit(network(), (X, some), **settings)
    cut = pb.fit(network(), (X[:, :4], NEXT[:, :4]), **settings)
    for path, parameter in run.network.parameters().items():
        other = cut.network.parameters()[path].numpy()
        np.testing.assert_allclose(parameter.numpy(), other, rtol=1e-5, atol=1e-7)
    padded = pb.fit(
        network(),
        (X, np.where(some == -1, 99, NEXT)),
        validation=(X[:9], np.where(some == -1, 99, NEXT)[:9]),
        **(settings | {"loss": pb.losses.CrossEntropy(ignore_index=99)}),
    )
    assert padded.scores["train.loss"] == pytest.approx(run.scores["train.loss"], rel=1e-6)
    assert padded.scores["train.accuracy"] == run.scores["train.accuracy"]
    with pytest.raises(DataError, match="two classes"):
        pb.fit(network(), (X, np.full_like(NEXT, -1)), **settings)


def test_micro_batches_of_rows_of_unequal_length_are_the_batch() -> None:
    some = np.where(np.arange(6) < RANDOM.integers(1, 7, (40, 1)), NEXT, -1)
    runs = [
        pb.fit(
            network().astype("float64"), (X, some, np.arange(1.0, 41)), epochs=2, seed=1,
            batch_size=20, accumulate=parts, class_weight="balanced",
        )
        for parts in (1, 3)
    ]  # fmt: skip
    one, three = (run.network.parameters()["0.weight"].numpy() for run in runs)
    np.testing.assert_allclose(one, three, rtol=1e-12)


def test_words_at_every_place() -> None:
    words = np.array(["a", "b", "c"])[NEXT]
    run = pb.fit(network(), (X, words), epochs=40, optimizer=pb.optim.Adam(0.1), seed=0)
    assert run.predict(X).tolist() == words.tolist()
    assert run.model.evaluate((X, words), ["accuracy"]) == {"accuracy": 1.0}


def test_a_label_beyond_the_outputs_is_refused_before_training() -> None:
    with pytest.raises(LabelError, match="labels from 0 to 2 in the train rows"):
        pb.fit(network(2), (X, NEXT), loss="cross_entropy")
    with pytest.raises(LabelError, match="validation rows"):
        pb.fit(network(), (X, NEXT), validation=(X, NEXT + 1), loss="cross_entropy")


def test_soft_targets_at_every_place() -> None:
    run = pb.fit(network(), (X, X[..., [2, 0, 1]]), loss="cross_entropy", epochs=3, seed=0)
    assert 0 <= run.scores["train.accuracy"] <= 1
