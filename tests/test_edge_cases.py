"""Hard points where widely used libraries disagree or are wrong, and their expected answers.

Each test carries the number of its row in the design's table; every row has one. More of row 14
(max-pooling) is in tests/ops/test_windows.py, more of row 21 (batch and layer normalisation) in
tests/nn/test_normalisation.py and tests/ops/test_normalisation.py.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

import pullback as pb
from pullback import losses, nn
from pullback.errors import LabelError, PullbackError, ShapeError, TraceError
from pullback.graph import placeholder
from pullback.nn.parameter import bound

Numbers = list[float] | float
ROWS = 32


def test_every_row_has_a_test() -> None:
    numbered = {int(name[9:11]) for name in globals() if name.startswith("test_row_")}
    assert numbered == set(range(1, ROWS + 1))


def value_and_slope(
    f: Callable[[pb.Tensor], pb.Tensor], x: Numbers, order: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The value of f at x and its derivative of that order (of the sum, where f has many)."""
    at = pb.tensor(x, dtype="float64")
    y = f(at)
    value = y.numpy()
    for _ in range(order):
        (y,) = pb.gradient(y.sum(), [at])
    return value, y.numpy()


def slope(f: Callable[[pb.Tensor], pb.Tensor], x: Numbers, order: int = 1) -> list[float] | float:
    found = value_and_slope(f, x, order)[1].tolist()
    assert isinstance(found, list | float)
    return found


def test_row_01_sqrt_at_zero() -> None:
    assert slope(pb.sqrt, 0.0) == inf
    assert slope(lambda x: 0 * pb.sqrt(x), 0.0) == 0
    assert slope(lambda x: pb.where(x > 0, pb.sqrt(x), 0.0), [0.0, 4.0]) == [0.0, 0.25]
    assert slope(lambda x: pb.sqrt(x) * pb.tensor([0.0, 1.0]), [0.0, 4.0]) == [0.0, 0.25]


def test_row_02_norm_of_zero() -> None:
    zero = [0.0, 0.0, 0.0]
    assert slope(pb.norm, zero) == zero
    assert slope(lambda x: pb.norm(x) ** 2, zero) == zero
    assert slope(lambda x: pb.square(pb.norm(x)), zero) == zero
    np.testing.assert_allclose(slope(pb.norm, [3.0, 4.0]), [0.6, 0.8], rtol=1e-15)
    assert slope(pb.norm, [1e-200, 0.0]) == [1.0, 0.0]


def test_row_03_the_branch_not_taken_overflows() -> None:
    assert slope(lambda a: pb.where(a <= 0, pb.exp(a), 1 + a), 1000.0) == 1
    assert slope(lambda a: pb.where(a <= 0, pb.exp(a), 1 + a), 1000.0, order=2) == 0


def test_row_04_a_division_by_zero_that_is_masked() -> None:
    b = pb.tensor([0.0, 2.0], dtype="float64")
    a = pb.tensor([1.0, 1.0], dtype="float64")
    y = pb.where(b == 0, 0.0, a / b)
    a_bar, b_bar = pb.gradient(y.sum(), [a, b])
    assert y.numpy().tolist() == [0, 0.5]
    assert a_bar.numpy().tolist() == [0, 0.5]
    assert b_bar.numpy().tolist() == [0, -0.25]
    zero = pb.tensor([0.0, 1.0], dtype="float64")
    bars = pb.gradient(pb.where(b == 0, 0.0, zero / b).sum(), [zero, b])  # 0 / 0
    assert [bar.numpy().tolist() for bar in bars] == [[0, 0.5], [0, -0.25]]


@pytest.mark.parametrize(
    ("x", "value", "bar"),
    [
        ([-inf, -inf], -inf, [0, 0]),
        ([inf, 0.0], inf, [1, 0]),
        ([-inf, 0.0], 0, [0, 1]),
        ([1e4, -1e4], 1e4, [1, 0]),
    ],
)
def test_row_05_logsumexp_of_infinities(x: list[float], value: float, bar: list[float]) -> None:
    found, found_bar = value_and_slope(pb.logsumexp, x)
    assert found == value
    assert found_bar.tolist() == bar
    assert np.isfinite(slope(pb.logsumexp, x, order=2)).all()


