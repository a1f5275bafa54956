"""A fused operation is what its decomposition says: value, pullback, second order."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

import pullback as pb
from pullback.autodiff import backward
from pullback.errors import DtypeError, LabelError, ShapeError
from pullback.graph import Node, Op, apply, constant, registry
from pullback.ops.attention import AttentionWeights
from pullback.ops.fused import CrossEntropyWithLogits, LogSoftmax, Softmax, SoftmaxPullback
from pullback.ops.max_pooling import MaxPoolPullback
from pullback.ops.normalisation import (
    Moments,
    RmsNormalise,
    RmsNormalisePullback,
    Standardise,
    StandardisePullback,
)
from pullback.ops.reductions import Prod
from pullback.ops.running import CumProd
from pullback.ops.sparsemax import Sparsemax

FUSED = {name: op for name, op in registry().items() if op.decompose is not Op.decompose}

HARD_ROWS = np.array(
    [
        [1e4, -1e4, 0.0],
        [-1e4, -1e4, -1e4],
        [1e4, 1e4, -1e4],
        [0.0, -inf, 1.0],
        [-inf, -inf, 2.0],
        [3.0, 3.0, 3.0],
        [1e-300, -1e-300, 0.0],
        [700.0, -800.0, 700.0],
    ]
)
MASKED = np.array([[-inf, -inf, -inf], [0.0, 1.0, -inf]])
LEVEL = np.array([[0.0, 0.0], [0.0, 1e-3]])  # a row without spread, and one with little
TARGETS = np.array([1, 0, 2, 0, 2, -1, 1, 2])

UNIT = np.array([[1e3, 0.0], [0.0, 1.0], [-1e3, 2.0]])
NOTHING = np.array([[True, False, True], [False, False, False], [False, True, True]])

TIED = np.array([0.0, 0.0, 0.0, -1e300, 1e300, 1e300]).reshape(1, 6, 1)
TIED_BAR = np.array([1.0, 2.0, -3.0, 1e200]).reshape(1, 4, 1)

HARD: list[tuple[Op, tuple[np.ndarray, ...]]] = [
    (AttentionWeights(), (UNIT, UNIT, NOTHING)),
    (AttentionWeights(True), (UNIT, UNIT[::-1], NOTHING)),
    (Sparsemax(1), (HARD_ROWS.clip(-1e4, 1e4),)),
    (SoftmaxPullback((1,)), (HARD_ROWS.clip(-5, 5), np.eye(8, 3))),
    (Moments((1,)), (LEVEL,)),
    (Standardise((1,)), (LEVEL,)),
    (StandardisePullback((1,)), (LEVEL, LEVEL, np.ones((2, 1, 2)))),
    (RmsNormalise((1,)), (LEVEL,)),
    (RmsNormalisePullback((1,)), (LEVEL, LEVEL)),
    (Softmax((1,)), (HARD_ROWS,)),
    (Softmax((1,)), (MASKED,)),
    (Softmax((0,)), (MASKED.T,)),
    (LogSoftmax((1,)), (HARD_ROWS,)),
    (LogSoftmax((1,)), (MASKED,)),
    (CrossEntropyWithLogits(), (HARD_ROWS, TARGETS)),
    (CrossEntropyWithLogits(), (MASKED, np.array([-1, 1]))),
    (CumProd(0), (np.array([2.0, 0.0, 3.0, 0.0, 5.0]),)),
    (CumProd(1), (np.array([[1e200, 1e-200, 2.0], [0.0, -1.0, 4.0]]),)),
    (Prod((0,)), (np.array([0.0, 2.0, 3.0]),)),
    (Prod((0,)), (np.array([0.0, 0.0, 3.0]),)),
    (MaxPoolPullback((2,), ((1, 1),), (1,), (2,)), (TIED_BAR, TIED)),
    (Prod((1,), True), (np.array([[0.0, -2.0, 3.0], [1e200, 1e-200, 2.0]]),)),
]
CASES = list(HARD)
for op_ in FUSED.values():
    for sample_ in op_.samples():
        random_ = np.random.default_rng(len(CASES))
        CASES.append((sample_.op, tuple(rule.draw(random_) for rule in sample_.inputs)))

every_case = pytest.mark.parametrize(("op", "arrays"), CASES, ids=lambda v: "")


def bars(y: Node, y_bar: np.ndarray, xs: list[Node]) -> list[Node]:
    found = backward([y], [constant(y_bar)], xs, within=xs)
    return [pb.zeros(x.shape, x.dtype) if b is None else b for x, b in zip(xs, found, strict=True)]


def test_every_fused_operation_is_tried_at_hard_inputs() -> None:
    assert {op.name for op, _ in HARD} == set(FUSED)


@every_case
def test_value_and_pullback_are_those_of_the_decomposition(
    op: Op, arrays: tuple[np.ndarray, ...]
) -> None:
    xs = [constant(x) for x in arrays]
    whole, parts = apply(op, *xs), op.decompose(*xs)
    assert whole.shape == parts.shape
    assert whole.dtype == parts.dtype
    # the parts subtract numbers of the inputs' size, the whole does not
    size = max((np.abs(x[np.isfinite(x)]).max(initial=1.0) for x in arrays), default=1.0)
    np.testing.assert_allclose(whole.numpy(), parts.numpy(), rtol=1e-14, atol=1e-15 * size)
    real = [x for x in xs if x.dtype.kind == "f"]
    for seed in range(3):
        y_bar = np.random.default_rng(seed).uniform(-2, 2, whole.shape)
        for a, b in zip(bars(whole, y_bar, real), bars(parts, y_bar, real), strict=True):
            assert np.isfinite(a.numpy()).all()
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13, atol=1e-13)


@every_case
def test_the_second_order_too(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    xs = [constant(x) for x in arrays]
    real = [x for x in xs if x.dtype.kind == "f"]
    random = np.random.default_rng(0)
    y_bar = random.uniform(-2, 2, apply(op, *xs).shape)
    v = [random.uniform(-1, 1, x.shape) for x in real]
    found = []
    for y in (apply(op, *xs), op.decompose(*xs)):
        first = bars(y, y_bar, real)
        scalar = sum(
            ((pb.scale(constant(w), b)).sum() for w, b in zip(v, first, strict=True)),
            start=constant(0.0, "float64"),
        )
        found.append([second.numpy() for second in bars(scalar, np.float64(1), real)])
    for whole, parts in zip(*found, strict=True):
        assert np.isfinite(whole).all()
        np.testing.assert_allclose(whole, parts, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_softmax_sum_to_one_or_to_nothing(dtype: str) -> None:
    sums = pb.softmax(np.vstack([HARD_ROWS, MASKED]).astype(dtype)).sum(axis=1).numpy()
    np.testing.assert_allclose(sums, [1] * 8 + [0, 1], rtol=1e-6)


def test_softmax_keeps_the_tail() -> None:
    p = pb.softmax(pb.tensor([0.0, -700.0], dtype="float64")).numpy()
    np.testing.assert_allclose(p[1], np.exp(-700.0), rtol=1e-13)
    log_p = pb.log_softmax(pb.tensor([0.0, -1e4], dtype="float64")).numpy()
    np.testing.assert_allclose(log_p, [0.0, -1e4], rtol=1e-15)


@pytest.mark.parametrize("target", [3, 4, -2, -3, 10**12])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_label_out_of_range_is_named(target: int, rows: int) -> None:
    targets = np.zeros(rows, np.int64)
    targets[-1] = target
    logits = pb.tensor(np.zeros((rows, 3)))
    with pytest.raises(LabelError) as caught:
        pb.cross_entropy_with_logits(logits, targets).numpy()
    assert str(target) in str(caught.value)
    assert isinstance(caught.value, IndexError)
    with pytest.raises(LabelError):
        pb.gradient(pb.cross_entropy_with_logits(logits, targets).sum(), [logits])[0].numpy()


def test_labels_of_other_integer_types() -> None:
    logits = pb.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 5.0]])
    wanted = pb.cross_entropy_with_logits(logits, np.array([2, 0])).numpy()
    for dtype in (np.uint8, np.int32):
        labels = np.array([2, 0], dtype)
        np.testing.assert_array_equal(pb.cross_entropy_with_logits(logits, labels).numpy(), wanted)
        (bar,) = pb.gradient(pb.cross_entropy_with_logits(logits, labels).sum(), [logits])
        np.testing.assert_allclose(bar.numpy().sum(axis=1), 0, atol=1e-7)


def test_targets_that_do_not_fit_are_refused() -> None:
    logits = pb.tensor(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="targets"):
        pb.cross_entropy_with_logits(logits, [0, 1, 2])
    with pytest.raises(DtypeError, match="integers"):
        pb.cross_entropy_with_logits(logits, [0.0, 1.0])
