"""Every loss against its definition, its derivatives, and the laws of weights and parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses
from pullback.errors import ShapeError
from pullback.losses import Loss
from tests.losses.cases import CASES, SAMPLES, drawn

NAMES = sorted(losses.registry())
EVERY = [(name, number) for name in NAMES for number in range(SAMPLES)]
SOME = [(name, number) for name, number in EVERY if number < 6]


def gradient(loss: Any, outputs: Any, targets: Any, weights: Any = None, **how: Any) -> Any:
    x = pb.tensor(outputs)
    (bar,) = pb.gradient(loss(x, targets, weights, **how), [x])
    return bar.numpy()


def test_every_loss_has_a_case() -> None:
    assert sorted(CASES) == NAMES
    for name, case in CASES.items():
        assert {loss.name for loss in case.settings} == {name}
    assert SAMPLES >= 30


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_derivatives(name: str, number: int) -> None:
    loss, outputs, targets, weights = drawn(name, number, rows=number % 2 + 1)
    reduction = ("mean", "sum", "none")[number // 4 % 3]
    given = [outputs, targets] + [weights] * (number // 2 % 2)

    def f(*inputs: pb.Tensor) -> pb.Tensor:
        return loss(*inputs, reduction=reduction)

    for order in (1, 2):
        verdict = pb.gradcheck(f, given, order=order, tolerance=1e-6)
        assert verdict, f"{loss.describe()} {reduction}\n{verdict}"


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_values_are_those_of_the_definition(name: str, number: int) -> None:
    loss, outputs, targets, weights = drawn(name, number)
    rows_weight, weighted = CASES[name].define(loss, outputs, targets)
    for w in (None, weights):
        each = weighted if w is None else w * weighted
        total = rows_weight.sum() if w is None else (w * rows_weight).sum()
        close = {"rtol": 1e-12, "atol": 1e-14}
        np.testing.assert_allclose(loss(outputs, targets, w, "none").numpy(), each, **close)
        np.testing.assert_allclose(loss(outputs, targets, w, "sum").numpy(), each.sum(), **close)
        np.testing.assert_allclose(loss(outputs, targets, w).numpy(), each.sum() / total, **close)


@pytest.mark.parametrize(("name", "number"), SOME)
def test_the_loss_of_a_row_times_its_weight(name: str, number: int) -> None:
    loss, outputs, targets, _ = drawn(name, number)
    rows_weight, weighted = CASES[name].define(loss, outputs, targets)
    y, t = pb.tensor(outputs), pb.tensor(targets)
    rows, weights = loss.per_row(y, t), loss.row_weights(t, "float64")
    assert rows.shape == (len(outputs),)
    if weights is None:
        assert (rows_weight == 1).all()
    else:
        np.testing.assert_array_equal(weights.numpy(), rows_weight)
        rows = rows * weights
    np.testing.assert_allclose(rows.numpy(), weighted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "number"), SOME)
def test_a_weight_of_two_is_the_row_twice(name: str, number: int) -> None:
    loss, outputs, targets, _ = drawn(name, number, rows=3)
    twice = [0, 1, 1, 2]
    for reduction in ("mean", "sum"):
        one = loss(outputs, targets, [1.0, 2.0, 1.0], reduction)
        two = loss(outputs[twice], targets[twice], reduction=reduction)
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-12)
    bars = gradient(loss, outputs[twice], targets[twice])
    np.testing.assert_allclose(
        gradient(loss, outputs, targets, [1.0, 2.0, 1.0]),
        np.stack([bars[0], bars[1] + bars[2], bars[3]]),
        rtol=1e-12,
        atol=1e-15,
    )


@pytest.mark.parametrize(("name", "number"), SOME)
def test_the_order_of_rows_does_not_matter(name: str, number: int) -> None:
    loss, outputs, targets, weights = drawn(name, number, rows=4)
    order = [2, 0, 3, 1]
    moved = loss(outputs[order], targets[order], weights[order])
    np.testing.assert_allclose(
        moved.numpy(), loss(outputs, targets, weights).numpy(), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize(("name", "number"), SOME)
def test_a_weight_of_zero_is_no_row(name: str, number: int) -> None:
    loss, outputs, targets, weights = drawn(name, number, rows=3)
    want = loss(outputs[:2], targets[:2], weights[:2]).numpy()
    bars = gradient(loss, outputs[:2], targets[:2], weights[:2])
    weights[2] = 0.0
    with_it = gradient(loss, outputs, targets, weights)
    np.testing.assert_allclose(with_it[:2], bars, rtol=1e-13)
    assert not with_it[2].any()
    outputs[2] = np.nan
    np.testing.assert_allclose(loss(outputs, targets, weights).numpy(), want, rtol=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "number"), SOME)
def test_row_29_parts_of_unequal_size_equal_the_full_batch(
    name: str, number: int, weighted: bool
) -> None:
    loss, outputs, targets, weights = drawn(name, number, rows=7)
    x = pb.tensor(outputs)
    total = weight = None
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        w = weights[part] if weighted else None
        s, n = loss.sums(x[part], targets[part], w)
        total, weight = (s, n) if total is None else (total + s, weight + n)
    loss_of_parts = losses.divided(total, weight)
    whole = loss(x, targets, weights if weighted else None)
    np.testing.assert_allclose(loss_of_parts.numpy(), whole.numpy(), rtol=1e-13)
    bars = [pb.gradient(y, [x])[0].numpy() for y in (loss_of_parts, whole)]
    np.testing.assert_allclose(bars[0], bars[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "number"), SOME)
def test_the_loss_has_the_dtype_of_the_outputs(name: str, number: int) -> None:
    loss, outputs, targets, weights = drawn(name, number)
    for dtype in ("float32", "float64"):
        y = loss(pb.tensor(outputs, dtype), targets, weights)
        assert y.dtype == dtype
        assert y.shape == ()
        total, weight = loss.sums(pb.tensor(outputs, dtype), targets)
        assert total.dtype == weight.dtype == dtype


def test_row_7_binary_cross_entropy_of_logits_far_from_zero() -> None:
    loss = losses.binary_cross_entropy_with_logits
    logits, targets = [1e4, 1e4, -1e4, -1e4], [1.0, 0.0, 1.0, 0.0]
    np.testing.assert_array_equal(
        loss(logits, targets, reduction="none").numpy(), [0.0, 1e4, 1e4, 0.0]
    )
    bars = gradient(loss, logits, targets, reduction="sum")
    np.testing.assert_array_equal(bars, [0.0, 1.0, -1.0, 0.0])


def test_binary_cross_entropy_keeps_its_digits() -> None:
    small = losses.binary_cross_entropy_with_logits([20.0], [1.0]).item()
    assert small == pytest.approx(2.0611536e-9, rel=1e-6)
    infinite = losses.binary_cross_entropy_with_logits([np.inf, -np.inf], [1.0, 0.0])
    assert infinite.item() == 0


def test_row_8_cross_entropy_of_a_confident_mistake() -> None:
    for target in ([1], [[0.0, 1.0]]):
        assert losses.cross_entropy([[1e4, -1e4]], target).item() == 20000
        bars = gradient(losses.cross_entropy, [[1e4, -1e4]], target)
        np.testing.assert_array_equal(bars, [[1.0, -1.0]])


@pytest.mark.parametrize("loss", CASES["cross_entropy"].settings)
def test_row_9_cross_entropy_with_every_label_ignored(loss: Loss) -> None:
    logits = np.random.default_rng(0).normal(size=(2, len(loss.class_weights or "ab")))
    assert loss(logits, [-1, -1]).item() == 0
    assert not gradient(loss, logits, [-1, -1]).any()
    total, weight = loss.sums(logits, [-1, -1])
    assert (total.item(), weight.item()) == (0, 0)


@pytest.mark.parametrize("label", [2, -2, 255])
@pytest.mark.parametrize(
    "loss", [losses.cross_entropy, losses.CrossEntropy(0.1, class_weights=(1, 2))]
)
def test_row_9_cross_entropy_with_a_label_out_of_range(loss: Loss, label: int) -> None:
    with pytest.raises(IndexError, match="index must be from 0 to 1"):
        loss([[0.0, 1.0], [1.0, 0.0]], [0, label]).numpy()


def test_row_10_mse_of_unequal_shapes_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"(?s)\(3,\).*\(3, 1\).*targets.reshape\(-1,\)"):
        losses.mse(np.zeros(3), np.zeros((3, 1)))


OF_ONE_SHAPE = [
    name
    for name, cls in losses.registry().items()
    if cls.matching is Loss.matching and cls.task != "classification"
]


@pytest.mark.parametrize("name", OF_ONE_SHAPE)
@pytest.mark.parametrize(
    ("outputs", "targets"),
    [((3,), (3, 1)), ((3, 1), (3,)), ((3, 2), (2,)), ((3,), (2,)), ((3,), ()), ((), (3,))],
)
def test_row_10_nothing_is_broadcast(name: str, outputs: Any, targets: Any) -> None:
    with pytest.raises(ShapeError) as caught:
        losses.get(name)(np.zeros(outputs), np.zeros(targets))
    for said in (name, str(outputs), str(targets), "to do"):
        assert said in str(caught.value)


def test_a_number_stands_for_every_target() -> None:
    x, w = pb.tensor([[1.0, 2.0], [3.0, 4.0]]), pb.tensor([1.0, -1.0])
    assert losses.mse(x @ w, 1.0).item() == 4
    assert losses.mae(pb.tensor([[2.0, 4.0]]), 1).item() == 2
    assert losses.mse(pb.tensor(3.0), 1.0).item() == 4
    assert losses.cross_entropy([[0.0, 0.0]], 1).item() == pytest.approx(np.log(2))
    assert losses.binary_cross_entropy_with_logits([0.0, 0.0], 1).item() == pytest.approx(np.log(2))


def test_lists_of_numbers_lose_no_digits() -> None:
    y = pb.tensor([0.3, 0.7], "float64")
    total, weight = losses.mse.sums(y, [0.1, 0.2], [0.1, 0.2])
    assert total.item() == pytest.approx(0.1 * 0.2**2 + 0.2 * 0.5**2, rel=1e-14)
    assert weight.item() == pytest.approx(0.3, rel=1e-15)
    soft = losses.cross_entropy(np.zeros((1, 2)), [[0.1, 0.8]])
    assert soft.item() == pytest.approx(0.9 * np.log(2), rel=1e-15)


def test_the_kinks() -> None:
    assert not gradient(losses.mae, [1.0], [1.0]).any()
    np.testing.assert_array_equal(
        gradient(losses.huber, [1.0, -1.0], 0.0, reduction="sum"), [1, -1]
    )


def test_the_mean_of_no_rows_is_nan() -> None:
    assert np.isnan(losses.mse(np.zeros((0, 2)), np.zeros((0, 2))).item())
    assert gradient(losses.mse, np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)


def test_a_class_of_probability_zero_adds_nothing() -> None:
    logits = [[0.0, -np.inf, 0.0]]
    for target in ([[0.5, 0.0, 0.5]], [0]):
        assert losses.cross_entropy(logits, target).item() == pytest.approx(np.log(2))
        assert np.isfinite(gradient(losses.cross_entropy, logits, target)).all()


def test_a_label_of_class_weight_zero_counts_nothing() -> None:
    for smoothing in (0.0, 0.1):
        loss = losses.CrossEntropy(smoothing, class_weights=(0.0, 1.0, 2.0))
        logits = np.random.default_rng(1).normal(size=(3, 3))
        want = loss(logits[1:], [1, 2]).item()
        assert loss(logits, [0, 1, 2]).item() == pytest.approx(want, rel=1e-12)
        assert not gradient(loss, logits, [0, 1, 2])[0].any()