def test_row_06_softmax_of_a_masked_row() -> None:
    y, bar = value_and_slope(pb.softmax, [-inf, -inf, -inf])
    assert y.tolist() == [0, 0, 0]
    assert bar.tolist() == [0, 0, 0]
    rows = pb.tensor([[-inf, -inf], [0.0, -inf]])
    weighted = (pb.softmax(rows, axis=1) * [[1.0, 2.0], [3.0, 4.0]]).sum()
    assert pb.gradient(weighted, [rows])[0].numpy().tolist() == [[0, 0], [0, 0]]


def test_row_06_attention_without_a_place_to_look_at() -> None:
    q = pb.tensor(np.random.default_rng(0).normal(size=(1, 2, 3)))
    mask = np.array([[[False, False], [True, False]]])
    y = pb.scaled_dot_product_attention(q, q, q, mask=mask)
    assert y.numpy()[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(y.numpy()[0, 1], q.numpy()[0, 0])
    (bar,) = pb.gradient(y[0, 0].sum(), [q])
    assert not bar.numpy().any()


@pytest.mark.parametrize(
    ("logit", "target", "loss", "bar"),
    [(1e4, 1, 0, 0), (1e4, 0, 1e4, 1), (-1e4, 1, 1e4, -1), (-1e4, 0, 0, 0)],
)
def test_row_07_binary_cross_entropy_with_large_logits(
    logit: float, target: float, loss: float, bar: float
) -> None:
    z = pb.tensor([logit])
    y = losses.binary_cross_entropy_with_logits(z, [float(target)])
    assert y.item() == loss
    assert pb.gradient(y, [z])[0].numpy().tolist() == [bar]


def test_row_08_cross_entropy_with_large_logits() -> None:
    z = pb.tensor([1e4, -1e4])
    y = pb.cross_entropy_with_logits(z, np.int64(1))
    assert y.item() == 20000
    assert pb.gradient(y, [z])[0].numpy().tolist() == [1, -1]


def test_row_09_labels_ignored_and_labels_out_of_range() -> None:
    z = pb.tensor([[1.0, 2.0], [3.0, 4.0]])
    loss = losses.cross_entropy(z, np.array([-1, -1]))
    assert loss.item() == 0
    assert pb.gradient(loss, [z])[0].numpy().tolist() == [[0, 0], [0, 0]]
    for label in (2, -2, 10**9):
        with pytest.raises(IndexError, match=str(label)):
            losses.cross_entropy(z, np.array([0, label])).numpy()
        with pytest.raises(LabelError, match=str(label)):
            pb.one_hot([0, label], 2).numpy()
    for index in (2, -3, 10**9):
        with pytest.raises(LabelError, match=str(index)):
            pb.gather(z, [0, index]).numpy()


def test_row_09_fit_refuses_labels_that_are_all_ignored_or_out_of_range() -> None:
    X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    network = nn.Sequential(nn.Linear(2, 2)).initialise(seed=0)
    before = [p.numpy().tolist() for p in network.parameters().values()]
    with pytest.raises(PullbackError, match="marks rows to ignore"):
        pb.fit(network, (X, np.full(8, -1)), loss="cross_entropy", epochs=1, progress=False)
    one_bad = np.array([0, 1, 0, 1, 0, 1, 0, 7])
    with pytest.raises(IndexError, match="7"):
        pb.fit(
            network, (X, one_bad), loss="cross_entropy", epochs=1, batch_size=2, shuffle=False,
            progress=False,
        )  # fmt: skip
    assert [p.numpy().tolist() for p in network.parameters().values()] == before


def test_row_10_squared_error_of_shapes_that_would_broadcast() -> None:
    a, b = np.zeros(3, np.float32), np.zeros((3, 1), np.float32)
    for outputs, targets in ((a, b), (b, a), (b, np.zeros((1, 3), np.float32))):
        with pytest.raises(ShapeError, match=r"\(3, 1\)"):
            losses.mse(pb.tensor(outputs), targets)


def test_row_11_relu_at_zero() -> None:
    assert slope(pb.relu, [0.0, 1.0, -1.0]) == [0, 1, 0]
    assert slope(lambda x: pb.relu(x) ** 2, [0.0, 1.0], order=2) == [0, 2]
    assert slope(pb.relu, 0.0, order=2) == 0


def test_row_12_abs_and_hypot_at_zero() -> None:
    assert slope(pb.abs, 0.0) == 0
    a, b = pb.tensor(0.0), pb.tensor(0.0)
    assert [bar.item() for bar in pb.gradient(pb.hypot(a, b), [a, b])] == [0, 0]


def test_row_13_ties_share_equally() -> None:
    a = pb.tensor([1.0, 2.0, 3.0])
    b = pb.tensor([1.0, 1.0, 4.0])
    for f, for_a, for_b in (
        (pb.maximum, [0.5, 1, 0], [0.5, 0, 1]),
        (pb.minimum, [0.5, 0, 1], [0.5, 1, 0]),
    ):
        bars = pb.gradient(f(a, b).sum(), [a, b])
        assert [bar.numpy().tolist() for bar in bars] == [for_a, for_b]
    assert slope(pb.max, [3.0, 1.0, 3.0]) == [0.5, 0, 0.5]
    assert slope(pb.min, [1.0, 1.0, 1.0, 1.0]) == [0.25] * 4
    assert slope(lambda x: pb.max(x.reshape((2, 2)), axis=1), [1.0, 1.0, 0.0, 2.0]) == [
        0.5, 0.5, 0, 1,
    ]  # fmt: skip
    assert slope(lambda x: pb.maximum(x, x), 2.0) == 1


def line(*numbers: float) -> pb.Tensor:
    return pb.tensor(list(numbers), dtype="float64").reshape(1, len(numbers), 1)


def test_row_14_max_pooling_of_ties_nan_and_padding() -> None:
    x = line(2, 2, nan, 5, -inf, -inf)
    y = pb.max_pool(x, 2)
    np.testing.assert_array_equal(y.numpy().reshape(-1), [2, nan, -inf])
    (bar,) = pb.gradient((y * line(1, 10, 100)).sum(), [x])
    assert bar.numpy().reshape(-1).tolist() == [1, 0, 10, 0, 100, 0]
    for pool in (pb.max_pool, nn.MaxPool1d(2, stride=1, padding=2)):
        settings = () if isinstance(pool, nn.Module) else (2, 1, 2)
        with pytest.raises(ShapeError, match="a window of padding only"):
            pool(line(1, 2, 3), *settings)


def test_row_15_clip_at_a_bound_and_of_nan() -> None:
    assert slope(lambda x: pb.clip(x, 0.0, 1.0), [0.0, 0.5, 1.0, 2.0]) == [0, 1, 0, 0]
    assert math.isnan(pb.clip(pb.tensor(nan), 0.0, 1.0).item())


def test_row_16_powers_of_zero() -> None:
    a, b = pb.tensor(0.0), pb.tensor(0.0)
    y = a**b
    assert y.item() == 1
    assert [bar.item() for bar in pb.gradient(y, [a, b])] == [0, 0]
    assert slope(lambda x: x**0, 0.0) == 0
    assert slope(lambda x: x**0.5, 0.0) == inf
    assert slope(lambda x: 0 * x**0.5, 0.0) == 0


def test_row_17_derivatives_of_a_fourth_power_at_zero() -> None:
    assert [slope(lambda x: x**4, 0.0, order=k) for k in range(1, 6)] == [0, 0, 0, 24, 0]
    assert [slope(lambda x: x * x * x * x, 0.0, order=k) for k in range(1, 6)] == [0, 0, 0, 24, 0]
    squared = [slope(lambda x: pb.square(pb.square(x)), 0.0, order=k) for k in range(1, 6)]
    assert squared == [0, 0, 0, 24, 0]


def test_row_18_the_angle_of_the_origin() -> None:
    a, b = pb.tensor(0.0), pb.tensor(0.0)
    assert [bar.item() for bar in pb.gradient(pb.atan2(a, b), [a, b])] == [0, 0]


def test_row_19_products_with_zeros() -> None:
    assert slope(pb.prod, [0.0, 2.0, 3.0]) == [6, 0, 0]
    assert slope(pb.prod, [0.0, 0.0, 3.0]) == [0, 0, 0]
    x = pb.tensor([0.0, 0.0, 3.0])
    (first,) = pb.gradient(pb.prod(x), [x])
    assert pb.gradient(first[0], [x])[0].numpy().tolist() == [0, 3, 0]


def test_row_19_running_products_with_zeros() -> None:
    assert slope(pb.cumprod, [0.0, 2.0, 3.0]) == [1 + 2 + 6, 0, 0]
    assert slope(pb.cumprod, [2.0, 0.0, 3.0]) == [1, 2 + 6, 0]
    assert slope(lambda x: pb.cumprod(x)[2], [0.0, 0.0, 3.0]) == [0, 0, 0]


@pytest.mark.parametrize("number", [2.0, 0.1, 1e10 / 3, -1e-20])
@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_20_the_spread_of_constants(number: float, count: int, dtype: str) -> None:
    x = pb.tensor([number] * count, dtype=dtype)
    for f in (pb.std, pb.variance):
        assert f(x).item() == 0
        (bar,) = pb.gradient(f(x), [x])
        np.testing.assert_allclose(bar.numpy(), 0, atol=np.finfo(dtype).eps * abs(number))


def test_row_20_the_unbiased_spread_of_one_value() -> None:
    for f in (pb.std, pb.variance):
        y, bar = value_and_slope(lambda x, f=f: f(x, correction=1), [5.0])
        assert np.isnan(y)
        assert bar.shape == (1,)
        assert np.isnan(bar).all()


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3)])
def test_row_21_batch_normalisation_of_one_value_a_channel(shape: tuple[int, ...]) -> None:
    layer = nn.BatchNorm(3).initialise(seed=0)
    before = {path: value.numpy().tolist() for path, value in layer.state().items()}
    assert {"running_mean", "running_variance"} <= set(before)
    with pytest.raises(ValueError, match="two values of each feature"), nn.mode(training=True):
        layer(pb.tensor(np.full(shape, 5.0, np.float32)))
    assert {path: value.numpy().tolist() for path, value in layer.state().items()} == before


