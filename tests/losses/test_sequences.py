"""Losses of classes on sequences: the mean is over all targets that count."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback import losses


def drawn() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    logits = random.normal(size=(4, 5, 3))
    targets = random.integers(0, 3, (4, 5))
    targets[0, 2:] = -1
    targets[3] = -1
    return logits, targets


@pytest.mark.parametrize(
    "loss",
    [
        losses.CrossEntropy(),
        losses.CrossEntropy(0.1),
        losses.CrossEntropy(class_weights=(1.0, 0.0, 3.0)),
    ],
    ids=lambda loss: loss.describe(),
)
def test_a_sequence_is_the_loss_of_its_places(loss: losses.Loss) -> None:
    logits, targets = drawn()
    x = pb.tensor(logits)
    whole = loss(x, targets)
    flat = loss(x.reshape(20, 3), targets.reshape(-1))
    np.testing.assert_allclose(whole.numpy(), flat.numpy(), rtol=1e-14)
    bars = [pb.gradient(y, [x])[0].numpy() for y in (whole, flat)]
    np.testing.assert_allclose(*bars, rtol=1e-13, atol=1e-16)
    assert not bars[0][3].any(), "a row of which every label is ignored"


def test_weights_are_of_rows() -> None:
    logits, targets = drawn()
    each = losses.cross_entropy(logits.reshape(20, 3), targets.reshape(-1), reduction="none")
    each, counts = each.numpy().reshape(4, 5), (targets >= 0).sum(axis=1)
    w = np.array([1.0, 2.0, 0.5, 4.0])
    want = (w * each.sum(axis=1)).sum() / (w * counts).sum()
    found = losses.cross_entropy(logits, targets, w)
    assert found.item() == pytest.approx(want, rel=1e-14)
    rows = losses.cross_entropy(logits, targets, w, reduction="none")
    np.testing.assert_allclose(rows.numpy(), w * each.sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize("label", [3, -2])
def test_a_label_out_of_range_names_its_place(label: int) -> None:
    logits, targets = drawn()
    targets[1, 2] = label
    with pytest.raises(IndexError, match=r"at place \[1, 2\]"):
        losses.cross_entropy(logits, targets).numpy()


def test_a_loss_of_classes_of_ones_own() -> None:
    class Wrong(losses.ClassLoss):
        name = "wrong"

        def per_target(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
            return 1 - pb.exp(-pb.cross_entropy_with_logits(outputs, targets))

    logits, targets = drawn()
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    counted = targets >= 0
    given = np.take_along_axis(p, np.where(counted, targets, 0)[..., None], -1)[..., 0]
    assert Wrong()(logits, targets).item() == pytest.approx(1 - given[counted].mean(), rel=1e-12)
    with pytest.raises(TypeError, match="per_target"):
        losses.ClassLoss()(logits, targets)
