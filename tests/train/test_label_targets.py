"""Fitting networks whose rows have several labels, each with its own yes or no."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, DataError

RANDOM = np.random.default_rng(9)
X = RANDOM.normal(size=(80, 4)).astype(np.float32)
LABELS = (X[:, :3] > 0).astype(int)


def network() -> pb.nn.Module:
    return pb.nn.Sequential(pb.nn.Linear(4, 3))


@pytest.mark.parametrize("kind", [int, bool, float, np.uint8, str])
def test_labels_of_several_columns(kind: type) -> None:
    answers = LABELS.astype(bool) if kind is bool else LABELS.astype(kind)
    run = pb.fit(
        network(), (X, answers), loss="bce", optimizer=pb.optim.Adam(0.1), epochs=40,
        validation=0.25, seed=0, until="multilabel_f1 >= 0.99",
    )  # fmt: skip
    assert run.scores["train.multilabel_f1"] > 0.9
    assert {"train.subset_accuracy", "validation.hamming_loss"} <= set(run.scores)
    said = run.predict(X)
    assert said.shape == (80, 3)
    assert (said == LABELS).mean() > 0.9
    p = run.predict(X, probabilities=True)
    assert ((p > 0.5) == said).all()
    assert run.model.report((X, LABELS)) is None
    found = run.model.evaluate((X, LABELS))
    assert list(found) == ["multilabel_f1", "subset_accuracy", "hamming_loss"]


def test_a_weight_for_each_label() -> None:
    loss = pb.losses.BinaryCrossEntropyWithLogits(pos_weight=(1.0, 50.0, 1.0))
    run = pb.fit(network(), (X, LABELS), loss=loss, optimizer=pb.optim.Adam(0.1), epochs=20, seed=0)
    said = run.predict(X).mean(axis=0)
    assert said[1] > said[0] + 0.1


def test_kept_in_a_file(tmp_path) -> None:
    run = pb.fit(network(), (X, LABELS), loss="bce", epochs=2, seed=0)
    run.model.save(tmp_path / "labels.safetensors")
    again = pb.load(tmp_path / "labels.safetensors")
    assert again.head == run.model.head
    np.testing.assert_array_equal(again.predict(X), run.predict(X))


def test_what_labels_cannot_be() -> None:
    missing = LABELS.astype(float)
    missing[3, 1] = np.nan
    with pytest.raises(DataError, match="row 3, column 1"):
        pb.fit(network(), (X, missing), loss="bce")
    with pytest.raises(DataError, match="two classes"):
        pb.fit(network(), (X, LABELS + 1), loss="bce")
    with pytest.raises(ConfigError, match="multilabel_f1"):
        pb.fit(network(), (X, LABELS), loss="bce", metrics=["accuracy"])