@pytest.mark.parametrize("number", [0.0, 0.1, 1e10 / 3, -1e-20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_21_layer_normalisation_of_a_constant_row(number: float, dtype: str) -> None:
    layer = nn.LayerNorm(3).initialise(seed=0)
    x = pb.tensor([[number] * 3], dtype=dtype)
    y = layer(x)
    assert not y.numpy().any()
    bars = pb.gradient((y * [1.0, 2.0, 4.0]).sum(), [x, *layer.parameters().values()])
    assert all(np.isfinite(bar.numpy()).all() for bar in bars)


def test_row_22_duplicate_indices() -> None:
    x = pb.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = pb.gather(x, [1, 1, 0])
    (bar,) = pb.gradient((y * [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]).sum(), [x])
    assert bar.numpy().tolist() == [[100, 200], [11, 22], [0, 0]]
    added = pb.scatter_add(pb.tensor([1.0, 2.0, 4.0]), [1, 1, 0], length=3)
    assert added.numpy().tolist() == [4, 3, 0]


def test_row_22_of_puts_in_one_place_the_last_wins() -> None:
    x, values = pb.tensor([1.0, 2.0]), pb.tensor([5.0, 6.0, 7.0])
    y = pb.put(x, np.array([1, 0, 1]), values)
    assert y.numpy().tolist() == [6, 7]
    x_bar, values_bar = pb.gradient((y * [10.0, 100.0]).sum(), [x, values])
    assert x_bar.numpy().tolist() == [0, 0]
    assert values_bar.numpy().tolist() == [0, 10, 100]


def test_row_22_embeddings_of_a_repeated_token() -> None:
    layer = nn.Embedding(3, 2).initialise(0)
    weight = pb.tensor(layer.weight.numpy())
    with bound({layer.weight: weight}):
        y = layer(pb.tensor([[1, 1], [0, 1]]))
        nothing = layer(pb.tensor(np.zeros((2, 0), np.int64)))
    assert pb.gradient(y.sum(), [weight])[0].numpy().tolist() == [[1, 1], [3, 3], [0, 0]]
    assert pb.gradient(nothing.sum(), [weight])[0].numpy().tolist() == [[0, 0]] * 3


def test_row_22_an_empty_index() -> None:
    x = pb.tensor([1.0, 2.0, 3.0])
    for empty in ([], np.zeros(0, np.int64), ()):
        y = pb.gather(x, empty)
        assert y.shape == (0,)
        assert pb.gradient(y.sum(), [x])[0].numpy().tolist() == [0, 0, 0]
    assert x[[]].shape == (0,)
    values = pb.tensor(np.zeros(0))
    y = pb.put(x, np.zeros(0, np.int64), values)
    assert y.numpy().tolist() == [1, 2, 3]
    x_bar, values_bar = pb.gradient(y.sum(), [x, values])
    assert x_bar.numpy().tolist() == [1, 1, 1]
    assert values_bar.shape == (0,)


def test_row_23_what_was_repeated_is_summed() -> None:
    x = pb.tensor([1.0, 2.0])
    assert pb.gradient(x.broadcast_to((3, 2)).sum(), [x])[0].numpy().tolist() == [3, 3]
    column, row = pb.tensor([[1.0], [2.0]]), pb.tensor([10.0, 20.0, 30.0])
    column_bar, row_bar = pb.gradient((column * row).sum(), [column, row])
    assert column_bar.numpy().tolist() == [[60], [60]]
    assert row_bar.numpy().tolist() == [3, 3, 3]


def test_row_24_values_that_the_backward_pass_needs_are_private() -> None:
    mine = np.array([1.0, 2.0])
    x = pb.tensor(mine)
    y = x * x
    mine[:] = 100
    assert y.numpy().tolist() == [1, 4]
    y.numpy()[:] = 100  # a private copy
    x.numpy()[:] = 100
    np.asarray(x)[:] = 100
    assert y.numpy().tolist() == [1, 4]
    assert pb.gradient(y.sum(), [x])[0].numpy().tolist() == [2, 4]
    with pytest.raises(TypeError, match="item assignment"):
        x[0] = 5.0  # type: ignore[index]
    kept = x
    x += 1  # another tensor of the same name
    assert kept.numpy().tolist() == [1, 2]
    assert pb.gradient(y.sum(), [kept])[0].numpy().tolist() == [2, 4]


def test_row_25_sums_of_uses_and_stopped_gradients() -> None:
    assert slope(lambda x: x * x + x, 3.0) == 7
    assert slope(lambda x: x * pb.stop_gradient(x), 3.0) == 3
    x = placeholder("x", ())
    y = x * pb.stop_gradient(x)  # inside a trace
    (bar,) = pb.gradient(y, [x])
    from pullback.execute import evaluate

    assert evaluate([bar], {x: np.float32(3)})[0] == 3


def test_row_26_saturating_functions() -> None:
    for f, value, bar in (
        (pb.softplus, [1000, 0], [1, 0]),
        (pb.log_sigmoid, [0, -1000], [0, 1]),
        (pb.sigmoid, [1, 0], [0, 0]),
    ):
        y, y_bar = value_and_slope(f, [1000.0, -1000.0])
        assert y.tolist() == value
        assert y_bar.tolist() == bar


def test_row_26_the_tail_of_gelu() -> None:
    wanted = -6 * 0.5 * math.erfc(6 / math.sqrt(2))
    for dtype, digits in (("float64", 1e-13), ("float32", 3e-6)):
        found = pb.gelu(pb.tensor(-6.0, dtype=dtype)).item()
        np.testing.assert_allclose(found, wanted, rtol=digits)
    assert f"{wanted:.2e}" == "-5.92e-09"


def test_row_26_dropping_everything() -> None:
    x = pb.tensor([1.0, inf, nan])
    with nn.mode(training=True, seed=1):
        y = nn.Dropout(1.0)(x)
    assert y.numpy().tolist() == [0, 0, 0]
    assert pb.gradient(y.sum(), [x])[0].numpy().tolist() == [0, 0, 0]


def test_row_27_normalising_nothing() -> None:
    def normalise(x: pb.Tensor) -> pb.Tensor:
        """x over its length; over 1 where that is 0."""
        length = pb.norm(x)
        return x / pb.where(length == 0, 1.0, length)

    y, bar = value_and_slope(normalise, [0.0, 0.0])
    assert y.tolist() == [0, 0]
    assert np.isfinite(bar).all()

    def cosine(x: pb.Tensor) -> pb.Tensor:
        return normalise(x) @ normalise(pb.tensor([1.0, 2.0]))

    y, bar = value_and_slope(cosine, [0.0, 0.0])
    assert y == 0
    assert np.isfinite(bar).all()


def test_row_27_the_library_s_own_directions_of_nothing() -> None:
    zero, other = [0.0, 0.0], pb.tensor([1.0, 2.0], dtype="float64")
    for f in (pb.normalise, lambda x: pb.cosine_similarity(x, other)):
        y, bar = value_and_slope(f, zero)
        assert not y.any()
        assert np.isfinite(bar).all()
        assert np.isfinite(slope(f, zero, order=2)).all()


def test_row_28_the_mean_and_the_largest_of_nothing() -> None:
    y, bar = value_and_slope(pb.mean, [])
    assert np.isnan(y)
    assert bar.shape == (0,)
    for f in (pb.max, pb.min, pb.argmax):
        with pytest.raises(ValueError, match="at least one"):
            f(pb.tensor([]))
        with pytest.raises(ValueError, match="at least one"):
            f(pb.zeros((0, 3)), axis=0)
    assert pb.max(pb.zeros((0, 3)), axis=1).shape == (0,)


def test_row_28_a_shape_beyond_all_memory() -> None:
    with pytest.raises(ShapeError, match="2\\*\\*63"):
        pb.zeros((2**40, 2**40))
    with pytest.raises(ShapeError, match="2\\*\\*63"):
        pb.tensor(1.0).broadcast_to((2**62, 4))
    with pytest.raises(ShapeError):
        pb.tensor([1.0]).reshape((2**40, 2**40))
    with pytest.raises(ShapeError, match="2\\*\\*63"):  # each input has a shape that fits
        pb.ones((2**40, 1)) * pb.ones((1, 2**40))


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_row_29_parts_of_unequal_size(parts: int) -> None:
    """Micro-batches end where the full batch ends; so do rows left over and rows of weight 0."""
    random = np.random.default_rng(0)
    X = random.normal(size=(7, 3)).astype(np.float32)
    y = random.integers(0, 2, 7)
    weights = np.array([1, 2, 0, 1, 3, 1, 0.5], np.float32)
    ends = []
    for accumulate in (1, parts):
        network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        pb.fit(
            network, (X, y, weights), loss="cross_entropy", optimizer=pb.optim.SGD(0.5),
            batch_size=7, steps=3, accumulate=accumulate, progress=False,
        )  # fmt: skip
        ends.append([p.numpy() for p in network.parameters().values()])
    for whole, cut in zip(*ends, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=2e-5, atol=2e-6)


def conv() -> nn.Sequential:
    return nn.Sequential(nn.Reshape((4, 3, 1)), nn.Conv2d(1, 2, 2), "relu", nn.Flatten())


SEQUENCE_LAYERS = {
    "convolution": lambda: nn.Sequential(conv(), nn.Linear(12, 2)),
    "LSTM": lambda: nn.Sequential(nn.LSTM(3, 4, last=True), nn.Linear(4, 2)),
    "attention": lambda: nn.Sequential(
        nn.Linear(3, 4), nn.TransformerBlock(4, 2), nn.Flatten(), nn.Linear(16, 2)
    ),
    "dropout": lambda: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 2)),
}


