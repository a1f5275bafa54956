"""Convolutional networks: sizes, messages, augmentation, learning, and PyTorch's layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import nn
from pullback.autodiff import gradcheck
from pullback.errors import ConfigError, PullbackError, ShapeError
from pullback.nn.description import describe, rebuild
from pullback.nn.mode import Mode, mode
from pullback.nn.summary import rows, summary


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(6, 5, padding="same"), "relu", nn.MaxPool2d(2),
        nn.Conv2d(16, 5), "relu", nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(120), "relu", nn.Linear(84), "relu", nn.Linear(10),
    )  # fmt: skip


def strokes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey images of 8 x 8 with a line somewhere: across, down, or diagonal."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 0.3, (count, 8, 8, 1)).astype("float32")
    y = random.integers(0, 3, count)
    for image, label in zip(x, y, strict=True):
        row, column = random.integers(0, 5, 2)
        for i in range(4):
            image[row + (i if label else 0), column + (0 if label == 1 else i)] += 2
    return x, y


def test_a_network_finds_its_sizes_and_shows_them() -> None:
    made = lenet()
    text = summary(made, (28, 28, 1))
    assert not made.is_built
    for line in (
        "0     Conv2d(1, 6, 5, padding='same')  (batch, 28, 28, 6)          156",
        "3     Conv2d(6, 16, 5)                 (batch, 10, 10, 16)       2,416",
        "7     Linear(400, 120)                 (batch, 120)             48,120",
    ):
        assert line in text
    assert text.splitlines()[-1].startswith("61,706 parameters")
    assert [row.outputs for row in rows(made.build((28, 28, 1)))] == [None] * 12


def test_no_shape_is_guessed_from_behind_a_convolution() -> None:
    made = nn.Sequential("relu", nn.Conv1d(2, 2, 1), nn.Flatten(), nn.Linear(4, 1))
    assert [row.outputs for row in rows(made)] == [None] * 4
    known = nn.Sequential("relu", nn.Linear(4, 1))
    assert [row.outputs for row in rows(known)] == [((4,),), ((1,),)]


@pytest.mark.parametrize(
    ("make", "shape", "shown"),
    [
        (lambda: nn.Conv2d(8, 3), (5, 5, 2), "Conv2d(2, 8, 3)"),
        (lambda: nn.Conv2d(8, kernel_size=3), (5, 5, 2), "Conv2d(2, 8, 3)"),
        (lambda: nn.Conv2d(None, 8, (3, 1)), (5, 5, 2), "Conv2d(2, 8, (3, 1))"),
        (lambda: nn.Conv1d(8, 3, padding=[(1, 0)]), (5, 2), "Conv1d(2, 8, 3, padding=((1, 0),))"),
        (lambda: nn.ConvTranspose2d(8, 3), (5, 5, 2), "ConvTranspose2d(2, 8, 3)"),
        (lambda: nn.DepthwiseConv2d(3), (5, 5, 2), "DepthwiseConv2d(2, 3)"),
        (lambda: nn.SeparableConv2d(8, 3), (5, 5, 2), "SeparableConv2d(2, 8, 3)"),
    ],
)
def test_channels_may_be_left_out(make: Any, shape: Any, shown: str, tmp_path: Path) -> None:
    made = make().build(shape).initialise()
    assert repr(made) == shown
    assert repr(rebuild(describe(made))) == shown
    made.save(tmp_path / "it")
    x = np.ones((2, *shape), np.float32)
    again = pb.load(tmp_path / "it").network
    assert made(x).numpy().tobytes() == again(x).numpy().tobytes()


def test_the_default_values_are_uniform_in_the_root_of_what_comes_in() -> None:
    for layer, fan_in in (
        (nn.Conv2d(4, 64, 3, groups=2), 18),
        (nn.ConvTranspose2d(64, 4, 3, groups=2), 18),
        (nn.DepthwiseConv2d(64, 3), 9),
        (nn.Conv1d(16, 64, 5), 80),
    ):
        layer.initialise()
        weight, bias = layer["weight"].numpy(), layer["bias"].numpy()
        limit = fan_in**-0.5
        assert 0.97 * limit < abs(weight).max() <= limit
        assert abs(bias).max() <= limit
        assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.1)


IMAGE = np.ones((2, 28, 28), np.float32)
WRONG: list[tuple[type[PullbackError], Any, str]] = [
    (ShapeError, lambda: nn.Conv2d(1, 6, 5)(IMAGE), r"Conv2d\(1, 6, 5\), made in .*"
     r"nn.Reshape\(\(28, 28, 1\)\).*x\[\.\.\., None\]"),
    (ShapeError, lambda: nn.Conv2d(6, 5)(IMAGE), r"nn.Reshape\(\(28, 28, 1\)\)"),
    (ShapeError, lambda: nn.Conv2d(3, 6, 5)(IMAGE[..., None]), r"with 3 channels.*Give it 1 input"),
    (ShapeError, lambda: nn.Conv1d(3, 6, 5)(np.ones((1, 2, 2, 3))), r"for 2 axes of space"),
    (ShapeError, lambda: nn.MaxPool2d(2)(IMAGE), r"MaxPool2d\(2\).*nn.Reshape"),
    (ShapeError, lambda: nn.AvgPool1d(2)(np.ones((1, 1, 1))), r"avg_pool must fit.*window of 2"),
    (ShapeError, lambda: nn.GlobalAvgPool()(np.ones((2, 3))), r"GlobalAvgPool\(\) takes inputs"),
    (ShapeError, lambda: nn.RandomShift(2)(IMAGE), r"RandomShift\(pixels=2\).*nn.Reshape"),
    (ShapeError, lambda: nn.RandomCrop(30)(IMAGE[..., None]), r"cuts its part.*28 x 28"),
    (ConfigError, lambda: nn.Conv2d(1, 6, 5, stride=0), r"stride of Conv2d is a whole number"),
    (ConfigError, lambda: nn.Conv2d(1, 6, 5, padding="full"), r"padding of Conv2d.*'full'"),
    (ConfigError, lambda: nn.Conv2d(1, 6, (5,)), r"kernel size of Conv2d.*\(5,\)"),
    (ConfigError, lambda: nn.Conv2d(6), r"out_channels of Conv2d"),
    (ConfigError, lambda: nn.Conv2d(3, 6, 5, groups=2), r"groups of Conv2d must divide.*3 and 6"),
    (ConfigError, lambda: nn.Conv2d(0, 6, 5), r"in_channels of Conv2d must be a positive"),
    (ConfigError, lambda: nn.ConvTranspose2d(3, 6, 5, output_padding=-1), r"output padding"),
    (ConfigError, lambda: nn.MaxPool2d(0), r"kernel size of MaxPool2d"),
    (ConfigError, lambda: nn.RandomFlip(p=2), r"p of RandomFlip is a probability"),
    (ConfigError, lambda: nn.RandomFlip(False), r"one axis at least"),
    (ConfigError, lambda: nn.RandomShift(-1), r"pixels of RandomShift"),
    (ConfigError, lambda: nn.Cutout(0), r"size of Cutout"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_messages(number: int) -> None:
    error, call, text = WRONG[number]
    with pytest.raises(error, match=f"(?s){text}"):
        call()


def augmented(layer: nn.Module, x: Any, seed: int = 0, row: int = 0) -> np.ndarray:
    with mode(Mode(training=True, seed=pb.tensor(seed), row=pb.tensor(row))):
        return layer(x).numpy()


AUGMENTATIONS = (
    lambda: nn.RandomFlip(vertical=True), lambda: nn.RandomShift((1, 2)),
    lambda: nn.RandomCrop(3, padding=1), lambda: nn.Cutout(3, p=0.7),
)  # fmt: skip


@pytest.mark.parametrize("make", AUGMENTATIONS)
def test_augmentation_is_keyed_by_row(make: Any) -> None:
    x = np.random.default_rng(0).normal(size=(12, 5, 4, 2)).astype("float32")
    layer = make()
    whole = augmented(layer, x)
    assert (augmented(layer, x) == whole).all()
    assert (augmented(layer, x, seed=1) != whole).any()
    parts = [augmented(layer, x[:5]), augmented(layer, x[5:], row=5)]
    assert (np.concatenate(parts) == whole).all()
    assert gradcheck(lambda node: _trained(layer, node), [x.astype("float64")])


def _trained(layer: nn.Module, x: pb.Tensor) -> pb.Tensor:
    with mode(training=True, seed=3):
        return layer(x)


def test_flips_are_those_asked_for() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3, 2, 1)).astype("float32")
    kinds = {"as it was": x, "across": x[:, :, ::-1], "down": x[:, ::-1], "both": x[:, ::-1, ::-1]}
    for layer, expected in (
        (nn.RandomFlip(), {"as it was": 0.5, "across": 0.5}),
        (nn.RandomFlip(False, True), {"as it was": 0.5, "down": 0.5}),
        (nn.RandomFlip(True, True, p=0.2), {"as it was": 0.64, "across": 0.16, "down": 0.16}),
        (nn.RandomFlip(True, True, p=1), {"both": 1.0}),
    ):
        y = augmented(layer, x)
        share = {k: float((y == v).all((1, 2, 3)).mean()) for k, v in kinds.items()}
        assert all(abs(share[k] - part) < 0.1 for k, part in expected.items())
        assert sum(share.values()) == pytest.approx(1)


def test_shifts_and_crops_reach_every_place() -> None:
    x = np.arange(1.0, 13).reshape(1, 4, 3, 1).astype("float32").repeat(300, 0)
    wide = np.pad(x[0, ..., 0], ((1, 1), (2, 2)))
    parts = {wide[i : i + 4, j : j + 3].tobytes() for i in range(3) for j in range(5)}
    assert {y.tobytes() for y in augmented(nn.RandomShift((1, 2)), x)} == parts
    parts = {x[0, i : i + 2, j : j + 2, 0].tobytes() for i in range(3) for j in range(2)}
    assert {y.tobytes() for y in augmented(nn.RandomCrop(2), x)} == parts


def test_cutout_hides_a_square() -> None:
    y = augmented(nn.Cutout(3), np.ones((300, 8, 8, 2), np.float32))
    for image in y:
        hidden = np.argwhere(image[..., 0] == 0)
        assert (image[..., 0] == image[..., 1]).all()
        assert np.ptp(hidden, axis=0).max() <= 2
        assert len(hidden) == np.prod(np.ptp(hidden, axis=0) + 1)
    assert {int((image == 0).sum()) // 2 for image in y} == {4, 6, 9}
    assert (augmented(nn.Cutout(3, p=0.0), y) == y).all()


def test_a_small_network_learns_to_see_lines() -> None:
    network = nn.Sequential(
        nn.RandomShift(1), nn.Conv2d(8, 3), "relu", nn.MaxPool2d(2),
        nn.SeparableConv2d(16, 3), "relu", nn.GlobalMaxPool(), nn.Linear(3),
    )  # fmt: skip
    run = pb.fit(
        network, strokes(400, 0), optimizer=pb.optim.Adam(0.02), epochs=15, batch_size=50, seed=0
    )
    x, y = strokes(300, 1)
    assert (run.model.predict(x) == y).mean() > 0.9


@pytest.mark.long
@pytest.mark.shared_data("mnist-10k.npz")
def test_handwritten_digits(shared_data: Path) -> None:
    """98 of 100 after six passes over 8,000 images, 750 steps, 8 seconds of one core."""
    with np.load(shared_data / "mnist-10k.npz") as data:
        x, y, its_x, its_y = (data[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    mean, deviation = x.mean(), x.std()
    images, test = (((a[..., None] - mean) / deviation).astype("float32") for a in (x, its_x))
    network = nn.Sequential(
        nn.RandomShift(1), nn.Conv2d(12, 5, stride=2, padding=2), "relu", nn.Conv2d(32, 3), "relu",
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64), "relu", nn.Linear(10),
    )  # fmt: skip
    adam = pb.optim.Adam(4e-3, schedule=pb.optim.Cosine())
    run = pb.fit(
        network, (images, y.astype("int64")), optimizer=adam, epochs=6, batch_size=64, seed=0
    )
    assert (run.model.predict(test) == its_y).mean() >= 0.98
