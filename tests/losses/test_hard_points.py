"""Losses where it is hard: far from zero, at kinks, in float32, and on input that is wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses
from pullback.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError

FAR = np.array([0.0, 1e-4, -1e-4, 3.0, -3.0, 30.0, -30.0, 1e4, -1e4])


def slopes(loss: Any, outputs: Any, targets: Any, dtype: str = "float32") -> np.ndarray:
    x = pb.tensor(np.asarray(outputs), dtype)
    (bar,) = pb.gradient(loss(x, targets, reduction="sum"), [x])
    return bar.numpy()


@pytest.mark.parametrize("answer", [0.0, 1.0])
@pytest.mark.parametrize(
    "loss",
    [
        losses.BinaryCrossEntropyWithLogits(),
        losses.BinaryFocal(),
        losses.BinaryFocal(gamma=0.5, alpha=0.3),
        losses.Hinge(),
        losses.SquaredHinge(),
    ],
    ids=lambda loss: loss.describe(),
)
def test_logits_far_from_zero_keep_their_digits(loss: losses.Loss, answer: float) -> None:
    logits = FAR.astype(np.float32).astype(float)
    narrow = loss(logits.astype(np.float32), np.full(9, answer), reduction="none").numpy()
    wide = loss(logits, np.full(9, answer), reduction="none").numpy()
    np.testing.assert_allclose(narrow, wide, rtol=3e-6, atol=1e-37)
    bars = [slopes(loss, logits, np.full(9, answer), d) for d in ("float32", "float64")]
    np.testing.assert_allclose(*bars, rtol=3e-5, atol=1e-37)


@pytest.mark.parametrize(
    "loss",
    [losses.CrossEntropy(0.1), losses.Focal(), losses.Focal(gamma=0.5), losses.MultiMargin()],
    ids=lambda loss: loss.describe(),
)
def test_classes_far_apart_have_finite_slopes(loss: losses.Loss) -> None:
    logits = np.stack([FAR, np.zeros(9), -FAR], axis=1)
    for label in range(3):
        labels = np.full(9, label)
        narrow = loss(logits.astype(np.float32), labels, reduction="none").numpy()
        wide = loss(logits, labels, reduction="none").numpy()
        np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-6)
        assert np.isfinite(slopes(loss, logits, labels)).all()


@pytest.mark.parametrize("error", [1e-18, 1e-4, 0.3, 0.999, 1.001, 7.0, 1e4, 1e30])
def test_log_cosh_of_small_and_large_errors(error: float) -> None:
    e = float(np.float32(error))
    want = e * e / 2 if e < 1e-3 else e - math.log(2) if e > 20 else math.log(math.cosh(e))
    x = pb.tensor([e, -e], "float32")
    found = losses.log_cosh(x, 0.0, reduction="none").numpy()
    np.testing.assert_allclose(found, want, rtol=1e-6)
    np.testing.assert_allclose(slopes(losses.log_cosh, [e, -e], 0.0), [math.tanh(e), -math.tanh(e)])


def test_certain_mistakes_of_probabilities_cost_100() -> None:
    loss = losses.binary_cross_entropy
    found = loss([0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], reduction="none")
    np.testing.assert_array_equal(found.numpy(), [100, 100, 0, 0])
    assert not slopes(loss, [0.0, 1.0], [1.0, 0.0]).any()
    np.testing.assert_allclose(slopes(loss, [1e-30], [1.0], "float64"), [-1e30])
    for outputs in ([1.5], [-0.1]):
        with pytest.raises(DataError, match="binary_cross_entropy_with_logits"):
            loss(outputs, [1.0])


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "slope"),
    [
        (losses.hinge, [1.0, -1.0], [1.0, 0.0], [0, 0]),
        (losses.quantile, [2.0], [2.0], [0]),
        (losses.mape, [2.0], [2.0], [0]),
        (losses.SmoothL1(beta=0.5), [0.5, -0.5], 0.0, [1, -1]),
        (losses.log_cosh, [0.0, 1.0], 0.0, [0, math.tanh(1)]),
        (losses.multi_margin, [[1.0, 0.0]], [0], [[0, 0]]),
        (losses.margin_ranking, [[1.0, 1.0]], [1.0], [[0, 0]]),
        (losses.CosineEmbedding(1.0), [[[1.0, 0.0], [1.0, 0.0]]], [-1.0], np.zeros((1, 2, 2))),
        (losses.cosine, [[0.0, 0.0]], [[3.0, 4.0]], [[-0.6, -0.8]]),
        (losses.gaussian_nll, [[0.0, -1e3]], [[0.0]], [[0, 0]]),
        (losses.poisson_nll, [0.0], [1.0], [0]),
        (losses.Focal(gamma=0.5), [[200.0, -200.0]], [0], [[0, 0]]),
    ],
)
def test_slopes_at_the_kinks(loss: Any, outputs: Any, targets: Any, slope: Any) -> None:
    np.testing.assert_allclose(slopes(loss, outputs, targets), slope, rtol=1e-6, atol=1e-7)


def test_a_triplet_of_one_point_has_no_slope() -> None:
    assert losses.triplet(np.zeros((1, 3, 2))).item() == 1
    assert not slopes(losses.triplet, np.zeros((1, 3, 2)), None).any()


def test_a_vector_without_length_is_orthogonal() -> None:
    assert losses.cosine([[0.0, 0.0]], [[1.0, 0.0]]).item() == 1
    for scale in (1e-30, 1e30):
        found = losses.cosine(np.array([[scale, scale]], np.float32), [[1.0, 1.0]]).item()
        assert found == pytest.approx(0, abs=1e-6)


def test_probabilities_of_zero_add_nothing_to_a_divergence() -> None:
    with np.errstate(divide="ignore"):
        log_q = np.log(np.array([[0.5, 0.5, 0.0]]))
    p = [[0.5, 0.5, 0.0]]
    assert losses.kl_divergence(log_q, p).item() == 0
    assert np.isfinite(slopes(losses.kl_divergence, log_q, p)).all()
    assert losses.kl_divergence(log_q, [0]).item() == pytest.approx(math.log(2))
    assert losses.kl_divergence(log_q, [[0.0, 0.5, 0.5]]).item() == math.inf
    with pytest.raises(DtypeError, match="log_target=False"):
        losses.KLDivergence(log_target=True)(log_q, [0])


def test_members_come_stacked_or_as_a_tuple() -> None:
    a, p, n = np.random.default_rng(0).normal(size=(3, 4, 5))
    stacked = np.stack([a, p, n], axis=1)
    found = losses.triplet((pb.tensor(a), pb.tensor(p), pb.tensor(n)))
    assert found.item() == losses.triplet(stacked, None).item()
    assert losses.triplet.sums((a, p, n))[1].item() == 4
    ranked = losses.margin_ranking((a[:, 0], p[:, 0]), np.ones(4))
    assert ranked.item() == losses.margin_ranking(stacked[:, :2, 0], np.ones(4)).item()
    with pytest.raises(ShapeError, match="3 tensors of one shape"):
        losses.triplet((a, p))
    with pytest.raises(ShapeError, match="of one shape"):
        losses.cosine_embedding((a, p[:2]), np.ones(4))
    with pytest.raises(ShapeError, match=r"\(rows, 3, ..., features\)"):
        losses.triplet(np.zeros((2, 2, 5)))
    with pytest.raises(ShapeError, match=r"\(rows, 2\)"):
        losses.margin_ranking(np.zeros((4, 3)), np.ones(4))
    with pytest.raises(ShapeError, match="one target for each row"):
        losses.cosine_embedding(stacked[:, :2], np.ones((4, 1)))
    with pytest.raises(ShapeError, match="needs targets"):
        losses.mse([1.0], None)


def test_a_gaussian_takes_one_value_a_row() -> None:
    outputs = np.random.default_rng(0).normal(size=(3, 2))
    flat = losses.gaussian_nll(outputs, [1.0, 2.0, 3.0])
    assert flat.item() == losses.gaussian_nll(outputs, [[1.0], [2.0], [3.0]]).item()
    assert losses.gaussian_nll(outputs, 1.0).item() > 0
    for outputs, targets in (
        (np.zeros((3, 3)), np.zeros((3, 1))),
        (np.zeros(4), np.zeros(2)),
        (np.zeros((3, 4)), np.zeros((3, 1))),
        (np.zeros((3, 4)), np.zeros(3)),
    ):
        with pytest.raises(ShapeError, match="gaussian_nll"):
            losses.gaussian_nll(outputs, targets)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "said"),
    [
        (losses.poisson_nll, [0.0, 0.0], [1.0, -1.0], r"-1 at place \[1\]"),
        (losses.poisson_nll, [0.0], [math.nan], "nan"),
        (losses.msle, [0.0], [-1.0], "above -1"),
        (losses.margin_ranking, [[0.0, 1.0]], [0.0], "1 or -1"),
        (losses.hinge, [0.0], [-1.0], "from -1 to -1"),
        (losses.binary_dice, [0.0], [2.0], "from 0 to 1"),
        (losses.binary_focal, [0.0], [2.0], "from 0 to 1"),
    ],
)
def test_targets_that_cannot_be(loss: Any, outputs: Any, targets: Any, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        loss(outputs, targets)


@pytest.mark.parametrize("name", ["focal", "multi_margin"])
def test_losses_of_labels_refuse_probabilities(name: str) -> None:
    with pytest.raises(ShapeError, match="argmax"):
        losses.get(name)(np.zeros((2, 3)), np.full((2, 3), 1 / 3))


@pytest.mark.parametrize("name", ["nll", "focal", "multi_margin", "dice", "tversky"])
def test_ignored_and_impossible_labels(name: str) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 4))
    loss = losses.get(name)
    assert loss(logits, np.full((2, 3), -1)).item() == 0
    assert not slopes(loss, logits, np.full((2, 3), -1)).any()
    labels = np.array([[0, 1, -1], [2, 3, 3]])
    marked = np.where(labels == -1, 77, labels)
    further = losses.get({"name": name, "ignore_index": 77})
    assert further(logits, marked).item() == loss(logits, labels).item()
    assert not slopes(loss, logits, labels)[0, 2].any()
    with pytest.raises(IndexError):
        loss(logits, np.full((2, 3), 4)).numpy()


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"name": "focal", "gamma": -1.0}, "gamma=-1.0"),
        ({"name": "focal", "class_weights": [0.0]}, "class_weights="),
        ({"name": "binary_focal", "alpha": 1.0}, "alpha=1.0"),
        ({"name": "multi_margin", "power": 3}, "power=3"),
        ({"name": "multi_margin", "margin": 0}, "margin=0"),
        ({"name": "kl_divergence", "log_target": 1}, "log_target=1"),
        ({"name": "poisson_nll", "epsilon": 0.0}, "epsilon=0.0"),
        ({"name": "gaussian_nll", "full": "yes"}, "full='yes'"),
        ({"name": "quantile", "quantile": 1.0}, "quantile=1.0"),
        ({"name": "smooth_l1", "beta": 0.0}, "beta=0.0"),
        ({"name": "triplet", "margin": 0.0}, "margin=0.0"),
        ({"name": "cosine_embedding", "margin": 2.0}, "margin=2.0"),
        ({"name": "margin_ranking", "margin": -1.0}, "margin=-1.0"),
        ({"name": "dice", "smooth": 0.0}, "smooth=0.0"),
        ({"name": "tversky", "alpha": -0.1}, "alpha=-0.1"),
        ({"name": "nll", "ignore_index": "pad"}, "ignore_index='pad'"),
    ],
)
def test_settings_out_of_range(config: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        losses.get(config)
    assert setting in str(caught.value)