@pytest.mark.parametrize("kind", SEQUENCE_LAYERS)
def test_row_29_parts_of_unequal_size_of_pictures_and_sequences(kind: str) -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(7, 4, 3)).astype(np.float32), random.integers(0, 2, 7)
    ends = []
    for accumulate in (1, 3):
        network = SEQUENCE_LAYERS[kind]()
        pb.fit(
            network, (X, y), loss="cross_entropy", optimizer=pb.optim.SGD(0.5), batch_size=7,
            steps=3, accumulate=accumulate, progress=False,
        )  # fmt: skip
        ends.append([p.numpy() for p in network.parameters().values()])
    for whole, cut in zip(*ends, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=2e-5, atol=2e-6)


def test_row_30_a_long_chain() -> None:
    start = time.process_time()
    x = pb.tensor(0.75)
    y = x
    for _ in range(50_000):
        y = pb.abs(-y)
    (bar,) = pb.gradient(y, [x])
    assert y.item() == 0.75
    assert bar.item() == 1
    del y, bar
    gc.collect()
    assert time.process_time() - start < 40


def test_row_30_many_uses_of_one_tensor() -> None:
    x = pb.tensor([1.0, 2.0], dtype="float64")
    y = pb.tensor([0.0, 0.0], dtype="float64")
    for i in range(10_000):
        y = y + x * (1.0 if i % 2 else -0.5)
    (bar,) = pb.gradient(y.sum(), [x])
    np.testing.assert_allclose(bar.numpy(), [2500, 2500], rtol=1e-12)
    (second,) = pb.hvp(lambda v: (v * v * v).sum(), [x], [pb.tensor([1.0, 1.0])])
    assert second.numpy().tolist() == [6, 12]


