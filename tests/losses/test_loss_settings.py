"""Losses by name: settings, their checks, configurations, and what input they refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses
from pullback.errors import (
    ConfigError,
    DtypeError,
    LabelError,
    PullbackError,
    ShapeError,
    UnknownNameError,
)
from tests.losses.cases import CASES

NAMES = sorted(losses.registry())
SETTINGS = [loss for case in CASES.values() for loss in case.settings]


@pytest.mark.parametrize("name", NAMES)
def test_declared_in_full(name: str) -> None:
    cls = losses.registry()[name]
    assert cls.name == name
    assert cls.task in ("regression", "classification", "binary", "embedding")
    assert cls.__name__ in losses.__all__
    assert getattr(losses, name) == cls(), "lower case is the ready-made one"
    for section in ("$", "Shape:", "Raises:", "References:", "Example:"):
        assert section in (cls.__doc__ or ""), section
    for alias in (name, name.upper(), name.replace("_", "-"), *cls.aliases):
        assert losses.get(alias) == cls()
    assert losses.get(cls) == cls()


@pytest.mark.parametrize("loss", SETTINGS, ids=lambda loss: loss.describe())
def test_a_configuration_goes_round(loss: losses.Loss) -> None:
    config = json.loads(json.dumps(loss.to_config()))
    assert config["name"] == loss.name
    assert losses.get(config) == loss
    assert losses.get(loss) is loss
    assert hash(losses.get(config)) == hash(loss)


def test_described_in_one_line() -> None:
    assert losses.mse.describe() == "mse"
    assert losses.Huber(2).describe() == "huber(delta=2.0)"


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cross_entropy'"):
        losses.get("crossentropy")
    with pytest.raises(UnknownNameError, match="Did you mean 'delta'"):
        losses.get({"name": "huber", "detla": 1.0})
    with pytest.raises(UnknownNameError, match="Did you mean 'mean'"):
        losses.mse([1.0], [1.0], reduction="men")


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        ({"name": "huber", "delta": 0}, "delta=0"),
        ({"name": "huber", "delta": -1.0}, "delta=-1.0"),
        ({"name": "huber", "delta": float("nan")}, "delta=nan"),
        ({"name": "huber", "delta": float("inf")}, "delta=inf"),
        ({"name": "huber", "delta": True}, "delta=True"),
        ({"name": "huber", "delta": "1"}, "delta='1'"),
        ({"name": "huber", "delta": None}, "delta=None"),
        ({"name": "cross_entropy", "label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"name": "cross_entropy", "label_smoothing": -0.1}, "label_smoothing=-0.1"),
        ({"name": "cross_entropy", "class_weights": []}, "class_weights=()"),
        ({"name": "cross_entropy", "class_weights": [1.0, -1.0]}, "class_weights="),
        ({"name": "cross_entropy", "class_weights": [0.0, 0.0]}, "class_weights="),
        ({"name": "cross_entropy", "class_weights": [1.0, float("nan")]}, "class_weights="),
        ({"name": "cross_entropy", "class_weights": "balanced"}, "class_weights="),
        ({"name": "cross_entropy", "ignore_index": 0.5}, "ignore_index=0.5"),
        ({"name": "cross_entropy", "ignore_index": True}, "ignore_index=True"),
        ({"name": "bce", "pos_weight": 0.0}, "pos_weight=0.0"),
        ({"name": "bce", "pos_weight": []}, "pos_weight=()"),
        ({"name": "bce", "pos_weight": [1.0, -1.0]}, "pos_weight=(1.0, -1.0)"),
        ({"name": "bce", "pos_weight": ["a"]}, "pos_weight=('a',)"),
    ],
)
def test_a_setting_out_of_range_is_refused(config: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        losses.get(config)
    assert setting in str(caught.value)
    assert "to do" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "logits", "targets", "said"),
    [
        (ShapeError, np.zeros((3, 2)), [[0], [1], [0]], "targets.reshape(3)"),
        (ShapeError, np.zeros((3, 2)), [0, 1], "each row one target"),
        (ShapeError, np.zeros((3, 2)), np.zeros((3, 3)), "(3, 3)"),
        (ShapeError, np.zeros((3, 1)), [0, 0, 0], "binary_cross_entropy_with_logits"),
        (ShapeError, np.zeros(3), [0, 0, 0], "(3,)"),
        (ShapeError, np.zeros((2, 3, 4)), np.zeros((2, 4), int), "outputs.transpose(0, 2, 1)"),
        (ShapeError, np.zeros((2, 3, 4)), np.zeros(6, int), "targets.reshape(2, 3)"),
        (ShapeError, np.zeros((2, 3, 4)), np.zeros((2, 5), int), "(rows, ...) class indices"),
        (ShapeError, np.zeros((2, 3, 1)), np.zeros((2, 3), int), "at least two classes"),
        (DtypeError, np.zeros((3, 2)), [0.0, 1.0, 1.0], "astype('int64')"),
        (DtypeError, np.zeros((3, 2)), [True, False, True], "astype('int64')"),
        (DtypeError, np.zeros((2, 2)), [[0, 1], [1, 0]], "astype('float32')"),
    ],
)
def test_cross_entropy_refuses(
    error: type[PullbackError], logits: Any, targets: Any, said: str
) -> None:
    with pytest.raises(error) as caught:
        losses.cross_entropy(logits, targets)
    assert said in str(caught.value)
    assert str(logits.shape) in str(caught.value)


def test_cross_entropy_takes_labels_of_any_integer_dtype() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 3))
    want = losses.cross_entropy(logits, [0, 2, 1]).item()
    for dtype in ("uint8", "int32", "int64"):
        labels = np.array([0, 2, 1], dtype)
        assert losses.cross_entropy(logits, labels).item() == want
        gathered = losses.CrossEntropy(class_weights=(1, 1, 1))(logits, labels)
        assert gathered.item() == pytest.approx(want, rel=1e-14)


def test_class_weights_must_be_as_many_as_classes() -> None:
    with pytest.raises(ConfigError, match="Give 3 weights"):
        losses.CrossEntropy(class_weights=(1, 2))(np.zeros((1, 3)), [0])


def test_pos_weight_is_a_number_or_one_a_label() -> None:
    loss = losses.BinaryCrossEntropyWithLogits(pos_weight=(1.0, 2.0))
    for outputs in (np.zeros((2, 3)), np.zeros(2)):
        with pytest.raises(ConfigError, match="Give"):
            loss(outputs, np.zeros(outputs.shape))


def test_a_further_label_is_ignored() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 4))
    for padding in (0, -100, 7):
        loss = losses.CrossEntropy(ignore_index=padding)
        found = loss(logits, [[1, 2, padding], [3, -1, padding]])
        assert found.item() == losses.cross_entropy(logits, [[1, 2, -1], [3, -1, -1]]).item()
        both = losses.CrossEntropy(0.1, (1.0, 2.0, 3.0, 4.0), padding)
        plain = losses.CrossEntropy(0.1, (1.0, 2.0, 3.0, 4.0))
        found = both(logits, [[1, 2, padding], [3, -1, padding]])
        assert found.item() == plain(logits, [[1, 2, -1], [3, -1, -1]]).item()
    with pytest.raises(IndexError, match="from 0 to 3"):
        losses.CrossEntropy(ignore_index=-100)(logits, np.full((2, 3), 4)).numpy()


def test_binary_targets_must_be_probabilities() -> None:
    for targets in ([1.0, 2.0], [-1.0, 1.0], [np.nan, 1.0]):
        with pytest.raises(LabelError, match="from 0 to 1"):
            losses.binary_cross_entropy_with_logits([0.0, 0.0], targets)
    assert losses.binary_cross_entropy_with_logits([0.0, 0.0], [True, False]).item() > 0
    with pytest.raises(LabelError, match="that are NaN"):
        losses.binary_cross_entropy_with_logits([[0.0, 0.0]], [[np.nan, 1.0]])


def test_weights_must_be_one_a_row() -> None:
    with pytest.raises(ShapeError, match="one weight a row"):
        losses.mse(np.zeros((3, 2)), np.zeros((3, 2)), [1.0, 2.0])
    with pytest.raises(ShapeError, match="one weight a row"):
        losses.mse(np.zeros(3), np.zeros(3), np.ones((3, 1)))


def test_a_loss_is_traced_without_its_numbers() -> None:
    from pullback.graph import placeholder

    for case in CASES.values():
        for loss in case.settings:
            drawn = case.draw(loss, np.random.default_rng(1), 4)
            y, t = (placeholder(n, a.shape, a.dtype) for n, a in zip("yt", drawn, strict=True))
            assert loss(y, t, placeholder("w", (4,))).value is None


def test_a_loss_of_ones_own() -> None:
    class Cubed(losses.Loss):
        name = "cubed"

        def per_row(self, outputs: pb.Tensor, targets: pb.Tensor) -> pb.Tensor:
            return pb.abs(outputs - targets) ** 3

    loss = losses.get(Cubed())
    assert loss([2.0, 0.0], [0.0, 0.0], [1.0, 3.0]).item() == 2
    assert loss.to_config() == {"name": "cubed"}
    assert "cubed" not in losses.registry()
    with pytest.raises(TypeError, match="must define per_row"):
        losses.Loss()([1.0], [1.0])


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="named 'l2'"):
        losses.register(type("Mine", (losses.Loss,), {"name": "mine", "aliases": ("l2",)}))
    assert "mine" not in losses.registry()