def test_row_31_safe_products_stay_differentiable() -> None:
    def f(w: pb.Tensor) -> pb.Tensor:
        return (pb.sqrt(w) - 2) ** 2

    assert slope(f, 4.0, order=2) == 0.125
    (product,) = pb.hvp(f, [pb.tensor(4.0)], [pb.tensor(1.0)])
    assert product.item() == 0.125


def test_row_32_two_dropout_layers_drop_differently() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Dropout(0.5)
            self.second = nn.Dropout(0.5)

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return pb.stack([self.first(x), self.second(x), self.second(x)])

    with nn.mode(training=True, seed=3):
        masks = Two()(pb.ones((8, 16))).numpy() > 0
    assert 0.3 < masks.mean() < 0.7
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert 0.3 < (masks[a] == masks[b]).mean() < 0.7


def test_a_value_that_is_not_known_is_never_guessed() -> None:
    x = placeholder("x", (3,))
    with pytest.raises(TraceError, match="where"):
        bool(x.sum() > 0)


@pytest.mark.parametrize(
    ("f", "at", "along"),
    [
        (pb.norm, [0.0, 0.0], [1.0, 0.0]),
        (lambda x: pb.norm(x, axis=1).sum(), [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]]),
        (pb.std, [1.0, 1.0], [0.25, -0.25]),
        (lambda x: pb.std(x, correction=1), [0.5, 0.5, 0.5], [1.0, 0.0, -1.0]),
        (lambda x: pb.hypot(x[0], x[1]), [0.0, 0.0], [1.0, 0.5]),
    ],
)
def test_where_a_length_is_zero_all_derivatives_are(
    f: Callable[[pb.Tensor], pb.Tensor], at: Numbers, along: Numbers
) -> None:
    """Rows 2, 12 and 20 in second order: the derivative is 0 there, and so is its derivative."""
    x, v = (np.array(value) for value in (at, along))
    (bar,) = pb.hvp(f, [x], [v])
    assert not bar.numpy().any()
    assert not pb.gradient(f(node := pb.tensor(x)) * 3.0, [node])[0].numpy().any()
    (away,) = pb.hvp(f, [x + 2 * v], [v])  # a length is straight along itself
    np.testing.assert_allclose(away.numpy(), 0, atol=1e-15)
    (safe,) = pb.hvp(lambda a: f(a) * 0.0, [x], [v])
    assert not safe.numpy().any()
